"""`snap run` does what is due of everything, in one run, and nothing twice."""

import errno
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pytest

from snapshotter.archive import routine
from snapshotter.archive.opening import for_writing
from snapshotter.edge.files import Disk
from snapshotter.model import Batch, FileChange, Reason
from snapshotter.results import Exit
from snapshotter.results.routine import RoutineOptions
from tests.archive.worlds import Api, a_file, an_archive, item, series, snapshot
from tests.edge.git_archives import git
from tests.server import Reply

MARCH = '{ start = "2026-03-08", step = "1d", lookback = "2d" }'
PAST = '{ start = "2026-03-01", end = "2026-03-10", step = "1d" }'


def daily():
    return [item(f"{day:02}T08:00", f"r{day}") for day in range(1, 28)]


@contextmanager
def saved(folder, streams=None, **more):
    """An archive whose days until now are complete."""
    api = Api(daily(), size=50)
    with an_archive(folder, api, streams or series(window=MARCH), **more) as archive:
        archive.run()
        yield archive, api


def reasons(archive, ran):
    return [story.reason for record in archive.runs() if record.run == ran.run for story in record.stories]


def planned(archive, **options):
    return routine.plan(archive.path, RoutineOptions(**options), archive.world)


def test_the_first_run_asks_everything_newest_first(tmp_path):
    with saved(tmp_path) as (archive, _):
        reasons_then = [story.reason for story in archive.stories()]

    assert reasons_then[0] is Reason.RECENT
    assert reasons_then[-1] is Reason.BACKFILL
    assert set(reasons_then) == {Reason.RECENT, Reason.BACKFILL}


def test_a_run_that_comes_too_early_asks_nothing_and_says_when_it_is_due(tmp_path):
    with saved(tmp_path) as (archive, api):
        archive.run()  # looks over old days
        asked, commits = api.asked, archive.commits()
        archive.later(hours=1)

        ran = archive.run()

        assert (api.asked, archive.commits()) == (asked, commits)
        assert ran.exit is Exit.DONE
        assert {held.why for held in ran.held_back} == {"asked every 1d; due at 2026-03-15 12:00 UTC"}


def test_a_day_later_new_days_are_asked(tmp_path):
    with saved(tmp_path) as (archive, _):
        archive.later(days=1)

        ran = archive.run()

        assert reasons(archive, ran)[0] is Reason.RECENT
        assert archive.ids("15") == ["r15"]


def test_each_stream_has_a_pace_of_its_own(tmp_path):
    weekly = snapshot("none", more='every = "7d"').replace("streams.items", "streams.all")
    with saved(tmp_path, series(window=MARCH) + weekly) as (archive, _):
        archive.later(days=1)
        first = archive.run()
        archive.later(days=6)
        second = archive.run()

        assert Reason.SNAPSHOT not in reasons(archive, first)
        assert Reason.SNAPSHOT in reasons(archive, second)


def test_the_past_goes_on_while_new_days_wait(tmp_path):
    with an_archive(tmp_path, Api(daily(), size=50), series(window=MARCH)) as archive:
        archive.run(max_requests=3)

        ran = archive.run(max_requests=3)

        assert set(reasons(archive, ran)) == {Reason.BACKFILL}


def test_old_days_are_asked_again_within_their_budget_once_a_day(tmp_path):
    window = series(window=PAST, more='[streams.items.refresh]\nrecheck = ["30d"]\nbudget = 4\n')
    with saved(tmp_path, window) as (archive, api):
        archive.later(days=40)
        asked = api.asked

        ran = archive.run()
        archive.later(hours=1)
        archive.run()

        assert reasons(archive, ran) == [Reason.REFRESH] * 4
        assert api.asked == asked + 4


def test_what_refreshing_may_spend_does_not_stop_the_past(tmp_path):
    window = series(window=PAST, more='[streams.items.refresh]\nrecheck = ["30d"]\nbudget = 1\n')
    with an_archive(tmp_path, Api(daily(), size=50), window) as archive:
        archive.fetch(since=archive.clock.now().date().replace(day=8))
        archive.later(days=40)

        ran = archive.run()

        assert reasons(archive, ran).count(Reason.REFRESH) == 1
        assert reasons(archive, ran).count(Reason.BACKFILL) == 7


def test_pages_that_nobody_expected_are_paid_from_the_same_purse(tmp_path):
    window = series(window=PAST, more='[streams.items.refresh]\nrecheck = ["30d"]\nbudget = 2\n')
    with saved(tmp_path, window) as (archive, api):
        archive.later(days=40)
        api.records += [item(f"{day:02}T09:00", f"{day}x{n}") for day in range(1, 11) for n in range(5)]
        api.size = 1
        asked = api.asked

        ran = archive.run()

        assert api.asked == asked + 2
        assert "what may be spent on asking again today is spent" in {held.why for held in ran.held_back}


def test_a_day_that_looks_wrong_is_asked_once_more(tmp_path):
    holed = [one for one in daily() if one["id"] != "r12"]
    api = Api(holed, size=50)
    window = series(window='{ start = "2026-03-01", end = "2026-03-24", step = "P1M" }')
    with an_archive(tmp_path, api, window) as archive:
        archive.later(days=20)
        archive.run()
        archive.later(days=1)

        ran = archive.run()
        archive.later(days=1)
        again = archive.run()

        assert reasons(archive, ran).count(Reason.RECONCILE) == 1
        assert Reason.RECONCILE not in reasons(archive, again)


