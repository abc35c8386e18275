"""From what a walk brought to what is committed: which span is proved, which documents change, what the story is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime, timedelta

from snapshotter.core import clocks, days, documents, horizon, paths, weighing
from snapshotter.core.diff import bounded
from snapshotter.frozen import dataclass
from snapshotter.model import Change, DayFact, FileChange, JobStory, Record, Window
from snapshotter.spec import Expect, Kind, Stream
from snapshotter.walks import Walked

GRAIN = timedelta(microseconds=1)
Guard = Callable[[date | None, documents.DocumentChange], str | None]
Move = tuple[date | None, date | None]  # from the day a record stands on to the one it belongs to now


@dataclass(frozen=True, slots=True)
class Settled:
    """One walk, ready to be committed."""

    files: tuple[FileChange, ...]
    story: JobStory
    changes: Mapping[date | None, Change] = field(default_factory=dict)
    places: Mapping[bytes, date | None] = field(default_factory=dict)  # ids and the day they stand on now
    held: Mapping[date | None, str] = field(default_factory=dict)  # day -> why its new version waits
    newly_held: Mapping[date | None, str] = field(default_factory=dict)  # those of them that did not wait before


@dataclass(frozen=True, slots=True)
class Archived:
    """What settling asks of the archive."""

    read: Callable[[str], bytes | None]
    places: Callable[[Collection[bytes]], Mapping[bytes, date | None]]
    days_with_documents: Callable[[], Collection[date]]
    newest_proved: datetime | None
    rejected: Callable[[str, bytes], bool] = lambda path, data: False  # whether the user dropped this version
    broken: Callable[[documents.DocumentChange], str | None] = lambda document: None  # the schema that it does not meet
    clock: Callable[[], float] = lambda: 0.0  # that bounds how long changes are described
    room: int | None = None  # how much memory a window may take


def settle(stream: Stream, walked: Walked, archived: Archived, *, started: datetime) -> Settled:
    """What this walk changes in the archive."""
    if stream.kind is Kind.SNAPSHOT and stream.day is None:
        return _settle_snapshot(stream, walked, archived)
    return _settle_days(stream, walked, archived, started=started)


# --- one whole state ---


def _settle_snapshot(stream: Stream, walked: Walked, archived: Archived) -> Settled:
    path = paths.snapshot(stream.key)
    if not walked.good or walked.not_modified:  # a part of a state says nothing about the rest
        return Settled((), _story(stream, walked, proved=None, facts={}))
    old = archived.read(path)
    weighing.check_documents([old or b""], walked.records, archived.room)
    change = documents.settle_snapshot(stream, walked.records, old, clock=archived.clock)
    if change is None:
        return Settled((), _story(stream, walked, proved=None, facts={}))
    filed = _filed(
        stream,
        {None: change},
        archived,
        path_of=lambda _: path,
        expected=lambda _: stream,
        guard=_guard(stream, walked, {}),
    )
    story = _story(stream, walked, proved=None, facts=filed.facts)
    return Settled(filed.files, story, filed.changes, {}, filed.held, filed.newly_held)


# --- days ---


def _settle_days(stream: Stream, walked: Walked, archived: Archived, *, started: datetime) -> Settled:
    if walked.refusal is not None and walked.job.window is not None:  # no list of records: it proves nothing
        walked = replace(walked, good=False, miss=walked.refusal)
    proved = proved_span(stream, walked, archived, started=started)
    if walked.good and walked.job.window is not None and proved is None:
        walked = replace(walked, miss=clocks.too_early(walked.job.window, walked.told))
    if walked.not_modified:
        return Settled((), _story(stream, walked, proved=proved, facts={}))
    replaces = proved is not None and documents.sees_days_whole(stream)
    elsewhere = archived.places([record.key for record in walked.records if record.key is not None])
    concerned: set[date | None] = {record.day for record in walked.records} | set(elsewhere.values())
    if stream.day is not None and stream.day.missing == "undated":  # what had no day yesterday may have one today
        concerned.add(None)
    if proved is not None and replaces:
        concerned |= _days_in(stream, proved, archived)
    read = {day: archived.read(paths.document(stream.key, day)) for day in concerned}
    old = {day: data for day, data in read.items() if data is not None}
    weighing.check_documents(old.values(), walked.records, archived.room)

    def settled(old: Mapping[date | None, bytes]) -> documents.Settled:
        return documents.settle(
            stream,
            span=proved,
            replaces=replaces,
            records=walked.records,
            old=old,
            elsewhere=elsewhere,
            clock=archived.clock,
        )

    def carried(day: date | None, offered: bytes) -> bytes:
        """A version that waits, with what this walk says about its day."""
        document = settled({**old, day: offered}).documents.get(day)
        return offered if document is None else document.new

    outcome = settled(old)
    filed = _filed(
        stream,
        outcome.documents,
        archived,
        path_of=lambda day: paths.document(stream.key, day),
        expected=lambda day: _expecting(stream, day, proved, started=started),
        moves=_moves(walked, elsewhere),
        carried=carried,
        guard=_guard(stream, walked, elsewhere),
    )
    story = _story(stream, walked, proved=proved, facts=filed.facts, duplicates=outcome.duplicates)
    if stream.is_feed and walked.met is None:
        known = archived.newest_proved
        lost = horizon.lost(stream.horizon, proved, known_until=known, stop=walked.stop, received=walked.received)
        story = replace(story, lost=lost)
    here = {
        record.key: record.day
        for record in walked.records
        if record.key is not None and record.day is not None and record.day not in filed.held
    }
    return Settled(filed.files, story, filed.changes, here, filed.held, filed.newly_held)


def _days_in(stream: Stream, span: Window, archived: Archived) -> set[date | None]:
    assert stream.day is not None  # noqa: S101 - only streams that are split by day come here
    if stream.kind is Kind.SNAPSHOT:  # its span reaches back to the oldest record
        return set(archived.days_with_documents())
    return set(days.days_of(span, stream.day.zone))


def proved_span(stream: Stream, walked: Walked, archived: Archived, *, started: datetime) -> Window | None:
    """The span that the walk is evidence for, or None; nothing that comes after the answer was made."""
    return clocks.proved_by(_span_of(stream, walked, archived, started=started), walked.told) if walked.good else None


def _span_of(stream: Stream, walked: Walked, archived: Archived, *, started: datetime) -> Window | None:
    """The span that was asked for and answered."""
    if walked.job.window is not None:
        return walked.job.window
    first = min([page.received for page in walked.pages], default=started)
    started = min(first, started)  # a first page out of the spool knows nothing of what came after it
    if walked.not_modified:
        newest = archived.newest_proved
        return Window(newest, started) if newest is not None and newest < started else None
    if stream.kind is Kind.SNAPSHOT and stream.day is not None:
        return documents.snapshot_span(stream.day.zone, walked.records, archived.days_with_documents(), now=started)
    instants = [record.instant for record in walked.records if record.instant is not None]
    if not instants:
        return None
    # A feed may have been cut right after its oldest record, so that instant itself is not covered.
    oldest = walked.met
    if oldest is None:
        whole = horizon.whole_back_to(
            stream, stop=walked.stop, received=walked.received, asked=clocks.later_of(started, walked.told)
        )
        oldest = min(filter(None, (min(instants) + GRAIN, whole)))
    return Window(oldest, started) if oldest < started else None


# --- files and facts ---


@dataclass(frozen=True, slots=True)
class _Filed:
    files: tuple[FileChange, ...]
    facts: Mapping[date | None, DayFact]
    changes: Mapping[date | None, Change]
    held: Mapping[date | None, str]
    newly_held: Mapping[date | None, str]


def _filed(
    stream: Stream,
    changed: Mapping[date | None, documents.DocumentChange],
    archived: Archived,
    *,
    path_of: Callable[[date | None], str],
    expected: Callable[[date | None], Stream],
    moves: Collection[Move] = (),
    carried: Callable[[date | None, bytes], bytes] | None = None,
    guard: Guard | None = None,
) -> _Filed:
    files: list[FileChange] = []
    facts: dict[date | None, DayFact] = {}
    changes: dict[date | None, Change] = {}
    held: dict[date | None, str] = {}
    newly_held: dict[date | None, str] = {}
    waits = _waiting(changed, moves, expected, archived.broken, guard=guard)
    for day, document in changed.items():
        path = path_of(day)
        waiting = paths.held(path, stream.key)
        why = waits.get(day)
        if why is not None:
            held[day] = why
            if archived.read(waiting) != document.new and not archived.rejected(waiting, document.new):
                files.append(FileChange(waiting, document.new))
                newly_held[day] = why
            continue
        files.append(FileChange(path, document.new))
        if (offered := archived.read(waiting)) is not None:
            left = document.new if carried is None else carried(day, offered)
            if left != offered:  # where this answer says the same on top of both, what was offered is overtaken
                files.append(FileChange(waiting, None if left == document.new else left))
        facts[day] = _fact(document)
        changes[day] = document.change
    return _Filed(tuple(files), facts, changes, held, newly_held)


def _waiting(
    changed: Mapping[date | None, documents.DocumentChange],
    moves: Collection[Move],
    expected: Callable[[date | None], Stream],
    broken: Callable[[documents.DocumentChange], str | None],
    *,
    guard: Guard | None = None,
) -> dict[date | None, str]:
    """The days whose new version waits, and why; with a day wait those that would give a record to it."""
    waits = {
        day: why
        for day, document in changed.items()
        if (
            why := documents.held(expected(day), None if document.old is None else document.was, document.records)
            or broken(document)
        )
    }
    if guard is not None:
        waits |= {
            day: why
            for day, document in changed.items()
            if day not in waits and (why := guard(day, document)) is not None
        }
    while givers := {
        old: f"a record moves from it to {new or 'the records without a day'}, whose new version waits"
        for old, new in moves
        if new in waits and old in changed and old not in waits
    }:
        waits |= givers
    return waits


def _guard(stream: Stream, walked: Walked, elsewhere: Mapping[bytes, date | None]) -> Guard | None:
    """What a refresh may not do by itself where `expect.max_drop` says nothing; what only moved is not lost."""
    if not walked.job.is_refresh or stream.expect.max_drop is not None:
        return None
    moved = Counter(old for old, _ in _moved(walked, elsewhere))
    return lambda day, document: documents.looks_lost(document.was - moved[day], document.records)


def _moves(walked: Walked, elsewhere: Mapping[bytes, date | None]) -> set[Move]:
    return set(_moved(walked, elsewhere))


def _moved(walked: Walked, elsewhere: Mapping[bytes, date | None]) -> list[Move]:
    if not elsewhere:  # most of what comes is new
        return []
    placed = {record.key: record.day for record in walked.records if record.key in elsewhere}
    return [(elsewhere[key], day) for key, day in placed.items() if key is not None and elsewhere[key] != day]


def _expecting(stream: Stream, day: date | None, proved: Window | None, *, started: datetime) -> Stream:
    """The stream with what may be expected of this view of a day: nothing of a partial one, no number of a part."""
    if proved is None:
        return replace(stream, expect=Expect())
    if day is None or stream.day is None:
        return stream
    whole = days.day_bounds(day, stream.day.zone)
    if proved.start <= whole.start and whole.end <= min(proved.end, started):
        return stream
    return replace(stream, expect=replace(stream.expect, min_records=None, non_empty=False))


def _fact(document: documents.DocumentChange) -> DayFact:
    kind = "new" if document.old is None else "changed" if document.records else "emptied"
    return DayFact(
        records=document.records,
        sha256=hashlib.sha256(document.new).hexdigest(),
        change=kind,  # type: ignore[arg-type]
        added=document.change.added,
        removed=document.change.removed,
        edited=document.change.changed,
        edits=bounded(document.change.edits),
        cut_short=document.change.cut_short,
    )


def _story(
    stream: Stream,
    walked: Walked,
    *,
    proved: Window | None,
    facts: Mapping[date | None, DayFact],
    duplicates: int = 0,
) -> JobStory:
    return JobStory(
        job=walked.job.name,
        reason=walked.job.reason,
        why=walked.job.why,
        picked=walked.job.picked,
        expected_ppm=walked.job.expected_ppm,
        window=walked.job.window,
        proved=proved,
        zone=stream.day.zone if stream.day is not None else "UTC",
        stop=walked.stop,
        at=clocks.trusted(walked.at, walked.told),
        requests=walked.requests,
        pages=walked.pages,
        received=walked.received,
        stored=len(walked.records),
        left_out=walked.left_out,
        duplicates=duplicates,
        overtaken=_overtaken(walked.records),
        days={day: fact for day, fact in facts.items() if day is not None},
        dateless=facts.get(None),
        undated=sum(record.day is None for record in walked.records),
        miss=walked.miss,
        envelope={path: value.decode() for path, value in walked.envelope.items()},
        validators=walked.validators,
        notes=walked.notes,
        not_before=walked.not_before,
    )


def _overtaken(records: Sequence[Record]) -> tuple[str, ...]:
    """Earlier versions of records that came twice and not alike: only the later one is stored as a record."""
    keys = [record.key for record in records if record.key is not None]
    if len(set(keys)) == len(keys):
        return ()
    last = {record.key: record.text for record in records if record.key is not None}
    texts = (record.text for record in records if record.key is not None and last[record.key] != record.text)
    return tuple(text.decode() for text in dict.fromkeys(texts))
