"""What `report` gives back: everything a person wants to see of an archive on one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime

from snapshotter.frozen import dataclass
from snapshotter.model import DayState, Edit, QuarantineEntry
from snapshotter.results import HeldVersion, LimitsLeft, Notice, StreamStatus
from snapshotter.results.calendar import CalendarDay
from snapshotter.results.days import Lack
from snapshotter.results.past import RunLine
from snapshotter.results.rehearsing import Tried
from snapshotter.results.staleness import Staleness

LACKING = (DayState.INVALID, DayState.FAILED, DayState.PARTIAL, DayState.UNTRIED)  # over, could be had, not there


@dataclass(frozen=True, slots=True)
class Year:
    """The days of one year of a stream (or of the part of it that lies before what is shown day by day)."""

    year: int
    counts: Mapping[DayState, int]
    records: int


@dataclass(frozen=True, slots=True)
class Cover:
    """One stream: its line, its days within the range that is shown, and the years before it."""

    status: StreamStatus
    days: tuple[CalendarDay, ...]
    years: tuple[Year, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is lacking of one stream for one reason: in so many ranges of days, so many days in all."""

    stream: str
    ranges: tuple[tuple[date | None, date | None], ...]
    days: int
    lack: Lack
    waits: bool  # for a person; else it goes on by itself, or nothing can be done


@dataclass(frozen=True, slots=True)
class Found:
    """A document that changed after it was archived, as its latest change left it."""

    stream: str
    day: str  # a day, `undated`, or "" for a snapshot
    at: datetime
    versions: int
    added: int
    removed: int
    edited: int
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """The repository on this disk; `bytes_a_month` None while it is too early to say."""

    bytes: int
    bytes_a_month: int | None
    records: Mapping[str, int]  # of the days shown, by month, like 2018-02
    commits: int = 0  # since the day that events are told from
    warnings: tuple[str, ...] = ()  # what a host would not take


@dataclass(frozen=True, slots=True)
class Expiry:
    """An authorization that ends unless a person renews it."""

    source: str
    at: datetime
    renew: str  # how


@dataclass(frozen=True, slots=True)
class Report:
    """`report`; `first` and `last` are the days that calendars show, `since` is from when on events are told."""

    archive: str
    path: str
    snap: str
    at: datetime
    head: str | None
    since: date
    first: date
    last: date
    streams: tuple[Cover, ...]
    notices: tuple[Notice, ...]
    troubles: tuple[Trouble, ...]
    held: tuple[HeldVersion, ...]
    quarantine: tuple[QuarantineEntry, ...]
    changes: tuple[Found, ...]  # newest first
    more_changes: bool  # than are told
    runs: tuple[RunLine, ...]  # newest first
    limits: LimitsLeft
    growth: Growth
    staleness: tuple[Staleness, ...]
    expiries: tuple[Expiry, ...] = ()  # the next one first
    waiting_spool: int = 0
    counts: Mapping[DayState, int] = field(default_factory=dict)  # of all streams
    restore: Tried | None = None  # the last time that a run tried it

    @property
    def surprises(self) -> Mapping[str, tuple[date, ...]]:
        """The days of each stream that changed lately against expectation."""
        told = [cover.status for cover in self.streams]
        return {status.stream: status.surprises for status in told if status.surprises}

    @property
    def waiting(self) -> tuple[Trouble, ...]:
        """The troubles that wait for a person."""
        return tuple(trouble for trouble in self.troubles if trouble.waits)

    @property
    def missing(self) -> int:
        """How many days are over, could be had and are not there."""
        return sum(self.counts.get(state, 0) for state in LACKING)

    @property
    def alarms(self) -> tuple[Notice, ...]:
        """The notices that ask for something."""
        return tuple(notice for notice in self.notices if notice.level != "info")

    @property
    def needs(self) -> int:
        """How many things wait for a person."""
        return len(self.waiting) + len(self.alarms) + bool(self.held) + (not self.knows_quarantine)

    @property
    def knows_quarantine(self) -> bool:
        """Whether all that lies in the quarantine belongs to a trouble that is told anyway."""
        told = {
            trouble.stream for trouble in self.waiting if trouble.lack.evidence and trouble.lack.evidence.quarantine
        }
        return all(f"{entry.source}/{entry.stream}" in told for entry in self.quarantine)
