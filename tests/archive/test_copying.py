"""A copy lacks what it is told to lack, in all of its history, and is whole; the old archive stays as it was."""

import json
import subprocess

import pytest

from snapshotter.archive import copying, fetching, housekeeping, looking
from snapshotter.archive.copying import CopyOptions
from snapshotter.errors import UsageError
from snapshotter.results import Exit, FetchOptions
from tests.archive.worlds import Api, an_archive, item, series, some_items

TWO = '{ start = "2026-03-12", end = "2026-03-13", step = "1d" }'
OTHER = series(window=TWO).replace("streams.items", "streams.others")
NAME = "Ada Lovelace"


def fetched(folder):
    records = [*some_items(2), item("12T09:00", "p", who=NAME), item("13T08:00", "z", who="somebody")]
    return an_archive(folder, Api(records), series(window=TWO) + OTHER)


def copied(archive, **options):
    return copying.copy(
        archive.path, archive.path.parent / "copy", CopyOptions(**options), archive.world, tell=archive._tell
    )


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, check=True, text=True).stdout


def all_contents(folder):
    """Every object of a repository, as bytes."""
    listed = git(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    return b"".join(
        subprocess.run(["git", "cat-file", "-p", oid], cwd=folder, capture_output=True, check=True).stdout
        for oid in listed
    )


def dates(folder):
    return git(folder, "log", "--format=%s %ad").splitlines()


def test_a_stream_that_is_left_out_stands_nowhere_in_the_copy(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        done = copied(archive, without=("demo/items",))
        copy = tmp_path / "copy"

        assert done.verified.damage == ()
        assert done.left_out == ("demo/items",)
        assert b"demo/items" not in all_contents(copy)
        assert "streams.others" in git(copy, "show", "HEAD:sources/demo.toml")
        assert "[streams.items]" not in git(copy, "show", "HEAD:sources/demo.toml")
        assert git(copy, "status", "--porcelain") == ""


def test_what_is_kept_keeps_its_messages_and_dates(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        copied(archive, without=("demo/items",))
        before, after = dates(archive.path), dates(tmp_path / "copy")

        assert [line for line in before if "demo/items" not in line] == after


def test_the_copy_knows_what_the_old_one_knew_and_asks_nothing_again(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        copied(archive, without=("demo/items",))
        asked = len(archive.server.seen)
        ran = fetching.fetch(tmp_path / "copy", FetchOptions(), archive.world, tell=archive._tell)
        statuses = looking.status(tmp_path / "copy", (), archive.world).streams

        assert ran.exit is Exit.DONE
        assert len(archive.server.seen) == asked
        assert [(line.stream, line.records) for line in statuses] == [("demo/others", 4)]


def test_the_old_archive_is_not_touched(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        before = git(archive.path, "rev-parse", "HEAD"), git(archive.path, "count-objects", "-v")
        copied(archive, without=("demo/items",))

        assert (git(archive.path, "rev-parse", "HEAD"), git(archive.path, "count-objects", "-v")) == before
        assert archive.is_clean()


def test_a_text_is_hidden_in_every_version_and_the_copy_is_whole(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        done = copied(archive, texts=(NAME,))
        copy = tmp_path / "copy"

        assert done.verified.damage == ()
        assert done.masked == 1
        assert NAME.encode() not in all_contents(copy)
        records = json.loads(git(copy, "show", "HEAD:demo/items/2026/03/2026-03-12.json"))
        assert [record.get("who") for record in records] == ["{secrets.removed}", None, None]
        assert dates(copy) == dates(archive.path)


def test_records_that_hold_a_text_are_left_out_where_that_is_wanted(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        done = copied(archive, texts=(NAME,), drops_records=True)
        statuses = looking.status(tmp_path / "copy", (), archive.world).streams

        assert done.verified.damage == ()
        assert done.records == 1
        assert [line.records for line in statuses] == [3, 3]
        assert NAME.encode() not in all_contents(tmp_path / "copy")


def test_what_was_renamed_is_left_out_under_its_old_name_too(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.rename(archive.path, "demo/items", "things", archive.world)
        done = copied(archive, without=("demo/things",))

        assert done.left_out == ("demo/items", "demo/things")
        assert done.verified.damage == ()
        assert b'"demo/items' not in all_contents(tmp_path / "copy")


def test_what_was_removed_can_be_left_out_of_history(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.remove(archive.path, "demo/items", archive.world)
        done = copied(archive, without=("demo/items",))

        assert done.verified.damage == ()
        assert "demo/items/" not in git(tmp_path / "copy", "log", "--name-only", "--format=")


def test_a_whole_source_is_left_out_with_its_file(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        done = copied(archive, without=("demo",))

        assert done.verified.damage == ()
        assert done.kept == 1
        assert "demo" not in git(tmp_path / "copy", "log", "--name-only", "--format=")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "say what is not to be in it"),
        ({"without": ("nothing",)}, "never had it"),
        ({"texts": ("short",)}, "under 8 characters"),
        ({"secrets": ("token",)}, "no source has a secret"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, options, words):
    with fetched(tmp_path) as archive, pytest.raises(UsageError, match=words):
        copied(archive, **options)
