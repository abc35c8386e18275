"""Files are whole or absent, private, durable when asked, and never reached through a link."""

import errno
import fcntl
import os
import stat

import pytest

from snapshotter.edge import files
from snapshotter.edge.files import TEMPORARY, Disk, Folder
from snapshotter.errors import Damaged, DiskRefused


class Counting(Disk):
    def __init__(self):
        self.steps = []

    def before(self, step, path):
        self.steps.append(step)

    def sync_all(self, fd):
        return False


class Breaking(Disk):
    """Fails at the nth act, once or from then on."""

    def __init__(self, at, error=errno.EIO, *, for_ever=False):
        self.at, self.error, self.for_ever, self.count = at, error, for_ever, 0

    def before(self, step, path):
        self.count += 1
        if self.count == self.at or (self.for_ever and self.count > self.at):
            raise OSError(self.error, os.strerror(self.error))


class Drip(Disk):
    def write(self, fd, data):
        return os.write(fd, data[:7])


def names(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_a_written_file_reads_back_and_is_private(tmp_path):
    Folder(tmp_path).write("a/b/c.json", b"[]\n")

    assert Folder(tmp_path).read("a/b/c.json") == b"[]\n"
    assert stat.S_IMODE((tmp_path / "a/b/c.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_what_is_missing_reads_as_none(tmp_path):
    folder = Folder(tmp_path)

    assert (folder.read("a/b"), folder.status("a"), folder.entries("a")) == (None, None, ())


def test_short_writes_are_continued(tmp_path):
    Folder(tmp_path, disk=Drip()).write("a", b"0123456789" * 10)

    assert (tmp_path / "a").read_bytes() == b"0123456789" * 10


def test_a_durable_write_syncs_file_and_folders_in_order(tmp_path):
    disk = Counting()

    Folder(tmp_path, disk=disk).write("new/a", b"x")

    assert disk.steps == ["mkdir", "sync folder", "create", "write", "sync", "rename", "sync folder"]


def test_a_write_that_may_be_lost_syncs_nothing(tmp_path):
    disk = Counting()

    Folder(tmp_path, disk=disk).write("new/a", b"x", durable=False)

    assert disk.steps == ["mkdir", "create", "write", "rename"]


def test_appending_syncs_the_folder_only_when_the_file_is_new(tmp_path):
    disk = Counting()
    folder = Folder(tmp_path, disk=disk)

    folder.append("log", b"a\n")
    folder.append("log", b"b\n")

    assert disk.steps.count("sync folder") == 1
    assert folder.read("log") == b"a\nb\n"


def test_files_written_before_are_synced_with_the_folders_that_name_them(tmp_path):
    disk = Counting()
    folder = Folder(tmp_path, disk=disk)
    folder.write("a/b/one", b"1", durable=False)
    disk.steps.clear()

    folder.sync_files(["a/b/one", "a/b/gone"])

    assert disk.steps == ["sync all", "sync", "sync folder", "sync folder", "sync folder"]


def test_one_call_syncs_a_whole_file_system_where_the_system_can(tmp_path):
    Folder(tmp_path).sync_files([])


@pytest.mark.parametrize("at", range(1, 8))
def test_a_failing_act_leaves_the_old_file_or_the_new_one_and_no_litter(tmp_path, at):
    Folder(tmp_path).write("a/b", b"old")

    with pytest.raises(DiskRefused, match="input/output error"):
        Folder(tmp_path, disk=Breaking(at)).write("c/a", b"new")
    if at <= 5:
        with pytest.raises(DiskRefused):
            Folder(tmp_path, disk=Breaking(at)).write("a/b", b"new")

    assert (tmp_path / "a/b").read_bytes() in (b"old", b"new")
    assert not [name for name in names(tmp_path) if TEMPORARY in name]


def test_a_killed_writer_leaves_litter_that_can_be_swept(tmp_path):
    class Kill(Disk):
        def before(self, step, path):
            if step == "rename":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Folder(tmp_path, disk=Kill()).write("a/b", b"x")

    assert Folder(tmp_path).sweep("a") == 1
    assert names(tmp_path) == ["a"]


def test_litter_with_our_own_next_name_is_stepped_over(tmp_path):
    following = next(files._counter) + 1
    (tmp_path / f"{TEMPORARY}{os.getpid()}-{following}").write_bytes(b"litter")

    Folder(tmp_path).write("a", b"x")

    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOSPC, "the disk is full .* make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check the disk"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EACCES, "check the owner"),
        (errno.ENOLCK, "No locks available"),
    ],
)
def test_each_refusal_of_the_disk_says_what_to_do(tmp_path, error, words):
    with pytest.raises(DiskRefused, match=words):
        Folder(tmp_path, disk=Breaking(1, error)).write("a", b"x")


