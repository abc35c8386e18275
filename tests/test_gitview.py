"""Plain git shows documents readably, never fails for it, and shows bytes where the view is gone or not wanted."""

import json
import subprocess
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter._data.gitview import view
from snapshotter.archive import setup, sharing
from snapshotter.edge.store.gitview import command
from tests.archive.worlds import Api, an_archive, item, series, snapshot

FILE = "demo/items/2026/03/2026-03-12.json"
AGAIN = '{ start = "2026-03-12", end = "2026-03-12", step = "1d", lookback = "9d" }'


def shown(text: str) -> list[str]:
    return view(text.encode()).decode().splitlines()


def test_a_member_stands_on_a_line_under_the_name_of_its_record():
    document = '[\n{"at":"12:00","id":"a","place":{"lat":1.10,"odd name":null},"tags":["x","y"]},\n{"id":7}\n]\n'

    assert shown(document) == [
        "record a",
        '    at: "12:00"',
        '    id: "a"',
        "    place.lat: 1.10",
        '    place."odd name": null',
        '    tags: ["x", "y"]',
        "record 7",
        "    id: 7",
    ]


def test_a_document_of_one_object_needs_no_names():
    assert shown('{\n  "a": {"b": [{"c": 1}, {"c": []}]},\n  "d": {}\n}\n') == ["a.b[].c: 1", "a.b[].c: []", "d: {}"]


@pytest.mark.parametrize("text", ["", "no json", "[" * 100_000, '{"a":', "\x00"])
def test_what_is_no_document_is_shown_as_it_is(text):
    assert view(text.encode()) == text.encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_nothing_in_a_view_moves_a_cursor(old, new):
    for line in view(json.dumps([old, new], ensure_ascii=True).encode()).decode().split("\n"):
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")]


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.dictionaries(st.text(), VALUES, max_size=4))
def test_records_that_differ_look_different(old, new):
    one, other = (json.dumps([{"v": side}], sort_keys=True).encode() for side in (old, new))

    assert (one == other) == (view(one) == view(other))


def test_a_view_is_quick(tmp_path):
    file = tmp_path / "day.json"
    file.write_text('[\n{"id":1}\n]\n')

    began = time.perf_counter()
    subprocess.run(["sh", "-c", f'{command()} "$@"', "f", str(file)], check=True, capture_output=True)

    assert time.perf_counter() - began < 0.5  # 15 ms on an idle machine


@pytest.fixture
def archive(tmp_path):
    """A day whose one record changed."""
    api = Api([item("12T08:00", "a", v=1), item("12T09:00", "b", v=1)])
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        archive.later(hours=12)
        api.records[0]["v"] = 2
        archive.fetch()
        yield archive


def test_plain_git_reads_well_from_the_start(archive):
    for words in (["diff", "HEAD~1", "--", FILE], ["log", "-p", "-1", "--", FILE], ["show", "HEAD", "--", FILE]):
        text = archive.git(*words)
        assert "\n-    v: 1\n" in text
        assert "\n+    v: 2\n" in text
    assert "@@ record a" in text or "\n record a\n" in text
    assert archive.is_clean()


def test_run_records_and_settings_are_shown_as_they_are(archive):
    assert '"format": 1' in archive.git("log", "-p", "-1", "--", "demo/items/_runs")


@pytest.mark.parametrize("broken", ["/nowhere/python -I -S /nowhere/gitview.py", "false gitview.py"])
def test_git_works_on_when_the_program_is_gone(archive, broken):
    told = archive.git("config", "diff.snap.textconv")
    archive.git("config", "diff.snap.textconv", told.replace(told.split(" { ")[1].split(' "$1"')[0], broken).strip())

    assert '"v":2' in archive.git("log", "-p", "-1", "--", FILE)


def test_a_hostile_name_of_a_folder_is_a_name(tmp_path):
    assert command("/a b/$(touch x)/python").count("'/a b/$(touch x)/python'") == 1


def test_a_clone_and_an_older_archive_get_the_view_with_their_next_run(archive):
    archive.git("config", "--unset", "diff.snap.textconv")
    archive.git("config", "user.name", "anna")
    archive.git("config", "user.email", "anna@localhost")
    (archive.path / ".gitattributes").write_text("* -text\n")
    archive.git("commit", "-qam", "As it was before")
    archive.later(hours=12)
    archive.fetch()

    assert "\n+    v: 2\n" in archive.git("log", "-p", "-1", "--", FILE)
    local = (archive.path / ".git/info/attributes").read_text()
    archive.later(hours=12)
    archive.fetch()
    assert (archive.path / ".git/info/attributes").read_text() == local
    assert archive.is_clean()


def test_a_fresh_clone_reads_well_at_once(archive, tmp_path):
    copy = tmp_path / "copy"
    sharing.clone(str(archive.path), copy, archive.world)

    for words in (["log", "-p", "-1", "--", FILE], ["diff", "HEAD~1", "--", FILE]):
        text = subprocess.run(["git", *words], cwd=copy, check=True, capture_output=True, text=True).stdout
        assert "\n-    v: 1\n" in text
        assert "\n+    v: 2\n" in text


def test_it_can_be_turned_off_and_on_again(archive):
    setup.show_documents(archive.path, archive.world, readably=False)
    archive.later(hours=12)
    archive.fetch()
    assert '"v":2' in archive.git("log", "-p", "-1", "--", FILE)

    assert setup.show_documents(archive.path, archive.world, readably=True)
    assert "\n+    v: 2\n" in archive.git("log", "-p", "-1", "--", FILE)


def test_a_driver_of_the_users_own_is_left_alone(archive):
    archive.git("config", "diff.snap.textconv", "cat")
    archive.later(hours=12)
    archive.fetch()

    assert archive.git("config", "diff.snap.textconv") == "cat\n"
    assert not setup.show_documents(archive.path, archive.world, readably=True)


def test_snapshots_are_shown_too(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a", v=1)]), snapshot()) as archive:
        archive.fetch()

        assert "\n+record a\n" in archive.git("log", "-p", "-1", "--", "demo/items/snapshot.json")
