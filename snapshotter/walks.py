"""What a walk needs of the world, and what it brings home; what a worker elsewhere is given to do one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from snapshotter.evidence import ServerTime
from snapshotter.frozen import dataclass
from snapshotter.model import (
    Answer,
    GiveUp,
    Job,
    MissFact,
    PageFact,
    Record,
    Request,
    SpoolEntry,
    Validators,
)
from snapshotter.spec import Source, Stream

STOPPED_WORDS = {
    "signal": "interrupted",
    "deadline": "the deadline of the run is reached",
    "max_requests": "the requests of this run are spent",
    "budget": "the rate limit's budget is spent",
    "purse": "what may be spent on asking again today is spent",
    "memory": "other windows of this run take the memory",
}


class Asking(Protocol):
    """What a job needs of the world."""

    def stopped(self) -> str | None:
        """Why no further request may leave (`signal`, `budget`, …), or None."""
        ...

    def ask(self, source: Source, request: Request, *, extra: Mapping[str, str]) -> Answer | GiveUp:
        """Send once, in the lane's turn; `GiveUp` when the lane's budget is spent for longer than we wait."""
        ...

    def renew(self, source: Source) -> bool:
        """Get a new token; whether there is one now."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleep."""
        ...

    def chance(self) -> float:
        """A number in [0, 1)."""
        ...

    def now(self) -> datetime:
        """Now, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def refused(self, seconds: float | None) -> None:
        """The server refused the last request for asking too much, for so long if it said so."""
        ...

    def describe(self, request: Request) -> str:
        """The request in one masked line."""
        ...

    def spooled(self, job: str) -> Sequence[int]:
        """The pages of this job that wait in the spool."""
        ...

    def spooled_page(self, job: str, page: int) -> SpoolEntry | None:
        """One of them, or None if it is damaged."""
        ...

    def spool(self, entry: SpoolEntry) -> None:
        """Put a response on disk."""
        ...

    def known(self, stream: Stream, records: Sequence[Record]) -> Sequence[Record]:
        """Those of the records that are archived in a proved span."""
        ...

    def secret_in(self, source: Source, body: bytes) -> str | None:
        """The name of a secret whose value stands in the body."""
        ...

    def room(self, source: Source) -> int | None:
        """How much memory a window may take; None: nobody knows."""
        ...

    def hold(self, size: int) -> bool:
        """Note how much the window takes now; False: too much beside the others."""
        ...

    def tell(self, stream: Stream, kind: str, text: str) -> None:
        """Progress."""
        ...


@dataclass(frozen=True, slots=True)
class Walked:
    """What one job brought. `good`: the walk ended for an allowed reason and every page was read."""

    job: Job
    stop: str
    good: bool
    records: tuple[Record, ...]
    pages: tuple[PageFact, ...]
    requests: int
    at: datetime
    received: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    envelope: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    miss: MissFact | None = None
    unusable: Unusable | None = None
    validators: Validators | None = None
    met: datetime | None = None  # a feed: the newest instant of a record that was archived already
    restart: bool = False  # the pages do not fit together: ask once more from page one
    keeps_spool: bool = False  # the next run goes on after the last page
    not_before: datetime | None = None  # when the API wants to be asked again, where it said so
    told: ServerTime | None = None  # what the answer that was made first says about time
    refusal: MissFact | None = None  # a rule took the first answer for the end: what is missing, if it was wrong
    stops_stream: bool = False
    stops_source: bool = False
    left: str = ""  # why it was left for later, where it was

    @property
    def not_modified(self) -> bool:
        """Whether the server said that nothing changed."""
        return self.stop == "not_modified"


@dataclass(frozen=True, slots=True)
class Unusable:
    """Bytes for the quarantine."""

    body: bytes
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Loan:
    """A source, with the values of the secrets that its requests need; `repr` shows none."""

    source: Source
    secrets: Mapping[str, str] = field(repr=False)
    has_tokens: bool = False  # what shows who asks comes with each turn
    room: int | None = None  # how much memory a window may take at the writer


@dataclass(frozen=True, slots=True)
class Order:
    """One walk; `request`: of a detail, which has no pages."""

    fetcher: str
    job: Job
    now: datetime
    started: datetime
    full_page_seen: bool = False
    resumes: bool = True
    request: Request | None = None
