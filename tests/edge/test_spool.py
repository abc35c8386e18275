"""What was received is found again, whatever was killed, cut or flipped in between."""

import errno
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.edge.files import Disk
from snapshotter.edge.frames import MARKER, head
from snapshotter.edge.spool import DeadRun, Spool
from snapshotter.errors import Busy, Damaged, DiskRefused
from tests.edge.clocks import HandClock
from tests.edge.spooling import JOB, OTHER, Failing, Watched, a_spool, an_entry, bodies, die


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


# --- round trips ---


def test_an_entry_comes_back_as_it_was(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(body=bytes(range(256)) * 999))

    assert a_spool(tmp_path, None).find(JOB) == spool.find(JOB) == (an_entry(body=bytes(range(256)) * 999),)


@given(
    body=st.binary(max_size=300),
    name=st.text(max_size=5),
    value=st.text(alphabet=st.characters(), max_size=20),
    job=st.text(max_size=30),
)
@settings(max_examples=30)
def test_whatever_a_server_sends_comes_back(tmp_path_factory, body, name, value, job):
    folder = tmp_path_factory.mktemp("spool")
    entry = an_entry(body=body, job=job)
    response = replace(entry.response, headers=((name, value),), url=value)
    entry = replace(entry, response=response, shown=value)
    spool = a_spool(folder)

    spool.append(entry)
    spool.end_run("r1")

    assert a_spool(folder, None).find(job) == (entry,)


def test_pages_come_in_order_and_the_latest_of_each_wins(tmp_path):
    spool = a_spool(tmp_path)
    for page, body in [(2, b"c"), (0, b"refused"), (1, b"b"), (0, b"a")]:
        spool.append(an_entry(page, body))

    assert bodies(spool) == [b"a", b"b", b"c"]
    assert spool.pages(JOB) == (0, 1, 2)


def test_a_later_run_finds_what_all_earlier_ones_left(tmp_path):
    for number, page in enumerate([0, 1, 0], start=1):
        spool = a_spool(tmp_path, f"r{10 - number}")  # names in reverse: the order of the runs counts
        spool.append(an_entry(page, f"{number}".encode(), run=f"r{10 - number}"))
        die(spool)

    assert bodies(a_spool(tmp_path, "s")) == [b"3", b"2"]


def test_jobs_and_pages_are_known_without_reading_bodies(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry())
    spool.append(an_entry(job=OTHER))
    spool.append(an_entry(job="strava/activities"))

    assert a_spool(tmp_path, None).jobs() == ("strava/activities", JOB, OTHER)


def test_one_file_a_run_and_stream(tmp_path):
    spool = a_spool(tmp_path)
    for page in range(50):
        for job in (JOB, OTHER, "strava/activities", "Odd Name/../x"):
            spool.append(an_entry(page, job=job))

    assert len(files(tmp_path)) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_an_empty_spool_is_not_even_made(tmp_path):
    spool = a_spool(tmp_path / "spool", None)

    assert (spool.jobs(), spool.find(JOB), spool.dead_runs(), spool.damage()) == ((), (), (), ())
    assert spool.size().bytes == 0
    assert not (tmp_path / "spool").exists()


def test_a_response_needs_an_open_run(tmp_path):
    with pytest.raises(ValueError, match="not open"):
        a_spool(tmp_path, None).append(an_entry())


@pytest.mark.parametrize("run", ["", "../x", "a/b", "a+b", "x" * 200])
def test_a_run_has_a_plain_name(tmp_path, run):
    with pytest.raises(ValueError, match="no run id"):
        a_spool(tmp_path, run)


# --- letting go ---


def test_a_done_job_is_gone_and_the_others_stay(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(0, b"a"))
    spool.append(an_entry(0, b"b", job=OTHER))

    spool.done(JOB)

    for seen in (spool, a_spool(tmp_path, None)):
        assert bodies(seen) == []
        assert bodies(seen, OTHER) == [b"b"]


def test_a_file_in_which_nothing_waits_is_cut_and_at_the_end_removed(tmp_path):
    spool = a_spool(tmp_path)
    for _ in range(3):
        spool.append(an_entry(0, b"x" * 100_000))
        spool.done(JOB)

    assert sum(path.stat().st_size for path in files(tmp_path)) < 1_000
    spool.end_run("r1")
    assert list(tmp_path.iterdir()) == []


def test_a_job_asked_again_after_it_was_done_is_found(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(job=OTHER))
    spool.append(an_entry(0, b"old"))
    spool.append(an_entry(1, b"old"))
    spool.done(JOB)
    spool.append(an_entry(0, b"new"))

    assert bodies(a_spool(tmp_path, None)) == [b"new"]


