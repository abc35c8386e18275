"""Files that somebody has become history: dated by when they were seen, below what the archive knows later."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from snapshotter.archive import comparing, importing, querying, verifying
from snapshotter.archive.importing import Doing, FileOptions
from snapshotter.archive.opening import open_archive, silent
from snapshotter.archive.tabling import Chosen
from snapshotter.core import ledger
from snapshotter.core.verifying import FULL
from snapshotter.errors import ConfigError, UsageError
from snapshotter.evidence import StreamLedger
from tests.archive.worlds import Api, an_archive, item, series, snapshot

TWO_DAYS = '{ start = "2026-03-10", end = "2026-03-13", step = "1d" }'
GOING = Doing(dry_run=False, wait=0.0, tell=silent)
DRY = Doing(dry_run=True, wait=0.0, tell=silent)


@pytest.fixture
def archive(tmp_path):
    api = Api([item("12T08:00", "api", v=9)])
    with an_archive(tmp_path, api, series(window=TWO_DAYS)) as made:
        yield made


def a_run(folder: Path, day: str, run: str, *records, name: str = "demo/items") -> None:
    """One file of an old archive: what a run saw of a day of March 2026."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / f"2026-03-{day}--run-{run}.json").write_text(json.dumps(list(records)))


@pytest.fixture
def old(tmp_path):
    """Three runs over two days: a record is corrected, and one view lacks what an earlier one had."""
    folder = tmp_path / "old"
    a_run(folder, "10", "20260311T030000Z", item("10T08:00", "a", v=1), item("10T09:00", "b", v=1))
    a_run(folder, "10", "20260312T030000Z", item("10T08:00", "a", v=2))
    a_run(folder, "11", "20260312T030000Z", item("11T08:00", "c", v=1))
    a_run(folder, "11", "2026-03-13T03-00-00Z", item("11T08:00", "c", v=1))
    return folder


def take(archive, folder, **said):
    doing = said.pop("doing", GOING)
    return importing.import_pdpl(archive.path, folder, archive.world, doing=doing, **said)


def files(archive, *paths, doing=GOING, **said):
    options = FileOptions(**{"into": "demo/items", **said})
    return importing.import_files(archive.path, paths, archive.world, options, doing=doing)


def is_whole(archive) -> bool:
    """Whether verify finds nothing, and the kept ledger is what the run records add up to."""
    found = verifying.verify(archive.path, archive.world, scope=FULL, tell=lambda step: None)
    opened = open_archive(archive.path, archive.world)
    with opened.closing():
        cached = opened.cache.ledger("demo/items")
    assert found.damage == ()
    assert cached == ledger.fold_all(StreamLedger("demo/items"), reversed(archive.runs()))
    return archive.is_clean()


def line(archive) -> list[str]:
    """The commits beside the branch, oldest first: time and subject."""
    listed = archive.git("log", "--reverse", "--format=%ct %s", "HEAD^1..HEAD^2").splitlines()
    return [f"{datetime.fromtimestamp(int(one.split(' ')[0]), UTC):%d %H} {one.split(' ', 1)[1]}" for one in listed]


# --- an old archive ---


def test_each_run_is_a_commit_dated_by_it_and_views_are_merged_by_id(archive, old):
    (told,) = take(archive, old)

    assert (told.runs, told.files, told.records, told.taken) == (3, 4, 5, 2)
    assert [one[:5] for one in line(archive)] == ["11 03", "12 03", "13 03"]
    assert [(record["id"], record["v"]) for record in archive.day("10")] == [("a", 2), ("b", 1)]
    assert archive.ids("11") == ["c"]
    assert is_whole(archive)


def test_run_records_tell_when_it_was_seen_and_of_which_files(archive, old):
    take(archive, old)

    first = min(archive.runs(), key=lambda record: record.at)

    assert first.observed == datetime(2026, 3, 11, 3, tzinfo=UTC)
    assert first.command == "import pdpl"
    (page,) = first.stories[0].pages
    assert page.request == "file demo/items/2026-03-10--run-20260311T030000Z.json"
    assert len(page.sha256) == 64


def test_the_same_folder_changes_nothing_a_second_time(archive, old):
    take(archive, old)
    before = archive.git("rev-parse", "HEAD")

    (told,) = take(archive, old)

    assert (told.runs, told.known, told.commit) == (0, 3, None)
    assert archive.git("rev-parse", "HEAD") == before


def test_a_dry_run_writes_nothing(archive, old):
    before = archive.git("rev-parse", "HEAD")

    (told,) = take(archive, old, doing=DRY)

    assert (told.runs, told.records, told.commit) == (3, 5, None)
    assert archive.git("rev-parse", "HEAD") == before


def test_what_the_archive_knows_later_stays_and_history_gets_a_second_parent(archive, old):
    archive.fetch()
    before = archive.day("12")
    a_run(old, "12", "20260313T030000Z", item("12T08:00", "api", v=1), item("12T09:00", "gone", v=1))

    (told,) = take(archive, old)

    assert archive.day("12") == before
    assert told.kept >= 1
    assert len(archive.git("log", "-1", "--format=%P").split()) == 2
    assert is_whole(archive)


