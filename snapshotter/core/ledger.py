"""What the run records of a stream add up to: proved spans, misses, documents, with the story behind each.

Folding does not depend on the order of the records nor on how often one comes: every fact is a statement about an
instant, a day or the stream, and of two statements the one with the later `Stamp` holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from snapshotter.core.days import day_at, day_bounds, days_of
from snapshotter.core.intervals import subtract
from snapshotter.core.missing import lost_fact
from snapshotter.evidence import (
    EVER,
    Document,
    HistoryEnd,
    Missed,
    Moment,
    Proof,
    Proved,
    Stamp,
    StreamLedger,
    Totals,
    WholeView,
    void,
)
from snapshotter.model import DayFact, JobStory, MissFact, Reason, RunRecord, Validators, Window

PAGE_SIZES_KEPT = 32
SILENT = (
    Reason.DECIDED,
    Reason.DETAIL,
    Reason.IMPORT,
    Reason.MERGE,
)  # such stories say what is in files, and nothing about the API's list
CHANGING = ("new", "changed", "emptied")


def fold(ledger: StreamLedger, record: RunRecord) -> StreamLedger:
    """The ledger with one more run record in it."""
    return fold_all(ledger, (record,))


def fold_all(ledger: StreamLedger, records: Iterable[RunRecord]) -> StreamLedger:
    """The ledger with these run records in it, in whatever order they come."""
    draft = _Draft(ledger)
    for record in records:
        draft.add(record)
    return draft.done()


def merge(one: StreamLedger, other: StreamLedger) -> StreamLedger:
    """The ledger of all records of two ledgers of the same stream."""
    draft = _Draft(one)
    draft.join(other)
    return draft.done()


def counted(ledger: StreamLedger, miss: MissFact, *, window: Window | None, at: datetime) -> MissFact:
    """The miss with its count of tries and the time of the first one, as it goes into a run record."""
    before = missed_in(ledger, window)
    if not before:
        return replace(miss, tries=1, first=at)
    return replace(miss, tries=1 + max(seen.fact.tries for seen in before), first=min(seen.first for seen in before))


def missed_in(ledger: StreamLedger, window: Window | None) -> tuple[Missed, ...]:
    """The unanswered misses that touch a window; without a window, the one of the stream's last whole view."""
    if window is None:
        return () if ledger.whole_missed is None else (ledger.whole_missed,)
    return touching(ledger.misses, window)


def validators_of(ledger: StreamLedger, identity: str, *, window: Window | None) -> Validators | None:
    """The validators to send with a request, if what they stand for is still what the archive holds."""
    seen: list[Proof] | list[WholeView] = list(touching(ledger.proofs, window)) if window else []
    if window is None and ledger.whole is not None:
        seen = [ledger.whole]
    fitting = [one for one in seen if one.validators is not None and one.validators.identity == identity]
    return max(fitting, key=_stamp).validators if fitting else None


def filled_days(ledger: StreamLedger) -> tuple[date, date] | None:
    """The first and the last day with records; a part of a ledger knows them too."""
    filled = [day for day, document in ledger.days.items() if document.records]
    return (min(filled), max(filled)) if filled else None


def is_news(ledger: StreamLedger, record: RunRecord, *, settle: timedelta) -> bool:
    """Whether a record says something that its stream's ledger does not hold yet, so that it deserves a commit now.

    A proof that only grows within a day that stays open is no news, nor is the same miss of the same days again.
    """
    return any(_is_news(ledger, story, over=record.at - settle) for story in record.stories)


def _is_news(ledger: StreamLedger, story: JobStory, *, over: datetime) -> bool:
    facts = [*story.days.values(), *([story.dateless] if story.dateless else [])]
    return (
        any(fact.change in CHANGING for fact in facts)
        or _ends_history(ledger, story)
        or story.lost is not None
        or story.withdrawn is not None
        or _proves_more(ledger, story, over=over)
        or _has_other_validators(ledger, story)
        or (_misses_anew(ledger, story) if story.miss else _answers_a_miss(ledger, story))
    )


