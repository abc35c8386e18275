"""Locks die with their process; JSON files are whole."""

import fcntl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from snapshotter.edge.state import ArchiveLock, FileLock, JsonFile, is_locked, network_file_system, private_folder
from snapshotter.errors import Busy, Damaged, DiskRefused
from tests.edge.clocks import HandClock
from tests.edge.git_archives import Full

HOLD = """
import sys
from pathlib import Path
from snapshotter.edge.state import ArchiveLock
from snapshotter.edge.world import SystemClock
ArchiveLock(Path(sys.argv[1]), SystemClock(), command="fetch strava").acquire()
print("held", flush=True)
sys.stdin.read()
"""


def a_holder(path: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the archive's lock ---


def test_the_second_run_is_told_who_holds_the_archive(tmp_path):
    process = a_holder(tmp_path / "lock")

    with pytest.raises(Busy, match=rf"`fetch strava`, process {process.pid} on .+, since 20\d\d-.+--wait"):
        ArchiveLock(tmp_path / "lock", HandClock()).acquire()

    end(process)


def test_somebody_who_only_looks_whether_a_run_is_under_way_refuses_none(tmp_path):
    with (tmp_path / "lock").open("w") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)

        assert FileLock(tmp_path / "lock").take(pause=lambda _: looker.close())


def test_a_lock_dies_with_its_process(tmp_path):
    end(a_holder(tmp_path / "lock"))
    lock = ArchiveLock(tmp_path / "lock", HandClock())

    lock.acquire()

    assert lock.is_held()


def test_waiting_ends_when_the_lock_is_free(tmp_path):
    first, clock = ArchiveLock(tmp_path / "lock", HandClock()), HandClock()
    first.acquire()
    looks = iter([False, False, True])

    def free_it_at_the_third_look() -> bool:
        if next(looks):
            first.release()
        return False

    second = ArchiveLock(tmp_path / "lock", clock)
    second.acquire(wait=60, stopped=free_it_at_the_third_look)

    assert second.is_held()
    assert sum(clock.slept) < 1


def test_waiting_has_an_end(tmp_path):
    clock = HandClock()

    with ArchiveLock(tmp_path / "lock", HandClock()).held(), pytest.raises(Busy):
        ArchiveLock(tmp_path / "lock", clock).acquire(wait=5)

    assert sum(clock.slept) == pytest.approx(5)


def test_waiting_stops_when_the_run_is_stopped(tmp_path):
    with ArchiveLock(tmp_path / "lock", HandClock()).held(), pytest.raises(Busy):
        ArchiveLock(tmp_path / "lock", clock := HandClock()).acquire(wait=5, stopped=lambda: True)

    assert clock.slept == []


def test_a_lock_is_free_after_use_and_its_file_stays(tmp_path):
    with ArchiveLock(tmp_path / "deep" / "lock", HandClock()).held():
        assert is_locked(tmp_path / "deep" / "lock")

    assert not is_locked(tmp_path / "deep" / "lock")
    assert mode(tmp_path / "deep" / "lock") == 0o600
    assert mode(tmp_path / "deep") == 0o700


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"{}"])
def test_an_unreadable_holder_is_still_a_holder(tmp_path, content):
    lock = FileLock(tmp_path / "lock")
    lock.take()
    (tmp_path / "lock").write_bytes(content)

    with pytest.raises(Busy, match="has not said who it is"):
        ArchiveLock(tmp_path / "lock", HandClock()).acquire()

    lock.release()


def test_what_a_holder_says_cannot_move_the_cursor(tmp_path):
    lock = FileLock(tmp_path / "lock")
    lock.take()
    (tmp_path / "lock").write_bytes(b'{"pid": 1, "host": "a\\u001b[2Jb"}')

    assert ArchiveLock(tmp_path / "lock", HandClock()).holder() == "process 1 on a[2Jb, since ?"

    lock.release()


