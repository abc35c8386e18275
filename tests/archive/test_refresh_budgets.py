"""A budget for old days is never exceeded: by sources of one lane, run by run, by two processes, by a crash."""

import os
from contextlib import ExitStack, contextmanager

import pytest

from snapshotter.archive import refreshing
from snapshotter.archive.purses import Account, Allowance, Purse
from snapshotter.errors import Busy
from snapshotter.model import Job, Reason
from snapshotter.results.refreshing import RefreshOptions
from tests.archive.worlds import Api, a_file, a_world, an_archive, item, series
from tests.edge.clocks import HandClock

TEN = '{ start = "2026-03-01", end = "2026-03-10", step = "1d" }'
THIRTY = 'recheck = ["30d"]\n'
LANE = '[pacing]\nlane = "both"\nmin_interval = "0s"\n'


def a_stream(budget: int | None = 3, *, more: str = "") -> str:
    rule = "" if budget is None else f"[streams.items.refresh]\nbudget = {budget}\n{more}"
    return series(window=TEN, more=rule)


def daily(*, lost: tuple[int, ...] = (), each: int = 1):
    return [item(f"{day:02}T0{n}:00", f"{day}-{n}") for day in range(1, 11) if day not in lost for n in range(each)]


@contextmanager
def old(folder, streams=None, *, size=100, each=1):
    """An archive whose ten days were asked a hundred days ago; the requests since are counted."""
    api = Api(daily(each=each), size=size)
    with an_archive(folder, api, streams or a_stream(), head=LANE) as archive:
        archive.fetch()
        archive.later(days=100)
        api.asked = 0
        yield archive


def refresh(archive, *targets, **options):
    return refreshing.refresh(
        archive.path, RefreshOptions(targets=targets, **options), archive.world, tell=archive._tell
    )


def asked(archive) -> int:
    return archive.server.script.asked


def in_processes(*acts) -> None:
    """Do these at once, each in a process of its own."""
    children = []
    for act in acts:
        child = os.fork()
        if child == 0:
            try:
                act()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


@contextmanager
def two_sources(folder, **given):
    """The same archive with another source of the same lane, as old."""
    with old(folder, **given) as archive:
        archive.place(a_file(archive.server.url, a_stream(), name="other", head=LANE), name="other")
        archive.fetch("other")
        archive.later(days=100)
        archive.server.script.asked = 0
        yield archive


@pytest.mark.parametrize("options", [{}, {"budget": 3}, {"budget": 3, "older_than": 86_400.0}])
def test_two_sources_of_one_lane_share_its_budget(tmp_path, options):
    with two_sources(tmp_path) as archive:
        refresh(archive, **options)

        assert asked(archive) == 3


def test_the_next_run_of_the_day_knows_what_another_source_of_the_lane_spent(tmp_path):
    with two_sources(tmp_path) as archive:
        refresh(archive, "demo")
        refresh(archive, "other")
        refresh(archive)

        assert asked(archive) == 3
        archive.later(days=200)
        refresh(archive)
        assert 3 < asked(archive) <= 6


@pytest.mark.parametrize("rule", ["", THIRTY])
def test_a_stream_with_a_limit_of_its_own_keeps_it_all_day(tmp_path, rule):
    with old(tmp_path, a_stream(2, more=rule)) as archive:
        for _ in range(3):
            refresh(archive, budget=50)

        assert asked(archive) == 2


def test_two_archives_at_once_share_the_budget_of_the_lane_they_share(tmp_path):
    with ExitStack() as stack:
        one = stack.enter_context(old(tmp_path, a_stream(5, more=THIRTY), size=1, each=3))
        other = stack.enter_context(old(tmp_path / "other", a_stream(5, more=THIRTY), size=1, each=3))
        world = a_world(tmp_path, one.clock)

        def second():
            refreshing.refresh(other.path, RefreshOptions(), a_world(tmp_path, other.clock), tell=other._tell)

        in_processes(lambda: refresh(one), second)

        spent = Account(world, "both").spent()["lane"]
        assert spent == asked(one) + asked(other) <= 5
        assert plan_of(other, world).lanes[0].spent == spent > 0


def plan_of(archive, world):
    return refreshing.plan(archive.path, RefreshOptions(), world)


def test_two_runs_of_one_archive_at_once_spend_no_more_than_one(tmp_path):
    with old(tmp_path) as archive:

        def run():
            try:
                refresh(archive)
            except Busy:
                os._exit(75)

        in_processes(run, run)
        refresh(archive)

        assert Account(archive.world, "both").spent()["lane"] == 3


def test_what_a_run_asked_that_died_was_asked(tmp_path):
    with old(tmp_path, a_stream(5, more=THIRTY), size=1, each=3) as archive:
        archive.die_after_page(2, refresh)
        assert Account(archive.world, "both").spent()["lane"] == 2

        for _ in range(2):
            refresh(archive)
            archive.fetch()

        assert Account(archive.world, "both").spent()["lane"] <= 5
        assert archive.spooled() == ()


def test_pages_that_wait_because_the_budget_is_spent_are_not_paid_by_a_fetch(tmp_path):
    with old(tmp_path, a_stream(5, more=THIRTY), size=1, each=3) as archive:
        archive.server.script.records.extend(
            item(f"{d:02}T09:0{n}", f"{d}+{n}") for d in range(1, 11) for n in range(5)
        )
        refresh(archive)
        waiting = archive.spooled()
        archive.fetch()

        assert asked(archive) == 5
        assert archive.spooled() == waiting != ()


def test_another_machine_knows_what_the_run_records_say(tmp_path):
    with old(tmp_path) as archive:
        refresh(archive)
        elsewhere = a_world(tmp_path / "elsewhere", archive.clock)

        assert plan_of(archive, elsewhere).jobs == ()


def test_the_last_request_is_given_to_one_only(tmp_path):
    world = a_world(tmp_path, HandClock())
    job = Job("demo", "items", None, Reason.REFRESH, "", picked="value")
    purses = [Purse(Allowance(requests=5, today=1), Account(world, "both")) for _ in range(2)]
    pockets = [purse.pocket(job) for purse in purses]

    assert [pocket.is_empty for pocket in pockets] == [False, False]
    assert [pocket.take() for pocket in pockets] == [True, False]
    assert all(pocket.is_empty for pocket in pockets)
