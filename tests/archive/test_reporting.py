"""The report is looked up from a real archive: days, years, troubles, changes; and costs what is shown."""

from datetime import date, timedelta

import pytest

from snapshotter.archive import looking, reporting
from snapshotter.core import report_whole
from snapshotter.core.overview import share
from snapshotter.model import DayState
from tests.archive.worlds import Api, an_archive, feed, item, series, snapshot
from tests.server import Reply

LONG = '{ start = "2024-12-20", end = "2026-03-12", step = "60d", lookback = "9d" }'


def report(archive, **given):
    return reporting.report(archive.path, archive.world, **given)


@pytest.fixture
def archive(tmp_path):
    api = Api([item("2024-12-24T08:00:00Z", "old"), item("11T08:00", "a"), item("12T08:00", "b")])
    with an_archive(tmp_path, api, series(window=LONG)) as opened:
        opened.fetch()
        yield opened


def test_a_year_is_shown_day_by_day_and_what_was_before_in_figures(archive):
    (cover,) = report(archive).streams

    assert (cover.days[0].day, cover.days[-1].day) == (date(2025, 3, 13), date(2026, 3, 12))
    assert [(year.year, year.records) for year in cover.years] == [(2025, 0), (2024, 1)]
    assert cover.years[1].counts == {DayState.SAVED: 1, DayState.EMPTY: 11}
    assert cover.years[0].counts == {DayState.EMPTY: 71}


def test_days_and_years_together_are_what_status_counts(archive):
    found = report(archive, since=date(2025, 6, 1))
    (cover,) = found.streams

    days = sum(day.state in (DayState.SAVED, DayState.EMPTY) for day in cover.days)
    years = sum(share(year.counts)[0] for year in cover.years)
    (told,) = looking.status(archive.path, (), archive.world).streams
    assert days + years == share(told.counts)[0]
    assert found.first == date(2025, 6, 1)


def test_a_record_that_changed_is_found_with_what_it_was(archive):
    archive.server.script.records[1]["name"] = "changed"
    archive.later(hours=5)
    archive.fetch()

    (found,) = report(archive).changes

    assert (found.stream, found.day, found.edited, found.versions) == ("demo/items", "2026-03-11", 1, 2)
    assert found.edits[0].fields[0].new == '"changed"'


def test_a_state_that_changed_is_found(tmp_path):
    api = Api([item("12T08:00", "a")])
    with an_archive(tmp_path, api, snapshot()) as archive:
        archive.fetch()
        api.records.append(item("12T09:00", "b"))
        archive.later(hours=5)
        archive.fetch()
        found = report(archive)

    assert [(change.day, change.added) for change in found.changes] == [("", 1)]
    assert found.streams[0].days == ()


def test_a_refused_key_waits_for_a_person(tmp_path):
    with an_archive(tmp_path, lambda _: Reply(401), series()) as archive:
        archive.fetch()
        found = report(archive)
        text = report_whole.text(found)

    assert [(trouble.stream, trouble.lack.cause) for trouble in found.waiting] == [("demo/items", "auth")]
    assert "demo/items: 1 day failed, auth" in text


def test_an_outage_goes_on_by_itself(tmp_path):
    with an_archive(tmp_path, lambda _: Reply(503), series()) as archive:
        archive.fetch()
        found = report(archive)

    assert (len(found.troubles), found.needs) == (1, 0)


def test_a_feed_and_an_archive_that_asked_nothing_have_a_report(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), feed()) as archive:
        before = report(archive)
        archive.fetch()
        after = report(archive)

    assert before.streams[0].days == ()
    assert sum(day.records for day in after.streams[0].days) == 1


def test_a_report_changes_nothing_in_the_archive(archive):
    head = archive.git("rev-parse", "HEAD")

    reporting.write(archive.path.parent / "page.html", report(archive), archive.world)

    assert archive.git("rev-parse", "HEAD") == head
    assert archive.is_clean()
    assert (archive.path.parent / "page.html").read_text().startswith("<!doctype html>")


def test_what_is_years_old_is_not_read_day_by_day(archive):
    archive.later(days=1)

    (near,) = report(archive, since=date(2026, 3, 1)).streams
    (far,) = report(archive, since=date(2026, 3, 1) - timedelta(days=400)).streams

    assert (len(near.days), len(far.days)) == (12, 412)
