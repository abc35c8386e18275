"""A disk that breaks, kills or tears at one of its acts, and writes down every act it was asked for."""

from __future__ import annotations

import errno
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from snapshotter.edge.files import Disk

HALF = "half a write"
_MAKING = frozenset({"mkdir", "create", "append"})
_CHANGING = _MAKING | {"write", HALF, "rename", "remove", "rmdir", "truncate"}
# Which acts an error can come from. Removing a file works on a full disk; a read-only one syncs nothing new.
ACTS = {
    "ENOSPC": _MAKING | {"write", HALF},
    "INODES": frozenset({"mkdir", "create"}),  # what is there can still be written
    "EDQUOT": _MAKING | {"write", HALF},
    "EROFS": _CHANGING,
    "EMFILE": _MAKING,
    "EIO": _CHANGING | {"sync", "sync folder", "sync all"},
}
SIGNAL = "kill"
STRUCK = "struck"  # the line in the log that says the error was raised


@dataclass(frozen=True)
class Fault:
    """What happens at the n-th act: a kill, or an error once or from there on."""

    at: int
    kind: str = SIGNAL  # or the name of an error, like ENOSPC; INODES: there is room, and no inode left
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {'from' if self.lasting else 'at'} act {self.at}"

    @property
    def number(self) -> int:
        return errno.ENOSPC if self.kind == "INODES" else int(getattr(errno, self.kind))


@dataclass(frozen=True)
class Act:
    """One line of the log."""

    number: int
    step: str
    path: str


class FaultyDisk(Disk):
    """Counts acts. A write is two of them: before it, and in the middle of it."""

    def __init__(self, log: Path, fault: Fault | None = None, *, syncs: bool = False) -> None:
        self._syncs = syncs
        self._fault = fault
        self._count = 0
        self._lock = threading.Lock()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def before(self, step: str, path: str) -> None:
        if self._due(step, path):
            self._strike()

    def write(self, fd: int, data: memoryview) -> int:
        if self._due(HALF, ""):
            os.write(fd, data[: len(data) // 2])
            self._strike()
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """The act was counted by `before`; a kill loses nothing that was written, so only a power cut needs more."""
        if self._syncs:
            super().sync(fd)

    def sync_all(self, fd: int) -> bool:
        return super().sync_all(fd) if self._syncs else True

    def _due(self, step: str, path: str) -> bool:
        with self._lock:
            number = self._count
            self._count += 1
            os.write(self._log, f"{number}\t{step}\t{path}\n".encode(errors="replace"))
        fault = self._fault
        if fault is None or number < fault.at or (number > fault.at and not fault.lasting):
            return False
        return fault.kind == SIGNAL or step in ACTS[fault.kind]

    def _strike(self) -> None:
        assert self._fault is not None
        if self._fault.kind == SIGNAL:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(self._log, f"-1\t{STRUCK}\t{self._fault}\n".encode())
        raise OSError(self._fault.number, os.strerror(self._fault.number))


def acts_in(log: Path) -> list[Act]:
    """Every act of a run, in order; the last one of a killed run is where it was killed. One may not have begun yet."""
    if not log.exists():
        return []
    lines = [line.split("\t", 2) for line in log.read_text().splitlines()]
    return [Act(int(number), step, path) for number, step, path in lines]


def has_struck(acts: list[Act]) -> bool:
    """Whether the error was raised in that run."""
    return any(act.step == STRUCK for act in acts)


def can_strike(kind: str, act: Act) -> bool:
    """Whether such a fault can come from this act."""
    return kind == SIGNAL or act.step in ACTS[kind]
