"""Versions of a day: which there are, what stood in one, how two differ."""

import json
from contextlib import contextmanager

import pytest

from snapshotter.archive import comparing, holding, past
from snapshotter.core import report_past
from snapshotter.errors import UsageError
from snapshotter.model import Edit, FieldEdit
from tests.archive.worlds import Api, Archive, an_archive, item, series, snapshot, some_items

DAY = "2026-03-12"
AGAIN = '{ start = "2026-03-11", end = "2026-03-13", step = "1d", lookback = "9d" }'


@contextmanager
def versions(folder, *states, streams=None):
    """An archive that was told these states of the same day one after the other, twelve hours apart."""
    api = Api([])
    with an_archive(folder, api, streams or series(window=AGAIN)) as archive:
        for state in states:
            api.records[:] = state
            archive.fetch()
            archive.later(hours=12)
        yield archive


def diff(archive: Archive, *words, day: str | None = DAY, **options):
    named = words if day is None else (day, *words)
    return comparing.diff(archive.path, "demo/items", named, archive.world, **({"most": 20} | options))


def told(difference) -> tuple[int, int, int]:
    return difference.change.added, difference.change.removed, difference.change.changed


A, B, C = (item("12T08:00", name, v=1) for name in "abc")
LATER = item("12T08:00", "a", v=2)


def test_the_last_two_versions_are_compared_by_default(tmp_path):
    with versions(tmp_path, [A], [A, B], [LATER, B, C]) as archive:
        difference = diff(archive)

        assert told(difference) == (1, 0, 1)
        assert (difference.old.records, difference.new.records) == (2, 3)
        assert Edit("changed", '"a"', fields=(FieldEdit("v", "1", "2"),)) in difference.change.edits


def test_versions_are_named_by_number_commit_date_or_instant(tmp_path):
    with versions(tmp_path, [A], [A, B], [LATER, B, C]) as archive:
        newest, _, oldest = comparing.versions_of(archive.path, "demo/items", DAY, archive.world, most=9)

        assert told(diff(archive, "-2", "-1")) == (1, 0, 0)
        assert told(diff(archive, "-2")) == (2, 0, 1)
        assert told(diff(archive, oldest.commit[:10], newest.commit)) == (2, 0, 1)
        assert told(diff(archive, oldest.at.date().isoformat())) == (2, 0, 1)
        assert told(diff(archive, oldest.at.isoformat(), "0")) == (2, 0, 1)
        assert told(diff(archive, "0", "-2")) == (0, 2, 1)


def test_a_version_that_is_not_there_says_what_there_is(tmp_path):
    with versions(tmp_path, [A], [A, B]) as archive:
        for words in (["-7"], ["2020-01-01"], ["nonsense"], ["-1", "0", "0"]):
            with pytest.raises(UsageError):
                diff(archive, *words)
        with pytest.raises(UsageError, match="snap versions demo/items"):
            diff(archive, day="2026-03-11")


def test_one_version_has_nothing_to_be_compared_with(tmp_path):
    with versions(tmp_path, [A]) as archive:
        assert diff(archive).old is None


def test_order_alone_and_ignored_fields_are_no_version(tmp_path):
    noisy = series(window=AGAIN, more='ignore = ["v"]')
    with versions(tmp_path, [A, B], [B, LATER], streams=noisy) as archive:
        assert diff(archive).old is None


def test_the_run_record_has_old_and_new_of_each_field(tmp_path):
    with versions(tmp_path, [A], [LATER, B]) as archive:
        fact = next(fact for story in archive.stories() for fact in story.days.values() if fact.change == "changed")

        assert (fact.added, fact.edited) == (1, 1)
        assert Edit("changed", '"a"', fields=(FieldEdit("v", "1", "2"),)) in fact.edits


def test_deepdiffs_own_form_is_there_for_those_who_want_it(tmp_path):
    with versions(tmp_path, [A], [LATER]) as archive:
        found = json.loads(diff(archive, deep=True).deepdiff)

        assert found == {"values_changed": {"root['a']['v']": {"new_value": 2, "old_value": 1}}}