def _ends_history(ledger: StreamLedger, story: JobStory) -> bool:
    span = story.proved or story.window
    if story.history_ends is None or span is None:
        return False
    before = story.history_before or span.start
    known = ledger.history
    return known is None or (known.before, known.how, known.doubted) != (
        before,
        story.history_ends,
        story.history_doubted,
    )


def _proves_more(ledger: StreamLedger, story: JobStory, *, over: datetime) -> bool:
    """Whether the story proves an instant, in this zone for the first time, of a day that is over."""
    if story.proved is None:
        return False
    reached = story.proved.start
    for known in touching(ledger.proved, story.proved):
        if known.zone == story.zone and known.window.start <= reached:
            reached = max(reached, known.window.end)
    if reached >= story.proved.end:
        return False
    return day_bounds(day_at(reached, story.zone), story.zone).end <= over


def _has_other_validators(ledger: StreamLedger, story: JobStory) -> bool:
    if story.validators is None:
        return False
    old = validators_of(ledger, story.validators.identity, window=story.window)
    return old is not None and old != story.validators


def _misses_anew(ledger: StreamLedger, story: JobStory) -> bool:
    """Whether the miss is the first of its kind for the stream's whole view, or for one of the days of its window."""
    if story.window is None:
        return not any(_is_same_miss(seen, story.miss) for seen in missed_in(ledger, None))
    for day in days_of(story.window, story.zone):
        seen = touching(ledger.misses, day_bounds(day, story.zone))
        if not any(_is_same_miss(one, story.miss) for one in seen):
            return True
    return False


def _is_same_miss(seen: Missed, miss: MissFact | None) -> bool:
    return miss is not None and (seen.fact.state, seen.fact.kind, seen.fact.status) == (
        miss.state,
        miss.kind,
        miss.status,
    )


def _answers_a_miss(ledger: StreamLedger, story: JobStory) -> bool:
    asked = [missed_in(ledger, None)] if story.window is None else []
    return any(asked) or (story.proved is not None and bool(missed_in(ledger, story.proved)))


def zones(ledger: StreamLedger) -> tuple[str, ...]:
    """The zones that proved days were cut in, oldest first; more than one is a change that somebody allowed."""
    return tuple(dict.fromkeys(proved.zone for proved in ledger.proved))


# --- segments: sorted, disjoint statements about instants ---


class _HasWindow(Protocol):
    @property
    def window(self) -> Window: ...


W = TypeVar("W", bound=_HasWindow)
S = TypeVar("S", Proof, Missed)


def touching(segments: tuple[W, ...] | list[W], window: Window) -> tuple[W, ...]:
    """The segments that share an instant with a window."""
    first, last = _range(segments, window)
    return tuple(segments[first:last])


def _start(segment: _HasWindow) -> datetime:
    return segment.window.start


def _range(segments: tuple[W, ...] | list[W], window: Window) -> tuple[int, int]:
    first = bisect_right(segments, window.start, key=_start)
    if first and segments[first - 1].window.end > window.start:
        first -= 1
    return first, max(first, bisect_left(segments, window.end, lo=first, key=_start))


def _paint(segments: list[S], new: S) -> list[Window]:
    """Put a statement in where it is the latest one; gives these spans."""
    first, last = _range(segments, new.window)
    before: list[S] = []
    after: list[S] = []
    won: list[Window] = []
    reached = new.window.start
    for old in segments[first:last]:
        if old.stamp >= new.stamp:
            if reached < old.window.start:
                won.append(Window(reached, old.window.start))
                before.append(_cut(new, won[-1]))
            before.append(old)
            reached = max(reached, old.window.end)
            continue
        if old.window.start < new.window.start:
            before.append(_cut(old, Window(old.window.start, new.window.start)))
        if old.window.end > new.window.end:
            after.append(_cut(old, Window(new.window.end, old.window.end)))
    if reached < new.window.end:
        won.append(Window(reached, new.window.end))
        before.append(_cut(new, won[-1]))
    segments[first:last] = before + after
    return won


