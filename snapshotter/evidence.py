"""What is known about a stream, as values: `core.ledger` folds them from run records, the edge caches them.

Every statement carries the `Stamp` of the story it comes from. Of two statements about the same thing the later
stamp holds, so the order in which records are folded does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, date, datetime, timedelta

from snapshotter.frozen import dataclass
from snapshotter.model import MissFact, Recheck, Validators, Window

SEEN_AGAIN = timedelta(hours=20)  # so much later the same refusal counts as that of another day
EVER = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))  # what a job without a window asks


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which of two stories is the later one: a total order over all stories of all records of a stream."""

    turn: int
    at: datetime  # of the record
    run: str
    sequence: int
    story: int  # its place in the record


@dataclass(frozen=True, slots=True)
class Moment:
    """When a story's last answer came."""

    at: datetime
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Proved:
    """A span that is proved, and the zone its days were cut in."""

    window: Window
    zone: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The latest proof of a span. `validators` only while no later proof covers a part of what was asked with them."""

    window: Window
    zone: str
    at: datetime
    stamp: Stamp
    validators: Validators | None = None

    @property
    def is_void(self) -> bool:
        """Whether it says that earlier proofs of this span count no more (see `void`)."""
        return not self.zone


def void(window: Window, at: datetime, stamp: Stamp) -> Proof:
    """What takes back the proofs of a span that are earlier than this stamp."""
    return Proof(window, "", at, stamp)


@dataclass(frozen=True, slots=True)
class Missed:
    """The latest miss of a span that no later proof has answered."""

    window: Window
    fact: MissFact
    at: datetime
    stamp: Stamp
    is_due: bool = False  # for people: the source file was changed since, so neither a pause nor giving up counts

    @property
    def first(self) -> datetime:
        """When it was missed first."""
        return self.fact.first or self.at


@dataclass(frozen=True, slots=True)
class Document:
    """A day's document, or the one document without a day, as the latest story left it."""

    records: int
    sha256: str
    zone: str
    at: datetime
    stamp: Stamp
    changed: Moment | None = None  # the latest story that changed it


@dataclass(frozen=True, slots=True)
class WholeView:
    """The latest good answer to a job without a window: a snapshot, a feed."""

    at: datetime
    stamp: Stamp
    validators: Validators | None = None
    not_before: datetime | None = None  # when the API wants to be asked again


@dataclass(frozen=True, slots=True)
class HistoryEnd:
    """Before `before` the API has nothing, and how that was found."""

    before: datetime
    how: str
    stamp: Stamp
    doubted: datetime | None = None  # since when it rests on refusals of one day alone; None: it is settled

    @property
    def looked_at(self) -> datetime | None:
        """When it is looked at once more at the earliest; None: it is settled."""
        return None if self.doubted is None else self.doubted + SEEN_AGAIN


@dataclass(frozen=True, slots=True)
class Checked:
    """What a story tells of asking again."""

    at: datetime
    refresh: bool  # whether it was asked for that reason
    requests: int
    picked: str = ""
    expected_ppm: int | None = None
    rechecks: tuple[Recheck, ...] = ()
    surprises: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerTime:
    """What an answer says about time."""

    made: datetime  # when it was made, by the server's clock; long ago, where a cache kept it
    now: datetime  # what time it was at the server when it came
    ours: datetime  # and here


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all documents of days, also of those that were not loaded."""

    filled: int = 0  # documents with records
    records: int = 0


@dataclass(frozen=True, slots=True)
class Parent:
    """A record of a list, as its details see it."""

    id: str  # as JSON text
    day: date | None
    mark: str  # the same as long as the record does not differ outside `ignore`


@dataclass(frozen=True, slots=True)
class Wrote:
    """A run record, as far as it tells who archives a stream."""

    machine: str
    at: datetime
    command: str


Between = tuple[datetime | None, datetime | None]  # later than the one, not later than the other


@dataclass(frozen=True, slots=True)
class Sought:
    """Some records of a list by how their details stand: all that is said here holds for each of them."""

    states: tuple[str, ...]  # "": nothing is known
    told: Between | None = None  # when it was last told of
    again: Between | None = None  # the next try; where none is named, when it was told of
    differs: bool = False  # the record is not marked as it was then


@dataclass(frozen=True, slots=True)
class StreamLedger:
    """Everything known about a stream. A part of it (see `edge.cache`) lacks `proofs` and `days` outside its days."""

    stream: str  # `source/stream`
    proved: tuple[Proved, ...] = ()  # sorted, disjoint, as few as possible
    proofs: tuple[Proof, ...] = ()  # sorted, disjoint
    misses: tuple[Missed, ...] = ()  # sorted, disjoint
    days: Mapping[date, Document] = field(default_factory=dict)
    dateless: Document | None = None
    whole: WholeView | None = None
    whole_missed: Missed | None = None  # the miss of a job without a window, as long as it is later than `whole`
    history: HistoryEnd | None = None
    page_sizes: tuple[int, ...] = ()  # how many records pages held that another page followed; the greatest few
    last_try: Moment | None = None
    last_good: Moment | None = None
    turn: int = 0
    totals: Totals = Totals()