def test_what_a_later_answer_replaced_does_not_come_back(tmp_path):
    first = a_spool(tmp_path, "r1")
    first.append(an_entry(0, b"refused"))
    first.append(an_entry(0, b"kept", job=OTHER))
    die(first)
    second = a_spool(tmp_path, "r2")
    second.append(an_entry(0, b"good", run="r2"))

    second.done(JOB)

    assert a_spool(tmp_path, None).jobs() == (OTHER,)


def test_a_lost_removal_only_means_that_it_is_found_again(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(0, b"a"))
    before = {path: path.read_bytes() for path in files(tmp_path)}
    spool.done(JOB)
    die(spool)
    for path, data in before.items():
        path.write_bytes(data)

    assert bodies(a_spool(tmp_path, "r2")) == [b"a"]


def test_a_kept_job_does_not_keep_what_comes_after_it_on_disk(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(0, b"kept", job=OTHER))
    for number in range(4):
        spool.append(an_entry(0, bytes(20_000_000), job=f"usgs/events {number}"))
        spool.sync()
        spool.done(f"usgs/events {number}")

    assert spool.size().bytes < 45_000_000
    assert bodies(a_spool(tmp_path, None), OTHER) == [b"kept"]


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["append", "append", "done", "kill", "end"]), st.integers(0, 2), st.integers(0, 3)),
    max_size=40,
)


@given(OPERATIONS)
@settings(max_examples=40)
def test_the_spool_holds_exactly_what_was_appended_and_not_done(tmp_path_factory, operations):
    folder = tmp_path_factory.mktemp("spool")
    expected: dict[str, dict[int, bytes]] = {}
    run = 1
    spool = a_spool(folder, "r1")

    for number, (operation, which, page) in enumerate(operations):
        job = f"{'ab'[which % 2]}/s {which}"
        if operation == "append":
            spool.append(an_entry(page, f"{number}".encode(), job=job, run=f"r{run}"))
            expected.setdefault(job, {})[page] = f"{number}".encode()
        elif operation == "done":
            spool.done(job)
            expected.pop(job, None)
        else:
            die(spool) if operation == "kill" else spool.end_run(f"r{run}")
            run += 1
            spool = a_spool(folder, f"r{run}")

    for seen in (spool, a_spool(folder, None)):
        assert {job: dict(zip(seen.pages(job), bodies(seen, job), strict=True)) for job in seen.jobs()} == expected
        assert seen.damage() == ()
    die(spool)


# --- damage ---


