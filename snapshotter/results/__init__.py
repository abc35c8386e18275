"""What the use cases give back: values that a report turns into words, JSON and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime

from snapshotter.exits import Exit as Exit
from snapshotter.exits import worst
from snapshotter.frozen import dataclass
from snapshotter.model import DayState, HeldBack, Job, Window
from snapshotter.results.calendar import CalendarDay, Stale
from snapshotter.results.changing import ChangedStream
from snapshotter.results.details import Counted
from snapshotter.results.staleness import Staleness


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; `level` is `info`, `warning` or `error`. Already masked and escaped."""

    level: str
    about: str  # a file, a source, a stream; may be ""
    text: str
    passes: bool = False  # an error that may pass by itself


@dataclass(frozen=True, slots=True)
class Created:
    """`init`."""

    path: str
    commit: str
    files: tuple[str, ...]
    notes: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    name: str
    title: str
    needs: tuple[str, ...]  # the secrets and vars to fill in, in words
    added: bool = False
    sign_in: str = "none"
    streams: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()  # how its authors checked it


@dataclass(frozen=True, slots=True)
class Added:
    """`add NAME`."""

    source: str
    path: str
    commit: str
    missing: tuple[Missing, ...]
    to_fill: tuple[str, ...] = ()  # of [vars]: what still has the value of an example
    streams: tuple[str, ...] = ()
    sign_in: str = "none"


@dataclass(frozen=True, slots=True)
class Missing:
    """A secret that was not found."""

    source: str
    secret: str
    hint: str  # e.g. "set the environment variable GITHUB_TOKEN"


@dataclass(frozen=True, slots=True)
class Checked:
    """`check`: the sources that are right, every problem, every missing secret."""

    files: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]  # source -> streams
    problems: tuple[str, ...]  # one line each, with file, line, key, value, nearest key
    missing: tuple[Missing, ...]
    notes: tuple[Notice, ...] = ()
    changed: tuple[ChangedStream, ...] = ()  # described otherwise than in their last run


@dataclass(frozen=True, slots=True)
class TriedPage:
    request: str  # masked
    status: int | None
    headers: tuple[tuple[str, str], ...]  # masked
    size: int
    seconds: float
    received: int  # records selected
    kept: int
    left_out: Mapping[str, int]
    days: Mapping[str, int]  # day (or "undated") -> records
    next: str  # what the paginator would do, in words
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """`try SOURCE/STREAM`."""

    stream: str
    window: Window | None
    pages: tuple[TriedPage, ...]
    first_record: str | None  # pretty JSON
    not_stored: tuple[str, ...]  # member paths of the answer outside the records, and dropped ones
    verdict: str  # in words: "looks right" or what is wrong
    good: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit of a run, as told to people."""

    commit: str
    stream: str
    subject: str


@dataclass(frozen=True, slots=True)
class DayProblem:
    """Days that are failed, invalid or newly held."""

    stream: str
    first: date | None
    last: date | None
    state: str
    why: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class StreamRun:
    """What one run did with one stream."""

    stream: str
    requests: int = 0
    windows: int = 0
    records: int = 0
    days_new: int = 0
    days_changed: int = 0
    commits: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """`fetch`."""

    run: str
    started: datetime
    finished: datetime
    streams: tuple[StreamRun, ...]
    commits: tuple[Committed, ...]
    problems: tuple[DayProblem, ...]
    held_back: tuple[HeldBack, ...]
    notices: tuple[Notice, ...]
    codes: frozenset[Exit] = frozenset()

    @property
    def exit(self) -> Exit:
        """The exit code of the run."""
        return worst(set(self.codes))


@dataclass(frozen=True, slots=True)
class Planned:
    """`fetch --dry-run`."""

    jobs: tuple[Job, ...]
    held_back: tuple[HeldBack, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """`show`."""

    path: str
    commit: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LogEntry:
    commit: str
    at: datetime
    subject: str
    lines: tuple[str, ...]  # what changed, from the body
    run: str | None = None


@dataclass(frozen=True, slots=True)
class StreamStatus:
    stream: str
    kind: str
    first: date | None  # first complete day
    last: date | None  # last complete day
    counts: Mapping[DayState, int]
    last_good: datetime | None
    records: int
    summary: str  # one line a person understands
    problems: tuple[DayProblem, ...] = ()
    held: int = 0
    details: tuple[Counted, ...] = ()  # second calls, beside the list
    staleness: Staleness | None = None  # None: no stored day was drawn by chance and asked again
    surprises: tuple[date, ...] = ()  # days that changed lately against expectation; those around them are asked


@dataclass(frozen=True, slots=True)
class Status:
    """`status`."""

    path: str
    head: str | None
    streams: tuple[StreamStatus, ...]
    notices: tuple[Notice, ...]
    waiting_spool: int = 0
    quarantined: int = 0
    calendar: tuple[CalendarDay, ...] = ()  # of the one stream that was asked for
    stale: tuple[Stale, ...] = ()  # older than `--max-age` allows
    staleness: Staleness | None = None  # of all these streams together, where more than one had days drawn


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """What is left of one limit; `until` is when more becomes free."""

    name: str
    used: int | None
    limit: int | None
    reserve: int
    remaining: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class LaneLeft:
    """What is left of the limits of one lane: of all sources that share a host and a credential."""

    lane: str
    sources: tuple[str, ...]
    budgets: tuple[BudgetLeft, ...]
    min_interval: float  # seconds
    waits: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)  # stream -> it goes on then, and why


@dataclass(frozen=True, slots=True)
class LimitsLeft:
    """`limits`."""

    lanes: tuple[LaneLeft, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a file would have snap do: `reads`, `runs`, `asks`, `sends`, `tells`, and what or whom."""

    does: str
    what: str

    def __str__(self) -> str:
        return f"{self.does} {self.what}"


