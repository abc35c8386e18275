"""What use cases say of details."""

from __future__ import annotations

from datetime import date, datetime

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Counted:
    """How many details there are of each kind."""

    name: str
    parents: int = 0
    stored: int = 0
    gone: int = 0
    failed: int = 0
    due: int = 0  # that a run would ask now, if nothing stops it


@dataclass(frozen=True, slots=True)
class DetailLack:
    """Details of one stream that are not there for one reason, and what comes of it."""

    stream: str
    detail: str
    state: str  # of a detail: failed, invalid, gone
    why: str  # of the one that was asked last
    records: int
    ids: tuple[str, ...]  # of the records, as people write them; the first few
    first: date | None  # the days of these records
    last: date | None
    last_try: datetime
    next_try: datetime | None  # the first that comes; None: nobody asks again by itself
    step: str
    commands: tuple[str, ...] = ()
