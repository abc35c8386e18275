"""Past runs are found newest first, without reading what is older."""

import pytest

from snapshotter.archive import past
from snapshotter.core import report_past
from snapshotter.edge.store import Store
from snapshotter.errors import UsageError
from tests.archive.worlds import AGAIN, Api, an_archive, series, some_items
from tests.server import Reply

DOWN = Reply(500, b"", ())


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path, Api(some_items(4)), series(window=AGAIN)) as opened:
        yield opened


def days_of_runs(archive, count):
    for _ in range(count):
        archive.fetch()
        archive.later(days=1)


def test_runs_come_newest_first_whether_committed_or_waiting(archive):
    days_of_runs(archive, 5)

    lines = past.run_lines(archive.path, archive.world)

    assert [line.started.day for line in lines] == [18, 17, 16, 15, 14]
    assert past.run_lines(archive.path, archive.world, limit=2) == lines[:2]


def test_the_newest_runs_are_listed_without_reading_the_older_ones(archive, monkeypatch):
    days_of_runs(archive, 8)
    read = []
    blob = Store.blob
    monkeypatch.setattr(Store, "blob", lambda store, name: read.append(name) or blob(store, name))

    past.run_lines(archive.path, archive.world, limit=3)

    assert len(read) <= 4


def test_runs_since_a_day_leave_out_the_others(archive):
    days_of_runs(archive, 4)
    newest = past.run_lines(archive.path, archive.world)[0].started.date()

    assert len(past.run_lines(archive.path, archive.world, since=newest)) == 1


def test_only_failed_runs_are_told_when_one_asks_for_them(archive):
    archive.fetch()
    archive.server.script = lambda _: DOWN
    archive.later(days=1)
    archive.fetch()

    (line,) = past.run_lines(archive.path, archive.world, failed=True)

    assert line.problems == 1


def test_a_run_is_told_with_its_plan_its_stop_and_its_end(archive):
    archive.fetch()

    story = past.run_story(archive.path, None, archive.world)

    assert story.planned == {"demo/items": 1}
    assert story.exit == 0
    assert [told.stop for record in story.records for told in record.stories] == ["no_next"]


def test_the_beginning_of_a_name_is_enough(archive):
    archive.fetch()
    run = past.run_lines(archive.path, archive.world)[0].run

    assert past.run_story(archive.path, run[:13], archive.world).run == run


@pytest.mark.parametrize("name", ["20200101T000000Z-aaaaaa", "x", "99999999", ""])
def test_a_run_that_is_not_there_is_said_to_be_none(archive, name):
    archive.fetch()

    with pytest.raises(UsageError, match="lists them"):
        past.run_story(archive.path, name, archive.world)


def test_a_log_tells_more_at_each_level(archive):
    archive.server.script = lambda _: DOWN
    archive.fetch()

    told = {
        level: [line.event for line in past.run_log(archive.path, None, archive.world, level=level).lines]
        for level in ("problems", "steps", "all")
    }

    assert told["problems"] == ["problem"]
    assert {"start", "planned", "asking", "end", "problem"} <= set(told["steps"])
    assert len(told["all"]) >= len(told["steps"])


def test_a_log_that_was_cut_by_a_crash_is_read_up_to_there(archive):
    archive.fetch()
    (file,) = (archive.path / ".git/snap/log").iterdir()
    file.write_bytes(file.read_bytes()[:-20])

    log = past.run_log(archive.path, None, archive.world, level="all")

    assert log.lines[0].event == "start"
    assert "end" not in [line.event for line in log.lines]


def test_a_run_without_a_log_here_is_said_to_have_none(archive):
    archive.fetch()

    with pytest.raises(UsageError, match="logs of the newest 1 runs are kept here"):
        past.run_log(archive.path, "2017", archive.world, level="all")


def test_a_run_in_words(archive):
    archive.fetch()
    run = past.run_lines(archive.path, archive.world)[0].run

    told = report_past.run_story(past.run_story(archive.path, None, archive.world))

    lines = told.replace(archive.server.url, "http://api").splitlines()
    assert lines[1].startswith("started 2026-03-14 12:00:00 UTC, 2 requests in ")
    assert lines[1].endswith(" s, exit code 0")
    assert lines[2:] == [
        "",
        "planned",
        "  demo/items: 1 window",
        "",
        "demo/items 2026-03-12 to 2026-03-12 (recent): no_next, proved",
        "  why: 2026-03-12: never asked",
        "  2 requests, 4 records received, at 12:00:00",
        "  left out by outside:next: 2",
        "  200 GET http://api/items?from=2026-03-12T00%3A00%3A00Z&to=2026-03-13T00%3A00%3A00Z: 3 records",
        "  200 GET http://api/items?from=2026-03-12T00%3A00%3A00Z&to=2026-03-13T00%3A00%3A00Z&cursor=c3: 1 record",
        "  2026-03-12 new: 4 records",
        "",
        f"step by step: snap runs log {run}",
    ]
