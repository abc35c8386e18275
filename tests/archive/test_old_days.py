"""What changed in an old day is told everywhere it is looked for; what only looks changed costs nothing."""

import json
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from snapshotter.archive import comparing, holding, looking, refreshing, reporting
from snapshotter.core import report_whole
from snapshotter.model import Edit, FieldEdit
from snapshotter.results.refreshing import RefreshOptions
from tests.archive.worlds import Api, an_archive, item, series, snapshot

NINETY = 90 * 86_400.0
DAY = "2026-03-05"
SIX = '{ start = "2026-03-01", end = "2026-03-06", step = "1d" }'
HALVES = '{ start = "2026-03-05", end = "2026-03-05", step = "12h" }'
SCHEMA = {"type": "object", "required": ["id"], "properties": {"v": {"type": "number"}}}


def the_day(count: int = 8, **more):
    """Records of one day, one an hour, from morning to evening."""
    return [item(f"05T{hour * 2:02}:00", f"r{hour}", v=hour, **more) for hour in range(count)]


@contextmanager
def old(folder, records, streams=None, *, schema=None):
    """An archive of some records a hundred days later, and what the API has by then."""
    with an_archive(folder, Api(records, size=2_000), streams or series(window=SIX)) as archive:
        if schema is not None:
            (archive.path / "schema/item.json").write_text(json.dumps(schema))
        archive.fetch()
        archive.later(days=100)
        yield archive, archive.server.script.records


def refresh(archive):
    return refreshing.refresh(archive.path, RefreshOptions(older_than=NINETY), archive.world, tell=archive._tell)


def body(archive) -> str:
    return archive.git("log", "-1", "--format=%B")


def waiting(archive):
    return holding.held(archive.path, (), archive.world)


# --- what looks worse ---


@pytest.mark.parametrize("kind", [series, snapshot])
def test_a_refresh_that_comes_back_with_broken_records_waits(tmp_path, kind):
    expects = '[streams.items.expect]\nschema = "schema/item.json"\n'
    streams = kind(more=expects) if kind is snapshot else series(window=SIX, more=expects)
    with old(tmp_path, the_day(), streams, schema=SCHEMA) as (archive, records):
        records[3]["v"] = "broken"
        before = archive.git("ls-tree", "-r", "HEAD", "--", "demo").replace("_held", "")

        refresh(archive)

        (version,) = waiting(archive)
        assert "'broken' is not of type 'number'" in version.why
        assert set(before.splitlines()) <= set(archive.git("ls-tree", "-r", "HEAD", "--", "demo").splitlines())
        holding.accept(archive.path, "demo/items", version.day or None, archive.world)
        assert waiting(archive) == ()


def test_another_window_of_a_held_day_that_changes_leaves_what_was_offered(tmp_path):
    with old(tmp_path, the_day(), series(window=HALVES)) as (archive, records):
        morning = [one for one in records if one["at"] < "2026-03-05T12"]
        records[:] = [morning[0], *records[len(morning) :]]

        refresh(archive)
        archive.later(days=91)
        records.append(item("05T23:00", "late", v=1))
        refresh(archive)

        (version,) = waiting(archive)
        holding.accept(archive.path, "demo/items", DAY, archive.world)
        assert archive.ids("05") == sorted(one["id"] for one in records)
        assert version.archived == 8 + 1


def test_a_whole_state_that_lost_most_of_its_items_waits_with_what_would_go(tmp_path):
    with old(tmp_path, the_day(), snapshot()) as (archive, records):
        del records[2:]

        refresh(archive)

        told = comparing.diff(archive.path, "demo/items", (), archive.world, held=True, most=20)
        assert (told.change.removed, len(archive.state())) == (6, 8)


# --- what changed ---


def test_a_whole_state_tells_its_items_one_by_one(tmp_path):
    with old(tmp_path, the_day(), snapshot()) as (archive, records):
        records[1]["v"] = 99
        records[0] = item("05T00:00", "new", v=0)

        refresh(archive)

        told = body(archive)
        assert {"  changed r1: v 1 → 99", "  added new", "  removed r0"} <= set(told.splitlines())
        assert "1 added" in told.splitlines()[0]
        lines = comparing.versions_of(archive.path, "demo/items", None, archive.world, most=5)
        assert [(line.change.added, line.change.removed) for line in lines if line.change] == [(1, 1)]


