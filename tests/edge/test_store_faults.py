"""Whatever interrupts a commit, the archive holds the old state or the new one, and the next run heals the rest."""

import errno
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from snapshotter.errors import Busy, Damaged, DiskRefused, SnapError
from tests.edge.git_archives import (
    DAY,
    NEXT,
    Calm,
    Faulty,
    Full,
    Killed,
    a_batch,
    a_store,
    an_archive,
    git,
    is_sound,
    opened,
    save,
    status,
)

OLD, NEW, GONE = b"[]\n", b"[\n1\n]\n", "usgs/quakes/2018/01/2018-01-31.json"
CHANGES = {DAY: NEW, NEXT: NEW, GONE: None, "new/stream/x.json": NEW}


@pytest.fixture
def root(tmp_path):
    return an_archive(tmp_path / "archive", {"snap.toml": b"", DAY: OLD, GONE: OLD}).root


def a_run(root, disk):
    store = opened(root, disk)
    store.commit(a_batch(CHANGES), store.head())
    store.settle()
    store.finish()


def acts_of_a_run(tmp_path):
    disk = Faulty()
    a_run(an_archive(tmp_path / "probe", {"snap.toml": b"", DAY: OLD, GONE: OLD}).root, disk)
    return len(disk.steps)


def later():
    return datetime.now(UTC) + timedelta(seconds=1)


def the_next_run(root, old):
    """What every run does: heal, look, and go on from what is there."""
    store = opened(root)
    notes = store.heal(later())
    if store.head() == old:
        store.commit(a_batch(CHANGES), old)
    store.settle()
    store.finish()
    return notes


def assert_all_is_well(root, old):
    store = opened(root)
    assert git(root, "rev-list", "HEAD").split()[1:] == [old]
    assert {path: store.read(path) for path in CHANGES} == CHANGES
    assert {path: (root / path).read_bytes() if (root / path).exists() else None for path in CHANGES} == CHANGES
    assert status(root) == ""
    assert is_sound(root)
    assert not [path for path in root.rglob("*.lock") if "aside" not in path.parts]
    assert not list(root.rglob(".snap-tmp-*"))


def test_a_kill_at_any_act_is_healed_by_the_next_run(tmp_path):
    acts = acts_of_a_run(tmp_path)
    assert acts > 30

    for at in range(1, acts + 1):
        root = an_archive(tmp_path / str(at), {"snap.toml": b"", DAY: OLD, GONE: OLD}).root
        old = opened(root).head()
        with pytest.raises(Killed):
            a_run(root, Faulty(at, for_ever=True))
        assert is_sound(root)

        the_next_run(root, old)

        assert_all_is_well(root, old)


@pytest.mark.parametrize("for_ever", [False, True])
def test_an_error_of_the_disk_at_any_act_is_told_and_loses_nothing(tmp_path, for_ever):
    acts = acts_of_a_run(tmp_path)
    silent = []

    for at in range(1, acts + 1):
        root = an_archive(tmp_path / str(at), {"snap.toml": b"", DAY: OLD, GONE: OLD}).root
        old = opened(root).head()
        disk = Faulty(at, errno.EIO, for_ever=for_ever)
        try:
            a_run(root, disk)
        except (DiskRefused, Damaged):
            pass
        else:
            silent.append(disk.steps[at - 1])

        the_next_run(root, old)

        assert_all_is_well(root, old)
    assert {path.startswith("logs/") for _, path in silent} <= {True}


@pytest.mark.parametrize("at", range(10))
def test_a_disk_that_fills_up_in_the_middle_of_a_write_is_told_and_loses_nothing(root, at):
    old = opened(root).head()

    with pytest.raises(DiskRefused, match="the disk is full"):
        a_run(root, Full(at))
    the_next_run(root, old)

    assert_all_is_well(root, old)


def test_saved_is_said_only_after_everything_is_synced(root):
    syncs = Faulty()

    store = opened(root, syncs)
    store.commit(a_batch(CHANGES), store.head())

    order = [path for step, path in syncs.steps if step in ("sync", "sync folder")]
    kinds = [path.rpartition(".")[2] if "pack" in path else path for path in order]
    assert kinds == [
        "pack",
        "idx",
        "idx",
        "snap/store/journal",
        "snap/store/journal",
        *["refs/heads/main.lock", "refs/heads/main"],
    ]