def test_a_fetch_asks_afterwards_what_is_not_proved(archive, old):
    take(archive, old)
    assert archive.state_of("10") == "partial"

    archive.fetch()

    assert archive.state_of("10") == "empty"
    assert archive.state_of("12") == "saved"
    assert archive.ids("10") == []
    assert is_whole(archive)


def test_a_day_is_shown_as_it_was_seen_then(archive, old):
    archive.fetch()
    take(archive, old)

    def at(when):
        shown, _ = comparing.show_at(archive.path, "demo/items", "2026-03-10", archive.world, at=when)
        return [(record["id"], record["v"]) for record in json.loads(shown.data)]

    assert at("2026-03-11") == [("a", 1), ("b", 1)]
    assert at("2026-03-12T12:00Z") == [("a", 2), ("b", 1)]


def test_of_what_the_archive_held_and_what_was_seen_the_later_is_shown(archive, old, tmp_path):
    archive.fetch()
    archive.later(days=10)
    more = tmp_path / "more"
    a_run(more, "09", "20260320T030000Z", item("09T08:00", "seen"))
    a_run(more, "12", "20260320T030000Z", item("12T08:00", "api", v=7))
    take(archive, more)

    def at(day, when):
        shown, _ = comparing.show_at(archive.path, "demo/items", f"2026-03-{day}", archive.world, at=when)
        return [record.get("v") for record in json.loads(shown.data)]

    assert at("12", "2026-03-14") == [9]
    assert at("12", "2026-03-20") == [7]
    assert at("12", "HEAD") == [9]
    assert at("09", "2026-03-20") == [None]
    assert is_whole(archive)


def test_a_query_sees_what_was_observed_by_then(archive, old):
    take(archive, old)

    def count(when):
        sql, chosen = "select count(*) from demo_items", Chosen(at=when)
        with querying.query(archive.path, sql, chosen, archive.world, tell=silent) as answer:
            return next(answer.rows)[0]

    assert [count("2026-03-11"), count("2026-03-12"), count(None)] == [2, 3, 3]


def test_older_runs_that_come_later_add_to_what_was_imported_before(archive, old, tmp_path):
    take(archive, old)
    more = tmp_path / "more"
    a_run(more, "10", "20260310T230000Z", item("10T08:00", "a", v=0), item("10T07:00", "early", v=0))

    take(archive, more)

    assert [(record["id"], record["v"]) for record in archive.day("10")] == [("a", 2), ("b", 1), ("early", 0)]
    assert is_whole(archive)


def test_an_id_that_stands_on_another_day_now_is_not_brought_twice(archive, old, tmp_path):
    archive.fetch()
    more = tmp_path / "more"
    a_run(more, "09", "20260310T030000Z", item("09T08:00", "api"), item("09T09:00", "x"))

    take(archive, more)

    assert archive.ids("09") == ["x"]
    assert archive.ids("12") == ["api"]
    assert is_whole(archive)


def test_records_without_a_day_of_their_own_lie_on_the_day_of_their_file(archive, old):
    a_run(old, "11", "20260312T040000Z", {"id": "dayless"})

    take(archive, old)

    assert "dayless" in archive.ids("11")
    assert is_whole(archive)


def test_a_whole_state_gets_a_version_for_each_run(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "now")]), snapshot()) as archive:
        archive.fetch()
        folder = tmp_path / "old"
        a_run(folder, "10", "20260310T030000Z", {"id": "a"})
        a_run(folder, "11", "20260311T030000Z", {"id": "b"})

        (told,) = take(archive, folder)

        assert (told.runs, told.kept) == (2, 1)
        assert [record["id"] for record in archive.state()] == ["now"]
        shown, _ = comparing.show_at(archive.path, "demo/items", None, archive.world, at="2026-03-10")
        assert json.loads(shown.data) == [{"id": "a"}]
        assert is_whole(archive)


# --- what cannot be taken ---


def _broken(folder):
    a_run(folder, "10", "20260311T040000Z", item("10T08:00", "a"), ["no", "object"])


def _cut(folder):
    (folder / "demo/items/2026-03-10--run-20260311T050000Z.json").write_text('[{"id": "a"')


def _linked(folder):
    (folder / "demo/items/2026-03-10--run-20260311T060000Z.json").symlink_to("/etc/passwd")


def _linked_folder(folder):
    (folder / "demo/more").symlink_to("/etc")


def _no_day(folder):
    a_run(folder, "32", "20260311T030000Z", item("10T08:00", "a"))


def _to_come(folder):
    a_run(folder, "10", "20990311T030000Z", item("10T08:00", "a"))


def _unknown(folder):
    a_run(folder, "10", "20260311T030000Z", item("10T08:00", "a"), name="other/thing")


