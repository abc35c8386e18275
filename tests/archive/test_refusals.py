"""A refusal is weaker than an answer without records: it may be meant for a part of a window, or be a fault."""

from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest

from snapshotter.archive import explaining, looking, refreshing
from snapshotter.core import report_days
from snapshotter.model import Reason
from snapshotter.results.refreshing import RefreshOptions
from tests.archive.worlds import Api, an_archive, item, series, utc
from tests.server import Reply

NOW = utc("2026-03-12T12:00")
END = 'errors = [{ status = 422, action = "end" }]'
WINDOW = '{ start = "2025-11-01", end = "2026-03-11", step = "P1M" }'
LONG = WINDOW.replace("2025-11-01", "2016-01-01")
DAYS = [date(2025, 11, 1) + timedelta(days=number) for number in range(131)]


@contextmanager
def refusing(folder, refuses, *, status=422, window=WINDOW, more=END, first=date(2025, 11, 1)):
    """A record a day since November; windows are refused by `refuses(from, to)`."""

    def instead(seen):
        since, until = (datetime.fromisoformat(dict(seen.query)[name]) for name in ("from", "to"))
        return Reply(status, b"{}") if refuses(since, until) else None

    api = Api([item(f"{day}T08:00:00Z", f"{day}") for day in DAYS if day >= first], size=100, instead=instead)
    with an_archive(folder, api, series(window=window, more=more), now=NOW) as archive:
        yield archive, api


def faulty(*asked):
    """Refuses the requests of these numbers, counted from 1, whatever they ask."""
    seen = []

    def refuses(since, until):
        seen.append(since)
        return len(seen) in asked

    return refuses


