"""What `diff` and `versions` give back."""

from __future__ import annotations

from datetime import date, datetime

from snapshotter.frozen import dataclass
from snapshotter.model import Change


@dataclass(frozen=True, slots=True)
class Side:
    """One version of a document."""

    commit: str  # that brought it
    at: datetime
    subject: str
    records: int
    held: bool = False  # it waits for the user and is not current


@dataclass(frozen=True, slots=True)
class Difference:
    """`diff`; `old` None: there is one version only, and nothing to compare it with."""

    stream: str
    day: str  # a day, `undated`, or "" for a snapshot
    path: str
    old: Side | None
    new: Side
    change: Change
    deepdiff: str | None = None  # its own JSON, where that was asked for

    @property
    def name(self) -> str:
        """The document as one names it on the command line."""
        return f"{self.stream} {self.day}".rstrip()


@dataclass(frozen=True, slots=True)
class DayVersion:
    """One line of `versions SOURCE/STREAM DAY`; `back` is what `diff` and `show --at` take for it."""

    back: int  # 0: the newest, -1: the one before
    commit: str
    at: datetime
    subject: str
    records: int
    change: Change | None  # against the version before; None: it is the first


@dataclass(frozen=True, slots=True)
class DayVersions:
    """One line of `versions`: a document and how often it was written."""

    stream: str
    day: date | None
    path: str
    versions: int
    first: datetime
    last: datetime
