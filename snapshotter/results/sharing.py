"""What pushing, pulling and cloning give back."""

from __future__ import annotations

from typing import Literal

from snapshotter.frozen import dataclass
from snapshotter.results import Notice

PushState = Literal["pushed", "same", "behind", "guarded", "rejected", "diverged", "unreachable", "no_remote"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """`push`: `behind` (the remote has commits that are not here), `guarded` (the hook refused), `rejected` (the
    remote did), `diverged` (the two lines cannot become one
    by themselves), `unreachable`; `why` in words that a person may see.
    """

    remote: str
    state: PushState
    commits: int = 0
    why: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the remote has everything now."""
        return self.state in ("pushed", "same")


@dataclass(frozen=True, slots=True)
class Overruled:
    """A document that both sides changed: whose version stands, or both joined; what stands not stays in history."""

    path: str
    kept: Literal["ours", "theirs", "both"]
    unlike: tuple[str, ...] = ()  # ids of records of which both had a version; the one asked for later stands


@dataclass(frozen=True, slots=True)
class Pulled:
    """`pull`."""

    remote: str
    commits: int  # of theirs that are here now
    merged: bool = False
    overruled: tuple[Overruled, ...] = ()
    notices: tuple[Notice, ...] = ()  # what asks for trust now, sources that two machines archive


@dataclass(frozen=True, slots=True)
class Cloned:
    """`clone`."""

    path: str
    commits: int
    notices: tuple[Notice, ...] = ()
    files: int = 1  # of a backup


@dataclass(frozen=True, slots=True)
class BackedUp:
    """`backup`: nothing was written where there are no commits."""

    path: str
    size: int
    commits: int
    is_full: bool
