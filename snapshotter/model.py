"""Frozen values that pass between rooms while a run is under way.

Times are aware `datetime`s in UTC, days are `date`s in the zone of their stream's day rule, windows are
half-open `[start, end)`. Secrets appear by name only, as `Slot("secrets", NAME)` inside a `Secretive`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal
from urllib.parse import quote

from snapshotter.frozen import dataclass
from snapshotter.spec import Slot

# --- asking ---


@dataclass(frozen=True, slots=True)
class Secretive:
    """A text with secrets in it, by name: `Bearer {secrets.token}` before the token is put in."""

    parts: tuple[str | Slot, ...]

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else f"{{{part.root}.{part.path}}}" for part in self.parts)


Text = str | Secretive
Pairs = tuple[tuple[str, Text], ...]


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON body; its texts may be `Secretive`."""

    value: Any


@dataclass(frozen=True, slots=True)
class FormBody:
    fields: Pairs


Body = JsonBody | FormBody | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request as core wants it sent; the edge adds authentication, the User-Agent and the secrets."""

    method: str
    url: str  # absolute; may have a query of its own (a next URL is used as given)
    params: Pairs = ()  # appended to the query, in this order
    headers: Pairs = ()
    body: Body = None

    def identity(self) -> str:
        """SHA-256 (hex) of method, URL, parameters and body; headers and secret values are not part of it."""
        text = repr((self.method, self.url, [(n, str(v)) for n, v in self.params], _plain_body(self.body)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain_body(body: Body) -> str:
    match body:
        case None:
            return ""
        case FormBody(fields):
            return repr([(name, str(value)) for name, value in fields])
        case JsonBody(value):
            return _plain_json(value)


def _plain_json(value: Any) -> str:
    match value:
        case Mapping():
            return "{" + ",".join(f"{name!r}:{_plain_json(value[name])}" for name in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(_plain_json(item) for item in value) + "]"
        case Secretive():
            return repr(str(value))
        case _:
            return repr(value)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer as it came. Header names are lower case, repeated headers stand repeatedly."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received: datetime
    url: str  # after redirects
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


class Miss(Enum):
    """Why no usable answer came."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    RESET = "reset"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    DECODING = "decoding"
    REDIRECT = "redirect"
    ORIGIN = "origin"
    AUTH = "auth"  # no token could be had, and asking again will not help
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    miss: Miss
    message: str  # masked, for people
    at: datetime
    again_after: float | None = None  # seconds, where a server (of tokens) said so


Answer = Response | NoAnswer


@dataclass(frozen=True, slots=True)
class Spent:
    """No request may leave before `until`."""

    until: datetime
    why: str  # in words: which budget, or who else asks


# --- what becomes of an answer (core.retry decides) ---


@dataclass(frozen=True, slots=True)
class Take:
    """Use it as a page."""


@dataclass(frozen=True, slots=True)
class TakeEmpty:
    """A page without records, by an `empty` rule."""

    why: str


@dataclass(frozen=True, slots=True)
class EndHere:
    """The walk ends well, by an `end` rule or a 304 (`stop` is `end_rule` or `not_modified`)."""

    stop: str
    why: str = ""  # what the answer said, where a rule took it for the end
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Ask once more, not before `seconds` from now."""

    seconds: float
    why: str
    rate_limited: bool = False


@dataclass(frozen=True, slots=True)
class RenewAuth:
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """This window failed. `kind`: network, server, rate_limit, auth, forbidden, gone, request, other."""

    kind: str
    why: str
    status: int | None = None
    again_after: float | None = None  # seconds, where the server said so
    stops_stream: bool = False  # skip_stream
    stops_source: bool = False  # auth: nothing else of this source will work


Verdict = Take | TakeEmpty | EndHere | Again | RenewAuth | GiveUp


# --- time ---


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A span of time, `[start, end)` in UTC."""

    start: datetime
    end: datetime

    def holds(self, instant: datetime) -> bool:
        """Whether the instant lies in it."""
        return self.start <= instant < self.end

    def touches(self, other: Window) -> bool:
        """Whether the two share an instant."""
        return self.start < other.end and other.start < self.end


