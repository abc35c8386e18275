"""Versions newest first, differences that skip what is the same, commits by name, date and order."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from snapshotter.edge.store import Git, blob_id
from snapshotter.errors import Damaged, UsageError
from tests.edge.git_archives import DAY, NEXT, NOON, a_store, an_archive, git, opened, save


def at(day, hour=12):
    return datetime(2024, 2, day, hour, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    """Three days of commits: DAY appears, changes, goes."""
    store = a_store(tmp_path / "archive")
    save(store, {DAY: b"1\n", "snap.toml": b"\n"}, message="Add\n\nWhy\n\nRun: a\n", at=at(1))
    save(store, {NEXT: b"2\n"}, message="Other\n", at=at(2))
    save(store, {DAY: b"3\n"}, message="Change\n", at=at(3))
    save(store, {DAY: None}, message="Remove\n", at=at(4))
    return store


def test_versions_of_a_file_come_newest_first_with_their_words(store):
    found = list(store.versions(DAY))

    assert [version.subject for version in found] == ["Remove", "Change", "Add"]
    assert [version.blob for version in found] == [None, blob_id(b"3\n"), blob_id(b"1\n")]
    assert [version.at for version in found] == [at(4), at(3), at(1)]
    assert found[-1].body == "Why\n\nRun: a"
    assert found[0].commit == store.head()


def test_versions_of_a_folder_are_those_of_anything_in_it(store):
    assert [version.subject for version in store.versions("usgs")] == ["Remove", "Change", "Other", "Add"]
    assert [version.subject for version in store.versions("usgs", limit=2)] == ["Remove", "Change"]


def test_a_reader_of_versions_may_stop(store):
    assert next(iter(store.versions("usgs"))).subject == "Remove"


def test_a_path_means_itself_and_is_no_pattern(store):
    save(store, {"usgs/*": b"star\n"}, message="Star\n")

    assert [version.subject for version in store.versions("usgs/*")] == ["Star"]


def test_an_archive_without_a_commit_has_no_versions(tmp_path):
    assert list(a_store(tmp_path / "new").versions(DAY)) == []


def test_versions_on_a_side_line_are_seen_though_the_merge_kept_ours(store):
    base = git(store.root, "rev-list", "--max-parents=0", "HEAD").strip()
    tree = git(store.root, "rev-parse", f"{base}^{{tree}}").strip()
    git(store.root, "read-tree", tree, GIT_INDEX_FILE=str(store.root / ".git/side"))
    side = git(store.root, "commit-tree", "HEAD~1^{tree}", "-m", "Imported").strip()
    merge = git(store.root, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-p", side, "-m", "Merge").strip()
    git(store.root, "update-ref", "refs/heads/main", merge)

    assert "Imported" in [version.subject for version in store.versions(DAY)]


def test_settings_of_the_archive_run_nothing(store, tmp_path):
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.pager", "core.fsmonitor", "diff.external", "gpg.program", "diff.x.textconv", "core.sshCommand"):
        git(store.root, "config", key, str(trap))
    git(store.root, "config", "log.showSignature", "true")
    (store.root / ".gitattributes").write_text("*.json diff=x\n")

    assert len(list(store.versions(DAY))) == 3
    assert store.resolve("2024-02-03")
    assert not (tmp_path / "sprung").exists()


def test_the_environment_cannot_redirect_git(store, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_TRACE", "1")

    assert len(list(opened(store.root).versions(DAY))) == 3


def test_gits_own_words_come_out_as_damage(store):
    with pytest.raises(Damaged, match="git cat-file: fatal: Not a valid object name nonsense"):
        Git(store.root / ".git", os.environ).run("cat-file", "-p", "nonsense")


def test_without_git_the_message_says_so(store):
    with pytest.raises(UsageError, match="git was not found on PATH"):
        Git(store.root / ".git", {"PATH": "/nonexistent"}).run("version")


def test_a_signal_ends_git_with_a_message(store):
    git(store.root, "config", "alias.die", "!kill -9 $$")

    with pytest.raises(Damaged, match="git die: "):
        Git(store.root / ".git", os.environ).run("die")


def test_differences_name_what_is_new_changed_and_gone(store):
    first, last = store.resolve("HEAD~3"), store.head()

    assert list(store.changed(first, last)) == [(DAY, None), (NEXT, blob_id(b"2\n"))]
    assert list(store.changed(None, first)) == [("snap.toml", blob_id(b"\n")), (DAY, blob_id(b"1\n"))]
    assert list(store.changed(first, last, "snap.toml")) == []
    assert list(store.changed(first, last, NEXT)) == [(NEXT, blob_id(b"2\n"))]
    assert list(store.changed(None, first, among=lambda name: name == "snap.toml")) == [("snap.toml", blob_id(b"\n"))]
    assert list(store.changed(last, last)) == []


def test_differences_see_a_file_that_became_a_folder(tmp_path):
    store = an_archive(tmp_path / "archive", {"a": b"1\n"})
    first = store.head()
    save(store, {"a": None, "a/b": b"2\n"})

    assert list(store.changed(first, store.head())) == [("a", None), ("a/b", blob_id(b"2\n"))]


def test_differences_open_only_folders_that_differ(tmp_path):
    many = {f"s{number}/x/2018/{day}.json": b"1\n" for number in range(20) for day in range(20)}
    store = an_archive(tmp_path / "archive", many)
    first = store.head()
    save(store, {"s3/x/2018/3.json": b"2\n"})
    reader = opened(store.root)

    assert list(reader.changed(first, store.head())) == [("s3/x/2018/3.json", blob_id(b"2\n"))]
    assert len(reader._repository._trees) == 8  # two times: root, s3, x, 2018


def test_commits_come_parents_first(store):
    commits = git(store.root, "rev-list", "--reverse", "HEAD").split()

    assert list(store.commits_between(None, store.head())) == commits
    assert list(store.commits_between(commits[1], store.head())) == commits[2:]
    assert list(store.commits_between(store.head(), store.head())) == []


def test_a_walk_from_nowhere_is_damage(store):
    with pytest.raises(Damaged, match="history cannot be walked"):
        list(store.commits_between(None, "1" * 40))


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("HEAD", "Remove"),
        ("main~1", "Change"),
        ("2024-02-02", "Other"),
        ("2024-02-29", "Remove"),
        ("2024-02-03T11:59:59", "Other"),
        ("2024-02-03T12:00:00Z", "Change"),
        ("2024-02-03 13:00+02:00", "Other"),
        ("2024-02-03T14:00:00+02:00", "Change"),
    ],
)
def test_a_commit_is_found_by_name_day_or_instant(store, text, subject):
    assert git(store.root, "log", "-1", "--format=%s", store.resolve(text)) == f"{subject}\n"


def test_a_commit_is_found_by_its_id_or_the_beginning_of_it(store):
    assert store.resolve(store.head()[:8]) == store.resolve(store.head()) == store.head()


@pytest.mark.parametrize("text", ["", "nonsense", "--all", "2024-02-30", "HEAD:snap.toml", "2024-13-01T00:00:00"])
def test_what_names_no_commit_is_refused(store, text):
    with pytest.raises(UsageError, match="is no revision"):
        store.resolve(text)


def test_a_day_before_the_first_commit_is_told(store):
    with pytest.raises(UsageError, match="holds no commit from 2024-01-31 or before"):
        store.resolve("2024-01-31")


def test_an_archive_without_a_commit_resolves_nothing(tmp_path):
    with pytest.raises(UsageError, match="holds no commit"):
        a_store(tmp_path / "new").resolve("2024-01-31")


def test_history_that_came_in_from_the_side_is_found_where_our_own_is_younger(store):
    old = NOON - timedelta(days=900)
    date = old.isoformat()
    side = git(
        store.root, "commit-tree", "HEAD~3^{tree}", "-m", "Imported", GIT_COMMITTER_DATE=date, GIT_AUTHOR_DATE=date
    ).strip()
    merge = git(store.root, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-p", side, "-m", "Merge").strip()
    git(store.root, "update-ref", "refs/heads/main", merge)

    assert store.resolve(old.date().isoformat()) == side
    assert git(store.root, "log", "-1", "--format=%s", store.resolve("2024-02-03")) == "Change\n"