def test_a_snapshot_shows_what_came_and_what_went(tmp_path):
    with versions(tmp_path, [A, B], [LATER, C], streams=snapshot()) as archive:
        difference = diff(archive, day=None)

        assert told(difference) == (1, 1, 1)
        assert {(edit.kind, edit.id) for edit in difference.change.edits} == {
            ("added", '"c"'), ("removed", '"b"'), ("changed", '"a"'),
        }  # fmt: skip
        assert diff(archive, "-1", day=None).change == difference.change


def test_the_version_that_waits_is_compared_with_what_stands(tmp_path):
    careful = series(window=AGAIN, more='[streams.items.expect]\nmax_drop = "50%"\n')
    with versions(tmp_path, some_items(8), some_items(1), streams=careful) as archive:
        difference = diff(archive, held=True)

        assert told(difference) == (0, 7, 0)
        assert difference.new.held
        holding.accept(archive.path, "demo/items", DAY, archive.world)
        with pytest.raises(UsageError, match="waits"):
            diff(archive, held=True)


def test_a_document_is_shown_as_it_was_with_the_version_it_is(tmp_path):
    with versions(tmp_path, [A], [A, B]) as archive:
        newest, oldest = comparing.versions_of(archive.path, "demo/items", DAY, archive.world, most=9)

        for at in ("-1", oldest.commit, oldest.at.isoformat()):
            shown, version = comparing.show_at(archive.path, "demo/items", DAY, archive.world, at=at)
            assert version.commit == oldest.commit
            assert [record["id"] for record in json.loads(shown.data)] == ["a"]
        _, version = comparing.show_at(archive.path, "demo/items", DAY, archive.world, at="HEAD")
        assert version.commit == newest.commit


def test_the_versions_of_a_day_say_what_each_changed(tmp_path):
    with versions(tmp_path, [A], [A, B], [LATER, B]) as archive:
        lines = comparing.versions_of(archive.path, "demo/items", DAY, archive.world, most=9)

        assert [(line.back, line.records) for line in lines] == [(0, 2), (-1, 2), (-2, 1)]
        assert [line.change and (line.change.added, line.change.changed) for line in lines] == [(0, 1), (1, 0), None]


def test_the_days_that_changed_most_often_come_first(tmp_path):
    other = item("11T08:00", "x", v=1)
    with versions(tmp_path, [A, other], [A, B, other], [A, other | {"v": 2}, B, C]) as archive:
        often = comparing.written_often(archive.path, ["demo"], archive.world, most=None, by_count=True)
        first = comparing.written_often(archive.path, (), archive.world, most=1, by_count=True)

        assert [(line.day.isoformat(), line.versions) for line in often] == [(DAY, 3), ("2026-03-11", 2)]
        assert first == often[:1]


def test_what_was_counted_is_not_counted_again(tmp_path):
    with versions(tmp_path, [A], [A, B]) as archive:

        def count() -> int:
            (line,) = comparing.written_often(archive.path, (), archive.world, most=None, by_count=True)
            return line.versions

        assert (count(), count()) == (2, 2)
        archive.server.script.records[:] = [C]
        archive.fetch()
        assert count() == 3
        archive.git("reset", "-q", "--hard", "HEAD~1")
        assert count() == 2


def test_the_log_of_a_day_file_is_the_history_of_that_day_alone(tmp_path):
    with versions(
        tmp_path, [A, item("11T08:00", "x")], [B, item("11T08:00", "x")], [C, item("11T08:00", "y")]
    ) as archive:
        commits = archive.git("log", "--format=%H", "--", "demo/items/2026/03/2026-03-12.json").split()

        found = [archive.git("show", f"{commit}:demo/items/2026/03/2026-03-12.json") for commit in commits]
        assert [json.loads(text)[0]["id"] for text in found] == ["c", "b", "a"]


def test_a_run_tells_what_changed_in_words(tmp_path):
    with versions(tmp_path, [A], [LATER, B]) as archive:
        run = past.run_lines(archive.path, archive.world)[0].run
        text = report_past.run_story(past.run_story(archive.path, run, archive.world))

        assert "  changed a: v 1 → 2\n" in text
        assert "  added b" in text
