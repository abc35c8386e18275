"""What an answer makes of the documents of its days.

A complete view replaces the records of its own span; any other view is merged and removes nothing. What differs in
`ignore` paths only stays as archived, an id stands on one day, and order and white space are never a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime
from operator import attrgetter

from snapshotter.canonical import decode_document, document, encode_indented
from snapshotter.core import paths
from snapshotter.core.days import day_bounds
from snapshotter.core.diff import WHOLE, summarise
from snapshotter.core.records import Reader
from snapshotter.core.select import Path, differs_only_in, parse_path
from snapshotter.errors import Damaged, Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import Change, Record, Window
from snapshotter.spec import Kind, Shape, Stream

SECONDS_TO_DESCRIBE = 2.0
KEPT = 0.5  # the share of a day's records that a refresh must bring again

Clock = Callable[[], float]
_IN_ORDER = attrgetter("order", "text")  # as `Record.sort_key`, which takes four times as long


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that is written anew; `old` None: there was none. `was` counts the records of the old one."""

    old: bytes | None
    new: bytes
    records: int
    was: int
    change: Change


@dataclass(frozen=True, slots=True)
class Settled:
    """What an answer makes of its days; `documents` has only those that change. None is the document without a day."""

    documents: Mapping[date | None, DocumentChange]
    counts: Mapping[date | None, int]  # records of every day that has a document, or gets one
    duplicates: int = 0  # the same id twice: the later received won
    moved: int = 0  # ids that left the day they stood on


def _standing_still() -> float:
    return 0.0


def settle(
    stream: Stream,
    *,
    span: Window | None,
    replaces: bool,
    records: Sequence[Record],
    old: Mapping[date | None, bytes],
    elsewhere: Mapping[bytes, date | None],
    clock: Clock = _standing_still,
) -> Settled:
    """The documents that change when these records were received, as a complete view of `span` if it `replaces`."""
    fresh = _Fresh.of(records)
    settling = _Settling(stream, fresh, view(stream, span if replaces else None), clock)
    left = {day for key, day in elsewhere.items() if key in fresh.by_key and fresh.by_key[key].day != day}
    for day in sorted({*old, *fresh.days, *left}, key=lambda day: (day is None, day)):
        settling.settle(day, old.get(day))
    return Settled(settling.documents, settling.counts, fresh.duplicates, settling.moved)


def settle_snapshot(
    stream: Stream, records: Sequence[Record], old: bytes | None, *, clock: Clock = _standing_still
) -> DocumentChange | None:
    """The document of a whole state, or None if the archived one says the same."""
    fresh = _Fresh.of(records)
    settling = _Settling(stream, fresh, lambda record, day: True, clock)
    settling.settle(None, old)
    if old is None and not records:
        return DocumentChange(None, settling.reading.written([]), records=0, was=0, change=Change())
    return settling.documents.get(None)


def snapshot_span(zone: str, records: Iterable[Record], archived: Collection[date], *, now: datetime) -> Window | None:
    """The span that a whole state with days is a view of: from its oldest day, archived or received, to now or beyond.

    What lies ahead of now (a calendar has such records) belongs to the state too; only the part before now is over.
    """
    days = {*archived, *(record.day for record in records if record.day is not None)}
    if not days:
        return None
    start = min(day_bounds(min(days), zone).start, now)
    end = max(day_bounds(max(days), zone).end, now)
    return Window(start, end) if start < end else None


def held(stream: Stream, old_count: int | None, new_count: int) -> str | None:
    """Why a proved new version waits for the user instead of replacing the old one, by the stream's `expect`."""
    expect = stream.expect
    if expect.non_empty and not new_count:
        return "it has no records, and expect.non_empty is true"
    if expect.min_records is not None and new_count < expect.min_records:
        return f"it has {_counted(new_count)}, fewer than expect.min_records = {expect.min_records}"
    if expect.max_drop is not None and old_count and old_count - new_count > expect.max_drop * old_count:
        share = (old_count - new_count) / old_count
        return (
            f"it has {_counted(new_count)} where the archived version has {old_count}: {share:.0%} less,"
            f' more than expect.max_drop = "{expect.max_drop * 100:g}%"'
        )
    return None


def looks_lost(was: int | None, left: int) -> str | None:
    """Why a refresh does not replace a day by itself, where the source file says nothing: too much would be gone."""
    if not was or left >= was * KEPT:
        return None
    lost = f"{_counted(left)} where the archived version has {was}" if left else f"no records, the archived one {was}"
    return f"asked again, it has {lost}; a refresh alone does not take away more than half"


def _counted(records: int) -> str:
    return f"{records} record" if records == 1 else f"{records} records"


# --- what was received ---


@dataclass(frozen=True, slots=True)
class _Fresh:
    """The received records, each id once."""

    days: Mapping[date | None, Sequence[Record]]
    by_key: Mapping[bytes, Record]
    duplicates: int

    @classmethod
    def of(cls, records: Iterable[Record]) -> _Fresh:
        by_key: dict[bytes, Record] = {}
        days: dict[date | None, list[Record]] = {}
        keyed = 0
        for record in records:
            if record.key is None:
                days.setdefault(record.day, []).append(record)
            else:
                keyed += 1
                by_key[record.key] = record
        for record in by_key.values():
            days.setdefault(record.day, []).append(record)
        return cls(days, by_key, keyed - len(by_key))


# --- one document after the other ---


View = Callable[[Record, date | None], bool]  # whether an archived record of a day would be here if it still existed


