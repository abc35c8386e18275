"""Kills by the clock while git is at work for snap: of snap alone, whose git goes on, or of all of it at once."""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.torture.children import start
from tests.torture.judging import check_recovers, traced
from tests.torture.points import FORM, counted
from tests.torture.stages import STAGES

KILLS = {"short": 1, "long": 12, "full": 60}[FORM]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds a process's children in /proc")
@pytest.mark.parametrize("name", ["maintain", "push", "pull", "pull, merge", "clone", "backup", "restore"])
def test_snap_may_be_killed_while_git_works_for_it(tmp_path, name):
    chance = random.Random(name)
    with STAGES[name](tmp_path) as scene, counted(f"kills while git works, {name}") as tried:
        _, expected = traced(scene)
        for number in range(KILLS):
            with tried.point(number), scene.place() as place:
                child = start(place, deed=scene.deed, watched=False)
                child.process.join(chance.uniform(0.0, 0.5))
                with_git = chance.random() < 0.5
                for process in [*(descendants(child.process.pid) if with_git else ()), child.process.pid]:
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                child.wait()

                check_recovers(scene, place, expected, first_a_run=number % 2 == 0)


def descendants(process: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    with suppress(OSError):
        threads = Path(f"/proc/{process}/task").iterdir()
        children = [int(word) for thread in threads for word in (thread / "children").read_text().split()]
        return [*children, *(deeper for child in children for deeper in descendants(child))]
    return []
