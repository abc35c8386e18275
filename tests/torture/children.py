"""A real command in a process of its own, that may be killed, and what it said before it ended.

Processes are forked from a server that has everything imported and no threads, so that one costs milliseconds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from snapshotter.cli.exits import code_of
from snapshotter.edge.world import SystemClock, World
from snapshotter.errors import SnapError
from snapshotter.results import Exit, FetchOptions
from tests.torture import deeds
from tests.torture.deeds import Deed
from tests.torture.faults import Fault, FaultyDisk

LOOKS = 12  # at a clock before it jumps
LONGEST = 60.0  # seconds that a run may take before it counts as hanging
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        *(
            "tests.torture.children",
            "requests",
            "urllib3",
            "jmespath",
            "deepdiff",
            "sqlite3",
            "ctypes",
            "encodings.idna",
        ),
        *(
            "snapshotter.archive.lanes",
            "snapshotter.archive.detailing",
            "snapshotter.edge.http.wire",
            "snapshotter.fetch",
            "tests.torture.warm",
        ),
    ]
)


class JumpingClock(SystemClock):
    """Somebody sets it after it was looked at a few times."""

    def __init__(self, jump: timedelta) -> None:
        self._jump = jump
        self._looks = 0

    def now(self) -> datetime:
        self._looks += 1
        return super().now() + (self._jump if self._looks > LOOKS else timedelta())


@dataclass(frozen=True)
class Place:
    """Where an archive lies and what else a run leaves."""

    archive: Path
    state: Path
    home: Path
    syncs: bool = False  # whether the disk really syncs

    @property
    def said(self) -> Path:
        return self.home / "said.json"

    @property
    def log(self) -> Path:
        return self.home / "acts"

    def beside(self, name: str) -> Place:
        """The same archive, for another run at the same time."""
        home = self.home.with_name(name)
        home.mkdir(exist_ok=True)
        return replace(self, home=home)

    def world(self, fault: Fault | None = None, *, watched: bool = True, jump: timedelta = timedelta()) -> World:
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        plain = World(env=env, state=self.state, clock=JumpingClock(jump), chance=random.Random(os.getpid()))
        return replace(plain, disk=FaultyDisk(self.log, fault, syncs=self.syncs)) if watched else plain


@dataclass(frozen=True)
class Said:
    """What a run told its caller; `ended` is None where it was killed."""

    ended: int | None  # exit code
    commits: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    error: str = ""
    killed: bool = False


@dataclass
class Child:
    place: Place
    process: BaseProcess

    def kill(self) -> None:
        self.process.kill()

    def wait(self) -> Said:
        self.process.join(LONGEST)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise AssertionError("the run hangs")
        killed = self.process.exitcode == -9
        said = Said(None, killed=killed)
        if self.place.said.exists():
            fields = json.loads(self.place.said.read_text())
            said = Said(killed=killed, **{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
        self.process.close()
        return said


def start(
    place: Place,
    fault: Fault | None = None,
    *,
    deed: Deed = deeds.FETCH,
    watched: bool = True,
    jump: timedelta = timedelta(),
    traced: bool = False,
) -> Child:
    """Begin a command. `traced`: it waits until a tracer holds it."""
    for path in (place.said, place.log):
        path.unlink(missing_ok=True)
    process = _forks.Process(target=_do, args=(place, fault, deed, watched, jump, traced))
    process.start()
    return Child(place, process)


def do(place: Place, deed: Deed, fault: Fault | None = None) -> Said:
    """One command, to its end or its death."""
    return start(place, fault, deed=deed).wait()


def fetch(place: Place, fault: Fault | None = None, *, options: FetchOptions | None = None) -> Said:
    """One fetch, to its end or its death."""
    return do(place, deeds.FETCH if options is None else deeds.fetch(options), fault)


def _do(place: Place, fault: Fault | None, deed: Deed, watched: bool, jump: timedelta, traced: bool) -> None:
    os.umask(0o077)
    while traced and _tracer() == 0:
        time.sleep(0.002)
    try:
        said = deed(place.archive, place.world(fault, watched=watched, jump=jump))
    except SnapError as error:
        said = {"ended": int(code_of(error)), "error": f"{type(error).__name__}: {error}"}
    except BaseException:  # noqa: BLE001 - as the command's last door does
        said = {"ended": int(Exit.BUG), "error": traceback.format_exc()}
    say(place, said)


def say(place: Place, said: Mapping[str, object]) -> None:
    """Tell whoever waits; a kill may come in the middle of this, too."""
    part = place.said.with_suffix(".part")
    part.write_text(json.dumps(said))
    part.replace(place.said)


def _tracer() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("TracerPid:"))
