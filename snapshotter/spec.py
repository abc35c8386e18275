"""A source as values: what its file says, after every check and with every default filled in.

`core.config` is the only room that makes these; everybody reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: calendar months and days (of a zone), and an exact rest in microseconds."""

    months: int = 0
    days: int = 0
    microseconds: int = 0

    @property
    def is_zero(self) -> bool:
        """Whether it has no length at all."""
        return not (self.months or self.days or self.microseconds)

    @property
    def is_calendar(self) -> bool:
        """Whether its length depends on the calendar and the zone."""
        return bool(self.months or self.days)

    def rough(self) -> timedelta:
        """Its length with months of 30 days and days of 24 hours: for pauses and comparisons, not for borders."""
        return timedelta(days=self.months * 30 + self.days, microseconds=self.microseconds)


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder: `{window.start|date}` is root `window`, path `start`, filters `("date",)`."""

    root: str
    path: str
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders. `{vars.x}` and `{account}` are already replaced when a source is made."""

    parts: tuple[str | Slot, ...]

    def slots(self) -> tuple[Slot, ...]:
        """Its placeholders in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))


# A value of `params`, `headers`, `json`, `form`: JSON whose texts may be templates.
Value = Template | None | bool | int | float | str | list[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is found; never the secret itself."""

    name: str
    kind: Literal["env", "file", "keyring", "command"]
    where: str
    public: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    base_url: str
    headers: Mapping[str, Value] = field(default_factory=dict)
    user_agent: str | None = None
    connect_timeout: Span = Span(microseconds=10_000_000)
    read_timeout: Span = Span(microseconds=60_000_000)
    allow_hosts: tuple[str, ...] = ()
    max_body: int = 64 * 1024 * 1024
    max_window: int | None = None  # bytes of memory; None: by how much there is
    conditional: bool = False
    allow_http: bool = False


# --- auth: a closed union, one small class a scheme ---


@dataclass(frozen=True, slots=True)
class NoAuth:
    pass


@dataclass(frozen=True, slots=True)
class BearerAuth:
    token: Template
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    username: Template
    password: Template


@dataclass(frozen=True, slots=True)
class ApiKeyAuth:
    place: Literal["header", "query"]
    name: str
    token: Template


@dataclass(frozen=True, slots=True)
class BodyAuth:
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class OAuth2Auth:
    grant_type: Literal["refresh_token", "client_credentials"]
    token_url: str
    client_id: Template
    client_secret: Template | None = None
    refresh_token: Template | None = None
    authorize_url: str | None = None
    authorize_params: Mapping[str, Value] = field(default_factory=dict)
    redirect: str = "loopback"
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    client_auth: Literal["body", "basic"] = "body"
    encoding: Literal["form", "json"] = "form"
    expires: str = "expires_in"
    rotates: bool = True
    token_store: Literal["state", "keyring"] = "state"  # noqa: S105 - a place, not a password
    refresh_before: Span = Span(microseconds=300_000_000)
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class JwtBearerAuth:
    token_url: str
    key: Template
    issuer: Template
    audience: str
    subject: Template | None = None
    scopes: tuple[str, ...] = ()
    lifetime: Span = Span(microseconds=3_600_000_000)
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class CommandAuth:
    argv: tuple[str, ...]
    scheme: str = "Bearer"


Auth = NoAuth | BearerAuth | BasicAuth | ApiKeyAuth | BodyAuth | OAuth2Auth | JwtBearerAuth | CommandAuth


@dataclass(frozen=True, slots=True)
class RateLimit:
    name: str
    limit: int
    interval: Span
    kind: Literal["fixed", "sliding"] = "sliding"
    zone: str = "UTC"
    reserve: int = 0
    method: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class RateHeaders:
    limits: tuple[str, ...]
    limit: str | None = None
    remaining: str | None = None
    used: str | None = None
    reset: str | None = None
    reset_format: Literal["epoch", "epoch_ms", "delta", "http_date", "iso"] = "epoch"
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Pacing:
    lane: str | None = None
    min_interval: Span = Span(microseconds=250_000)
    concurrency: int = 1
    max_wait: Span = Span(microseconds=1_200_000_000)
    when_exhausted: Literal["wait", "stop"] = "wait"
    persist: bool = True