def test_the_body_of_a_commit_is_bounded_and_begins_with_the_largest(tmp_path):
    with old(tmp_path, [item(f"05T{n // 60:02}:{n % 60:02}", f"r{n:03}", text="") for n in range(300)]) as (a, records):
        for n, one in enumerate(records):
            one["text"] = "x" * n

        refresh(a)

        lines = [line for line in body(a).splitlines() if line.startswith("  changed")]
        assert lines[0].startswith("  changed r299: ")
        assert len(lines) == 10
        assert "… and 289 more (see `snap diff`)" in body(a)


def test_the_run_record_the_log_and_the_report_tell_the_same_change(tmp_path):
    with old(tmp_path, the_day()) as (archive, records):
        records[1]["v"] = 99

        refresh(archive)

        edit = Edit("changed", '"r1"', fields=(FieldEdit("v", "1", "99"),))
        (fact,) = [fact for story in archive.stories() for fact in story.days.values() if fact.change == "changed"]
        assert (fact.edited, fact.edits) == (1, (edit,))
        (entry, _) = looking.log(archive.path, "demo/items", DAY, archive.world)
        assert entry.subject == f"demo/items: {DAY} changed: 1 edited"
        assert "  changed r1: v 1 → 99" in entry.lines
        report = reporting.report(archive.path, archive.world)
        assert [(found.day, found.edits) for found in report.changes] == [(DAY, (edit,))]
        assert "demo/items: 1\n" in report_whole.text(report)
        deep = comparing.diff(archive.path, "demo/items", [DAY], archive.world, most=5, deep=True).deepdiff
        assert json.loads(deep) == {"values_changed": {"root['r1']['v']": {"new_value": 99, "old_value": 1}}}


def test_noise_and_order_make_no_version_and_noise_is_stored_with_the_next_one(tmp_path):
    noisy = series(window=SIX, more='ignore = ["noise"]\n')
    with old(tmp_path, the_day(noise=1), noisy) as (archive, records):
        commits = archive.commits()
        for one in records:
            one["noise"] = 2
        archive.server.script.newest_first = True

        refresh(archive)
        assert archive.commits() == commits

        archive.later(days=91)
        records[1]["v"] = 99
        refresh(archive)
        assert [one["noise"] for one in archive.day(DAY)] == [1, 2, 1, 1, 1, 1, 1, 1]
        assert "noise" not in body(archive)


def test_the_history_of_a_day_file_has_no_commit_of_anything_else(tmp_path):
    records = [*the_day(), item("04T08:00", "x", v=1)]
    with old(tmp_path, records) as (archive, records):
        for place, value in ((8, 2), (0, 2), (8, 3)):  # another day, this one, the other again
            records[place]["v"] = value
            refresh(archive)
            archive.later(days=91)

        file = f"demo/items/2026/03/{DAY}.json"
        touched = archive.git("log", "--format=%s", "--", file).splitlines()
        assert touched == [f"demo/items: {DAY} changed: 1 edited", f"demo/items: {DAY} new (8 records)"]
        assert archive.commits() > 2 + 2


def test_a_thousand_days_that_did_not_change_cost_no_commit_and_no_written_byte(tmp_path):
    days = [date(2023, 1, 1) + timedelta(days=place) for place in range(1_000)]
    window = f'{{ start = "{days[0]}", end = "{days[-1]}", step = "100d" }}'
    records = [{"id": f"{day}", "at": f"{day}T08:00:00Z", "v": 1.10} for day in days]
    with old(tmp_path, records, series(window=window)) as (archive, records):

        def state():
            files = sorted((archive.path / "demo").rglob("20*.json"))
            return archive.commits(), archive.git("rev-parse", "HEAD^{tree}"), [one.stat().st_mtime_ns for one in files]

        before = state()
        records.reverse()

        result = refresh(archive)

        assert archive.states() == {"saved": 1_000}
        assert state() == before
        assert sum(one.requests for one in result.streams) >= 10
        assert archive.is_clean()
