"""The days of one stream as a calendar."""

from __future__ import annotations

from datetime import date

from snapshotter.frozen import dataclass
from snapshotter.model import DayState


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of a stream."""

    day: date
    state: DayState
    records: int = 0


@dataclass(frozen=True, slots=True)
class Stale:
    """A stream that has had no good news for too long."""

    stream: str
    why: str