@dataclass(frozen=True, slots=True)
class Retry:
    attempts: int = 5
    base: Span = Span(microseconds=1_000_000)
    cap: Span = Span(microseconds=60_000_000)
    jitter: bool = True
    statuses: tuple[int, ...] = (408, 425, 429, 500, 502, 503, 504, 522, 524, 529)
    total: Span = Span(microseconds=900_000_000)


class Action(Enum):
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    REFRESH_AUTH = "refresh_auth"
    FAIL = "fail"
    END = "end"
    EMPTY = "empty"
    TOMBSTONE = "tombstone"
    SKIP_STREAM = "skip_stream"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """All given conditions must hold. `page` is already filled in: `first` for `empty`, else what was written."""

    action: Action
    status: tuple[int, ...] = ()
    body: str | None = None
    header_name: str | None = None
    header_matches: str | None = None
    page: Literal["first", "later"] | None = None
    message: str | None = None


# --- records ---


class Shape(Enum):
    LIST = "list"
    SINGLE = "single"
    VALUES = "values"
    ENTRIES = "entries"
    ROWS = "rows"
    COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class Selection:
    """How records come out of a body. Expressions are JMESPath texts, paths are member paths."""

    records: str = "@"
    records_missing: Literal["error", "empty"] = "error"
    decode: Literal["json", "ndjson"] = "json"
    shape: Shape = Shape.LIST
    rows: str | None = None
    columns: str | None = None
    unnest: str | None = None
    keep_if: str | None = None
    id: tuple[str, ...] = ()
    id_is_hash: bool = False
    sort: str | None = None
    order: Literal["none", "newest_first", "oldest_first"] = "none"
    ignore: tuple[str, ...] = ()
    envelope: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DayRule:
    """Which day a record belongs to. Exactly one of `first_of`, `template`, `from_window` says where it is read."""

    first_of: tuple[str, ...] = ()
    template: tuple[str | Slot, ...] = ()  # Slot("record", PATH)
    from_window: bool = False
    parse: str = "date"  # date prefix instant http_date epoch epoch_ms epoch_us epoch_ns, or fmt:…
    naive: str | None = None
    zone: str = "UTC"
    missing: Literal["error", "undated"] = "error"

    @property
    def has_instants(self) -> bool:
        """Whether a record's place in time is finer than its day."""
        if self.from_window or self.parse in ("date", "prefix"):
            return False
        return not self.parse.startswith("fmt:") or _has_time(self.parse)


def _has_time(form: str) -> bool:
    return any(part[:1] in set("HIMSfpzcX") for part in form.replace("%%", "").split("%")[1:])


# --- paging: a closed union ---


@dataclass(frozen=True, slots=True)
class Where:
    """Where a value of a page stands: a JMESPath into the body, or a header."""

    body: str | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """Which of the first request's parameters the next one repeats."""

    kind: Literal["all", "none", "some"] = "all"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PagingCommon:
    stop: tuple[str, ...] = ("no_next",)
    max_pages: int = 10_000
    max_items: int | None = None
    total: Where | None = None
    has_more: Where | None = None


@dataclass(frozen=True, slots=True)
class NoPaging:
    common: PagingCommon = PagingCommon()


@dataclass(frozen=True, slots=True)
class LinkHeader:
    rel: str = "next"
    common: PagingCommon = PagingCommon()


@dataclass(frozen=True, slots=True)
class NextUrl:
    next: Where = Where(body="next")
    common: PagingCommon = PagingCommon()


@dataclass(frozen=True, slots=True)
class CursorPaging:
    cursor: Where
    param: str | None = None
    into: Literal["query", "json"] = "query"
    initial: str | None = None
    carry: Carry = Carry()
    size: int | None = None
    size_param: str | None = None
    common: PagingCommon = PagingCommon()


@dataclass(frozen=True, slots=True)
class PageNumber:
    param: str | None = None
    into: Literal["query", "json"] = "query"
    start: int = 1
    size: int | None = None
    size_param: str | None = None
    common: PagingCommon = PagingCommon()


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    param: str | None = None
    into: Literal["query", "json"] = "query"
    start: int = 0
    size: int | None = None
    size_param: str | None = None
    common: PagingCommon = PagingCommon()


