"""After a run the files and the index are those of the branch, and whatever the user did is still there."""

import os
import subprocess

import pytest

from tests.edge.git_archives import DAY, NEXT, Faulty, a_batch, an_archive, git, opened, save, status

OLD, NEW = b"[]\n", b"[\n1\n]\n"


def commit(store, files):
    return store.commit(a_batch(files), store.head())


@pytest.fixture
def store(tmp_path):
    return an_archive(tmp_path / "archive")


def test_settling_writes_changed_new_and_removed_files(store):
    save(store, {DAY: NEW, NEXT: OLD, "snap.toml": None})

    assert (store.root / DAY).read_bytes() == NEW
    assert (store.root / NEXT).read_bytes() == OLD
    assert not (store.root / "snap.toml").exists()
    assert status(store.root) == ""


def test_git_need_not_read_the_files_again(store):
    save(store, {DAY: NEW})

    assert git(store.root, "diff-files") == ""  # compares what lstat says with the index


def test_the_index_is_written_once_for_many_commits(store):
    before = (store.root / ".git/index").stat().st_ino
    for number in range(3):
        commit(store, {DAY: b"[\n%d\n]\n" % number, NEXT: b"%d\n" % number})
        store.settle()
    between = (store.root / ".git/index").stat().st_ino

    store.finish()

    assert before == between != (store.root / ".git/index").stat().st_ino
    assert status(store.root) == ""


def test_finishing_settles_what_was_not(store):
    commit(store, {DAY: NEW})

    assert store.finish() == ()
    assert status(store.root) == ""


def test_finishing_without_news_touches_nothing(store):
    disk = Faulty()

    opened(store.root, disk).finish()

    assert disk.steps == []


@pytest.mark.parametrize("edit", [b"mine\n", b""])
def test_an_edited_file_is_left_and_named(store, edit):
    (store.root / DAY).write_bytes(edit)

    commit(store, {DAY: NEW})

    assert store.settle() == (DAY,)
    assert store.finish() == (f"left your own {DAY} as it is; the archive has a newer one",)
    assert (store.root / DAY).read_bytes() == edit
    assert status(store.root) == f" M {DAY}\n"


def test_a_file_the_user_removed_stays_removed(store):
    (store.root / DAY).unlink()

    save(store, {DAY: NEW})

    assert status(store.root) == f" D {DAY}\n"


def test_an_untracked_file_at_a_new_path_is_kept(store):
    (store.root / NEXT).write_bytes(b"mine\n")

    save(store, {NEXT: NEW})

    assert (store.root / NEXT).read_bytes() == b"mine\n"
    assert status(store.root) == f" M {NEXT}\n"


def test_an_edit_that_is_what_was_committed_is_in_step(store):
    (store.root / DAY).write_bytes(NEW)

    save(store, {DAY: NEW})

    assert status(store.root) == ""


def test_the_users_own_other_files_are_untouched(store):
    (store.root / "notes.txt").write_bytes(b"untracked\n")
    (store.root / "snap.toml").write_bytes(b"edited\n")
    (store.root / "staged.txt").write_bytes(b"staged\n")
    git(store.root, "add", "staged.txt")

    save(store, {DAY: NEW})

    assert status(store.root) == " M snap.toml\nA  staged.txt\n?? notes.txt\n"
    assert git(store.root, "show", ":staged.txt") == "staged\n"


def test_what_the_user_staged_of_the_same_file_stays_staged(store):
    (store.root / DAY).write_bytes(b"mine\n")
    git(store.root, "add", DAY)

    save(store, {DAY: NEW})

    assert git(store.root, "show", f":{DAY}") == "mine\n"
    assert (store.root / DAY).read_bytes() == b"mine\n"


def test_a_staged_removal_stays_staged(store):
    git(store.root, "rm", "-q", "--cached", DAY)

    save(store, {DAY: NEW})

    assert git(store.root, "ls-files") == "snap.toml\n"
    assert (store.root / DAY).read_bytes() == NEW


def test_a_folder_the_user_made_where_a_file_comes_is_kept(store):
    (store.root / NEXT).mkdir()
    (store.root / NEXT / "mine").write_bytes(b"mine\n")

    commit(store, {NEXT: NEW})

    assert store.settle() == (NEXT,)
    assert (store.root / NEXT / "mine").read_bytes() == b"mine\n"


def test_a_file_the_user_made_where_a_folder_comes_is_kept(store):
    (store.root / "strava").write_bytes(b"mine\n")

    commit(store, {"strava/a/x.json": NEW})

    assert store.settle() == ("strava/a/x.json",)
    assert (store.root / "strava").read_bytes() == b"mine\n"


def test_a_link_put_in_the_way_after_the_commit_is_not_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    commit(store, {"strava/x.json": NEW})
    (store.root / "strava").symlink_to(outside)

    assert store.settle() == ("strava/x.json",)
    assert list(outside.iterdir()) == []


def test_an_edit_between_settling_and_finishing_shows(store):
    commit(store, {DAY: NEW})
    store.settle()
    (store.root / DAY).write_bytes(b"[\n2\n]\n")

    store.finish()

    assert status(store.root) == f" M {DAY}\n"


def test_an_executable_stays_executable(store):
    (store.root / "snap.toml").chmod(0o755)
    git(store.root, "commit", "-qam", "executable")

    save(store, {"snap.toml": NEW})

    assert os.access(store.root / "snap.toml", os.X_OK)
    assert status(store.root) == ""


def test_an_index_in_other_hands_is_brought_up_to_date_by_the_next_run(store):
    lock = store.root / ".git/index.lock"
    lock.write_bytes(b"")
    commit(store, {DAY: NEW})

    assert store.finish() == ("another git command holds the index; the next run brings it up to date",)
    lock.unlink()
    later = opened(store.root)
    later.heal(an_hour_after(store))

    assert status(store.root) == ""
    assert not (store.root / ".git/snap/store/journal").exists()


def test_an_unreadable_index_is_damage_with_the_fix(store):
    from snapshotter.errors import Damaged

    (store.root / ".git/index").write_bytes(b"nonsense")
    commit(store, {DAY: NEW})

    with pytest.raises(Damaged, match=r"rm .*index && git -C .* reset"):
        store.finish()
    fix = f"rm {store.root}/.git/index && git -C {store.root} reset -q"
    subprocess.run(fix, shell=True, check=True)

    assert status(store.root) == ""
    assert not (store.root / ".git/index.lock").exists()


def test_a_split_index_is_told_apart(store):
    from snapshotter.errors import Damaged

    git(store.root, "update-index", "--split-index")
    commit(store, {DAY: NEW})

    with pytest.raises(Damaged, match="index cannot be used"):
        store.finish()


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_each_version_of_the_index_is_understood(store, version):
    git(store.root, "update-index", "--index-version", version)

    save(store, {DAY: NEW, NEXT: OLD})

    assert status(store.root) == ""


def an_hour_after(store):
    from datetime import UTC, datetime, timedelta

    return datetime.fromtimestamp((store.root / ".git/HEAD").stat().st_mtime, UTC) + timedelta(minutes=30)
