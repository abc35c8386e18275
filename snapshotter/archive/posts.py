"""The post of a lane: where the worker is heard that asks for it, and when that is lost the next one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from snapshotter.edge.link import Link, LinkLost

END = ("end",)


class Post:
    """Where the worker of one lane is heard."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.told: set[str] = set()  # what the worker at the link knows already
        self.lost = 0  # workers
        self.is_manned = False
        self.is_here = False  # no worker takes this lane
        self.is_done = False
        self.tries = 0
        self._begin: Callable[[], None] | None = begin
        self._box: queue.SimpleQueue[Link | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._link: Link | None = None

    def put(self, link: Link | None) -> None:
        """A worker came; None: none will."""
        with self._lock:
            if self.is_done:
                _dismiss(link)
                return
            self._box.put(link)
            begin, self._begin = self._begin, None
            self.is_manned = self.is_manned or link is not None
        if begin is not None:
            begin()

    def link(self) -> Link | None:
        """The worker, waited for; None where the lane is to be asked from here."""
        while self._link is None and not self.is_here:
            self._link = self._box.get()
            self.is_here = self._link is None
        return self._link

    def drop(self) -> None:
        """The worker is lost."""
        link, self._link = self._link, None
        self.lost += 1
        self.told = set()
        self.is_manned = not self._box.empty()
        if link is not None:
            link.close()

    def close(self) -> None:
        """Nothing more is asked: let every worker go."""
        with self._lock:
            self.is_done = True
            self.is_manned = False
            waiting = [self._link]
            while not self._box.empty():
                waiting.append(self._box.get())
        for link in waiting:
            _dismiss(link)


def _dismiss(link: Link | None) -> None:
    if link is not None:
        with suppress(LinkLost):
            link.send(END)
        link.close()
