"""Second calls, one for each record of a list: which to ask, what an answer becomes, and where its file lies."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from snapshotter.canonical import Json, decode, decode_document, document, encode, encode_indented, plain
from snapshotter.core import paths
from snapshotter.core.calls import detail_call
from snapshotter.core.identity import Identity
from snapshotter.core.records import Reader
from snapshotter.core.select import Path, View, compile_expression, drop, parse_path
from snapshotter.core.template import Context, member, text_of
from snapshotter.errors import Unreadable
from snapshotter.evidence import Parent, Sought, Stamp
from snapshotter.model import DetailFact, PageRecords, Record, Request, RunRecord, Window
from snapshotter.results.details import Counted
from snapshotter.spec import (
    Action,
    Detail,
    ErrorRule,
    Kind,
    NoPaging,
    Selection,
    Slot,
    Source,
    Stream,
    Template,
)

FIRST_GAP = timedelta(hours=1)
LONGEST_GAP = timedelta(days=30)
MISSED, HAD = ("failed", "invalid"), ("stored", "gone")  # states of which the next try says when, and the others
_GONE = ErrorRule(Action.TOMBSTONE, status=(404, 410))  # unless the source file says otherwise


# --- records of the list ---


def terms(detail: Detail, stream: Stream) -> str:
    """What marks depend on; other terms, other marks."""
    return "\n".join([*stream.selection.id, "", *_ignored(detail, stream)])


def parents(stream: Stream, detail: Detail, data: bytes, day: date | None) -> Iterator[Parent]:
    """The records of an archived document, as a detail sees them."""
    identity, ignored = Identity(stream.selection), [parse_path(path) for path in _ignored(detail, stream)]
    for exact in _elements(data):
        key = _key(identity, exact)
        if key is not None:
            yield Parent(key, day, _mark(exact, ignored))


def elements(stream: Stream, data: bytes) -> Mapping[str, Json]:
    """The records of an archived document by their ids, as plain values."""
    identity = Identity(stream.selection)
    keyed = ((_key(identity, exact), exact) for exact in _elements(data))
    return {key: plain(exact) for key, exact in keyed if key is not None}


def _ignored(detail: Detail, stream: Stream) -> tuple[str, ...]:
    return tuple(sorted({*stream.selection.ignore, *detail.ignore}))


def _elements(data: bytes) -> list[Json]:
    value = decode_document(data).value
    return value if isinstance(value, list) else [value]


def _key(identity: Identity, exact: Json) -> str | None:
    try:
        key = identity.key(plain(exact), exact)
    except Unreadable:  # it was archived when the id was another
        return None
    return None if key is None else key.decode()


def _mark(exact: Json, ignored: Iterable[Path]) -> str:
    for path in ignored:
        exact, _ = drop(path, exact)
    return hashlib.sha256(encode(exact)).hexdigest()[:16]


# --- what to ask ---


def is_due(detail: Detail, parent: Parent, known: DetailFact | None, *, now: datetime) -> bool:
    """Whether the detail of a record is to be asked now."""
    if known is None:
        return True
    if known.state in MISSED:
        return known.next_try is None or known.next_try <= now or known.at > now  # noted by a clock that was ahead
    if detail.stale_after is not None and now - known.at >= detail.stale_after.rough():
        return True
    return detail.fetch_if == "changed" and known.mark != parent.mark


def sought(detail: Detail, *, now: datetime) -> tuple[Sought, ...]:
    """The details that are due, once each: `is_due` in ranges, for who need not look at all to find them."""
    found = [Sought(("",)), Sought(MISSED, again=(None, now)), Sought(MISSED, again=(now, None), told=(now, None))]
    stale = None
    if detail.stale_after is not None:
        stale = _before(now, detail.stale_after.rough())
        found.append(Sought(HAD, told=(None, stale)))
    if detail.fetch_if == "changed":
        found.append(Sought(HAD, told=(stale, None), differs=True))
    return tuple(found)


def _before(now: datetime, span: timedelta) -> datetime:
    first = datetime.min.replace(tzinfo=UTC)
    return now - span if span < now - first else first


def queue(
    detail: Detail, rows: Iterable[tuple[Parent, DetailFact | None]], *, now: datetime
) -> tuple[tuple[Parent, DetailFact | None], ...]:
    """What is to be asked now, newest first, and of one day what was never asked first."""
    due = [row for row in rows if is_due(detail, row[0], row[1], now=now)]
    due.sort(key=lambda row: row[0].id)
    due.sort(key=lambda row: (row[0].day or date.max, row[1] is None), reverse=True)
    return tuple(due)


def counted(detail: Detail, standings: Mapping[tuple[str, bool], int], *, due: int) -> Counted:
    """How the details of a stream stand, from how many there are of each state, without and with a file."""
    of = Counter[str]()
    for (state, _), count in standings.items():
        of[state] += count
    return Counted(
        detail.name,
        parents=of.total(),
        stored=sum(count for (state, filed), count in standings.items() if filed and state != "gone"),
        gone=of["gone"],
        failed=sum(of[state] for state in MISSED),
        due=due,
    )


def came(facts: Iterable[DetailFact]) -> str:
    """What came, in words: `details: 248 stored, 2 gone`."""
    states = Counter(fact.state for fact in facts)
    told = [f"{states[state]:,} {state}" for state in ("stored", "gone", "failed", "invalid") if states[state]]
    return f"details: {', '.join(told)}"


def next_try(tries: int, *, at: datetime) -> datetime:
    """When a detail that failed so often in a row is asked again: after gaps that grow."""
    doublings: int = 2 ** min(tries - 1, 16)
    return at + min(FIRST_GAP * doublings, LONGEST_GAP)


# --- asking ---


def as_stream(stream: Stream, detail: Detail) -> Stream:
    """What asks one detail, in the words of a stream: one page, no days."""
    return Stream(
        source=stream.source,
        name=stream.name,
        kind=Kind.SNAPSHOT,
        path=Template(("/",)),  # each call has its own
        selection=Selection(records=detail.records),
        paging=NoPaging(),
        errors=(*detail.errors, _GONE),
    )


def request(source: Source, detail: Detail, record: Json, *, now: datetime) -> Request:
    """The call for the detail of a record."""
    return detail_call(source, detail, Context(run_now=now, record=record))


class DetailReader(Reader):
    """Reads answers: what `records` selects is the one thing to keep; null is nothing."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.expression = compile_expression(stream.selection.records)

    def page(self, body: bytes, *, window: Window | None, most: int | None = None) -> PageRecords:
        """What is kept of an answer, as one record; none if it is null."""
        decoded = decode(body)
        found = View(decoded.value, is_plain=decoded.exact_is_plain).select(self.expression)
        if found is None:
            return PageRecords((), 0, notes=decoded.notes)
        return PageRecords((Record(encode(found), None, None, None),), 1, notes=decoded.notes)


