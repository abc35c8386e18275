"""Old days are asked again: the same costs nothing, what differs is committed, what looks worse waits."""

from contextlib import contextmanager

import pytest

from snapshotter.archive import holding, refreshing
from snapshotter.results.refreshing import RefreshOptions
from tests.archive.worlds import Api, Archive, an_archive, item, series, snapshot

TEN = '{ start = "2026-03-01", end = "2026-03-10", step = "1d" }'
WEEK = '{ start = "2026-03-01", end = "2026-03-07", step = "10d" }'
LADDER = '[streams.items.refresh]\nrecheck = ["30d", "90d"]\n'


def daily(*names: str):
    """A few records on each of ten days."""
    return [item(f"{day:02}T0{place}:00", f"{day}{name}") for day in range(1, 11) for place, name in enumerate(names)]


@contextmanager
def saved(folder, *, more="", window=TEN, records=None, size=100, days_later=100, **options):
    """An archive whose ten days are complete, some time later."""
    api = Api(records if records is not None else daily("a", "b", "c", "d"), size=size)
    with an_archive(folder, api, series(window=window, more=more), **options) as archive:
        archive.fetch()
        archive.later(days=days_later)
        yield archive


def refresh(archive: Archive, **options):
    return refreshing.refresh(archive.path, RefreshOptions(**options), archive.world, tell=archive._tell)


def plan(archive: Archive, **options):
    return refreshing.plan(archive.path, RefreshOptions(**options), archive.world)


def records(archive: Archive):
    return archive.server.script.records


NINETY = 90 * 86_400.0


def test_days_that_are_the_same_cost_no_commit_and_leave_evidence(tmp_path):
    with saved(tmp_path) as archive:
        before = archive.commits()

        result = refresh(archive, older_than=NINETY)

        assert result.exit == 0
        assert archive.commits() == before
        assert archive.last().reason.value == "refresh"
        assert plan(archive, older_than=NINETY).jobs == ()


def test_a_day_that_differs_gets_one_commit(tmp_path):
    with saved(tmp_path) as archive:
        before = archive.commits()
        records(archive).append(item("05T12:00", "late"))

        refresh(archive, older_than=NINETY)

        assert archive.commits() == before + 1
        assert "late" in archive.ids("05")


def test_windows_are_never_wider_than_a_step(tmp_path):
    with saved(tmp_path) as archive:
        assert len(plan(archive, older_than=NINETY).jobs) == 10
        assert all((job.window.end - job.window.start).days == 1 for job in plan(archive, older_than=NINETY).jobs)


def test_the_user_names_the_days(tmp_path):
    from datetime import date

    with saved(tmp_path) as archive:
        named = plan(archive, since=date(2026, 3, 4), until=date(2026, 3, 5)).jobs

        assert [str(job.window.start.date()) for job in named] == ["2026-03-05", "2026-03-04"]


@pytest.mark.parametrize("left", [0, 1])
def test_a_day_that_comes_back_much_smaller_waits_although_the_file_expects_nothing(tmp_path, left):
    with saved(tmp_path) as archive:
        kept = [one for one in records(archive) if one["at"][:10] != "2026-03-05"]
        lost = [one for one in records(archive) if one["at"][:10] == "2026-03-05"]
        records(archive)[:] = kept + lost[:left]

        result = refresh(archive, older_than=NINETY)

        assert [str(problem.first) for problem in result.problems] == ["2026-03-05"]
        assert len(archive.ids("05")) == 4
        (version,) = holding.held(archive.path, (), archive.world)
        assert version.records == left

        holding.accept(archive.path, "demo/items", "2026-03-05", archive.world)
        assert len(archive.ids("05")) == left


def test_a_record_that_moved_to_another_day_is_not_lost(tmp_path):
    month = TEN.replace('"1d"', '"10d"')
    with saved(tmp_path, records=[item("04T08:00", "a"), item("05T08:00", "b")], window=month) as archive:
        records(archive)[:] = [item("05T07:00", "a"), item("05T08:00", "b")]

        result = refresh(archive, older_than=NINETY)

        assert result.problems == ()
        assert archive.ids("05") == ["a", "b"]


def test_an_emptied_whole_state_waits(tmp_path):
    with an_archive(tmp_path, Api([item("05T12:00", "a")]), snapshot()) as archive:
        archive.fetch()
        archive.later(days=100)
        records(archive).clear()

        refresh(archive, older_than=NINETY)

        assert len(archive.state()) == 1
        assert len(holding.held(archive.path, (), archive.world)) == 1


def test_a_failed_answer_replaces_nothing(tmp_path):
    from tests.server import Reply

    with saved(tmp_path) as archive:
        archive.server.script.instead = lambda _: Reply(404, b"{}")

        result = refresh(archive, older_than=NINETY)

        assert result.exit != 0
        assert archive.states() == {"saved": 10}


def test_a_ladder_asks_each_day_once_at_each_age(tmp_path):
    with saved(tmp_path, more=LADDER, days_later=25) as archive:
        assert len(plan(archive).jobs) == 9  # those that are thirty days old by now
        refresh(archive)
        assert plan(archive).jobs == ()
        archive.later(days=2)
        assert len(plan(archive).jobs) == 1
        archive.later(days=60)
        assert all(job.picked == "ladder" for job in plan(archive).jobs)


