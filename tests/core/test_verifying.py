"""Every file of an archive is something, every part of it is looked at once, and git's words are understood."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.verifying import FULL, QUICK, document_damage, git_damage, part_of, share
from snapshotter.errors import UsageError

A, B = "a" * 40, "b" * 40
FILE = "demo/items/2026/03/2026-03-12.json"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (FILE, "document"),
        ("demo/items/undated.json", "document"),
        ("demo/items/snapshot.json", "document"),
        ("demo/items/_held/2026/03/2026-03-12.json", "held"),
        ("demo/items/_held/snapshot.json", "held"),
        ("demo/items/_runs/2026/03/12/20260312T000000Z-abcdef-001.json", "record"),
        ("demo/items/2026/04/2026-03-12.json", "misplaced"),
        ("demo/items/2026/02/2026-02-30.json", "misplaced"),
        ("demo/items/2026-03-12.json", "misplaced"),
        ("demo/items/photos/2026/03/12/7.json", "detail"),
        ("demo/items/README.md", "other"),
        ("sources/demo.toml", "other"),
        ("sources/a/2026/03/2026-03-12.json", "other"),
        ("Demo/items/2026/03/2026-03-12.json", "other"),
        ("snap.toml", "other"),
    ],
)
def test_a_path_tells_what_a_file_is(path, kind):
    assert part_of(path).kind == kind


def test_a_document_has_its_stream_and_its_day():
    part = part_of(FILE)

    assert (part.stream, part.day) == ("demo/items", date(2026, 3, 12))


@given(st.text(min_size=1), st.integers(1, 9))
def test_each_file_lies_in_exactly_one_share(path, of):
    assert sum(share(f"{number}/{of}").holds(path) for number in range(1, of + 1)) == 1


def test_all_or_nothing_is_looked_at_without_shares():
    assert FULL.holds(FILE)
    assert not QUICK.holds(FILE)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/2/3", "-1/2", "1/0"])
def test_a_share_that_is_none_is_told(text):
    with pytest.raises(UsageError, match="write it like 2/7"):
        share(text)


@pytest.mark.parametrize("data", [b"[]\n", b'[\n{"a":1}\n]\n', b'{\n  "a": 1\n}\n'])
def test_canonical_form_is_no_damage(data):
    assert document_damage(FILE, data, None) is None


@pytest.mark.parametrize("data", [b"", b"[]", b'[{"a":1}]\n', b'[\n{"b":1,"a":1}\n]\n', b"\xff", b"<html>"])
def test_any_other_form_is_damage(data):
    assert "canonical" in document_damage(FILE, data, None).what


@pytest.mark.parametrize(
    ("lines", "kind", "where", "what"),
    [
        ([f"missing blob {A}"], "object", f"{A} ({FILE})", "missing"),
        ([f"missing tree {B}"], "object", B, "missing"),
        ([f"error: {A}: object corrupt or missing: x", f"missing blob {A}"], "object", f"{A} ({FILE})", "corrupt"),
        ([f"missing blob {A}", f"error: {A}: object corrupt or missing: x"], "object", f"{A} ({FILE})", "corrupt"),
        ([f"error: {A}: hash-path mismatch, found at: x"], "object", f"{A} ({FILE})", "corrupt"),
        ([f"fatal: loose object {A} (stored in x) is corrupt"], "object", f"{A} ({FILE})", "corrupt"),
        ([f"error in tree {B}: duplicateEntries: contains"], "object", B, "duplicateEntries"),
        (
            [f"error: .git/objects/pack/pack-{A}.pack pack checksum mismatch"],
            "pack",
            f".git/objects/pack/pack-{A}.pack",
            "as it was written",
        ),
        ([f"error: refs/heads/x: invalid sha1 pointer {A}"], "reference", "refs/heads/x", "not there"),
        ([f"missing blob {A}", f"error: HEAD: invalid sha1 pointer {B}"], "object", f"{A} ({FILE})", "missing"),
        (
            [f"missing blob {A}", f"error: {B}: invalid sha1 pointer in cache-tree"],
            "object",
            f"{A} ({FILE})",
            "missing",
        ),
        (["error: something that nobody has seen"], "git", "error: something that nobody has seen", ""),
        ([], "git", ".git", "code 4"),
    ],
)
def test_the_words_of_git_name_one_damage(lines, kind, where, what):
    (damage,) = git_damage(4, lines, {A: FILE})

    assert (damage.kind, damage.where) == (kind, where)
    assert what in damage.what
    assert damage.hint


def test_what_git_says_of_a_whole_archive_is_no_damage():
    lines = [
        "Checking object directories: 100% (256/256), done.",
        f"dangling commit {A}",
        "notice: No default references",
    ]

    assert git_damage(0, lines, {}) == ()
