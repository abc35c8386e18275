"""What cannot be an archive is refused with the command or the step that helps, and the help helps."""

import os
import subprocess

import pytest

from snapshotter.edge.store import Store
from snapshotter.errors import Damaged, UsageError
from tests.edge.git_archives import DAY, a_store, an_archive, git, opened, save


@pytest.fixture
def origin(tmp_path):
    store = an_archive(tmp_path / "origin")
    save(store, {DAY: b"[\n1\n]\n"})
    git(store.root, "config", "uploadpack.allowFilter", "true")
    return store.root


def cloned(origin, *options):
    path = origin.parent / "clone"
    git(origin.parent, "clone", "-q", *options, f"file://{origin}", str(path))
    return path


def refusal(path):
    with pytest.raises(UsageError) as refused:
        opened(path)
    return str(refused.value)


def follow(words):
    """Run the command that a message names."""
    subprocess.run(words.split("`")[1], shell=True, check=True, capture_output=True)


def test_a_plain_clone_is_welcome(origin):
    assert opened(cloned(origin)).read(DAY) == b"[\n1\n]\n"


def test_a_shallow_clone_is_refused_until_it_is_completed(origin):
    path = cloned(origin, "--depth=1")

    words = refusal(path)
    assert "is a shallow clone, history is cut" in words
    follow(words)

    assert opened(path).head() == opened(origin).head()


def test_a_partial_clone_is_refused_until_it_is_completed(origin):
    path = cloned(origin, "--filter=blob:none", "--no-checkout")

    words = refusal(path)
    assert "is a partial clone, contents are missing" in words
    follow(words)

    first = git(path, "rev-list", "--max-parents=0", "HEAD").strip()
    assert opened(path).read(DAY, first) == b"[]\n"


def test_a_bare_repository_is_refused(origin):
    assert "is a bare repository" in refusal(cloned(origin, "--bare"))


def test_a_linked_worktree_is_refused(origin):
    git(origin, "worktree", "add", "-q", "../linked")

    assert "use the main folder" in refusal(origin.parent / "linked")


def test_a_repository_behind_a_link_is_refused(origin, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.git").symlink_to(origin / ".git")

    assert "use the main folder" in refusal(tmp_path / "other")


def test_other_object_ids_are_refused(tmp_path):
    git(tmp_path, "init", "-q", "--object-format=sha256", "new")

    assert "uses SHA-256 object ids" in refusal(tmp_path / "new")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("core.worktree", "/tmp", "moves the files elsewhere"),
        ("core.bare", "true", "moves the files elsewhere"),
        ("extensions.refStorage", "reftable", "refs migrate"),
        ("extensions.partialClone", "origin", "partial clone"),
    ],
)
def test_settings_that_mislead_are_refused(origin, key, value, words):
    with (origin / ".git/config").open("a") as config:
        section, _, name = key.partition(".")
        config.write(f"[{section}]\n\t{name} = {value}\n")

    assert words in refusal(origin)


def test_an_extension_that_nobody_knows_is_damage(origin):
    with (origin / ".git/config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfuture = yes\n")

    with pytest.raises(Damaged, match="git cannot open this repository"):
        opened(origin)


def test_a_config_that_cannot_be_read_is_damage(origin):
    (origin / ".git/config").write_text("[core\n")

    with pytest.raises(Damaged, match="config: git cannot read it"):
        opened(origin)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("part", [".", ".git"])
def test_somebody_elses_folder_is_refused_with_the_fix(origin, part):
    os.chown(origin / part, 65534, 65534)

    words = refusal(origin)

    assert "belongs to nobody, and snap runs as root" in words
    assert "sudo -u nobody snap" in words
    assert f"chown -R root {origin}" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_user_without_a_name_is_told_by_number(tmp_path):
    os.chown(tmp_path, 54321, 54321)

    with pytest.raises(UsageError, match="belongs to user 54321"):
        a_store(tmp_path)


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([], "is not an archive"),
        (["HEAD"], "is not an archive"),
        (None, "is not a folder"),
    ],
)
def test_what_is_no_repository_is_refused(tmp_path, there, words):
    path = tmp_path / "folder"
    if there is not None:
        path.mkdir()
        for name in there:
            (path / name).write_bytes(b"")

    assert words in refusal(path)


# --- making one ---


def test_an_empty_folder_becomes_an_archive(tmp_path):
    assert a_store(tmp_path).head() is None


def test_an_init_that_was_cut_short_is_taken_up(tmp_path):
    git(tmp_path, "init", "-q", "-b", "master", ".")
    (tmp_path / ".git/config.lock").write_bytes(b"")

    store = a_store(tmp_path)
    save(store, {DAY: b"[]\n"})

    assert git(tmp_path, "branch", "--show-current") == "main\n"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.joinpath("photo.jpg").write_bytes(b""), "is not empty .*photo.jpg"),
        (an_archive, "is an archive already"),
        (lambda path: save(a_store(path), {"readme": None}), "is not empty"),
    ],
)
def test_a_folder_with_something_in_it_is_left_alone(tmp_path, make, words):
    make(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))

    with pytest.raises(UsageError, match=words):
        a_store(tmp_path)

    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_file_cannot_become_an_archive(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(UsageError, match="is a file"):
        a_store(tmp_path / "file")


def test_a_place_that_cannot_be_made_is_told(tmp_path):
    from snapshotter.errors import SnapError

    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(SnapError, match="file"):
        a_store(tmp_path / "file/archive")


def test_nothing_of_the_users_templates_comes_in(tmp_path, a_home_of_its_own):
    (tmp_path / "template/hooks").mkdir(parents=True)
    (tmp_path / "template/hooks/pre-push").write_text("#!/bin/sh\nexit 1\n")
    (a_home_of_its_own / ".gitconfig").write_text(f"[init]\n\ttemplateDir = {tmp_path}/template\n")

    store = a_store(tmp_path / "archive")

    assert not (store.root / ".git/hooks/pre-push").exists()


def test_a_relative_path_is_fixed_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    store = Store.create(Path("archive"), env={})

    assert store.root == tmp_path / "archive"