@pytest.mark.parametrize("days", [1, 30, 300])
def test_the_number_of_syncs_does_not_grow_with_the_days(root, days):
    disk = Faulty()
    store = opened(root, disk)
    files = {f"usgs/quakes/2019/01/{day}.json": b"%d\n" % day for day in range(days)}

    store.commit(a_batch(files), store.head())

    assert sum(step.startswith("sync") for step, _ in disk.steps) <= 8


def test_an_error_after_the_branch_moved_is_told_and_the_commit_is_there(root):
    old = opened(root).head()

    class FolderSyncFails(Calm):
        def before(self, step, path):
            if (step, path) == ("sync folder", "refs/heads/main"):
                raise OSError(errno.EIO, "Input/output error")

    store = opened(root, FolderSyncFails())
    with pytest.raises(DiskRefused):
        store.commit(a_batch(CHANGES), old)

    assert store.head() != old
    the_next_run(root, old)
    assert_all_is_well(root, old)


def test_a_run_that_goes_on_after_such_an_error_brings_the_files_to_the_commit_itself(root):
    old = opened(root).head()

    class FolderSyncFailsOnce(Calm):
        has_failed = False

        def before(self, step, path):
            if (step, path, self.has_failed) == ("sync folder", "refs/heads/main", False):
                self.has_failed = True
                raise OSError(errno.EIO, "Input/output error")

    store = opened(root, FolderSyncFailsOnce())
    with pytest.raises(DiskRefused):
        store.commit(a_batch(CHANGES), old)
    store.finish()

    assert_all_is_well(root, old)


def test_a_log_that_cannot_be_written_stops_nothing_and_is_told(root):
    class NoLogs(Calm):
        def before(self, step, path):
            if path.startswith("logs/"):
                raise OSError(errno.ENOSPC, "No space left on device")

    store = opened(root, NoLogs())
    store.commit(a_batch(CHANGES), store.head())

    assert store.finish() == ()
    assert store.refused()[0].startswith("the commit is saved, git's own log of it is not")
    assert store.refused() == ()


def test_what_cannot_be_read_back_is_not_saved(root):
    class Lying(Calm):
        """Loses the pack after it was written, as a broken disk does."""

        def before(self, step, path):
            if step == "rename" and path.endswith(".idx"):
                root.joinpath(".git", path.replace(".idx", ".pack")).unlink()

    store = opened(root, Lying())
    old = store.head()

    with pytest.raises(DiskRefused, match="cannot be read back; nothing was saved"):
        store.commit(a_batch(CHANGES), old)
    assert opened(root).head() == old


# --- the state after a power cut: what was not synced is empty, cut, zeros or gone ---


@pytest.mark.parametrize("left", [b"", b"\0\0\0\0\0\0", NEW[:3], None, OLD])
def test_files_that_a_power_cut_left_behind_are_completed(root, left):
    store = opened(root)
    store.commit(a_batch({DAY: NEW, NEXT: NEW}), store.head())
    store.settle()
    for path in (DAY, NEXT):
        (root / path).unlink()
        if left is not None:
            (root / path).write_bytes(left)
    (root / NEXT).write_bytes(b"") if left == OLD else None

    notes = opened(root).heal(later())

    assert notes == ("completed 2 files that an interrupted run left behind its last commit",)
    assert (root / DAY).read_bytes() == (root / NEXT).read_bytes() == NEW
    assert status(root) == ""


def test_after_a_crash_an_edit_of_the_user_is_still_the_users(root):
    store = opened(root)
    store.commit(a_batch(CHANGES), store.head())
    (root / DAY).write_bytes(b"mine\n")

    opened(root).heal(later())

    assert (root / DAY).read_bytes() == b"mine\n"
    assert status(root) == f" M {DAY}\n"


def test_a_commit_that_never_landed_changes_no_file(root):
    (root / DAY).unlink()
    store = opened(root, Faulty(None))
    kill = Faulty(1, for_ever=True)
    kill.before = lambda step, path: kill.steps.append(1) if path != "refs/heads/main.lock" else kill_now()

    def kill_now():
        raise Killed

    with pytest.raises(Killed):
        opened(root, kill).commit(a_batch(CHANGES), store.head())
    opened(root).heal(later())

    assert status(root) == f" D {DAY}\n"