@dataclass(slots=True)
class Reading:
    """Documents of a stream, read and written."""

    stream: Stream
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.stream)

    @property
    def is_single(self) -> bool:
        """Whether a document is one object."""
        return self.stream.selection.shape is Shape.SINGLE

    def records(self, day: date | None, data: bytes) -> list[Record]:
        """The records of an archived document; `Damaged` where it is none."""
        key = self.stream.key
        path = paths.snapshot(key) if self.stream.day is None else paths.document(key, day)
        try:
            return self.reader.document(data, day=day)
        except Unreadable as error:
            raise Damaged(
                f"{path} in the archive cannot be read: {error.message}; see who broke it with git log -p {path}"
            ) from error

    def written(self, records: Iterable[Record]) -> bytes:
        """The document of the records, in their order."""
        texts = [record.text for record in sorted(records, key=_IN_ORDER)]
        if self.is_single and texts:
            return encode_indented(decode_document(texts[0]).value)
        return document(texts)


@dataclass(slots=True)
class _Settling:
    stream: Stream
    fresh: _Fresh
    in_view: View
    clock: Clock
    documents: dict[date | None, DocumentChange] = field(default_factory=dict)
    counts: dict[date | None, int] = field(default_factory=dict)
    moved: int = 0
    reading: Reading = field(init=False)
    ignored: tuple[Path, ...] = field(init=False)
    deadline: float = field(init=False)  # of describing changes, all documents together

    def __post_init__(self) -> None:
        self.reading = Reading(self.stream)
        self.ignored = tuple(map(parse_path, self.stream.selection.ignore))
        self.deadline = self.clock() + SECONDS_TO_DESCRIBE

    def settle(self, day: date | None, old: bytes | None) -> None:
        """Write the day anew, unless it says the same as before."""
        fresh = self._fresh_of(day)
        if old is not None and self.reading.written(fresh) == old:  # the usual case, and a cheap one
            self.counts[day] = len(fresh)
            return
        before = [] if old is None else self.reading.records(day, old)
        after = [*self._as_archived(fresh, before), *self._kept(day, fresh, before)]
        new = self.reading.written(after)
        self.counts[day] = len(after)
        if new == old or (old is None and not after) or (old is not None and new == self.reading.written(before)):
            return
        self.documents[day] = DocumentChange(old, new, len(after), len(before), self._change(before, after))

    def _fresh_of(self, day: date | None) -> Sequence[Record]:
        fresh = self.fresh.days.get(day, ())
        if self.reading.is_single and len({record.text for record in fresh}) > 1:
            raise Unreadable("shape", f'several objects belong to {day or "one document"}, and as = "single" keeps one')
        return fresh[-1:] if self.reading.is_single else fresh

    def _as_archived(self, fresh: Sequence[Record], before: Sequence[Record]) -> list[Record]:
        """The fresh records, but the archived one where only `ignore` paths differ."""
        if not self.ignored:
            return list(fresh)
        archived = {self._identity(record): record for record in before}
        return [self._either(record, archived.get(self._identity(record))) for record in fresh]

    def _either(self, fresh: Record, archived: Record | None) -> Record:
        if archived is None or archived.text == fresh.text or archived.instant != fresh.instant:
            return fresh
        values = (decode_document(record.text).value for record in (archived, fresh))
        return archived if differs_only_in(self.ignored, *values) else fresh

    def _identity(self, record: Record) -> bytes | None:
        return WHOLE if self.reading.is_single else record.key

    def _kept(self, day: date | None, fresh: Sequence[Record], before: Sequence[Record]) -> list[Record]:
        """The archived records that stay beside the fresh ones."""
        if self.reading.is_single and fresh:
            return []
        copies = Counter(record.text for record in fresh if record.key is None)
        kept = []
        for record in before:
            if record.key is not None and (now := self.fresh.by_key.get(record.key)) is not None:
                self.moved += now.day != day
            elif self.in_view(record, day):
                continue
            elif record.key is None and copies[record.text] > 0:
                copies[record.text] -= 1  # without an id, the larger count of equal ones
            else:
                kept.append(record)
        return kept

    def _change(self, before: Sequence[Record], after: Sequence[Record]) -> Change:
        if not before:
            return Change(added=len(after))
        if self.reading.is_single:
            before, after = ([replace(record, key=WHOLE) for record in side] for side in (before, after))
        left = max(0.0, self.deadline - self.clock())
        return summarise(before, after, ignore=self.stream.selection.ignore, seconds=left, clock=self.clock)


def view(stream: Stream, span: Window | None) -> View:
    """Which archived records a complete view of a span would show."""
    rule = stream.day
    if span is None or rule is None:
        return lambda record, day: False
    if stream.kind is Kind.SNAPSHOT:  # a whole state, also of what has no day
        return lambda record, day: True
    by_whole_days = _sees_parts_of_days(stream)

    def in_view(record: Record, day: date | None) -> bool:
        if record.instant is None or day is None or not span.holds(record.instant):
            return False
        return not by_whole_days or day_bounds(day, rule.zone).end <= span.end

    return in_view


def sees_days_whole(stream: Stream) -> bool:
    """Whether a proved answer holds every record of its span: a feed may not, nor a list filtered by another field."""
    if stream.is_feed:
        return False
    rule, day = stream.window, stream.day
    if rule is None or day is None or rule.filter_field is None:
        return True
    return rule.filter_field in day.first_of or not rule.overlap.is_zero


def _sees_parts_of_days(stream: Stream) -> bool:
    """Whether a window may cut a day whose records do not say on which side of the cut they lie.

    Then a part of a day is no complete view: the records that another window brought for the same day would be lost.
    """
    rule, window = stream.day, stream.window
    if rule is None or window is None or rule.has_instants or rule.from_window:
        return False
    granules_are_days = window.granularity.is_calendar and not window.granularity.microseconds
    return window.overlap.is_zero and not granules_are_days