def file_bytes(text: bytes) -> bytes:
    """The file of an answer: an object a member a line, a list an element a line."""
    value = decode(text).value
    return document(map(encode, value)) if isinstance(value, list) else encode_indented(value)


def file_of(detail: Detail, parent: Parent, record: Json, answer: bytes) -> str:
    """Where the file of a detail lies, below its folder; `Unreadable` if the answer lacks what names it."""
    name = parent.id
    if detail.file_name is not None:
        name = _named(detail.file_name, record, plain(decode(answer).value))
    else:
        value = plain(decode(parent.id.encode()).value)
        name = value if isinstance(value, str) else name
    return paths.detail_file(name, parent.day)


def moved(file: str, day: date | None) -> str:
    """Where a file lies when its record stands on another day."""
    return paths.detail_moved(file, day)


def _named(template: Template, record: Json, answer: Json) -> str:
    parts = []
    for part in template.parts:
        if isinstance(part, Slot):
            found = member(part.path, record if part.root == "record" else answer)
            if found is None:
                raise Unreadable("name", f"the {part.root} has no {part.path!r}, which names the file")
            parts.append(text_of(found))
        else:
            parts.append(part)
    return "".join(parts)


# --- what run records add up to ---

Facts = Mapping[tuple[str, str], DetailFact]


def fold(records: Iterable[RunRecord]) -> Facts:
    """The latest fact about each detail of a stream, by detail and id, in whatever order the records come."""
    latest: dict[tuple[str, str], tuple[Stamp, DetailFact]] = {}
    for record in records:
        for stamp, fact in stamped(record):
            key = fact.detail, fact.id
            if key not in latest or latest[key][0] < stamp:
                latest[key] = stamp, fact
    return {key: fact for key, (_, fact) in latest.items()}


def stamped(record: RunRecord) -> Iterator[tuple[Stamp, DetailFact]]:
    """The facts of a run record, each with its place among all."""
    for place, story in enumerate(record.stories):
        for fact in story.details:
            yield Stamp(record.turn, record.at, record.run, record.sequence, place), fact