def summary(archive):
    (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
    return status.summary


def why(archive, day):
    return " ".join(report_days.day_story(explaining.why(archive.path, "demo/items", day, archive.world)).split())


def edges(archive):
    return [story for story in archive.stories() if story.reason is Reason.EDGE]


# --- one wrong answer ---


def test_one_faulty_refusal_does_not_end_the_history(tmp_path):
    with refusing(tmp_path, faulty(3)) as (archive, _):  # January
        archive.fetch()
        assert "not settled yet" in summary(archive)
        for _ in range(3):
            archive.later(days=1)
            archive.fetch()

        assert summary(archive) == "complete from 2025-11-01 (the origin) to 2026-03-11"


@pytest.mark.parametrize("more", [END, ""])
def test_an_outage_that_refuses_everything_for_a_day_does_not_end_the_history(tmp_path, more):
    out = True
    status = 422 if more else 404
    with refusing(
        tmp_path, lambda since, _: out and since < utc("2026-03-01"), status=status, window=LONG, more=more
    ) as (archive, _):
        archive.fetch()
        assert summary(archive) == "complete from 2026-03-01 (end of history, not settled yet) to yesterday"
        out = False
        for _ in range(30):
            archive.later(days=1)
            archive.fetch()

        assert archive.ids("2025-11-01") == ["2025-11-01"]
        assert archive.states().keys() <= {"saved", "empty", "beyond"}


def test_an_end_that_is_seen_on_another_day_is_settled_by_one_request(tmp_path):
    with refusing(tmp_path, lambda since, _: since < utc("2026-01-01")) as (archive, api):
        archive.fetch()
        asked = api.asked
        for _ in range(3):
            archive.later(hours=6)
            archive.fetch()
        assert api.asked == asked
        assert "not settled yet, looked at again from 2026-03-13 08:00 UTC" in why(archive, "2025-12-03")

        archive.later(hours=6)
        archive.fetch()
        assert api.asked == asked + 1
        assert summary(archive) == "complete from 2026-01-01 (end of history) to 2026-03-11"
        assert "not settled" not in why(archive, "2025-12-03")
        archive.later(days=40)
        archive.fetch()
        assert api.asked == asked + 1


def test_a_second_look_that_fails_is_taken_again_and_not_twice_in_a_run(tmp_path):
    with refusing(tmp_path, lambda since, _: since < utc("2026-01-01")) as (archive, api):
        archive.fetch()
        archive.later(days=2)
        asked, refuses = api.asked, api.instead
        api.instead = lambda _: Reply(403)
        archive.fetch()
        assert api.asked == asked + 1
        api.instead = refuses
        archive.later(days=8)
        archive.fetch()

        assert summary(archive) == "complete from 2026-01-01 (end of history) to 2026-03-11"


def test_a_clock_that_was_ahead_settles_nothing(tmp_path):
    with refusing(tmp_path, lambda since, _: since < utc("2026-01-01")) as (archive, _):
        archive.clock.jump(timedelta(days=30))
        archive.fetch()
        archive.clock.jump(-timedelta(days=30))
        archive.fetch()
        assert "not settled yet" in summary(archive)
        archive.later(hours=21)
        archive.fetch()
        assert "not settled yet" in summary(archive)  # what was seen then was seen nobody knows when
        archive.later(hours=21)
        archive.fetch()

        assert "(end of history) " in summary(archive)


def test_budgets_and_a_timer_that_was_off_change_nothing(tmp_path):
    with refusing(tmp_path, lambda since, _: since < utc("2026-01-01")) as (archive, api):
        while archive.fetch(max_requests=1).streams:
            assert api.asked < 20
        asked = api.asked
        archive.later(days=200)
        while archive.fetch(max_requests=1).streams:
            assert api.asked < 30

    assert api.asked == asked + 1
    assert asked == 3 + 1 + 4


# --- a window of which a part is refused ---


@pytest.mark.parametrize(("status", "more"), [(422, END), (404, ""), (410, "")])
@pytest.mark.parametrize("window", [WINDOW, LONG])
@pytest.mark.parametrize("edge", ["2026-01-01", "2026-01-02", "2026-01-17", "2026-01-31"])
def test_what_the_api_keeps_of_a_refused_window_is_archived_to_the_day(tmp_path, status, more, window, edge):
    with refusing(tmp_path, lambda since, _: since < utc(edge), status=status, window=window, more=more) as (
        archive,
        api,
    ):
        archive.fetch()

        assert summary(archive).startswith(f"complete from {edge}")
        assert archive.ids(edge) == [edge]
        beyond = (date.fromisoformat(edge) - timedelta(days=1)).isoformat()
        assert archive.state_of(beyond) in ("beyond", "failed")
        assert len(edges(archive)) <= 10
        asked = api.asked
        archive.fetch()
        assert api.asked <= asked + 5


def test_what_was_archived_stays_when_the_api_refuses_it_later(tmp_path):
    keeps = utc("2025-11-01")
    with refusing(tmp_path, lambda since, _: since < keeps) as (archive, _):
        archive.fetch()
        keeps = utc("2026-02-20")
        options = RefreshOptions(since=date(2026, 1, 3), until=date(2026, 1, 4))
        refreshing.refresh(archive.path, options, archive.world, tell=lambda _: None)

        assert archive.ids("2026-01-03") == ["2026-01-03"]
        assert archive.state_of("2026-01-03") == "saved"
        assert archive.last().miss.kind == "end"


# --- days that age out while nobody asked ---


class Keeping(Api):
    """A record a day for a year; what is older than `keeps` is refused, with the window that it lies in."""

    keeps = timedelta(days=30)


@contextmanager
def keeping(folder, *, days, window, status, more):
    def instead(seen):
        since = datetime.fromisoformat(dict(seen.query)["from"])
        return Reply(status, b"{}") if since < archive.clock.now() - api.keeps else None

    first = date(2025, 9, 1)
    names = [f"{first + timedelta(days=number)}" for number in range(365)]
    api = Keeping([item(f"{name}T08:00:00Z", name) for name in names], size=100, instead=instead)
    api.keeps = timedelta(days=days)
    with an_archive(folder, api, series(window=window, more=more), now=NOW) as archive:
        yield archive, api


@pytest.mark.parametrize(("status", "more"), [(422, END), (404, "")])
@pytest.mark.parametrize("step", ["7d", "30d", "P3M"])
@pytest.mark.parametrize("budget", [None, 2])
def test_what_is_still_there_after_a_long_pause_is_archived_before_it_ages_out(tmp_path, status, more, step, budget):
    window = f'{{ start = "2025-06-01", end = "now", step = "{step}" }}'
    with keeping(tmp_path, days=30, window=window, status=status, more=more) as (archive, api):
        archive.fetch()
        archive.later(days=35)
        border = (archive.clock.now() - timedelta(days=29)).date()
        asked = api.asked
        for _ in range(1 if budget is None else 14):
            archive.fetch(max_requests=budget)

        for day in (border, border + timedelta(days=1), border + timedelta(days=15), archive.clock.now().date()):
            assert archive.ids(f"{day}") == [f"{day}"], day
        assert archive.state_of(f"{border - timedelta(days=2)}") in ("failed", "beyond")
        assert api.asked - asked <= (14 if budget is None else 28)


def test_days_that_are_named_are_asked_and_no_others(tmp_path):
    window = '{ start = "2025-06-01", end = "now", step = "P1M" }'
    with keeping(tmp_path, days=3, window=window, status=404, more="") as (archive, _):
        archive.fetch(since=date(2026, 3, 2))

        assert [story.reason for story in archive.stories()] == [Reason.RECENT]
        archive.fetch()
        assert archive.ids("2026-03-10") == ["2026-03-10"]


@pytest.mark.parametrize(("status", "more"), [(422, END), (404, "")])
def test_an_outage_that_refuses_the_newest_days_costs_two_requests_more(tmp_path, status, more):
    window = '{ start = "2026-01-01", end = "now", step = "P1M" }'
    with keeping(tmp_path, days=90, window=window, status=status, more=more) as (archive, api):
        archive.fetch()
        before, keeps = api.asked, api.keeps
        api.keeps = timedelta(-1)
        archive.later(days=3)
        for _ in range(6):
            archive.fetch()
            archive.later(hours=1)
        assert api.asked - before <= 6 * 3
        api.keeps = keeps
        archive.fetch()

        assert "end of history" not in summary(archive)
        assert archive.states().keys() <= {"saved", "empty", "open"}
