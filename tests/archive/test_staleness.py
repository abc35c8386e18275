"""What `status` says of how stale the archive is, what it costs, and what versions that wait are taken for."""

from datetime import date

import pytest

from snapshotter.archive import holding, looking, past, refreshing, reporting
from snapshotter.core import report, report_past, report_refresh, report_whole
from snapshotter.edge.cache import Cache
from snapshotter.results.refreshing import RefreshOptions
from tests.archive.worlds import Api, an_archive, item, series

TEN = '{ start = "2026-03-01", end = "2026-03-10", step = "1d" }'
OLD = TEN.replace("2026", "2024")
NINETY = 90 * 86_400.0


@pytest.fixture
def archive(tmp_path):
    """Ten days with four records each, a hundred days later."""
    records = [item(f"{day:02}T0{hour}:00", f"{day}-{hour}") for day in range(1, 11) for hour in range(4)]
    with an_archive(tmp_path, Api(records, size=100), series(window=TEN)) as opened:
        opened.fetch()
        opened.later(days=100)
        yield opened


def refresh(archive, **options):
    return refreshing.refresh(archive.path, RefreshOptions(**options), archive.world, tell=archive._tell)


def until_some_are_drawn(archive, *, runs=12):
    """Refreshes until a few days were drawn by chance."""
    for _ in range(runs):
        refresh(archive, budget=400)
        if sum(story.picked == "audit" for story in archive.stories()) >= 2:
            return
        archive.later(days=30)


def status(archive):
    return looking.status(archive.path, (), archive.world)


def empty_the(archive, day):
    """The API has nothing more of a day."""
    records = archive.server.script.records
    records[:] = [one for one in records if one["at"][8:10] != day]


def told(archive):
    """What the last refreshes tell the estimator: days, changed, held."""
    found = [one for story in archive.stories() for one in story.rechecks]
    return tuple(sum(getattr(one, name) for one in found) for name in ("days", "changed", "held"))


def test_before_a_day_was_drawn_by_chance_nothing_is_said(archive):
    refresh(archive, older_than=NINETY)

    assert status(archive).streams[0].staleness is None
    assert "differ from the source" not in report.status(status(archive))


def test_a_share_is_told_with_how_sure_it_is(archive):
    until_some_are_drawn(archive)

    one = status(archive).streams[0].staleness
    assert 0 < one.days == one.requests
    assert f"(0 of {one.days} drawn by chance)" in " ".join(report.status(status(archive)).split())
    assert "of stored days differ" in report_whole.text(reporting.report(archive.path, archive.world))


def test_a_status_reads_what_was_drawn_and_not_what_was_asked_besides(archive, monkeypatch):
    until_some_are_drawn(archive)
    rows = []
    checks = Cache._checks

    def counted(cache, *words):
        found = checks(cache, *words)
        rows.extend(found)
        return found

    monkeypatch.setattr(Cache, "_checks", counted)
    for _ in range(2):
        archive.later(days=91)
        refresh(archive, older_than=NINETY)  # twenty more
    rows.clear()
    told = status(archive).streams[0].staleness

    assert len(rows) == told.requests < 10


def test_a_held_version_is_neither_a_change_nor_none_however_often_it_is_offered(archive):
    empty_the(archive, "05")
    refresh(archive, older_than=NINETY)
    assert told(archive) == (9, 0, 1)

    archive.later(days=91)
    refresh(archive, older_than=NINETY)
    assert told(archive) == (18, 0, 2)


def test_an_accepted_version_is_a_change_at_the_age_at_which_it_was_found(archive):
    empty_the(archive, "05")
    refresh(archive, older_than=NINETY)
    (offered,) = [one for story in archive.stories() for one in story.rechecks if one.held]

    holding.accept(archive.path, "demo/items", "2026-03-05", archive.world)

    (change,) = archive.last().rechecks
    assert (change.since, change.age, change.days, change.changed) == (offered.since, offered.age, 1, 1)
    archive.later(days=91)
    refresh(archive, older_than=NINETY)
    assert told(archive) == (9 + 1 + 10, 1, 1)


def test_a_rejected_version_stays_neither_when_it_comes_again(archive):
    empty_the(archive, "05")
    refresh(archive, older_than=NINETY)
    holding.reject(archive.path, "demo/items", "2026-03-05", archive.world)
    archive.later(days=91)

    refresh(archive, older_than=NINETY)

    assert told(archive) == (18, 0, 2)


def test_a_day_that_is_as_stored_again_is_no_change(archive):
    records = list(archive.server.script.records)
    empty_the(archive, "05")
    refresh(archive, older_than=NINETY)
    archive.server.script.records[:] = records
    archive.later(days=91)

    refresh(archive, older_than=NINETY)

    assert told(archive) == (19, 0, 1)


def test_a_surprise_is_told_by_status_report_and_runs(tmp_path):
    with an_archive(tmp_path, Api([]), series(window=OLD)) as archive:
        archive.fetch()
        archive.later(days=2)
        archive.server.script.records.append({"id": "x", "at": "2024-03-05T12:00:00Z"})
        for _ in range(12):
            refresh(archive, budget=400)  # a few days are drawn by chance
            if any(story.surprises for story in archive.stories()):
                break
            archive.later(days=2)

        words = "2024-03-05 changed unexpectedly (provider recomputed March 2024?)"
        assert words in " ".join(report.status(status(archive)).split())
        page = report_whole.text(reporting.report(archive.path, archive.world))
        assert words in " ".join(page.split())
        assert words in report_past.run_story(past.run_story(archive.path, None, archive.world))
        assert [str(day) for day in status(archive).streams[0].surprises] == ["2024-03-05"]
        archive.later(days=31)
        assert status(archive).streams[0].surprises == ()


def test_what_was_expected_is_kept_in_run_records_and_compared_with_what_came(archive):
    until_some_are_drawn(archive)
    for file in (archive.path / ".git/snap").glob("*.sqlite*"):
        file.unlink()  # a new clone knows it too

    plan = refreshing.plan(archive.path, RefreshOptions(), archive.world)

    judged = [story for story in archive.stories() if story.expected_ppm is not None and story.rechecks]
    assert sum(band.requests for band in plan.calibration) == len(judged) > 0
    told = report_refresh.planned(plan, explains=True)
    band = plan.calibration[0]
    assert f"of {band.requests} requests with a chance of {band.low:.0%} to {band.high:.0%}, " in told
    assert "were expected to find a change and 0 did" in told


def test_a_surprise_among_days_that_the_user_names_is_followed_up_too(tmp_path):
    with an_archive(tmp_path, Api([]), series(window=OLD)) as archive:
        archive.fetch()
        archive.later(days=2)
        archive.server.script.records.append({"id": "x", "at": "2024-03-05T12:00:00Z"})

        told = refresh(archive, since=date(2024, 3, 5), until=date(2024, 3, 5))

        assert any("may have recomputed March 2024" in notice.text for notice in told.notices)
        archive.later(days=2)
        near = [job.window.start.day for job in refreshing.plan(archive.path, RefreshOptions(), archive.world).jobs]
        assert {4, 6} <= set(near)
