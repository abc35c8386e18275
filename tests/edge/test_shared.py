"""A small object that many processes change often is never seen half written, and costs one write a change."""

import subprocess
import sys

import pytest

from snapshotter.edge.files import Disk
from snapshotter.edge.shared import SharedJson
from snapshotter.errors import Damaged


class Counting(Disk):
    def __init__(self):
        self.steps: list[str] = []

    def before(self, step, path):
        self.steps.append(step)


def a_file(tmp_path, **more):
    tmp_path.mkdir(exist_ok=True)
    return SharedJson(tmp_path / "lane.json", **more)


def put(shared, value):
    with shared.locked():
        shared.read()
        shared.write(value)


def stored(tmp_path):
    other = a_file(tmp_path)
    with other.locked():
        found = other.read()
    other.close()
    return found


def test_nothing_stored_reads_as_an_empty_object(tmp_path):
    assert stored(tmp_path) == {}


@pytest.mark.parametrize("values", [[{"a": 1}], [{"a": 1}, {}], [{}, {"a": "x" * 5000}, {"b": 2}]])
def test_the_last_object_written_is_read_by_others(tmp_path, values):
    shared = a_file(tmp_path)

    for value in values:
        put(shared, value)

    assert stored(tmp_path) == values[-1]


def test_a_change_that_fits_is_one_write_over_what_stands_there(tmp_path):
    disk = Counting()
    shared = a_file(tmp_path, disk=disk)
    put(shared, {"sent": 1})
    disk.steps.clear()

    put(shared, {"sent": 2})

    assert disk.steps == ["write"]


def test_the_file_stays_as_long_as_it_is_while_the_object_fits(tmp_path):
    shared = a_file(tmp_path)
    put(shared, {"a": "x" * 300})
    before = shared.path.stat()

    put(shared, {})

    after = shared.path.stat()
    assert (after.st_size, after.st_ino) == (before.st_size, before.st_ino)


def test_what_another_put_in_its_place_is_seen(tmp_path):
    first, second = a_file(tmp_path), a_file(tmp_path)
    put(first, {"a": 1})
    put(second, {"a": "x" * 2000})  # which needs a new file

    put(first, {"b": 2})

    assert stored(tmp_path) == {"b": 2}


def test_a_removed_file_is_made_anew(tmp_path):
    shared = a_file(tmp_path)
    put(shared, {"a": 1})
    shared.path.unlink()

    put(shared, {"b": 2})

    assert stored(tmp_path) == {"b": 2}


@pytest.mark.parametrize("spoiled", [b"", b"{", b"[1]", b"\xff", b'{"a":1}{"b":2}'])
def test_a_spoiled_file_reads_as_empty_and_can_be_written(tmp_path, spoiled):
    shared = a_file(tmp_path)
    shared.path.write_bytes(spoiled)
    with shared.locked():
        assert shared.read() == {}

    put(shared, {"a": 1})

    assert stored(tmp_path) == {"a": 1}


def test_a_link_in_its_place_is_not_followed(tmp_path):
    shared = a_file(tmp_path)
    (tmp_path / "secret").write_text("{}")
    shared.path.symlink_to(tmp_path / "secret")

    with pytest.raises(Damaged, match="symbolic link"), shared.locked():
        shared.read()


def test_what_is_read_can_be_changed_without_changing_what_is_known(tmp_path):
    shared = a_file(tmp_path)
    put(shared, {"a": 1})

    with shared.locked():
        shared.read()["a"] = 2

    assert stored(tmp_path) == {"a": 1}


ADD = """
import sys
from pathlib import Path
from snapshotter.edge.shared import SharedJson
shared = SharedJson(Path(sys.argv[1]))
for _ in range(200):
    with shared.locked():
        found = shared.read()
        shared.write({"count": found.get("count", 0) + 1, "more": "x" * (found.get("count", 0) % 700)})
"""


def test_changes_of_many_processes_all_count(tmp_path):
    path = str(tmp_path / "lane.json")

    adding = [subprocess.Popen([sys.executable, "-c", ADD, path]) for _ in range(3)]

    assert [process.wait() for process in adding] == [0, 0, 0]
    assert stored(tmp_path)["count"] == 600
