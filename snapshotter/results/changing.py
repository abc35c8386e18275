"""What changed in the descriptions of streams since their last run."""

from __future__ import annotations

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """One key that says something else, and what that means."""

    key: str
    effect: str  # harmless, answers, days, identity, data
    was: str
    now: str
    means: str


@dataclass(frozen=True, slots=True)
class ChangedStream:
    """A stream that is described otherwise than in its last run."""

    stream: str
    run: str  # the run that worked from the old description
    keys: tuple[ChangedKey, ...]
    stopped: str = ""  # why nothing is asked of it until the user has decided


@dataclass(frozen=True, slots=True)
class Accepted:
    """`check --accept`: what the user said is meant, and the commit that records it."""

    streams: tuple[ChangedStream, ...]
    commit: str | None  # None: there was nothing to accept
