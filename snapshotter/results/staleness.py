"""How much of what is stored differs from its source, as the days say that were drawn by chance and asked again."""

from __future__ import annotations

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Staleness:
    """The share of stored days that differ, with its 95 % interval; `stream` is "" for all streams together."""

    stream: str
    days: int  # drawn and asked again
    changed: int
    share: float
    low: float  # Wilson; a request that brings many days counts as one, for they often change together
    high: float
    requests: int = 0
    held: int = 0  # beside `days`: drawn too, but what came looked worse and was held
    streams: int = 1  # that had days drawn