def _cut(segment: S, window: Window) -> S:
    if window == segment.window:
        return segment
    if isinstance(segment, Proof):  # validators speak of the answer as a whole
        return replace(segment, window=window, validators=None)
    return replace(segment, window=window)


def _erase(misses: list[Missed], window: Window, stamp: Stamp) -> None:
    """Take out what a proof of the window with this stamp answers."""
    first, last = _range(misses, window)
    left: list[Missed] = []
    for old in misses[first:last]:
        if old.stamp > stamp:
            left.append(old)
            continue
        if old.window.start < window.start:
            left.append(_cut(old, Window(old.window.start, window.start)))
        if old.window.end > window.end:
            left.append(_cut(old, Window(window.end, old.window.end)))
    misses[first:last] = left


def _spread(proved: list[Proved], new: Proved) -> None:
    """Make a span proved in its zone, joined with what touches it and has the same zone; without a zone, not proved."""
    first, last = _range(proved, new.window)
    if first and proved[first - 1].window.end == new.window.start:
        first -= 1
    if last < len(proved) and proved[last].window.start == new.window.end:
        last += 1
    start, end = new.window.start, new.window.end
    before: list[Proved] = []
    after: list[Proved] = []
    for old in proved[first:last]:
        if old.zone == new.zone:
            start, end = min(start, old.window.start), max(end, old.window.end)
            continue
        if old.window.start < new.window.start:
            before.append(Proved(Window(old.window.start, min(old.window.end, new.window.start)), old.zone))
        if old.window.end > new.window.end:
            after.append(Proved(Window(max(old.window.start, new.window.end), old.window.end), old.zone))
    proved[first:last] = [*before, *([Proved(Window(start, end), new.zone)] if new.zone else []), *after]


# --- folding ---


class _Stamped(Protocol):
    @property
    def stamp(self) -> Stamp: ...


M = TypeVar("M", bound=_Stamped)


def _stamp(statement: _Stamped) -> Stamp:
    return statement.stamp


def _later(one: M | None, other: M | None) -> M | None:
    if one is None or other is None:
        return other if one is None else one
    return other if other.stamp > one.stamp else one