def _pipe(folder):
    os.mkfifo(folder / "demo/items/2026-03-10--run-20260311T070000Z.json")
    _cut(folder)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_broken, "record 2"),
        (_cut, "050000Z.json"),
        (_linked, "symbolic link"),
        (_linked_folder, "symbolic link"),
        (_no_day, "03-32"),
        (_to_come, "not come yet"),
        (_unknown, "other/thing"),
        (_pipe, "050000Z.json"),
    ],
)
def test_one_file_that_cannot_be_taken_is_named_and_nothing_is_written(archive, old, spoil, word):
    before = archive.git("rev-parse", "HEAD")
    spoil(old)

    with pytest.raises(UsageError, match=word):
        take(archive, old)

    assert archive.git("rev-parse", "HEAD") == before
    assert archive.is_clean()


def test_a_file_that_is_too_large_is_refused(tmp_path, old):
    with an_archive(tmp_path, Api([]), series(window=TWO_DAYS), client='max_body = "1KiB"') as archive:
        a_run(old, "10", "20260311T030000Z", *[item("10T08:00", f"r{n}") for n in range(100)])

        with pytest.raises(UsageError, match="larger than"):
            take(archive, old)


def test_a_secret_does_not_come_in(tmp_path, old):
    head = '[auth]\ntype = "bearer"\ntoken = "{secrets.key}"\n\n[secrets]\nkey = "env:KEY"'
    env = {"KEY": "very-secret-value"}
    with an_archive(tmp_path, Api([]), series(window=TWO_DAYS), head=head, env=env) as archive:
        a_run(old, "10", "20260311T040000Z", item("10T08:00", "a", note="very-secret-value"))

        with pytest.raises(UsageError, match="secret"):
            take(archive, old)


# --- exported files ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '[{"id": "a", "at": "2026-03-10T08:00:00Z"}]'),
        ("x.json", '{"data": [{"id": "a", "at": "2026-03-10T08:00:00Z"}], "next": null}'),
        ("x.jsonl", '{"id": "a", "at": "2026-03-10T08:00:00Z"}\n'),
        ("x.csv", "id,at\r\na,2026-03-10T08:00:00Z\r\n"),
    ],
)
def test_an_export_is_taken_in_each_form(archive, tmp_path, name, text):
    (tmp_path / name).write_text(text)

    (told,) = files(archive, tmp_path / name, observed=datetime(2026, 3, 12, tzinfo=UTC))

    assert archive.ids("10") == ["a"]
    assert told.records == 1
    assert archive.runs()[0].stories[0].pages[0].request == f"file {name}"
    assert archive.state_of("10") == "partial"
    assert is_whole(archive)


def test_who_vouches_for_days_proves_them(archive, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([item("10T08:00", "a")]))
    days = date(2026, 3, 10), date(2026, 3, 11)

    files(archive, tmp_path / "x.json", observed=datetime(2026, 3, 13, tzinfo=UTC), proves=days)

    assert [archive.state_of(day) for day in ("10", "11", "12")] == ["saved", "empty", "untried"]
    assert is_whole(archive)
    archive.fetch()
    assert archive.ids("10") == ["a"]
    assert archive.ids("12") == ["api"]
    assert is_whole(archive)


def test_days_that_were_not_over_cannot_be_vouched_for(archive, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([item("10T08:00", "a")]))
    days = date(2026, 3, 10), date(2026, 3, 11)

    with pytest.raises(UsageError, match="over"):
        files(archive, tmp_path / "x.json", observed=datetime(2026, 3, 11, 12, tzinfo=UTC), proves=days)


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("x.csv", "id,at\r\na\r\n", "line 2"),
        ("x.csv", "id,id\r\na,b\r\n", "two columns"),
        ("x.csv", "", "names the columns"),
        ("x.jsonl", '{"id": 1}\n{"id"\n', "x.jsonl"),
        ("x.json", '[{"id": "a"}]', "record 1"),
        ("x.txt", "hello", "--format"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_place(archive, tmp_path, name, text, word):
    (tmp_path / name).write_text(text)

    with pytest.raises(UsageError, match=word):
        files(archive, tmp_path / name)


def test_after_an_import_the_last_two_versions_are_those_that_differ(archive, old):
    take(archive, old)

    told = comparing.versions_of(archive.path, "demo/items", "2026-03-10", archive.world, most=9)
    found = comparing.diff(archive.path, "demo/items", ["2026-03-10"], archive.world, most=9)

    assert [version.at.day for version in told] == [12, 11]
    assert found.change.changed == 1


def test_a_stream_whose_file_has_mistakes_is_told_by_them(archive, old):
    file = archive.path / "sources/demo.toml"
    file.write_text(file.read_text() + "\nnonsense = 1\n")

    with pytest.raises(ConfigError, match=r"sources/demo\.toml"):
        take(archive, old)


def test_a_file_whose_name_is_no_day_and_run_is_told(archive, old):
    (old / "demo/items/2026-3-10--run.json").write_text("[]")
    (old / "demo/items/README.txt").write_text("hello")

    for _ in range(2):
        (told,) = take(archive, old)
        assert (told.ignored, told.ignored_like) == (2, "2026-3-10--run.json")
