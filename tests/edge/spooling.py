"""Builders for the tests of the spool."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from snapshotter.edge.files import Disk
from snapshotter.edge.spool import Spool
from snapshotter.model import Response, SpoolEntry
from tests.edge.clocks import NOON, HandClock

JOB = "usgs/events 2018-02-01T00:00:00+00:00 2018-02-02T00:00:00+00:00"
OTHER = "usgs/events 2018-02-02T00:00:00+00:00 2018-02-03T00:00:00+00:00"


def an_entry(page: int = 0, body: bytes = b"[]", *, job: str = JOB, run: str = "r1", status: int = 200) -> SpoolEntry:
    response = Response(status, (("set-cookie", "a"), ("set-cookie", "b")), body, NOON, "https://api/x?page=2", 0.5)
    return SpoolEntry(run, job, page, f"id{page}", response, "GET https://api/x?key={secrets.key}")


def a_spool(folder: Path, run: str | None = "r1", *, sync_every: float = 60, disk: Disk | None = None) -> Spool:
    """A spool as a new process opens it; a run before it that was not ended has died."""
    spool = Spool(folder, HandClock(), sync_every=sync_every, disk=disk)
    if run is not None:
        spool.begin_run(run, {"command": "fetch"})
    return spool


def die(spool: Spool) -> None:
    """End as a killed process does: without a word, its locks freed by the kernel."""
    if spool._run_lock is not None:
        spool._run_lock.release()
    for shelf in spool._all():
        for file in shelf._files:
            if file.fd is not None:
                os.close(file.fd)
                file.fd = None


def bodies(spool: Spool, job: str = JOB) -> list[bytes]:
    return [entry.response.body for entry in spool.find(job)]


@dataclass
class Watched(Disk):
    """A disk that writes down what is done to it."""

    steps: list[str] = field(default_factory=list)

    def before(self, step: str, path: str) -> None:
        self.steps.append(f"{step} {path}")


class Failing(Disk):
    """A disk that refuses one kind of step from the n-th time on, as often as told."""

    def __init__(self, step: str, error: int, *, after: int = 0, times: int = 1_000) -> None:
        self.step, self.error, self.left, self.times = step, error, after, times

    def before(self, step: str, path: str) -> None:
        if step == self.step:
            self.left -= 1
            if self.left < 0 and self.times > 0:
                self.times -= 1
                raise OSError(self.error, "injected")
