"""What a trial needs that leaves nothing behind: a folder, an unsynced disk, a clock turned by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from snapshotter.edge.files import Disk


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone at the end, with all that was put into it."""
    with TemporaryDirectory(prefix="snap-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


class ScratchDisk(Disk):
    """A disk for what need not outlive its process: nothing waits until it is written out."""

    def sync(self, fd: int) -> None:
        """Nothing to wait for."""

    def sync_all(self, fd: int) -> bool:
        """Nothing to wait for."""
        return True


class TurnedClock:
    """A clock that stands still until somebody sleeps: a wait of an hour takes no time."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._steady = 0.0

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._steady

    def sleep(self, seconds: float) -> None:
        """Turn it on."""
        self._now += timedelta(seconds=max(0.0, seconds))
        self._steady += max(0.0, seconds)
