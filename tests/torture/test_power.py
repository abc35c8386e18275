"""A power cut, played by copying the disk image under a mounted ext4 while a backfill is writing to it (needs root)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from snapshotter.results import Exit
from tests.torture.children import Place, start
from tests.torture.faults import acts_in
from tests.torture.judging import check_next_run
from tests.torture.points import FORM, counted
from tests.torture.scenes import a_scene, a_week, documents, git, place_in

DAYS = tuple(f"2026-03-{day:02}" for day in range(1, 29))
CUTS = {"short": 0, "long": 10, "full": 24}[FORM]
LATER = 7.0  # seconds, after which ext4 has written names of files by itself, and perhaps not their content
ACKNOWLEDGED = ("append", "logs/refs/heads/main")  # the first act after the branch was synced and read again
TOOLS = ("mkfs.ext4", "mount", "umount", "losetup")

pytestmark = [
    pytest.mark.skipif(not CUTS, reason="mounts a disk image: `make torture` only"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason="needs mkfs.ext4 and mount"),
]


def test_what_was_acknowledged_is_there_after_a_power_cut(tmp_path):
    chance = random.Random("power")
    with a_scene(tmp_path, a_week(DAYS, count=4), days=DAYS) as scene, counted("power cuts, ext4") as tried:
        with scene.place() as place:
            whole = start(place, watched=False)
            assert whole.wait().ended == Exit.DONE
            expected = documents(place.archive)
        for number in range(CUTS):
            with tried.point(number), a_disk(tmp_path / f"disk{number}") as disk:
                shutil.copytree(scene.template, disk.folder, symlinks=True, dirs_exist_ok=True)
                subprocess.run(["sync", "-f", disk.folder], check=True)
                before = commits_in(place_in(disk.folder).archive)
                run = start(replace(place_in(disk.folder), home=tmp_path, syncs=True))
                run.process.join(chance.uniform(0.02, 0.5))
                os.kill(run.process.pid, signal.SIGSTOP)
                try:
                    acknowledged = sum((act.step, act.path) == ACKNOWLEDGED for act in acts_in(tmp_path / "acts"))
                    run.process.join(LATER if number % 2 else 0.0)
                    cut = disk.cut()
                finally:  # a child that stands still would hold up the end of all tests
                    os.kill(run.process.pid, signal.SIGCONT)
                    run.kill()
                run.wait()
                with mounted(cut, tmp_path / f"after{number}") as folder:
                    check_after_the_cut(scene, place_in(folder), before + acknowledged, expected)


def check_after_the_cut(scene, place: Place, acknowledged: int, expected) -> None:
    assert commits_in(place.archive) >= acknowledged
    git(place.archive, "rev-list", "--objects", "HEAD")
    check_next_run(scene, place, expected)


def commits_in(archive: Path) -> int:
    return int(git(archive, "rev-list", "--count", "HEAD"))


class Disk:
    """A small ext4 in a file, and the folder where it is mounted."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image = image
        self.folder = folder

    def cut(self) -> Path:
        """What a disk would hold if the power went now: the image as it is, with what only the kernel knows missing."""
        copy = self.image.with_suffix(".cut")
        shutil.copyfile(self.image, copy)
        return copy


@contextmanager
def a_disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    with mounted(image, folder / "mounted") as there:
        yield Disk(image, there)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