def test_a_day_that_was_asked_late_for_the_first_time_is_past_its_ladder(tmp_path):
    old = TEN.replace("2026", "2025")
    with saved(tmp_path, more=LADDER, window=old, records=[], days_later=5) as archive:
        assert plan(archive).jobs == ()


def test_a_budget_is_never_exceeded_and_is_for_a_day(tmp_path):
    with saved(tmp_path, more="[streams.items.refresh]\nbudget = 3\n") as archive:
        records(archive).extend(daily("new"))
        refresh(archive)
        first = archive.server.script.asked
        refresh(archive)
        again = archive.server.script.asked
        archive.later(days=1)
        refresh(archive)

        assert (first, again, archive.server.script.asked) == (10 + 3, 10 + 3, 10 + 6)


def test_what_the_user_gives_for_a_run_counts_before_the_budget_of_the_file(tmp_path):
    with saved(tmp_path, more="[streams.items.refresh]\nbudget = 3\n") as archive:
        assert len(plan(archive, budget=5).jobs) == 3  # the stream's own limit holds
    with saved(tmp_path / "other") as archive:
        assert len(plan(archive, budget=5).jobs) == 5


def test_never_means_only_by_name(tmp_path):
    with saved(tmp_path, more='[streams.items.refresh]\npolicy = "never"\n') as archive:
        assert plan(archive).jobs == ()
        assert len(plan(archive, older_than=NINETY).jobs) == 10


def test_a_plan_is_the_same_when_it_is_asked_for_twice(tmp_path):
    with saved(tmp_path) as archive:
        assert plan(archive, budget=4) == plan(archive, budget=4)


def test_every_answer_is_an_observation_that_a_new_cache_knows_too(tmp_path):
    with saved(tmp_path) as archive:
        records(archive).append(item("05T12:00", "late"))
        refresh(archive)
        told = archive.stories()[-10:]

        assert sum(one.days for story in told for one in story.rechecks) == 10
        assert sum(one.changed for story in told for one in story.rechecks) == 1
        before = plan(archive)
        for file in (archive.path / ".git/snap").glob("*.sqlite*"):
            file.unlink()
        assert plan(archive) == before


def test_a_change_that_nobody_expected_makes_its_neighbours_suspect(tmp_path):
    with saved(tmp_path, window=TEN.replace("2026", "2024"), records=[], days_later=1) as archive:
        archive.later(days=2)
        records(archive).append({"id": "x", "at": "2024-03-05T12:00:00Z"})
        for _ in range(12):
            told = refresh(archive, budget=400)  # a few days are drawn by chance
            archive.later(days=2)
            if any(story.surprises for story in archive.stories()):
                break

        (surprise,) = [day for story in archive.stories() for day in story.surprises]
        assert str(surprise) == "2024-03-05"
        assert any("may have recomputed March 2024" in notice.text for notice in told.notices)
        assert any("provider recomputed March 2024?" in job.why for job in plan(archive).jobs)


def test_a_thousand_unchanged_days_cost_no_commit_and_no_byte(tmp_path):
    window = '{ start = "2023-01-01", end = "2025-09-26", step = "100d" }'
    with saved(tmp_path, window=window, records=[{"id": "a", "at": "2024-05-05T00:00:00Z"}]) as archive:
        assert archive.states() == {"saved": 1, "empty": 999}
        commits, tree = archive.commits(), archive.git("rev-parse", "HEAD^{tree}")

        result = refresh(archive, older_than=NINETY)

        assert (archive.commits(), archive.git("rev-parse", "HEAD^{tree}")) == (commits, tree)
        assert sum(stream.windows for stream in result.streams) == 11


def die_refreshing(archive: Archive, **options):
    """A refresh that is gone right after its first page."""
    archive.die_after_page(1, lambda dying: refresh(dying, **options))


def test_a_refresh_that_died_is_as_careful_when_a_fetch_goes_on_with_it(tmp_path):
    with saved(tmp_path, window=WEEK, records=daily("a", "b")[:14], size=5) as archive:
        records(archive)[:] = [one for one in daily("a", "b")[:14] if one["at"][8:10] not in ("05", "06")]
        die_refreshing(archive, older_than=NINETY)

        result = archive.fetch()

        assert {str(problem.first) for problem in result.problems} == {"2026-03-05", "2026-03-06"}
        assert (len(archive.ids("05")), len(archive.ids("06"))) == (2, 2)
        assert archive.last().reason.value == "resume"
        assert archive.last().picked == "asked"


def test_what_a_fetch_goes_on_with_is_still_an_observation_with_its_expectation(tmp_path):
    with saved(tmp_path, window=WEEK, records=daily("a", "b")[:14], size=5) as archive:
        (job,) = plan(archive).jobs
        die_refreshing(archive)

        archive.fetch()

        story = archive.last()
        assert (story.picked, story.expected_ppm) == (job.picked, job.expected_ppm)
        assert sum(one.days for one in story.rechecks) == 7


def test_a_whole_state_whose_refresh_died_waits_too(tmp_path):
    with an_archive(tmp_path, Api([item("05T12:00", "a"), item("06T12:00", "b")], size=1), snapshot()) as archive:
        archive.fetch()
        archive.later(days=100)
        records(archive).clear()
        die_refreshing(archive, older_than=NINETY)

        archive.fetch()

        assert len(holding.held(archive.path, (), archive.world)) == 1
        assert len(archive.state()) == 2