def test_no_inodes_left_is_told_apart_from_a_full_disk(tmp_path, monkeypatch):
    full = os.statvfs_result((4096, 4096, 100, 50, 50, 1000, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: full)

    assert "no inodes left" in files.full_words(tmp_path / "not/there")


@pytest.mark.parametrize("act", ["read", "write", "append", "remove", "entries"])
def test_a_link_on_the_way_is_not_followed(tmp_path, act):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a").mkdir(parents=True)
    outside.mkdir()
    (outside / "victim").write_bytes(b"theirs")
    (root / "a/link").symlink_to(outside)
    arguments = (b"x",) if act in ("write", "append") else ()

    with pytest.raises(Damaged, match=r"a/link is a symbolic link"):
        getattr(Folder(root), act)("a/link/victim", *arguments)

    assert (outside / "victim").read_bytes() == b"theirs"


def test_the_folder_itself_may_be_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = Folder(tmp_path / "link")

    folder.write("a", b"x")

    assert (folder.read("a"), folder.read("a/b"), folder.entries("a/b"), folder.remove("a/b")) == (
        b"x",
        None,
        (),
        False,
    )


def test_a_link_to_nowhere_is_named(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")

    with pytest.raises(Damaged, match="link is a symbolic link"):
        Folder(tmp_path).write("link/a", b"x")


def test_a_link_at_the_end_is_replaced_by_a_write_and_not_read(tmp_path):
    (tmp_path / "victim").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to("victim")

    with pytest.raises(Damaged, match="symbolic link"):
        Folder(tmp_path).read("link")
    with pytest.raises(Damaged, match="symbolic link"):
        Folder(tmp_path).append("link", b"x")
    Folder(tmp_path).write("link", b"ours")

    assert (tmp_path / "victim").read_bytes() == b"theirs"
    assert (tmp_path / "link").read_bytes() == b"ours"


def test_a_pipe_does_not_hang_the_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(Damaged, match="something else is in its place"):
        Folder(tmp_path).read("pipe")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b"])
def test_only_plain_relative_paths_are_taken(tmp_path, path):
    with pytest.raises(ValueError, match="not a plain relative path"):
        Folder(tmp_path).write(path, b"x")


def test_a_file_where_a_folder_is_wanted_is_damage(tmp_path):
    (tmp_path / "a").write_bytes(b"file")
    (tmp_path / "b").mkdir()

    with pytest.raises(Damaged, match="a is not a folder"):
        Folder(tmp_path).write("a/b", b"x")
    with pytest.raises(Damaged, match="a folder is in its place"):
        Folder(tmp_path).write("b", b"x")


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(Damaged, match="gone is not there"):
        Folder(tmp_path / "gone").write("a", b"x")


def test_creating_takes_a_name_only_once(tmp_path):
    folder = Folder(tmp_path)

    assert folder.create("main.lock") is True
    assert folder.create("main.lock") is False


def test_a_failed_creation_leaves_nothing(tmp_path):
    with pytest.raises(DiskRefused):
        Folder(tmp_path, disk=Breaking(2)).create("main.lock", b"x")

    assert names(tmp_path) == []


def test_renaming_moves_between_folders(tmp_path):
    folder = Folder(tmp_path)
    folder.write("a/x", b"1")

    folder.rename("a/x", "b/c/y")

    assert (folder.read("a/x"), folder.read("b/c/y")) == (None, b"1")


def test_removing_tidies_the_folders_it_empties(tmp_path):
    folder = Folder(tmp_path)
    folder.write("a/b/c/x", b"1")
    folder.write("a/y", b"1")

    assert folder.remove("a/b/c/x") is True
    folder.remove_empty_parents("a/b/c/x")
    folder.remove_empty_parents("a/b/c/x")

    assert names(tmp_path) == ["a", "a/y"]
    assert folder.remove("a/b/c/x") is False


def test_entries_are_sorted_names(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / name).write_bytes(b"")

    assert Folder(tmp_path).entries() == ("a", "b", "c")


# --- what a sync is on each system ---


@pytest.fixture
def mac(monkeypatch):
    """fcntl as macOS has it; `refusing` makes it fail with that error."""
    asked = []

    def control(fd, command):
        asked.append(command)
        if control.refusing:
            raise OSError(control.refusing, os.strerror(control.refusing))

    control.refusing = 0
    control.asked = asked
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda fd: asked.append("fsync"))
    return control


def test_on_macos_the_drive_itself_is_asked(mac):
    Disk().sync(3)

    assert mac.asked == [51]


def test_where_a_file_system_cannot_do_that_plain_fsync_is_used(mac):
    mac.refusing = errno.ENOTSUP

    Disk().sync(3)

    assert mac.asked == [51, "fsync"]


def test_an_error_of_the_drive_is_not_swallowed(mac):
    mac.refusing = errno.EIO

    with pytest.raises(OSError, match="Input/output"):
        Disk().sync(3)


def test_an_error_while_everything_is_synced_is_told():
    with pytest.raises(OSError, match="Bad file descriptor"):
        Disk().sync_all(-1)