class Reason(Enum):
    """Why a window is asked."""

    RECENT = "recent"  # the newest days, with lookback
    BACKFILL = "backfill"  # older days never proved
    PROBE = "probe"  # whether there is something behind a row of windows without records
    EDGE = "edge"  # where exactly the API's history begins, and whether it still says so another day
    CONFIRM = "confirm"  # a young day that was empty
    RETRY = "retry"  # asked before, not proved
    ASKED = "asked"  # the user named the days
    REFRESH = "refresh"
    RECONCILE = "reconcile"  # it failed, is missing or looks wrong
    SNAPSHOT = "snapshot"
    FEED = "feed"
    RESUME = "resume"  # found in the spool
    DETAIL = "detail"  # second calls, one for each record of a list
    IMPORT = "import"  # nothing was asked: files that somebody had
    MERGE = "merge"  # nothing was asked: what two machines archived became one
    DECIDED = "decided"  # nothing was asked: the user decided about what had come before


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to ask: a window of a series, a feed, or a snapshot (`window` is None for the last two)."""

    source: str
    stream: str
    window: Window | None
    reason: Reason
    why: str  # in words, for --dry-run
    detail: str = ""  # of which details, for a job that asks details
    item: str = ""  # the id of the one record whose detail is asked, as JSON text; "": of all that wait
    picked: str = ""  # a refresh: the rule that chose it
    expected_ppm: int | None = None  # and how likely a change of one of its days was held to be, in millionths

    @property
    def is_refresh(self) -> bool:
        """Whether it asks again what is complete; also where a later run goes on with it."""
        return self.reason is Reason.REFRESH or bool(self.picked)

    @property
    def name(self) -> str:
        """What the job asks, as text; the same thing has the same name in every run (the spool finds it by it)."""
        if self.detail:
            return f"{self.source}/{self.stream}/{self.detail} {quote(self.item, safe='')}"
        if self.window is None:
            return f"{self.source}/{self.stream}"
        return f"{self.source}/{self.stream} {self.window.start.isoformat()} {self.window.end.isoformat()}"


@dataclass(frozen=True, slots=True)
class HeldBack:
    job: Job
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    jobs: tuple[Job, ...]
    held_back: tuple[HeldBack, ...] = ()


# --- records ---


@dataclass(frozen=True, slots=True)
class Record:
    """One record, ready to be stored."""

    text: bytes  # canonical JSON, one line, no newline
    key: bytes | None  # canonical JSON of its id; None: no id, the record is one of a multiset
    day: date | None  # None: undated
    instant: datetime | None  # where it lies in time, UTC (for dates: the start of its day in the day zone)
    order: tuple[Any, ...] = ()  # what records of a document are sorted by

    def sort_key(self) -> tuple[Any, ...]:
        """Total order inside a document."""
        return (*self.order, self.text)


@dataclass(frozen=True, slots=True)
class PageRecords:
    """The records of one page, and what was left out of it."""

    records: tuple[Record, ...]
    received: int  # elements selected, before keep_if
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> count
    envelope: Mapping[str, bytes] = field(default_factory=dict)  # path -> canonical JSON
    notes: tuple[str, ...] = ()  # for the run record, e.g. "bom"
    keys: tuple[bytes, ...] = ()  # keys of all received records, in order (also of those left out)


# --- outcomes of days ---


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """A place in a record that differs. Values are JSON text, cut with `…`; None: nothing stood there."""

    path: str  # a member path, "" for the record itself
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A record that came, went or changed."""

    kind: Literal["added", "removed", "changed"]
    id: str | None  # as JSON text; None: it has no id
    text: str = ""  # the beginning of a record without an id
    fields: tuple[FieldEdit, ...] = ()
    more: int = 0  # places that differ beyond those of `fields`
    note: str = ""  # in words, where no field is told


@dataclass(frozen=True, slots=True)
class Change:
    """How a document changed. Counts by record identity; `lines` are for people, `edits` for programs, both bounded."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    lines: tuple[str, ...] = ()
    cut_short: bool = False  # time ran out: pairs may be told as one removed and one added, and details are lacking
    edits: tuple[Edit, ...] = ()  # the same records as in `lines`


@dataclass(frozen=True, slots=True)
class Saved:
    day: date
    records: int


@dataclass(frozen=True, slots=True)
class Empty:
    day: date


@dataclass(frozen=True, slots=True)
class Open:
    """The day is not over (plus `settle`); it may hold records."""

    day: date
    records: int


@dataclass(frozen=True, slots=True)
class Partial:
    day: date
    records: int
    why: str


@dataclass(frozen=True, slots=True)
class Invalid:
    day: date
    reason: str
    why: str
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    day: date
    kind: str
    why: str
    status: int | None = None


Outcome = Saved | Empty | Open | Partial | Invalid | Failed


class DayState(Enum):
    SAVED = "saved"
    EMPTY = "empty"
    OPEN = "open"
    PARTIAL = "partial"
    FAILED = "failed"
    INVALID = "invalid"
    UNTRIED = "untried"
    BEYOND = "beyond"


# --- committing ---


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path of a commit. `data` None removes the file."""

    path: str  # POSIX, relative to the archive's root
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """All of one commit."""

    files: tuple[FileChange, ...]
    message: str  # subject, blank line, body, blank line, trailers
    at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One commit that touched a path."""

    commit: str  # full hex id
    at: datetime
    subject: str
    body: str  # with trailers
    blob: str | None  # None: the path was removed


@dataclass(frozen=True, slots=True)
class Touched:
    """The files in which one commit differs from its only parent."""

    commit: str  # full hex id
    parents: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One response in the spool."""

    run: str
    job: str  # Job.name
    page: int  # from 0
    identity: str  # Request.identity()
    response: Response
    shown: str  # the request in one masked line, for people
    picked: str = ""  # as of its job, so that what is left of a refresh goes on as one
    expected_ppm: int | None = None
    sha256: str = field(default="", compare=False)  # of the body, in hex, where it is known already


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    name: str  # its file name
    source: str
    stream: str
    job: str
    reason: str
    message: str
    at: datetime
    sha256: str
    size: int
    facts: Mapping[str, str] = field(default_factory=dict)  # how the bytes came: url, status, page, run; masked