@dataclass(frozen=True, slots=True)
class TrustingFile:
    """What one source, or the settings, would do; `new` is what was not agreed to before."""

    key: str
    file: str
    facts: tuple[Fact, ...]
    new: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Trusting:
    """`trust`."""

    path: str
    made_here: bool
    files: tuple[TrustingFile, ...]
    problems: tuple[str, ...] = ()
    known: bool = False  # something was agreed to before

    @property
    def is_trusted(self) -> bool:
        """Whether there is nothing to agree to."""
        return not any(file.new for file in self.files)


@dataclass(frozen=True, slots=True)
class Authorized:
    """`auth`."""

    source: str
    expires: datetime | None  # when the first token ends
    renewable: bool  # it is renewed without asking again
    stream: str  # one to try now
    lacking: tuple[str, ...] = ()  # scopes that were asked for and not granted


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long run, for a live display or a log."""

    stream: str
    kind: str  # planned, lane, asking, exchange, page, waiting, budget, landed; reading, verifying
    text: str
    done: int = 0
    total: int = 0
    records: int = 0
    days: int = 0  # new or changed ones
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that `verify` found wrong, named by its kind (`core.verifying`), with what to do."""

    kind: str
    where: str  # a path, a reference, an object's id
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Verified:
    """`verify`."""

    path: str
    head: str | None
    scope: str  # quick, full, or a share like 2/7
    counts: Mapping[str, int]  # what was looked at -> how many
    damage: tuple[Damage, ...]
    uncommitted: tuple[tuple[str, str], ...] = ()  # data files: path; edited, new, gone


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version of a document that was offered and waits for the user."""

    stream: str
    day: str  # a day, `undated`, or "" for a snapshot
    path: str
    records: int
    archived: int | None  # records of the version that stands; None: there is none
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class HeldSettled:
    """`held accept`, `held reject`."""

    version: HeldVersion
    accepted: bool
    commit: str


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of one answer of the quarantine. `outcome`: stored, known, in part, overtaken, unreadable."""

    name: str
    job: str
    outcome: str
    why: str = ""
    records: int = 0
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What may be said to every run."""

    max_requests: int | None = None
    deadline: float | None = None  # seconds
    wait: float = 0.0  # seconds to wait for another run to end
    trace: str | None = None  # a file that each exchange is told to
    executor: str | None = None  # where lanes are asked from; None: here


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions(RunLimits):
    """What a user may say to `fetch`."""

    targets: tuple[str, ...] = ()  # SOURCE or SOURCE/STREAM; none: all
    since: date | None = None
    until: date | None = None  # the last day that is asked
    extend: bool = False  # look behind the end of history once more
