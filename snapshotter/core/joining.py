"""How what two machines archived of one stream becomes one: record by record, by who saw it last.

Of each record both sides have a version, or none. Where they differ, the side that saw it later is believed: by an
answer that changed it, or by a proof that would have shown it. So two halves of a day add up, a record that only one
side was told of stays, and one that a later whole view lacks goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import date, datetime

from snapshotter.canonical import decode_document
from snapshotter.core import documents, held_notes
from snapshotter.core.days import day_bounds
from snapshotter.core.ledger import CHANGING
from snapshotter.core.select import differs_only_in, parse_path
from snapshotter.frozen import dataclass
from snapshotter.model import JobStory, Reason, Record, RunRecord, Window
from snapshotter.spec import Kind, Stream

Documents = Mapping[date | None, bytes]


@dataclass(frozen=True, slots=True)
class Side:
    """One line since both were one: the documents that either line changed, as they are here, and its run records."""

    documents: Documents
    records: tuple[RunRecord, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """What both together make of the documents."""

    documents: Documents
    places: Mapping[bytes, date | None]  # of the ids that differed: the day each stands on now
    unlike: Mapping[date | None, tuple[str, ...]]  # records of which there were two versions; the later seen one stands


@dataclass(frozen=True, slots=True)
class _Version:
    """A record as one side has it."""

    record: Record
    copies: int = 1  # of one without an id

    @property
    def day(self) -> date | None:
        return self.record.day


@dataclass(frozen=True, slots=True, order=True)
class _Sight:
    """When a side saw a record last. An import saw it before any answer."""

    is_answer: bool
    at: datetime
    proves: bool = False  # also that there are no more copies of it, or that it is gone


Key = tuple[bytes, date | None, bool]  # id or text; the day of one without an id; whether it is an id


def join(stream: Stream, base: Documents, ours: Side, theirs: Side) -> Joined:
    """The documents of a stream that is split by days, record by record."""
    return _Joining(stream, base, ours, theirs).done()


def newer_state(ours: Side, theirs: Side) -> Side:
    """Of a whole state: the side that asked later."""
    return theirs if _asked(theirs.records, None, None) > _asked(ours.records, None, None) else ours


def newer_offer(stream: Stream, day: date | None, ours: Side, theirs: Side) -> Side:
    """Of a version that waits for the user: the side that asked or decided later."""
    zone = stream.day.zone if stream.day is not None else None
    return theirs if _asked(theirs.records, day, zone) > _asked(ours.records, day, zone) else ours


def count(data: bytes) -> int:
    """How many records a document has."""
    value = decode_document(data).value
    return len(value) if isinstance(value, list) else 1


def _asked(records: Iterable[RunRecord], day: date | None, zone: str | None) -> tuple[bool, float]:
    """When a day, or everything, was asked last or decided about."""
    bounds = None if day is None or zone is None else day_bounds(day, zone)
    found = [(record.turn > 0, _when(record, story).timestamp()) for record in records for story in record.stories
             if story.reason is not Reason.MERGE
             and (bounds is None or story.window is None or story.window.touches(bounds))]  # fmt: skip
    return max(found, default=(False, 0.0))


def _when(record: RunRecord, story: JobStory) -> datetime:
    return record.at if story.reason is Reason.DECIDED else story.at


@dataclass(slots=True)
class _Seen:
    """What one side asked, by the days it concerns."""

    stream: Stream
    records: tuple[RunRecord, ...]
    is_whole: bool = field(init=False)
    _wrote: dict[date | None, list[tuple[_Sight, Window | None]]] = field(default_factory=dict)
    _proofs: list[tuple[_Sight, Window, frozenset[date | None]]] = field(default_factory=list)
    _by_day: dict[date | None, list[tuple[_Sight, documents.View]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_whole = documents.sees_days_whole(self.stream)
        for record in self.records:
            for story in record.stories:
                if story.reason is Reason.MERGE:
                    continue
                sight = _Sight(record.turn > 0, _when(record, story))
                for day, fact in [*story.days.items(), (None, story.dateless)]:
                    if fact is not None and fact.change in CHANGING:
                        self._wrote.setdefault(day, []).append((sight, story.window))
                if story.proved is not None:
                    self._proofs.append((replace(sight, proves=True), story.proved, _held(story)))

    def last(self, version: _Version | None, before: _Version | None, other: _Version | None) -> _Sight | None:
        """When this side saw a record last, of which it has this version (None: it has it not).

        That it is not here says something against the other's version only where a proof would have shown that one:
        it may stand elsewhere in time now.
        """
        subject = next(one for one in (version, other, before) if one is not None)
        found = list(self._proved(subject, is_here=version is not None))
        if version != before and (version is not None or other == before):
            concerned = [one for one in (version, before) if one is not None]
            wrote = [item for one in concerned for item in self._wrote.get(one.day, ())]
            inside = [sight for sight, window in wrote if any(_within(window, one.record) for one in concerned)]
            found += inside or [sight for sight, _ in wrote]
        return max(found, default=None)

    def _proved(self, subject: _Version, *, is_here: bool) -> Iterator[_Sight]:
        for sight, in_view in self._of(subject.day):
            if (self.is_whole or is_here) and in_view(subject.record, subject.day):
                yield sight if self.is_whole else replace(sight, proves=False)

    def _of(self, day: date | None) -> list[tuple[_Sight, documents.View]]:
        if day not in self._by_day:
            rule = self.stream.day
            everything = self.stream.kind is Kind.SNAPSHOT or day is None or rule is None
            bounds = None if everything or day is None or rule is None else day_bounds(day, rule.zone)
            self._by_day[day] = [
                (sight, documents.view(self.stream, span))
                for sight, span, waits in self._proofs
                if day not in waits and (bounds is None or span.touches(bounds))
            ]
        return self._by_day[day]


def _held(story: JobStory) -> frozenset[date | None]:
    """The days whose new version waits for the user, so that what stands is not what was seen."""
    return frozenset(day for day, _ in held_notes.told(story.notes))


def _within(window: Window | None, record: Record) -> bool:
    return window is None or record.instant is None or window.holds(record.instant)


class _Joining:
    """One stream."""

    def __init__(self, stream: Stream, base: Documents, ours: Side, theirs: Side) -> None:
        self.stream = stream
        self._reading = documents.Reading(stream)
        self._ignored = tuple(map(parse_path, stream.selection.ignore))
        self._days = {*ours.documents, *theirs.documents}
        self._base, self._ours, self._theirs = map(self._versions, (base, ours.documents, theirs.documents))
        self._seen = _Seen(stream, ours.records), _Seen(stream, theirs.records)
        self._unlike: dict[date | None, list[str]] = {}

    def done(self) -> Joined:
        """Decide about every record."""
        left: dict[date | None, list[Record]] = {day: [] for day in self._days}
        places: dict[bytes, date | None] = {}
        for key in {**self._ours, **self._theirs}:
            versions = self._base.get(key), self._ours.get(key), self._theirs.get(key)
            stands = self._decided(*versions)
            if stands is not None:
                left[stands.day] += [stands.record] * stands.copies
                if key[2] and versions[1] != versions[2]:
                    places[key[0]] = stands.day
        found = {day: self._reading.written(records) for day, records in left.items()}
        return Joined(found, places, {day: tuple(names) for day, names in self._unlike.items()})

    def _versions(self, given: Documents) -> dict[Key, _Version]:
        found: dict[Key, _Version] = {}
        for day, data in given.items():
            for record in self._reading.records(day, data):
                key: Key = (record.text, day, False)
                if self._reading.is_single:
                    key = b"", day, False
                elif record.key is not None:
                    key = record.key, None, True
                copies = found[key].copies + 1 if key in found and not key[2] else 1
                found[key] = _Version(record, copies)
        return found

    def _decided(self, base: _Version | None, ours: _Version | None, theirs: _Version | None) -> _Version | None:
        if ours == theirs:
            return ours
        mine, other = self._seen[0].last(ours, base, theirs), self._seen[1].last(theirs, base, ours)
        if mine is None and other is None:  # nobody asked: it was changed by hand
            return theirs if ours in (base, None) else ours
        if other is None or (mine is not None and _rank(mine, ours) >= _rank(other, theirs)):
            stands, left, sight = ours, theirs, mine
        else:
            stands, left, sight = theirs, ours, other
        if stands is not None and left is not None:
            if stands.record.text == left.record.text:  # without an id: the larger count, unless it is proved
                is_proved = sight is not None and sight.proves
                return stands if is_proved or stands.copies >= left.copies else left
            if left != base and not self._differs_by_ignored(stands, left):
                name = stands.record.key.decode() if stands.record.key is not None else "the one object"
                self._unlike.setdefault(stands.day, []).append(name)
        return stands

    def _differs_by_ignored(self, one: _Version, other: _Version) -> bool:
        if not self._ignored:
            return False
        return differs_only_in(self._ignored, *(decode_document(item.record.text).value for item in (one, other)))


def _rank(sight: _Sight, version: _Version | None) -> tuple[bool, datetime, bool, bytes]:
    """Of two that saw it in the same instant, the same one wins on each machine."""
    return sight.is_answer, sight.at, version is not None, b"" if version is None else version.record.text
