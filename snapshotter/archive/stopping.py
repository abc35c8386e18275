"""What ends the asking of a run before all is done, and whom a run tells of its steps."""

from __future__ import annotations

import threading
from collections.abc import Callable

from snapshotter.edge.world import Clock
from snapshotter.results import Progress

Tell = Callable[[Progress], None]
SLICE = 0.25  # seconds; how soon a waiting lane sees that it should stop


class Stops:
    """Why a run asks nothing more: a signal, its deadline, its number of requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._signal = threading.Event()
        self._until: float | None = None
        self._left: int | None = None

    def limit(self, *, max_requests: int | None, deadline: float | None) -> None:
        """Set the limits of the run, in requests and in seconds from now."""
        self._left = max_requests
        self._until = None if deadline is None else self._clock.monotonic() + deadline

    def interrupt(self) -> None:
        """Let the page in hand be the last one. May be called from a signal handler."""
        self._signal.set()

    @property
    def interrupted(self) -> bool:
        """Whether somebody asked for an end."""
        return self._signal.is_set()

    def reason(self) -> str | None:
        """`signal`, `deadline`, `max_requests`, or None while the run may go on."""
        if self._signal.is_set():
            return "signal"
        if self._until is not None and self._clock.monotonic() >= self._until:
            return "deadline"
        with self._lock:
            return "max_requests" if self._left is not None and self._left <= 0 else None

    def count(self) -> None:
        """One request leaves."""
        with self._lock:
            if self._left is not None:
                self._left -= 1

    def sleep(self, seconds: float) -> None:
        """Wait, but not past an interruption or the deadline."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and self.reason() in (None, "max_requests"):
            self._clock.sleep(min(left, SLICE))