FORK = """
import os, sys
from pathlib import Path
from snapshotter.edge.state import FileLock

lock = FileLock(Path(sys.argv[1]))
lock.take()
if os.fork():
    os._exit(0)  # the parent dies, its child lives on
print("alive", flush=True)
sys.stdin.read()
"""


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", FORK, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    assert parent.stdout.readline() == "alive\n"
    parent.wait()

    assert not is_locked(tmp_path / "lock")
    parent.communicate()


def test_a_program_started_meanwhile_does_not_keep_the_lock(tmp_path):
    lock = FileLock(tmp_path / "lock")
    lock.take()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)

    lock.release()

    assert not is_locked(tmp_path / "lock")
    end(child)


def test_a_link_in_place_of_the_lock_is_damage(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Damaged, match="lock"):
        ArchiveLock(tmp_path / "lock", HandClock()).acquire()
    with pytest.raises(Damaged, match="lock"):
        is_locked(tmp_path / "lock")


def test_only_a_held_lock_can_be_written_to(tmp_path):
    with pytest.raises(ValueError, match="not locked"):
        FileLock(tmp_path / "lock").write(b"x", disk=None)


# --- folders ---


def test_a_folder_is_made_with_everything_above_it(tmp_path):
    private_folder(tmp_path / "a" / "b" / "c").write("file", b"x")

    assert {mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path / "a" / "b" / "c")} == {0o700}


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "a").write_text("")

    with pytest.raises((Damaged, DiskRefused), match="a"):
        private_folder(tmp_path / "a" / "b")


# --- JSON files ---


def test_nothing_stored_reads_as_an_empty_object(tmp_path):
    assert JsonFile(tmp_path / "no" / "such.json").read() == {}


def test_an_update_is_read_back(tmp_path):
    file = JsonFile(tmp_path / "state" / "x.json")

    file.update(lambda value: {**value, "a": 1})
    file.update(lambda value: {**value, "b": "\ud800"})

    assert file.read() == {"a": 1, "b": "\ud800"}
    assert mode(tmp_path / "state" / "x.json") == 0o600


def test_updates_of_many_writers_all_count(tmp_path):
    def count() -> None:
        for _ in range(20):
            JsonFile(tmp_path / "x.json", durable=False).update(lambda value: {"n": value.get("n", 0) + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert JsonFile(tmp_path / "x.json").read() == {"n": 80}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_spoiled_file_is_named_and_left_alone(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)

    with pytest.raises(Damaged, match=r"x\.json holds no JSON object"):
        JsonFile(tmp_path / "x.json").update(dict)

    assert (tmp_path / "x.json").read_bytes() == content


# --- file systems ---

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//nas/data /mnt/my\\040data cifs rw 0 0
host: /home/over fuse.sshfs rw 0 0
tmpfs /home/over tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/archive", None),
        ("/home/anna/archive", "nfs4"),
        ("/home/local/archive", None),
        ("/mnt/my data/archive", "cifs"),
        ("/homeless", None),
        ("/home/over/x", None),
    ],
)
def test_a_network_file_system_is_recognised_by_its_mount(tmp_path, path, kind):
    (tmp_path / "mounts").write_text(MOUNTS)

    assert network_file_system(Path(path), mounts=tmp_path / "mounts") == kind


def test_a_machine_that_lists_no_mounts_warns_of_nothing(tmp_path):
    assert network_file_system(tmp_path, mounts=tmp_path / "none") is None


def test_a_lock_that_cannot_be_signed_is_let_go(tmp_path):
    full = ArchiveLock(tmp_path / "lock", HandClock(), disk=Full(0))
    with pytest.raises(DiskRefused):
        full.acquire()

    assert not full.is_held()


def test_a_file_with_room_is_written_over_where_nothing_new_can_be_made(tmp_path):
    file = JsonFile(tmp_path / "x.json", room=100)
    file.write({"n": 1})
    file.write_over({"n": 2, "more": "words"})

    assert file.read() == {"n": 2, "more": "words"}
    with pytest.raises(DiskRefused, match="full"):
        file.write_over({"n": "x" * 300})
    assert file.read() == {"n": 2, "more": "words"}