Paging = NoPaging | LinkHeader | NextUrl | CursorPaging | PageNumber | OffsetPaging


@dataclass(frozen=True, slots=True)
class Overlap:
    before: Span = Span()
    after: Span = Span()

    @property
    def is_zero(self) -> bool:
        """Whether nothing is asked beyond the window."""
        return self.before.is_zero and self.after.is_zero


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How a stream is asked by time. `start` and `end` are texts as written: a date, an instant, or `now`."""

    start: str
    end: str = "now"
    step: Span | None = None
    max_span: Span | None = None
    bounds: Literal["[)", "[]", "(]", "()"] = "[)"
    granularity: Span = Span(microseconds=1)
    settle: Span = Span()
    lookback: Span = Span()
    overlap: Overlap = Overlap()
    zone: str = "UTC"
    filter_field: str | None = None
    params: Mapping[str, Value] = field(default_factory=dict)
    backfill: Literal["newest_first"] = "newest_first"
    empty_stop: int | None = None
    empty_again: tuple[Span, ...] = (Span(days=1), Span(days=3), Span(days=7), Span(days=21))


@dataclass(frozen=True, slots=True)
class Horizon:
    items: int | None = None
    age: Span | None = None
    poll: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshRule:
    policy: Literal["learned", "ladder", "never"] = "learned"
    recheck: tuple[Span, ...] = ()
    budget: int | None = None
    weight: float = 1.0
    floor: Span | None = None
    ceiling: Span | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    min_records: int | None = None
    max_drop: float | None = None  # a share, 0.2 for "20%"
    schema: str | None = None
    non_empty: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    name: str
    path: Template
    params: Mapping[str, Value] = field(default_factory=dict)
    records: str = "@"
    file_name: Template | None = None
    fetch_if: Literal["missing", "changed", "stale"] = "missing"
    ignore: tuple[str, ...] = ()
    stale_after: Span | None = None
    per_run: int | None = None
    errors: tuple[ErrorRule, ...] = ()


class Kind(Enum):
    SERIES = "series"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Stream:
    source: str
    name: str
    kind: Kind
    path: Template
    method: str = "GET"
    repeatable: bool = True  # asking twice does no harm; a POST that writes says no
    params: Mapping[str, Value] = field(default_factory=dict)
    headers: Mapping[str, Value] = field(default_factory=dict)
    json: Value = None
    form: Mapping[str, Value] | None = None
    every: Span = Span(days=1)
    selection: Selection = Selection()
    paging: Paging = NoPaging()
    window: WindowRule | None = None
    day: DayRule | None = None
    horizon: Horizon | None = None
    refresh: RefreshRule = RefreshRule()
    expect: Expect = Expect()
    details: tuple[Detail, ...] = ()
    errors: tuple[ErrorRule, ...] = ()  # the stream's own first, then the source's

    @property
    def key(self) -> str:
        """`source/stream`, its name on the command line and its folder in the archive."""
        return f"{self.source}/{self.name}"

    @property
    def is_feed(self) -> bool:
        """Whether it is a series that cannot be asked by time: newest first, until something known is met."""
        return self.kind is Kind.SERIES and self.window is None


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    api: str
    file: str  # path in the archive, `sources/strava.toml`
    account: str | None
    secrets: Mapping[str, SecretRef]
    client: Client
    auth: Auth
    rate_limits: tuple[RateLimit, ...]
    rate_headers: tuple[RateHeaders, ...]
    pacing: Pacing
    retry: Retry
    streams: Mapping[str, Stream]


@dataclass(frozen=True, slots=True)
class Remote:
    name: str = "origin"
    push: bool = False
    restore_test: Span | None = None  # how often a run tries whether it would restore


@dataclass(frozen=True, slots=True)
class Settings:
    """`snap.toml`. Tables that later rooms read (`notify`, `ping`, `maintenance`) are checked and kept as written."""

    zone: str
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    deadline: Span | None = None
    max_requests: int | None = None
    remote: Remote = Remote()
    notify: tuple[Mapping[str, Value], ...] = ()
    ping: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, Value] = field(default_factory=dict)
    maintenance: Mapping[str, Value] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)  # raw: below those of each source
