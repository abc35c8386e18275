"""Tidying up drops nothing, has an effect, and says how the archive grows."""

import gzip
import os
import random
import select
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snapshotter.archive import maintaining as archive_maintaining
from snapshotter.archive import reporting
from snapshotter.archive.opening import for_writing
from snapshotter.core import report_whole
from snapshotter.core.maintaining import (
    BITBUCKET,
    FRESH,
    GITHUB,
    LOOSE,
    Heap,
    Sample,
    growth,
    host_of,
    is_due,
    sampled,
    warnings,
)
from snapshotter.edge.files import Folder
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import Api, an_archive, item

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
GB = 1 << 30
MB = 1 << 20
needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")


def test_it_is_due_when_much_has_gathered_and_not_too_often():
    assert not is_due(Heap(10, 10, 1 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(10, 30, 1 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(1000, 1, 1 * MB), last=NOW - WEEK, every=WEEK, now=NOW)
    assert not is_due(Heap(1000, 1, 1 * MB), last=NOW - timedelta(days=1), every=WEEK, now=NOW)


def test_it_is_due_when_a_third_is_not_yet_stored_as_differences():
    assert is_due(Heap(0, 2, 5 * MB), last=None, every=WEEK, now=NOW)
    assert not is_due(Heap(0, 2, 140 * MB, told=100 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(0, 2, 151 * MB, told=100 * MB), last=None, every=WEEK, now=NOW)


def test_growth_is_told_a_month_and_only_after_a_week():
    samples = (Sample(NOW, 100), Sample(NOW + timedelta(days=15), 1100))

    assert growth(samples) == 2000
    assert growth(samples[:1]) is None


def test_one_size_a_day_is_remembered():
    first = sampled((), Sample(NOW, 1))

    assert sampled(first, Sample(NOW + timedelta(hours=5), 2)) == first
    assert len(sampled(first, Sample(NOW + timedelta(days=1), 2))) == 2


def told(size, by_month=None, *, host=GITHUB, **large):
    return list(warnings(size, by_month, large={f"a/b/{name}.json": size for name, size in large.items()}, host=host))


def test_a_host_that_will_be_full_within_a_year_is_warned_of():
    assert told(1 * GB, 10 << 20) == []
    assert told(1 * GB, 1 * GB) == [
        "in about 9 months the repository reaches 10.0 GB; GitHub recommends at most 10.0 GB"
    ]
    assert told(11 * GB) == ["the repository holds 11.0 GB; GitHub recommends at most 10.0 GB"]
    assert told(5 * GB, host=BITBUCKET) == ["the repository holds 5.0 GB; Bitbucket takes at most 4.0 GB"]
    assert "takes 2.0 GB a push: push every day" in told(1 * GB, 3 * GB)[1]


def test_a_file_that_a_host_minds_is_named_before_it_is_refused():
    [near] = told(1, small=49 << 20, snapshot=60 << 20)
    [over] = told(1, snapshot=101 << 20)

    assert near.startswith("a/b/snapshot.json holds 60.0 MB; GitHub warns, and refuses files over 100.0 MB: ")
    assert "GitHub refuses files over 100.0 MB" in over


def test_the_limits_are_those_of_the_remote():
    assert host_of(["git@bitbucket.org:anna/archive.git"]) is BITBUCKET
    assert host_of(["https://github.com/anna/archive", "/mnt/usb"]) is GITHUB
    assert host_of([]) is GITHUB


def test_a_large_file_is_warned_of_by_a_run_once_a_week_and_until_it_is_small(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        archive.fetch()
        replaced(archive, b" " * (51 << 20))
        told = [about(archive.fetch(), "size")]
        archive.later(days=1)
        told.append(about(archive.fetch(), "size"))
        archive.later(days=7)
        told.append(about(archive.fetch(), "size"))
        asked = archive_maintaining.maintain(archive.path, archive.world, dry_run=True).notices
        page = report_whole.text(reporting.report(archive.path, archive.world))
        replaced(archive, b"small")
        archive.later(days=8)

        assert [len(notices) for notices in told] == [1, 0, 1]
        assert "docs/large.json holds 51.0 MB" in told[0][0].text
        assert len(asked) == 1
        assert "docs/large.json holds 51.0 MB" in page
        assert about(archive.fetch(), "size") == []


def replaced(archive, data):
    (archive.path / "docs").mkdir(exist_ok=True)
    (archive.path / "docs/large.json").write_bytes(data)
    archive.git("-c", "core.fsync=none", "add", "docs")
    archive.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "A file")


def about(ran, what):
    return [notice for notice in ran.notices if notice.about == what]


def test_tidying_up_joins_packs_and_loses_nothing(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        archive.fetch()
        objects = archive.git("cat-file", "--batch-all-objects", "--batch-check")

        looked = archive_maintaining.maintain(archive.path, archive.world, dry_run=True)
        done = archive_maintaining.maintain(archive.path, archive.world)
        kept = archive.git("cat-file", "--batch-all-objects", "--batch-check")

        assert not looked.done
        assert done.packs_after == 1 < done.packs_before
        assert kept == objects
        assert archive.is_clean()


def test_versions_that_lie_in_one_pack_become_differences(tmp_path):
    chance = random.Random(1)
    lines = [chance.randbytes(500).hex() for _ in range(60)]
    with an_archive(tmp_path, Api([])) as archive:
        with for_writing(archive.path, archive.world, command="test") as opened:
            for number in range(20):  # so many small packs are joined into one, as they are
                data = "\n".join([*lines, str(number)]).encode()
                change = FileChange("docs/long.txt", data)
                opened.store.commit(Batch((change,), f"Version {number}\n", NOW), opened.store.head())
            opened.store.finish()
        before = archive_maintaining.maintain(archive.path, archive.world, dry_run=True)

        done = archive_maintaining.maintain(archive.path, archive.world)

        assert before.bytes > 15 * len(gzip.compress(data))
        assert done.bytes < 3 * len(gzip.compress(data))


def test_a_pack_that_goes_while_it_is_looked_at_is_no_damage(tmp_path):
    class Joined(Folder):
        def entries(self, path=""):
            names = super().entries(path)
            (self.root / path / names[0]).unlink()
            return names

    (tmp_path / "objects/pack").mkdir(parents=True)
    for name in ("a.pack", "b.pack"):
        (tmp_path / f"objects/pack/{name}").write_bytes(b"12345")

    assert archive_maintaining.packed(Joined(tmp_path)) == 5


def test_a_run_tidies_up_by_itself_when_that_is_due(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        many_files(archive)

        ran = archive.fetch()

        assert not [notice for notice in ran.notices if notice.about == "maintenance"]
        assert len(list((archive.path / ".git/objects/pack").glob("*.pack"))) == 1
        assert archive.is_clean()


def many_files(archive):
    (archive.path / "docs").mkdir()
    for number in range(LOOSE):
        (archive.path / f"docs/{number}.md").write_text(str(number))
    archive.git("-c", "core.fsync=none", "add", "docs")
    archive.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Many files")


def loose(archive):
    return int(archive.git("count-objects").split()[0])


def test_a_run_that_got_a_signal_leaves_tidying_to_the_next_one(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        many_files(archive)
        stops = archive.stops()
        stops.interrupt()

        archive.fetch(stops=stops)
        left = loose(archive)
        archive.fetch()

        assert left >= LOOSE > loose(archive)


def test_behind_a_deadline_only_what_is_quick_is_tidied(tmp_path):
    with an_archive(tmp_path, Api([])) as archive:
        chance = random.Random(1)
        with for_writing(archive.path, archive.world, command="test") as opened:
            change = FileChange("docs/large.bin", chance.randbytes(FRESH))
            opened.store.commit(Batch((change,), "Large\n", NOW), opened.store.head())
            opened.store.finish()

            hurried = archive_maintaining.after_run(opened, behind_its_deadline(archive))
            packs = opened.store.object_counts().packs
            unhurried = archive_maintaining.after_run(opened, archive.stops())

            assert packs > opened.store.object_counts().packs == 1
            assert hurried == unhurried == ([], set())


def behind_its_deadline(archive):
    stops = archive.stops()
    stops.limit(max_requests=None, deadline=0.0)
    return stops


class SignalSoon:
    """A signal that comes as soon as git is at work."""

    def __init__(self, root):
        self.root = root
        self.came = False

    @property
    def interrupted(self):
        self.came = self.came or bool(at_work(self.root))
        return self.came

    def reason(self):
        return "signal" if self.interrupted else None


def at_work(root):
    """The git processes that name this archive."""
    named = f"--git-dir={root / '.git'}".encode()
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if named in read(path).split(b"\0")]


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def slow_git(tmp_path):
    """A git that takes for ever to repack; everything else is done by the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    slow = folder / "git"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *" repack "*) sleep 600;; esac\nexec {shutil.which("git")} "$@"\n')
    slow.chmod(0o700)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@needs_proc
def test_a_signal_ends_the_tidying_up_at_once_and_the_next_run_begins_it_anew(tmp_path, slow_git):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        many_files(archive)
        slow = replace(archive.world, env={**archive.world.env, **slow_git})
        with for_writing(archive.path, slow, command="test") as opened:
            told = archive_maintaining.after_run(opened, SignalSoon(archive.path))

        assert told == ([], set())
        assert loose(archive) >= LOOSE
        assert at_work(archive.path) == []
        archive.fetch()
        assert loose(archive) < LOOSE


@needs_proc
def test_tidying_up_that_comes_to_no_end_is_ended_told_and_not_begun_by_each_run(tmp_path, slow_git):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        many_files(archive)
        slow = replace(archive.world, env={**archive.world.env, **slow_git})
        with for_writing(archive.path, slow, command="test") as opened:
            [notice], codes = archive_maintaining.after_run(opened, archive.stops(), seconds=0.3)
            again = archive_maintaining.after_run(opened, archive.stops())

        assert "git repack was ended: it took too long; `snap maintain` lets it take its time" in notice.text
        assert codes == set()
        assert again == ([], set())
        assert at_work(archive.path) == []


TIDIES_UP = """
import sys
from pathlib import Path
from snapshotter.edge.store.command import Git
Git(Path(sys.argv[1]), {"PATH": sys.argv[2]}).patiently("repack", "-d", stopped=lambda: False)
"""


@needs_proc
def test_git_dies_with_a_run_that_is_killed_while_it_tidies_up(tmp_path, slow_git):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        run = subprocess.Popen([sys.executable, "-c", TIDIES_UP, archive.path / ".git", slow_git["PATH"]])
        until(lambda: at_work(archive.path))

        run.kill()
        run.wait()

        until(lambda: not at_work(archive.path))


def until(what):
    """Wait for other processes, for as long as a busy machine may take."""
    for _ in range(3000):
        if what():
            return
        select.select([], [], [], 0.01)
    raise AssertionError("it never came")