def test_several_commits_of_a_killed_run_are_completed_together(root):
    store = opened(root)
    for data in (b"1\n", b"2\n", b"3\n"):
        store.commit(a_batch({DAY: data, NEXT: data}), store.head())
    (root / DAY).write_bytes(b"2\n")

    opened(root).heal(later())

    assert (root / DAY).read_bytes() == (root / NEXT).read_bytes() == b"3\n"
    assert status(root) == ""


def test_a_cut_line_of_the_journal_hides_no_other(root):
    store = opened(root)
    journal = root / ".git/snap/store/journal"
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_bytes(b'["a/b", nul')
    store.commit(a_batch({DAY: NEW}), store.head())

    opened(root).heal(later())

    assert (root / DAY).read_bytes() == NEW
    assert not journal.exists()


def test_a_commit_completes_what_an_unhealed_run_left(root):
    store = opened(root)
    store.commit(a_batch({DAY: NEW}), store.head())

    later_store = opened(root)
    later_store.commit(a_batch({NEXT: NEW}), later_store.head())
    later_store.finish()

    assert (root / DAY).read_bytes() == (root / NEXT).read_bytes() == NEW
    assert status(root) == ""


def test_a_commit_that_did_not_land_leaves_no_journal(root):
    store = opened(root)
    (root / ".git/refs/heads/main.lock").write_bytes(b"")
    with pytest.raises(Busy):
        store.commit(a_batch({DAY: NEW}), store.head())

    store.finish()

    assert not (root / ".git/snap/store/journal").exists()
    assert (root / DAY).read_bytes() == OLD


def test_a_lost_object_is_told_by_healing_and_not_taken_for_an_edit(root):
    store = opened(root)
    store.commit(a_batch({DAY: NEW}), store.head())
    for pack in sorted((root / ".git/objects/pack").glob("*.pack"), key=lambda pack: pack.stat().st_mtime_ns)[-1:]:
        pack.chmod(0o600)
        content = bytearray(pack.read_bytes())
        content[13:20] = b"\xff" * 7  # the first object is the blob
        pack.write_bytes(content)

    with pytest.raises(Damaged, match=r"blob .* cannot be read"):
        opened(root).heal(later())

    assert (root / ".git/snap/store/journal").exists()


def test_healing_on_another_branch_says_so_and_keeps_the_journal(root):
    store = opened(root)
    store.commit(a_batch({DAY: NEW}), store.head())
    git(root, "symbolic-ref", "HEAD", "refs/heads/mine")

    with pytest.raises(Damaged, match="mine is checked out"):
        opened(root).heal(later())

    assert (root / ".git/snap/store/journal").exists()


def test_every_error_of_the_store_is_one_a_person_is_told(root):
    with pytest.raises(SnapError):
        opened(root, Faulty(1, errno.EACCES)).commit(a_batch(CHANGES), opened(root).head())


# --- making an archive, and a disk that is really full ---


def test_a_kill_while_an_archive_is_made_lets_init_be_repeated(tmp_path):
    disk = Faulty()
    a_store(tmp_path / "probe", disk)

    for at in range(1, len(disk.steps) + 1):
        with pytest.raises(Killed):
            a_store(tmp_path / str(at), Faulty(at, for_ever=True))

        store = a_store(tmp_path / str(at))
        save(store, {DAY: OLD})
        assert status(store.root) == ""


@pytest.fixture
def mounted(tmp_path):
    """Mounts a small file system in memory with the given options."""
    folder = tmp_path / "small"
    folder.mkdir()

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.decode().strip()}")
        return folder

    yield mount
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("options", "words"), [("size=2m", "the disk is full"), ("size=9m,nr_inodes=60", "no inodes left")]
)
def test_a_disk_that_is_really_full_is_told_and_room_helps(mounted, options, words):
    folder = mounted(options)
    root = an_archive(folder / "archive", {DAY: OLD}).root
    old = opened(root).head()
    for number in range(1000):
        try:
            (folder / f"ballast-{number}").write_bytes(b"x" * (16384 if "inodes" not in options else 1))
        except OSError:
            break

    with pytest.raises(DiskRefused, match=words):
        a_run(root, Calm())
    assert opened(root).head() == old
    for ballast in folder.glob("ballast-*"):
        ballast.unlink()
    the_next_run(root, old)

    assert opened(root).read(DAY) == NEW
    assert status(root) == ""


def test_a_read_only_disk_is_told(mounted):
    folder = mounted("size=2m")
    root = an_archive(folder / "archive", {DAY: OLD}).root
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)

    with pytest.raises(DiskRefused, match="read-only"):
        a_run(root, Calm())