def test_what_failed_is_asked_again_when_its_gap_has_passed(tmp_path):
    api = Api(daily(), size=50)
    with an_archive(tmp_path, api, series(window=MARCH)) as archive:
        api.instead = lambda seen: Reply(503) if "2026-03-09" in dict(seen.query).get("from", "") else None
        assert archive.run().exit is Exit.SOME_DAYS
        api.instead = None
        archive.later(hours=2)

        ran = archive.run()

        assert ran.exit is Exit.DONE
        assert archive.ids("09") == ["r9"]


def test_two_rooms_that_want_the_same_window_ask_it_once(tmp_path):
    refreshed = series(window=MARCH, more='[streams.items.refresh]\nrecheck = ["15d"]\nbudget = 50\n')
    with saved(tmp_path, refreshed) as (archive, _):
        archive.later(days=17)

        jobs = [job.name for job in planned(archive).jobs]

        assert len(jobs) == len(set(jobs))
        assert Reason.REFRESH in {job.reason for job in planned(archive).jobs}


def test_a_plan_asks_nothing_and_is_what_the_run_does(tmp_path):
    with saved(tmp_path) as (archive, api):
        archive.later(days=2)
        asked = api.asked
        jobs = [(job.reason, job.window) for job in planned(archive).jobs]

        assert api.asked == asked
        ran = archive.run()
        done = [(s.reason, s.window) for record in archive.runs() if record.run == ran.run for s in record.stories]
        assert done == jobs


def test_when_time_is_short_every_stream_gets_its_newest_day_first(tmp_path):
    both = series(window=MARCH) + series(window=MARCH).replace("streams.items", "streams.more")
    with an_archive(tmp_path, Api(daily(), size=50), both) as archive:
        ran = archive.run(max_requests=2)

    assert [one.stream for one in ran.streams if one.requests] == ["demo/items", "demo/more"]


def test_one_run_commits_tidies_up_and_pushes(tmp_path, a_home_of_its_own):
    with an_archive(tmp_path, Api(daily(), size=50), series(window=MARCH)) as archive:
        git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        with for_writing(archive.path, archive.world, command="test") as opened:
            change = FileChange("snap.toml", b'format = 1\nzone = "UTC"\n[remote]\npush = true\n')
            opened.store.commit(Batch((change,), "Push\n", archive.clock.now()), opened.store.head())
            opened.store.finish()

        assert archive.run().exit is Exit.DONE

        there = subprocess.run(
            ["git", "-C", str(tmp_path / "remote.git"), "rev-parse", "main"], capture_output=True, text=True, check=True
        )
        assert there.stdout == archive.git("rev-parse", "HEAD")


def test_a_source_can_be_run_alone(tmp_path):
    with saved(tmp_path) as (archive, _):
        archive.place(a_file(archive.server.url, series(window=PAST), name="other"), name="other")

        ran = archive.run("other")

        assert {one.stream for one in ran.streams} == {"other/items"}


def test_a_broken_source_is_told_once(tmp_path):
    with saved(tmp_path) as (archive, _):
        archive.place("this is no toml", name="broken")

        ran = archive.run()

        assert ran.exit is Exit.CONFIG
        assert len([notice for notice in ran.notices if notice.level == "error"]) == 1


def test_a_memory_that_was_damaged_costs_one_more_look_and_no_error(tmp_path):
    with saved(tmp_path) as (archive, _):
        (archive.path / ".git/snap/routine.json").write_text("no json")
        archive.later(hours=1)

        assert archive.run().exit is Exit.DONE
        assert (archive.path / ".git/snap/routine.json").read_text().startswith("{")


def test_a_page_that_was_received_before_a_crash_is_used(tmp_path):
    with an_archive(tmp_path, Api(daily(), size=1), series(window=MARCH)) as archive:
        archive.die_after_page(2)
        ran = archive.run()

        assert any("died" in notice.text for notice in ran.notices)
        assert archive.spooled() == ()


@pytest.mark.parametrize("hours", [1, 30])
def test_a_run_with_nothing_to_do_leaves_no_commit_and_a_clean_tree(tmp_path, hours):
    with saved(tmp_path, series(window=PAST, more='[streams.items.refresh]\npolicy = "never"\n')) as (archive, _):
        commits = archive.commits()
        archive.later(hours=hours)

        assert archive.run().commits == ()
        assert archive.commits() == commits
        assert archive.is_clean()


class Full(Disk):
    """A disk that has no room for what a run remembers of old days."""

    def before(self, step, path):
        if step == "create" and routine.MEMORY in path:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_run_that_cannot_remember_its_choice_tells_what_it_did(tmp_path):
    with saved(tmp_path) as (archive, _):
        archive.later(days=1)
        archive.world = replace(archive.world, disk=Full())

        ran = archive.run()

        assert ran.commits
        assert Exit.DISK in ran.codes
        assert "cannot be remembered" in ran.notices[-1].text