# --- run records: what is committed beside the data, and what the ledger is folded from ---


@dataclass(frozen=True, slots=True)
class PageFact:
    number: int  # from 0
    status: int
    request: str  # masked, one line
    sha256: str  # of the body as received
    size: int
    received: datetime
    records: int
    replayed: bool = False  # it came out of the spool, not from the API


@dataclass(frozen=True, slots=True)
class DayFact:
    """What one try found about one day. `change`: new, changed, same, emptied, or none (no document)."""

    records: int
    sha256: str | None  # of the document; None where there is none
    change: Literal["new", "changed", "same", "emptied", "none"]
    added: int = 0
    removed: int = 0
    edited: int = 0
    edits: tuple[Edit, ...] = ()  # the largest of them, of a document that was there before
    cut_short: bool = False  # as of a `Change`


@dataclass(frozen=True, slots=True)
class MissFact:
    """Why a window is not proved. `kind` as in `GiveUp`, or `unreadable`, `limit`, `interrupted`, `order`, `loop`."""

    state: Literal["failed", "invalid", "partial"]
    kind: str
    why: str
    status: int | None = None
    quarantine: str | None = None
    next_try: datetime | None = None
    tries: int = 1  # with this one, since the window was last proved (`ledger.counted` fills both)
    first: datetime | None = None  # when the first of them was; None: this one


@dataclass(frozen=True, slots=True)
class Validators:
    """What a conditional request is made of, bound to the request it was given for."""

    identity: str
    etag: str | None = None
    last_modified: str | None = None
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Recheck:
    """Days that were asked once more: about how old at the time before and now, and how many of them differed."""

    since: int  # days of age
    age: int
    days: int
    changed: int = 0
    held: int = 0  # beside `days`: what came looked worse and waits, so it is not known whether they changed


@dataclass(frozen=True, slots=True)
class DetailFact:
    """What one try found about the detail of one record."""

    detail: str
    id: str  # of the record, as JSON text
    state: Literal["stored", "gone", "failed", "invalid"]  # gone: the API has none, and says so
    at: datetime  # when the answer came
    day: date | None = None  # of the record
    file: str | None = None  # below the folder of the detail; a failed try leaves the file of an earlier one
    sha256: str | None = None  # of that file
    mark: str = ""  # of the record as it was then, outside `ignore`
    why: str = ""
    status: int | None = None
    tries: int = 0  # in a row that failed
    next_try: datetime | None = None
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class JobStory:
    """What became of one job."""

    job: str
    reason: Reason
    why: str
    window: Window | None  # as asked
    proved: Window | None  # the span that is proved now
    zone: str  # that cuts the days
    stop: str  # a stop reason of the paginator, or the kind of the miss
    at: datetime  # when the last answer came
    requests: int  # sent in this run, refused ones too
    pages: tuple[PageFact, ...] = ()
    received: int = 0
    stored: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    days: Mapping[date, DayFact] = field(default_factory=dict)
    undated: int = 0
    miss: MissFact | None = None
    envelope: Mapping[str, str] = field(default_factory=dict)  # path -> canonical JSON text
    validators: Validators | None = None
    history_ends: str | None = None  # how the end of history was found, where this job found it
    history_before: datetime | None = None  # before when there is nothing; None: before the window
    history_doubted: datetime | None = None  # since when that rests on refusals of one day; None: it is settled
    notes: tuple[str, ...] = ()
    overtaken: tuple[str, ...] = ()  # records, as JSON, that a later one of the same id and walk differs from
    picked: str = ""  # a refresh: the rule that chose it
    expected_ppm: int | None = None  # the chance of a change of one of its days, as it was judged before
    rechecks: tuple[Recheck, ...] = ()  # what is learned from asking again
    surprises: tuple[date, ...] = ()  # days that changed although hardly any change was expected
    dateless: DayFact | None = None  # of the one document without a day: snapshot.json or undated.json
    details: tuple[DetailFact, ...] = ()  # what was found about second calls, or where their files moved
    lost: Window | None = None  # a feed: what the API no longer shows and nobody saw before
    not_before: datetime | None = None  # when the API wants to be asked again, where it said so
    withdrawn: Window | None = None  # what was proved here before counts no more: a clock was ahead then


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One immutable file: what one run did with one stream up to one commit."""

    run: str
    sequence: int
    closes: bool  # nothing of this stream follows in this run
    snap: str
    command: str
    started: datetime
    at: datetime
    source: str
    stream: str
    settings: Mapping[str, str]  # path -> blob id of the files it worked from
    stories: tuple[JobStory, ...]
    notes: tuple[str, ...] = ()  # what was healed, a run that died, warnings
    observed: datetime | None = None  # when what it tells was seen, of an import; None: when it was written
    machine: str = ""  # a random mark of the copy of the archive that wrote it; says nothing of anybody
    turn: int = 0  # one more than the stream's ledger has seen: the order of records that no clock jump upsets
    format: int = 1
