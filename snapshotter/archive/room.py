"""The memory that the lanes of a run share."""

from __future__ import annotations

import threading


class Room:
    """How much the windows take that are under way; a lane has one at a time."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        self._held: dict[object, int] = {}
        self._lock = threading.Lock()

    def hold(self, lane: object, size: int) -> bool:
        """Note what the window of a lane takes now; False: too much beside the others, and more than its share."""
        with self._lock:
            if not size:
                self._held.pop(lane, None)
                return True
            self._held[lane] = size
            return self.size is None or sum(self._held.values()) <= self.size or size * len(self._held) <= self.size
