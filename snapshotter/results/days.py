"""What is lacking and why, and the story of one day."""

from __future__ import annotations

from datetime import date, datetime

from snapshotter.frozen import dataclass
from snapshotter.results import Notice
from snapshotter.results.details import DetailLack


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why nothing of a stream is asked, or was not asked any further: `cause` is one word."""

    cause: str
    why: str
    step: str  # what to do, in words
    command: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look: the run that found it, what the API answered, the bytes that are kept."""

    run: str
    sequence: int  # which of its records
    status: int | None = None
    sha256: str | None = None  # of the last body of that try
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """Days in a row that are not there for one reason, with what to do about them.

    `cause` is the class of a miss (`core.missing`) or what else stands in the way; `kind` is the miss in detail.
    """

    state: str
    cause: str
    why: str
    step: str = ""  # what happens by itself, or what to do first
    commands: tuple[str, ...] = ()  # then, to be typed as they are
    kind: str = ""
    first_seen: datetime | None = None
    last_try: datetime | None = None
    tries: int = 0
    next_try: datetime | None = None
    evidence: Evidence | None = None
    given_up: bool = False  # runs no longer ask it by themselves


@dataclass(frozen=True, slots=True)
class Gap:
    """A range of days of one stream and why it is not there.

    `first` None: all days until `last`, or with no `last` so many days here and there, or none: its one whole state.
    """

    stream: str
    first: date | None
    last: date | None
    days: int
    lack: Lack


@dataclass(frozen=True, slots=True)
class Gaps:
    """`gaps`; `settled` are the days that need nothing: not over, proved empty, before the origin, past the end."""

    gaps: tuple[Gap, ...]
    settled: tuple[Gap, ...]
    notices: tuple[Notice, ...] = ()
    explained: bool = False  # with evidence
    details: tuple[DetailLack, ...] = ()  # second calls that failed, or whose answers cannot be used


@dataclass(frozen=True, slots=True)
class DayTry:
    """One try that touched a day. `outcome`: proved, a change of its document, or how it failed."""

    at: datetime
    run: str
    reason: str
    why: str
    first: date | None  # the days that it asked for
    last: date | None
    stop: str
    outcome: str
    requests: int
    status: int | None  # of its last answer
    sha256: str | None  # of its last body
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class DayVersion:
    """One commit of a day's document; without a run it was made by hand, "": a merge."""

    commit: str
    at: datetime
    subject: str
    run: str | None
    records: int | None
    added: int = 0
    removed: int = 0
    edited: int = 0


@dataclass(frozen=True, slots=True)
class DayDecision:
    """What was decided about a day: `held`, `accepted`, `rejected`, `asked`, `refresh`, `zone`."""

    at: datetime
    what: str
    why: str
    run: str | None = None


@dataclass(frozen=True, slots=True)
class DayStory:
    """`why`: the whole story of one day (None: of the one whole state)."""

    stream: str
    day: date | None
    state: str
    records: int
    sentence: str
    lack: Lack | None
    tries: tuple[DayTry, ...]
    versions: tuple[DayVersion, ...]
    decisions: tuple[DayDecision, ...]
    comes: tuple[str, ...]  # what happens next, in words
    held: bool = False  # another version waits for the user
    details: tuple[DetailLack, ...] = ()  # of its records, that are not there
