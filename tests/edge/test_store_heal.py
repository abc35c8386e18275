"""What a killed git or snap left behind is out of the way before a run, and nothing of a living one is touched."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snapshotter.edge.files import Disk
from snapshotter.errors import Damaged
from tests.edge.git_archives import DAY, an_archive, git, opened, save, status

LOCKS = [
    "index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "gc.pid", "gc.pid.lock",
    "refs/heads/main.lock", "refs/remotes/origin/main.lock", "objects/maintenance.lock",
    "objects/info/commit-graph.lock", "objects/info/commit-graphs/commit-graph-chain.lock",
    "objects/pack/multi-pack-index.lock",
]  # fmt: skip
LITTER = [
    "objects/pack/tmp_pack_AbCdEf", "objects/pack/tmp_idx_AbCdEf", "objects/pack/.tmp-123-pack-abc.pack",
    "objects/pack/.snap-tmp-1-2", "objects/ab/tmp_obj_AbCdEf", "objects/tmp_object_git2_x", "snap/store/index.lock",
]  # fmt: skip
START = datetime(2024, 2, 6, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path):
    return an_archive(tmp_path / "archive").root


def leave(root, name, *, seconds_before=60.0):
    path = root / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    when = START.timestamp() - seconds_before
    os.utime(path, (when, when))
    return path


@pytest.mark.parametrize("name", LOCKS)
def test_a_stale_lock_is_moved_aside_and_told(root, name):
    path = leave(root, name)

    notes = opened(root).heal(START)

    aside = f"snap/aside/20240206T120000Z-{name.replace('/', '-')}"
    assert notes == (f"moved the stale .git/{name} to .git/{aside}",)
    assert not path.exists()
    assert (root / ".git" / aside).read_bytes() == b"left"


@pytest.mark.parametrize("name", LITTER)
def test_half_written_files_are_removed_and_told(root, name):
    path = leave(root, name)

    assert opened(root).heal(START) == ("removed 1 half-written files from .git",)
    assert not path.exists()


def the_pack(root):
    (pack,) = (root / ".git/objects/pack").glob("*.pack")
    return pack


def test_a_pack_without_an_index_gets_one_so_that_nothing_in_it_is_lost(root):
    pack = the_pack(root)
    pack.with_suffix(".idx").unlink()
    os.utime(pack, (START.timestamp() - 60,) * 2)

    notes = opened(root).heal(START)

    assert notes == (f"made the missing index of .git/objects/pack/{pack.name}",)
    assert git(root, "fsck", "--strict", "--no-dangling") == ""
    assert pack.with_suffix(".idx").stat().st_mode & 0o077 == 0


def test_a_pack_that_is_being_put_in_place_is_somebodys(root):
    pack = the_pack(root)
    kept = pack.with_suffix(".idx").read_bytes()
    pack.with_suffix(".idx").unlink()
    os.utime(pack, (START.timestamp() + 60,) * 2)
    save_index = pack.with_suffix(".idx")

    store = opened(root)
    with suppress(Damaged):
        store.heal(START)

    assert not save_index.exists()
    save_index.write_bytes(kept)
    assert store.heal(START) == ()


def test_a_cut_pack_without_an_index_is_moved_aside_and_told_once(root):
    cut = root / ".git/objects/pack" / f"pack-{'0' * 40}.pack"
    cut.write_bytes(the_pack(root).read_bytes()[:-30])
    os.utime(cut, (START.timestamp() - 60,) * 2)

    (told,) = opened(root).heal(START)

    assert told.startswith(f"moved the unusable .git/objects/pack/{cut.name} to .git/snap/aside/")
    assert (root / told.rpartition(" to ")[2]).exists()
    assert opened(root).heal(START) == ()


def test_a_folder_of_half_received_objects_is_moved_aside(root):
    path = leave(root, "objects/tmp_objdir-incoming-x/pack/y").parent.parent
    os.utime(path, (0, 0))

    assert "moved the stale .git/objects/tmp_objdir-incoming-x" in opened(root).heal(START)[0]
    assert not path.exists()


@pytest.mark.parametrize("name", [*LOCKS, *LITTER])
def test_what_is_younger_than_the_start_is_somebodys(root, name):
    path = leave(root, name, seconds_before=-1)

    assert opened(root).heal(START) == ()
    assert path.exists()


def test_a_lock_from_the_future_means_that_the_clock_was_set_back(root):
    path = leave(root, "refs/heads/main.lock", seconds_before=-timedelta(days=3).total_seconds())

    opened(root).heal(START)

    assert not path.exists()


def test_a_healthy_archive_has_nothing_to_tell(root):
    assert opened(root).heal(datetime.now(UTC) + timedelta(seconds=1)) == ()


def test_after_healing_the_next_run_works(root):
    for name in (*LOCKS, *LITTER):
        leave(root, name)
    store = opened(root)

    store.heal(START)
    save(store, {DAY: b"[\n1\n]\n"})

    assert status(root) == ""
    assert git(root, "gc", "-q") == ""


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system does not show its processes")
@pytest.mark.parametrize(("command", "leaves"), [("gc", True), ("push", True), ("log", False)])
def test_the_locks_of_a_git_at_work_are_left_to_it(root, command, leaves):
    path = leave(root, "gc.pid")
    script = f"import time; print('up', flush=True); time.sleep(60) # {command}"
    with subprocess.Popen(["git", "-c", script, command], executable=os.sys.executable, cwd=root, stdout=-1) as running:
        running.stdout.readline()

        notes = opened(root).heal(START)

        running.send_signal(signal.SIGKILL)
    assert path.exists() is leaves
    assert ("is at work in this archive" in notes[0]) is leaves


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system does not show its processes")
def test_a_git_that_outlived_the_snap_that_started_it_is_at_work_too(root):
    path = leave(root, "objects/pack/.tmp-123-pack-abc.idx")
    script = "import time; print('up', flush=True); time.sleep(60)"
    words = ["git", "-c", script, f"--git-dir={root / '.git'}", "repack"]
    with subprocess.Popen(words, executable=os.sys.executable, cwd="/", stdout=-1) as running:
        running.stdout.readline()

        notes = opened(root).heal(START)

        running.send_signal(signal.SIGKILL)
    assert path.exists()
    assert "is at work in this archive" in notes[0]


@dataclass
class Taking(Disk):
    """Something else that takes a file away right before one of our acts."""

    act: tuple[str, str]
    taken: Path

    def before(self, step, path):
        if step == self.act[0] and path.endswith(self.act[1]):
            self.taken.unlink()


def test_a_half_written_file_that_its_git_finishes_meanwhile_is_no_damage(root):
    first, second = (leave(root, f"objects/pack/.tmp-123-pack-{name}.idx") for name in "ab")

    notes = opened(root, disk=Taking(("remove", first.name), second)).heal(START)

    assert notes == ("removed 1 half-written files from .git",)


def test_a_lock_that_is_let_go_meanwhile_is_no_damage(root):
    lock = leave(root, "gc.pid")

    assert opened(root, disk=Taking(("rename", "gc.pid"), lock)).heal(START) == ()
