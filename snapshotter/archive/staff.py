"""The workers of one run, found by an executor: one for each post, and another when it is lost.

A lane that no worker takes (the executor gave up, or nobody came for long) is told so, and is asked from here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from functools import partial
from typing import Literal

from snapshotter.archive.posts import Post
from snapshotter.archive.worker import work
from snapshotter.core.wording import counted
from snapshotter.edge.execute import Crew, crew_of, new_key
from snapshotter.edge.link import Door, Link
from snapshotter.model import HeldBack

Held = list[HeldBack]
TRIES = 3  # times that a lane is given to the executor, where that does not do so by itself
PATIENCE = 30.0  # seconds that all workers may be away before lanes are asked from here
GOODBYE = 5.0  # seconds that workers have for ending by themselves
_LOOK = 0.25  # seconds between two looks at that


class Staff:
    """All posts of a run, and the executor that finds workers for them."""

    def __init__(self, crew: Crew, *, stopped: Callable[[], bool]) -> None:
        self.crew = crew
        self.posts: list[Post] = []
        self.words = ""  # why the last worker that could not go on did not
        self._stopped = stopped
        self._called: dict[int, Future[str]] = {}  # by lane, the last one
        self._key = new_key()
        self._closed = threading.Event()
        self._door = Door(crew.host, self._key, arrived=self._arrived, context=crew.context)
        self._watch = threading.Thread(target=self._look, name="watch", daemon=True)
        self._watch.start()

    def have_done(self, pool: Executor, errand: Callable[..., Held]) -> Future[Held]:
        """Have an errand done in the pool, given its post, when a worker has come (or it is known that none will)."""
        outcome: Future[Held] = Future()
        post = Post(lambda: pool.submit(errand, post=post).add_done_callback(lambda done: _hand_on(done, outcome)))
        self.posts.append(post)
        self._call(len(self.posts) - 1)
        return outcome

    def told(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """What is to be said about them."""
        lost = sum(post.lost for post in self.posts)
        here = sum(post.is_here for post in self.posts)
        if lost:
            yield "info", f"{counted(lost, 'time')} a worker was lost; what it had not handed over was asked again"
        if here and not self._stopped():
            why = f" ({self.words})" if self.words else ""
            were, them = ("was", "it") if here == 1 else ("were", "them")
            none = f"since no worker of {self.crew.name} took {them}{why}"
            yield "warning", f"{counted(here, 'lane')} {were} asked from here, {none}"

    def close(self) -> None:
        """Let everybody go."""
        self._closed.set()
        self._door.close()
        self._watch.join()
        for lane, called in self._called.items():
            if self.posts[lane].is_here:
                called.cancel()  # it may still wait for a worker
        for post in self.posts:
            post.put(None)  # whoever still waits
            post.close()
        _, left = wait(self._called.values(), timeout=GOODBYE)
        for called in left:
            called.cancel()

    def _arrived(self, lane: int, link: Link) -> None:
        self.posts[lane].put(link)

    def _call(self, lane: int) -> None:
        post = self.posts[lane]
        post.tries += 1
        try:
            called = self.crew.executor.submit(work, self.crew.ticket(self._door.port, lane, self._key))
        except RuntimeError:  # it is broken, or gone
            post.put(None)
            return
        self._called[lane] = called
        called.add_done_callback(partial(self._ended, lane))

    def _ended(self, lane: int, called: Future[str]) -> None:
        """A worker ended: because the lane has, or it could not go on."""
        post = self.posts[lane]
        if post.is_done or self._closed.is_set():
            return
        self.words = _why(called) or self.words
        if post.tries < TRIES:
            self._call(lane)
        else:
            post.put(None)

    def _look(self) -> None:
        """See that no lane waits for a worker for ever."""
        away = 0.0
        while not self._closed.wait(_LOOK):
            away = 0.0 if any(post.is_manned for post in self.posts) else away + _LOOK
            if away >= PATIENCE or self._stopped():
                for post in list(self.posts):
                    if not (post.is_manned or post.is_done or post.is_here):
                        post.put(None)


@contextmanager
def staffed(address: str, *, stopped: Callable[[], bool]) -> Iterator[Staff]:
    """The staff that an executor finds, let go at the end."""
    crew = crew_of(address)
    try:
        staff = Staff(crew, stopped=stopped)
        try:
            yield staff
        finally:
            staff.close()
    finally:
        crew.close()


def _hand_on(done: Future[Held], outcome: Future[Held]) -> None:
    error = done.exception()
    if error is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(done.result())


def _why(called: Future[str]) -> str:
    if called.cancelled():
        return "the executor cancelled it"
    error = called.exception()
    if error is None:
        return called.result()
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
