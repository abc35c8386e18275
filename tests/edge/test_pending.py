"""Run records wait durably until they are committed, and nothing half written is ever read."""

import stat

import pytest

from snapshotter.edge.files import TEMPORARY, Disk
from snapshotter.edge.pending import Pending
from snapshotter.errors import Damaged, DiskRefused

STREAM = "usgs-earthquakes/events"


@pytest.fixture
def pending(tmp_path):
    return Pending(tmp_path / "pending")


def test_a_record_waits_until_it_is_removed(pending):
    pending.put(STREAM, "b.json", data=b"2")
    pending.put(STREAM, "a.json", data=b"1")

    assert [(one.path, one.data) for one in pending.waiting(STREAM)] == [
        (f"{STREAM}/a.json", b"1"),
        (f"{STREAM}/b.json", b"2"),
    ]
    assert pending.streams() == (STREAM,)

    pending.remove(STREAM, ["a.json", "b.json"])

    assert pending.streams() == pending.waiting(STREAM) == ()


def test_looking_makes_nothing_and_what_waits_lies_in_folders_that_are_synced(tmp_path):
    synced = []

    class Watched(Disk):
        def before(self, step, path):
            synced.extend([path] if step == "sync folder" else [])

    pending = Pending(tmp_path / "snap/pending", disk=Watched())
    assert pending.streams() == pending.waiting(STREAM) == ()
    assert pending.sweep() == 0
    pending.remove(STREAM, ["a.json"])
    assert list(tmp_path.iterdir()) == synced == []

    pending.put(STREAM, "a.json", data=b"1")

    assert len(synced) == 5  # each folder that names a new one, and the one that names the file


def test_the_records_of_one_stream_are_no_business_of_another(pending):
    pending.put(STREAM, "a.json", data=b"1")
    pending.put("github/events", "a.json", data=b"2")

    pending.remove(STREAM, ["a.json"])

    assert pending.streams() == ("github/events",)


def test_removing_twice_is_removing_once(pending):
    pending.put(STREAM, "a.json", data=b"1")

    pending.remove(STREAM, ["a.json"])
    pending.remove(STREAM, ["a.json"])

    assert pending.waiting(STREAM) == ()


def test_another_process_finds_what_was_put(pending, tmp_path):
    pending.put(STREAM, "a.json", data=b"1")

    assert [one.data for one in Pending(tmp_path / "pending").waiting(STREAM)] == [b"1"]


def test_only_the_owner_reads_it(pending, tmp_path):
    pending.put(STREAM, "a.json", data=b"1")

    for path in (tmp_path / "pending").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o700)


class Killed(Exception):
    pass


class DiskThatDies(Disk):
    def before(self, step, path):
        if step == "rename":
            raise Killed


def test_a_killed_writer_leaves_nothing_that_is_read_and_its_rest_is_swept(tmp_path, pending):
    with pytest.raises(Killed):
        Pending(tmp_path / "pending", disk=DiskThatDies()).put(STREAM, "a.json", data=b"1")

    assert pending.waiting(STREAM) == pending.streams() == ()
    assert pending.sweep() == 1
    assert not list((tmp_path / "pending").rglob(f"{TEMPORARY}*"))


class FullDisk(Disk):
    def write(self, fd, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_said_so(tmp_path):
    with pytest.raises(DiskRefused, match="full"):
        Pending(tmp_path / "pending", disk=FullDisk()).put(STREAM, "a.json", data=b"1")


def test_no_link_is_followed(tmp_path, pending):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pending").mkdir()
    (tmp_path / "pending" / "usgs-earthquakes").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Damaged, match="symbolic link"):
        pending.put(STREAM, "a.json", data=b"1")