def a_file_with(folder: Path, *pages: bytes) -> Path:
    spool = a_spool(folder)
    for number, body in enumerate(pages):
        spool.append(an_entry(number, body))
    die(spool)
    return files(folder)[0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_cut_tail_is_set_aside_and_the_rest_is_used(tmp_path, share):
    pages = [b"a" * 500, b"b" * 500, b"c" * 500]
    file = a_file_with(tmp_path, *pages)
    whole = file.read_bytes()
    cut = int(len(whole) * share)
    file.write_bytes(whole[:cut])

    spool = a_spool(tmp_path, "r2")

    assert bodies(spool) == [page for page in pages if whole.index(page) + 500 <= cut]
    assert len(spool.damage()) == spool.size().damaged_files == (1 if cut else 0)
    die(spool)


@given(st.data())
@settings(max_examples=40)
def test_a_flipped_byte_costs_one_response_at_most(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spool")
    pages = [b"a" * 50, b"b" * 50, b"c" * 50]
    file = a_file_with(folder, *pages)
    content = bytearray(file.read_bytes())
    first = content.index(content[:MARKER], 1)  # where the first response begins; without a head all is set aside
    place = data.draw(st.integers(first, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)

    spool = a_spool(folder, "r2")
    found = bodies(spool)

    assert len(found) == 2
    assert set(found) < set(pages)
    assert [damage.size > 0 for damage in spool.damage()] == [True]
    die(spool)
    again = a_spool(folder, "r3")
    assert (bodies(again), again.damage()) == (found, ())
    die(again)


def test_a_file_without_its_head_is_set_aside_whole(tmp_path):
    file = a_file_with(tmp_path, b"a")
    content = file.read_bytes()
    file.write_bytes(b"x" + content[1:])

    spool = a_spool(tmp_path, "r2")

    assert bodies(spool) == []
    [damage] = spool.damage()
    assert (tmp_path / damage.file).read_bytes() == b"x" + content[1:]
    assert files(tmp_path) == []


def test_damage_says_what_it_was(tmp_path):
    file = a_file_with(tmp_path, b"a" * 500)
    os.truncate(file, file.stat().st_size - 1)

    [damage] = a_spool(tmp_path, "r2").damage()

    assert damage.why.startswith("r1+usgs.events+001.spool from byte ")
    assert damage.why.endswith("it is cut")
    assert damage.file.startswith("damaged/r1+usgs.events+001.spool@")


def test_looking_changes_nothing(tmp_path):
    file = a_file_with(tmp_path, b"a" * 500, b"b" * 500)
    content = file.read_bytes()[:-1]
    content = content.replace(b"a" * 500, b"a" * 499 + b"x")
    file.write_bytes(content)

    spool = a_spool(tmp_path, None)

    assert bodies(spool) == []
    assert [damage.file for damage in spool.damage()] == ["", ""]
    assert file.read_bytes() == content
    assert spool.size().damaged_files == 0


def test_bytes_from_outside_cannot_pass_for_a_response(tmp_path):
    forged = head(b"snapspl\x01" + b"\0" * 8, {"kind": "response", "job": OTHER, "page": 0}, b"")
    file = a_file_with(tmp_path, forged + b"x" * 100, b"b")
    content = bytearray(file.read_bytes())
    content[content.index(content[:MARKER], 1) + MARKER] ^= 255  # the lengths of the first response are wrong now
    file.write_bytes(content)

    assert a_spool(tmp_path, "r2").jobs() == (JOB,)


def test_the_file_of_a_newer_snap_is_left_alone(tmp_path):
    marker = b"snapspl\x01" + b"12345678"
    tmp_path.joinpath("r1+a.b+001.spool").write_bytes(head(marker, {"kind": "file", "format": 99}))

    with pytest.raises(Damaged, match="newer snap"):
        a_spool(tmp_path, None).jobs()


def test_a_file_removed_by_hand_is_no_error(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry())
    seen = a_spool(tmp_path, None)
    seen.jobs()

    files(tmp_path)[0].unlink()

    assert seen.find(JOB) == ()
    seen.done(JOB)


# --- kills, syncs and refusals ---

APPENDING = """
import sys
from pathlib import Path
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import SystemClock
from tests.edge.spooling import an_entry
spool = Spool(Path(sys.argv[1]), SystemClock())
spool.begin_run("r1", {"command": "fetch"})
for page in range(1_000_000):
    spool.append(an_entry(page, str(page).encode() * 2_000))
    print(page, flush=True)
"""


def test_what_was_appended_survives_a_kill(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for _ in range(30):
        process.stdout.readline()
    process.kill()
    rest = process.communicate()[0].split()
    last = int(rest[-1]) if rest else 29

    found = bodies(a_spool(tmp_path, "r2"))

    assert len(found) >= last
    assert all(body == str(page).encode() * 2_000 for page, body in enumerate(found))


def test_sync_covers_the_file_and_its_name(tmp_path):
    disk = Watched()
    spool = a_spool(tmp_path, disk=disk)
    disk.steps.clear()

    spool.append(an_entry())
    spool.sync()
    spool.append(an_entry(1))
    spool.sync()
    spool.sync()

    name = "r1+usgs.events+001.spool"
    assert disk.steps == [f"create {name}", f"append {name}", f"append {name}", f"sync {name}", "sync folder ",
                          f"append {name}", f"sync {name}"]  # fmt: skip


def test_without_a_delay_every_append_is_synced(tmp_path):
    disk = Watched()
    spool = a_spool(tmp_path, sync_every=0, disk=disk)

    spool.append(an_entry())

    assert disk.steps[-2:] == ["sync r1+usgs.events+001.spool", "sync folder "]


def test_an_append_is_synced_beside_the_next_request(tmp_path):
    synced = threading.Event()

    class Telling(Disk):
        def sync(self, fd: int) -> None:
            super().sync(fd)
            if threading.current_thread() is not threading.main_thread():
                synced.set()

    spool = a_spool(tmp_path, sync_every=0.01, disk=Telling())
    spool.append(an_entry())

    assert synced.wait(10)


def test_lanes_append_side_by_side(tmp_path):
    spool = a_spool(tmp_path, sync_every=0.001)

    def fill(job: str) -> None:
        for page in range(100):
            spool.append(an_entry(page, f"{job} {page}".encode(), job=job))

    jobs = [f"s{number}/x" for number in range(4)]
    threads = [threading.Thread(target=fill, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.end_run("r1")

    assert all(bodies(a_spool(tmp_path, None), job) == [f"{job} {n}".encode() for n in range(100)] for job in jobs)


@pytest.mark.parametrize(("step", "job"), [("append", JOB), ("append", "new/stream"), ("create", "new/stream")])
@pytest.mark.parametrize(
    ("error", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "input/output")]
)
def test_a_disk_that_refuses_is_told_and_nothing_is_lost(tmp_path, step, job, error, words):
    spool = a_spool(tmp_path, "r1")
    spool.append(an_entry(0, b"a"))
    spool._files.disk = Failing(step, error)

    with pytest.raises(DiskRefused, match=words):
        spool.append(an_entry(1, b"b", job=job))

    spool._files.disk = Disk()
    spool.append(an_entry(2, b"c"))
    assert bodies(spool) == bodies(a_spool(tmp_path, None)) == [b"a", b"c"]
    assert len(files(tmp_path)) == 1


def test_a_response_cut_by_a_full_disk_is_taken_back(tmp_path):
    class Small(Disk):
        room = 10_000

        def write(self, fd: int, data: memoryview) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "injected")
            part = min(self.room, len(data))
            self.room -= part
            return super().write(fd, data[:part])

    spool = a_spool(tmp_path, disk=Small())
    spool.append(an_entry(0, b"a"))

    with pytest.raises(DiskRefused):
        spool.append(an_entry(1, b"b" * 200_000))

    spool._files.disk.room = 10_000
    spool.append(an_entry(2, b"c"))
    seen = a_spool(tmp_path, None)
    assert (bodies(seen), seen.damage()) == ([b"a", b"c"], ())


def test_a_tail_that_cannot_be_taken_back_is_never_written_behind(tmp_path, monkeypatch):
    spool = a_spool(tmp_path)
    spool.append(an_entry(0, b"a"))

    class Cutting(Disk):
        def write(self, fd: int, data: memoryview) -> int:
            os.write(fd, data[: len(data) // 2])
            raise OSError(errno.EIO, "injected")

    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", refuse)
        spool._files.disk = Cutting()
        with pytest.raises(DiskRefused):
            spool.append(an_entry(1, b"b" * 1000))
    spool._files.disk = Disk()
    spool.append(an_entry(2, b"c"))
    spool.append(an_entry(0, b"d", job=OTHER))
    spool.done(OTHER)

    assert bodies(spool) == [b"a", b"c"]
    die(spool)
    again = a_spool(tmp_path, "r2")
    assert (bodies(again), len(again.damage())) == ([b"a", b"c"], 1)


def test_a_removal_that_the_disk_refuses_is_told_and_the_entry_found_again(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry(0, b"a"))
    spool._files.disk = Failing("truncate", errno.EIO)

    with pytest.raises(DiskRefused):
        spool.done(JOB)

    assert bodies(a_spool(tmp_path, None)) == [b"a"]


def test_a_failed_sync_is_never_taken_for_a_good_one(tmp_path):
    spool = a_spool(tmp_path)
    spool.append(an_entry())
    spool._files.disk = Failing("sync", errno.EIO, times=1)

    for _ in range(2):  # the second would succeed, but what it should have saved may be gone
        with pytest.raises(DiskRefused, match="input/output"):
            spool.sync()
    with pytest.raises(DiskRefused):
        spool.append(an_entry(1))


# --- runs ---


def test_a_run_that_died_is_told_with_what_it_had(tmp_path):
    spool = a_spool(tmp_path, "r1")
    spool.append(an_entry(0))
    spool.append(an_entry(1))
    die(spool)

    [dead] = a_spool(tmp_path, "r2").dead_runs()

    pid = str(os.getpid())
    assert dead == DeadRun("r1", {"command": "fetch", "started": "2026-03-14T12:00:00+00:00", "pid": pid}, {JOB: 2})


def test_a_dead_run_is_told_until_it_is_ended(tmp_path):
    die(a_spool(tmp_path, "r1"))
    die(a_spool(tmp_path, "r2"))
    third = a_spool(tmp_path, "r3")
    assert [dead.run for dead in third.dead_runs()] == ["r1", "r2"]

    third.end_run("r1")
    third.end_run("r2")
    third.end_run("r3")

    assert a_spool(tmp_path, None).dead_runs() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_run_under_way_is_not_dead(tmp_path):
    spool = a_spool(tmp_path, "r1")

    assert a_spool(tmp_path, None).dead_runs() == ()
    with pytest.raises(Busy):
        a_spool(tmp_path, "r1")

    spool.end_run("r1")


def test_a_run_whose_file_was_cut_is_still_told(tmp_path):
    die(a_spool(tmp_path, "r1"))
    (tmp_path / "r1.run").write_bytes(b"")
    (tmp_path / "r0.run").write_bytes(b'{"comm')

    assert [dead.run for dead in a_spool(tmp_path, "r2").dead_runs()] == ["r0", "r1"]


def test_a_run_is_on_the_disk_before_its_first_request(tmp_path):
    disk = Watched()

    a_spool(tmp_path, "r1", disk=disk)

    assert disk.steps[-3:] == ["write r1.run", "sync r1.run", "sync folder "]


@pytest.mark.parametrize("step", ["write", "sync", "sync folder"])
def test_a_run_that_cannot_be_opened_does_not_start(tmp_path, step):
    with pytest.raises(DiskRefused):
        a_spool(tmp_path, "r1", disk=Failing(step, errno.ENOSPC))


def test_the_size_tells_what_waits_and_what_was_damaged(tmp_path):
    file = a_file_with(tmp_path, b"a" * 1_000, b"b" * 1_000)
    os.truncate(file, file.stat().st_size - 1)

    size = a_spool(tmp_path, "r2").size()

    assert (size.entries, size.damaged_files) == (1, 1)
    assert 1_000 < size.bytes < 2_000
    assert 1_000 < size.damaged_bytes < 2_000


def test_large_bodies_are_not_kept_in_memory(tmp_path):
    import tracemalloc

    spool = a_spool(tmp_path)
    for page in range(20):
        spool.append(an_entry(page, bytes(1_000_000)))
    tracemalloc.start()
    spool = Spool(tmp_path, HandClock())
    spool.jobs()
    for page in spool.pages(JOB):
        spool.read(JOB, page)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5_000_000


LAST = "append 0 1 2 1"  # after this the run may have ended without having told


class Deadly(Disk):
    """Ends the process right before its n-th step, or in the middle of a write."""

    def __init__(self, step: int, *, in_write: bool) -> None:
        self.left, self.in_write = step, in_write

    def before(self, step: str, path: str) -> None:
        if not self.in_write:
            self._count()

    def write(self, fd: int, data: memoryview) -> int:
        if self.in_write:
            self._count(lambda: os.write(fd, data[: len(data) // 2]))
        return super().write(fd, data)

    def _count(self, last_act=lambda: None) -> None:
        self.left -= 1
        if self.left < 0:
            last_act()
            os._exit(9)


def a_working_life(folder: Path, acknowledged: int, disk: Disk) -> None:
    """A run that sets damage aside, appends, lets go and ends; every finished act is told through the pipe."""
    spool = a_spool(folder, "r2", disk=disk)
    for number in range(3):
        job = (JOB, OTHER)[number % 2]
        for page in range(2):
            spool.append(an_entry(page, f"{number} {page}".encode(), job=job, run="r2"))
            os.write(acknowledged, f"append {number % 2} {page} {number} {page}\n".encode())
        spool.sync()
        if number < 2:
            os.write(acknowledged, f"letting {number % 2} go\n".encode())
            spool.done(job)
            os.write(acknowledged, f"done {number % 2}\n".encode())
    spool.end_run("r2")
    os.write(acknowledged, b"end\n")
    os._exit(0)


def killed_at(folder: Path, disk: Disk) -> list[str]:
    died = a_spool(folder, "r1")
    died.append(an_entry(7, b"from before", job=OTHER))
    die(died)
    with files(folder)[0].open("ab") as file:
        file.write(b"a tail that a kill cut")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        a_working_life(folder, write, disk)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read().splitlines()
    os.waitpid(child, 0)
    return told


def expected_after(told: list[str]) -> dict[str, dict[int, bytes] | None]:
    """What must be found by job; None where letting go was under way and either is right."""
    found: dict[str, dict[int, bytes] | None] = {JOB: {}, OTHER: {7: b"from before"}}
    for act, which, *rest in (line.split() for line in told if line != "end"):
        job = (JOB, OTHER)[int(which)]
        if act == "append":
            pages = found[job] or {}
            found[job] = {**pages, int(rest[0]): f"{rest[1]} {rest[2]}".encode()}
        else:
            found[job] = None if act == "letting" else {}
    return found


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("in_write", [False, True])
def test_a_kill_at_any_step_loses_nothing_that_was_acknowledged(tmp_path, in_write):
    for step in range(200):
        folder = tmp_path / str(step)
        told = killed_at(folder, Deadly(step, in_write=in_write))

        spool = a_spool(folder, "r3")
        for job, pages in expected_after(told).items():
            found = dict(zip(spool.pages(job), bodies(spool, job), strict=True))
            assert pages is None or pages.items() <= found.items(), (step, told)
        has_died = "r2" in {dead.run for dead in spool.dead_runs()}
        assert has_died or not told or "end" in told or told[-1] == LAST, (step, told)
        die(spool)
        if "end" in told:
            break
    assert step > 8