class _Draft:
    """A ledger while records are folded into it."""

    def __init__(self, ledger: StreamLedger) -> None:
        self.stream = ledger.stream
        self.proved = list(ledger.proved)
        self.proofs = list(ledger.proofs)
        self.misses = list(ledger.misses)
        self.days = dict(ledger.days)
        self.dateless = ledger.dateless
        self.whole = ledger.whole
        self.whole_missed = ledger.whole_missed
        self.history = ledger.history
        self.page_sizes = set(ledger.page_sizes)
        self.last_try = ledger.last_try
        self.last_good = ledger.last_good
        self.turn = ledger.turn
        self.filled = ledger.totals.filled
        self.records = ledger.totals.records

    def done(self) -> StreamLedger:
        whole, missed = self.whole, self.whole_missed
        answered = whole is not None and missed is not None and whole.stamp >= missed.stamp
        return StreamLedger(
            stream=self.stream,
            proved=tuple(self.proved),
            proofs=tuple(self.proofs),
            misses=tuple(self.misses),
            days=self.days,
            dateless=self.dateless,
            whole=whole,
            whole_missed=None if answered else missed,
            history=self.history,
            page_sizes=tuple(sorted(self.page_sizes)[-PAGE_SIZES_KEPT:]),
            last_try=self.last_try,
            last_good=self.last_good,
            turn=self.turn,
            totals=Totals(self.filled, self.records),
        )

    def add(self, record: RunRecord) -> None:
        if f"{record.source}/{record.stream}" != self.stream:
            raise ValueError(f"a record of {record.source}/{record.stream} does not belong to {self.stream}")
        self.turn = max(self.turn, record.turn)
        for place, story in enumerate(record.stories):
            self._tell(story, Stamp(record.turn, record.at, record.run, record.sequence, place))

    def join(self, other: StreamLedger) -> None:
        if other.stream != self.stream:
            raise ValueError(f"{other.stream} and {self.stream} are two streams")
        self.turn = max(self.turn, other.turn)
        self.last_try = _later(self.last_try, other.last_try)
        self.last_good = _later(self.last_good, other.last_good)
        self.history = _later(self.history, other.history)
        self.whole = _later(self.whole, other.whole)
        self.whole_missed = _later(self.whole_missed, other.whole_missed)
        self.page_sizes.update(other.page_sizes)
        self.dateless = _joined(self.dateless, other.dateless)
        for proof in other.proofs:
            self._prove(proof)
        for missed in other.misses:
            self._miss(missed)
        for day, document in other.days.items():
            self._file(day, document)

    def _tell(self, story: JobStory, stamp: Stamp) -> None:
        if story.reason not in SILENT:
            self._tell_evidence(story, stamp)
        elif story.reason is Reason.IMPORT and story.proved is not None:  # somebody vouches for it
            self._prove(Proof(story.proved, story.zone, story.at, stamp))
        self.dateless = _joined(self.dateless, _document(story, story.dateless, stamp))
        for day, fact in story.days.items():
            if (document := _document(story, fact, stamp)) is not None:
                self._file(day, document)

    def _tell_evidence(self, story: JobStory, stamp: Stamp) -> None:
        moment = Moment(story.at, stamp)
        self.last_try = _later(self.last_try, moment)
        if story.miss is None:
            self.last_good = _later(self.last_good, moment)
        if story.withdrawn is not None:
            for taken in subtract([story.withdrawn], [story.proved] if story.proved is not None else []):
                self._prove(void(taken, story.at, stamp))
        if story.proved is not None and story.proved.start < story.proved.end:
            validators = story.validators if story.window is not None else None
            self._prove(Proof(story.proved, story.zone, story.at, stamp, validators))
        if story.lost is not None and story.lost.start < story.lost.end:
            self._miss(Missed(story.lost, lost_fact(story.lost, at=story.at), story.at, stamp))
        if story.window is None:
            self._tell_whole(story, stamp)
        elif story.miss is not None and story.window.start < story.window.end:
            self._miss(Missed(story.window, story.miss, story.at, stamp))
        if story.history_ends is not None and (span := story.proved or story.window) is not None:
            before = story.history_before or span.start
            self.history = _later(self.history, HistoryEnd(before, story.history_ends, stamp, story.history_doubted))
        self.page_sizes.update(page.records for page in story.pages[:-1])

    def _tell_whole(self, story: JobStory, stamp: Stamp) -> None:
        if story.miss is None:
            self.whole = _later(self.whole, WholeView(story.at, stamp, story.validators, story.not_before))
        else:
            self.whole_missed = _later(self.whole_missed, Missed(EVER, story.miss, story.at, stamp))

    def _prove(self, proof: Proof) -> None:
        for won in _paint(self.proofs, proof):
            _spread(self.proved, Proved(won, proof.zone))
            _erase(self.misses, won, proof.stamp)

    def _miss(self, missed: Missed) -> None:
        reached = missed.window.start
        for proof in touching(self.proofs, missed.window):
            if proof.stamp >= missed.stamp:
                if reached < proof.window.start:
                    _paint(self.misses, _cut(missed, Window(reached, proof.window.start)))
                reached = max(reached, proof.window.end)
        if reached < missed.window.end:
            _paint(self.misses, _cut(missed, Window(reached, missed.window.end)))

    def _file(self, day: date, document: Document) -> None:
        old = self.days.get(day)
        new = self.days[day] = _joined(old, document) or document
        had = old.records if old else 0
        self.records += new.records - had
        self.filled += (new.records > 0) - (had > 0)


def _document(story: JobStory, fact: DayFact | None, stamp: Stamp) -> Document | None:
    if fact is None or fact.sha256 is None:
        return None
    changed = Moment(story.at, stamp) if fact.change in CHANGING else None
    return Document(fact.records, fact.sha256, story.zone, story.at, stamp, changed)


def _joined(one: Document | None, other: Document | None) -> Document | None:
    newest = _later(one, other)
    if one is None or other is None or newest is None:
        return newest
    return replace(newest, changed=_later(one.changed, other.changed))
