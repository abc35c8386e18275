"""What state each day of a stream is in, and why: judged from the ledger, never stored.

Ranges of days in one state are found by the borders of spans, misses and documents, so that ten years cost no more
than what happened in them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.escaping import escape
from snapshotter.core.ledger import touching
from snapshotter.core.missing import LOST, is_given_up
from snapshotter.evidence import HistoryEnd, Missed, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import DayState, Window

ONE = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
COMPLETE = (DayState.SAVED, DayState.EMPTY)


@dataclass(frozen=True, slots=True)
class Terms:
    """What days are judged by, beside the ledger."""

    zone: str  # that cuts the days
    now: datetime
    settle: timedelta = timedelta()
    origin: datetime | None = None  # nothing before it is asked
    end: datetime | None = None  # nothing from it on is asked, where the source file says so


@dataclass(frozen=True, slots=True)
class Judged:
    """The state of a day, or of several in a row, with the evidence."""

    state: DayState
    reason: str
    missed: Missed | None = None  # what stands in the way, where that is a miss
    records: int = 0

    @property
    def why(self) -> str:
        """The reason in words, with the miss that stands in the way."""
        return ": ".join(words for words in (self.reason, self.missed and miss_words(self.missed)) if words)


@dataclass(frozen=True, slots=True)
class StateRange:
    """Days in a row that are in one state for one reason."""

    first: date
    last: date
    judged: Judged

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1


PROVED_EMPTY = Judged(DayState.EMPTY, "proved, no records")
Days = tuple[date, date]  # first and last


def state_of(ledger: StreamLedger, day: date, terms: Terms) -> Judged:
    """The state of one day."""
    return Judge(ledger, terms).day(day)


def states(ledger: StreamLedger, days: Days, terms: Terms) -> tuple[StateRange, ...]:
    """The states of a range of days, as ranges in order."""
    return Judge(ledger, terms).ranges(days)


def complete_days(ledger: StreamLedger, terms: Terms) -> tuple[Days, ...]:
    """All complete days, as ranges in order; no documents are needed for this."""
    return Judge(ledger, terms).complete


def days_between(ranges: Sequence[Days], days: Days) -> tuple[Days, ...]:
    """The days of a range that lie in none of these ranges (sorted, disjoint), as ranges."""
    found: list[Days] = []
    first, last = days
    for start, end in ranges:
        if end < first:
            continue
        if start > last:
            break
        if first < start:
            found.append((first, start - ONE))
        if end >= last:
            return tuple(found)
        first = end + ONE
    return (*found, (first, last)) if first <= last else tuple(found)


def history_end(ledger: StreamLedger, zone: str) -> HistoryEnd | None:
    """Where the API's history begins, unless there are records before it."""
    end = ledger.history
    if end is None:
        return None
    border = day_at(end.before, zone)
    return None if any(day < border and document.records for day, document in ledger.days.items()) else end


class Judge:
    """Judges the days of one ledger."""

    def __init__(self, ledger: StreamLedger, terms: Terms) -> None:
        self.ledger = ledger
        self.terms = terms
        self.floor, self.floor_why = self._floor()
        self.begins = self._begins()
        self.first_open = day_at(terms.now - terms.settle, terms.zone)  # it and all later ones are not over
        self.today = day_at(terms.now, terms.zone)
        self.spans = tuple(self._spans())
        self.complete = tuple(self._complete())
        self.filled = sorted(day for day, document in ledger.days.items() if document.records)

    def day(self, day: date) -> Judged:
        """The state of one day."""
        document = self.ledger.days.get(day)
        records = document.records if document else 0
        if self.is_complete(day):
            return Judged(DayState.SAVED, "proved", records=records) if records else PROVED_EMPTY
        return self._incomplete(day, records)

    def is_complete(self, day: date) -> bool:
        """Whether the day is over and wholly proved."""
        place = bisect_right(self.complete, (day, date.max)) - 1
        return place >= 0 and self.complete[place][1] >= day

    def ranges(self, days: Days) -> tuple[StateRange, ...]:
        """The states of a range of days."""
        found = [piece for first, last in self._inside(days) for piece in self._of_complete(first, last)]
        for first, last in days_between(self.complete, days):
            found += self._of_incomplete(first, last)
        return tuple(_joined(sorted(found, key=lambda piece: piece.first)))

    def _floor(self) -> tuple[datetime | None, str]:
        """Where the days begin that could be had, and what lies before."""
        end = history_end(self.ledger, self.terms.zone)
        origin = self.terms.origin
        if end is not None and (origin is None or end.before > origin):
            return end.before, f"past the end of history: {escape(end.how, 200)}{self._doubt_words(end)}"
        if origin is not None:
            return origin, f"before the origin, {day_at(origin, self.terms.zone)}"
        return None, ""

    def _doubt_words(self, end: HistoryEnd) -> str:
        """That the end is not settled, and when it is looked at once more."""
        at = end.looked_at
        if at is None:
            return ""
        again = "the next fetch looks again" if at <= self.terms.now else f"looked at again from {minute(at)}"
        return f"; told by refusals of one day and not settled yet, {again}"

    @property
    def is_doubted(self) -> bool:
        """Whether the end of history is one that is not settled yet."""
        end = history_end(self.ledger, self.terms.zone)
        return end is not None and end.doubted is not None

    def _spans(self) -> Iterator[Window]:
        """The proved spans whatever their zone, each made wider by what of its days cannot be had."""
        reached: Window | None = None
        for proved in self.ledger.proved:
            window = self._rounded(proved.window)
            if reached is not None and window.start <= reached.end:
                reached = Window(reached.start, window.end)
                continue
            if reached is not None:
                yield reached
            reached = window
        if reached is not None:
            yield reached

    def _rounded(self, window: Window) -> Window:
        """A window that reaches the floor, or the end, holds the rest of that day too."""
        start, end = window.start, window.end
        if self.floor is not None and start <= self.floor < end:
            start = min(start, day_bounds(day_at(self.floor, self.terms.zone), self.terms.zone).start)
        if self.terms.end is not None and start < self.terms.end <= end:
            end = max(end, day_bounds(day_at(self.terms.end - MOMENT, self.terms.zone), self.terms.zone).end)
        return Window(start, end)

    def _complete(self) -> Iterator[Days]:
        zone = self.terms.zone
        for span in self.spans:
            first, last = day_at(span.start, zone), day_at(span.end, zone) - ONE
            if day_bounds(first, zone).start < span.start:
                first += ONE
            first, last = max(first, self.begins), min(last, self.first_open - ONE)
            if first <= last:
                yield first, last

    def _begins(self) -> date:
        """The first day of history; what was proved empty before it, to find that out, counts as beyond."""
        end = history_end(self.ledger, self.terms.zone)
        return date.min if end is None else day_at(end.before, self.terms.zone)

    def _inside(self, days: Days) -> Iterator[Days]:
        """The complete ranges, cut to these days."""
        for first, last in self.complete:
            if last >= days[0] and first <= days[1]:
                yield max(first, days[0]), min(last, days[1])

    def _filled(self, first: date, last: date) -> list[date]:
        return self.filled[bisect_left(self.filled, first) : bisect_right(self.filled, last)]

    def _of_complete(self, first: date, last: date) -> Iterator[StateRange]:
        filled = self._filled(first, last)
        for start, end in _rows(filled):
            records = sum(self.ledger.days[day].records for day in self._filled(start, end))
            yield StateRange(start, end, Judged(DayState.SAVED, "proved", records=records))
        for start, end in days_between(tuple(_rows(filled)), (first, last)):
            yield StateRange(start, end, PROVED_EMPTY)

    def _of_incomplete(self, first: date, last: date) -> Iterator[StateRange]:
        cuts = sorted({first, *(cut for cut in self._borders(first, last) if first < cut <= last), last + ONE})
        for start, end in pairwise(cuts):
            yield StateRange(start, end - ONE, self.day(start))

    def _borders(self, first: date, last: date) -> Iterator[date]:
        """Days at which something may become different."""
        zone = self.terms.zone
        within = Window(day_bounds(first, zone).start, day_bounds(last, zone).end)
        instants = [instant for instant in (self.terms.now, self.floor, self.terms.end) if instant is not None]
        windows = [proved.window for proved in touching(self.ledger.proved, within)]
        for window in windows + [missed.window for missed in touching(self.ledger.misses, within)]:
            instants += [window.start, window.end - MOMENT]
        if self.ledger.whole_missed:
            instants.append(self.ledger.whole_missed.at)
        yield self.first_open
        for instant in instants:
            day = day_at(instant, zone)
            yield from (day, day + ONE)
        for day in self._filled(first, last):
            yield from (day, day + ONE)

    # --- one day that is not complete ---

    def _incomplete(self, day: date, records: int) -> Judged:
        bounds = day_bounds(day, self.terms.zone)
        if beyond := self._beyond(bounds):
            return Judged(DayState.PARTIAL if records else DayState.BEYOND, beyond, records=records)
        missed = self._missed(bounds)
        if day >= self.first_open:
            return Judged(DayState.OPEN, self._open_words(day), missed, records)
        if missed is not None and missed.fact.state == "invalid":
            return Judged(DayState.INVALID, "", missed, records)
        if records or (missed is not None and missed.fact.state == "partial"):
            return Judged(DayState.PARTIAL, "" if missed else self._gap_words(bounds), missed, records)
        if missed is not None:
            return Judged(DayState.FAILED, "", missed)
        return Judged(DayState.UNTRIED, self._gap_words(bounds))

    def _beyond(self, bounds: Window) -> str:
        if self.floor is not None and bounds.end <= self.floor:
            return self.floor_why
        if self.floor is not None and self.terms.end is not None and bounds.start < self.terms.end <= self.floor:
            return self.floor_why  # what of it lies before the end lies before the floor too
        if self.terms.end is not None and bounds.start >= self.terms.end:
            return f"after the end, {day_at(self.terms.end - MOMENT, self.terms.zone)}"
        return ""

    def _missed(self, bounds: Window) -> Missed | None:
        found = list(touching(self.ledger.misses, bounds))
        whole = self.ledger.whole_missed
        if whole is not None and whole.at >= bounds.start:
            found.append(whole)
        latest = max(found, key=lambda missed: missed.stamp, default=None)
        if latest is not None and latest.first < bounds.start:  # its window was asked before this day began
            return replace(latest, fact=replace(latest.fact, first=bounds.start))
        return latest

    def _open_words(self, day: date) -> str:
        if day > self.today:
            return "has not begun"
        if day == self.today:
            return "not over yet"
        settled = day_bounds(day, self.terms.zone).end + self.terms.settle
        return f"over, but not settled before {minute(settled)}"

    def _gap_words(self, bounds: Window) -> str:
        touched = touching(self.ledger.proved, bounds)
        if not touched:
            return "never asked"
        parts = ", ".join(
            f"{max(one.window.start, bounds.start):%m-%d %H:%M} to {min(one.window.end, bounds.end):%m-%d %H:%M}"
            for one in touched[:4]
        )
        return f"asked in part: {parts} UTC"


def miss_words(missed: Missed) -> str:
    """Why a span was missed, since when and how often, and when it is tried again."""
    fact = missed.fact
    if fact.kind == LOST:
        return f"{fact.kind}: {escape(fact.why, 200)}"
    told = fact.status is None or fact.why.startswith(str(fact.status))
    status = "" if told else f" {fact.status}"
    tries = f"{fact.tries} tries since" if fact.tries > 1 else "tried"
    words = f"{escape(fact.kind, 40)}{status}: {escape(fact.why, 200)} ({tries} {minute(missed.first)}"
    if is_given_up(missed):
        return words + ", given up)"
    return words + (f", next {minute(fact.next_try)})" if fact.next_try else ")")


def minute(instant: datetime) -> str:
    """An instant for people."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _rows(days: Iterable[date]) -> Iterator[Days]:
    """Sorted days as ranges of days in a row."""
    first = last = None
    for day in days:
        if last is not None and day - last == ONE:
            last = day
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = day
    if first is not None and last is not None:
        yield first, last


def _joined(pieces: Iterable[StateRange]) -> Iterator[StateRange]:
    """Neighbours in the same state for the same reason as one range."""
    row: StateRange | None = None
    for piece in pieces:
        if row is not None and row.last + ONE == piece.first and _is_alike(row.judged, piece.judged):
            row = StateRange(row.first, piece.last, _both(row.judged, piece.judged))
            continue
        if row is not None:
            yield row
        row = piece
    if row is not None:
        yield row


def _is_alike(one: Judged, other: Judged) -> bool:
    return (one.state, one.reason, _kind_of(one.missed)) == (other.state, other.reason, _kind_of(other.missed))


def _kind_of(missed: Missed | None) -> tuple[str, str, int | None, str] | None:
    if missed is None:
        return None
    return missed.fact.state, missed.fact.kind, missed.fact.status, missed.fact.why


def _both(one: Judged, other: Judged) -> Judged:
    """Both in one; of two misses alike the later one, with the first try and the most tries of both."""
    missed = max((seen for seen in (one.missed, other.missed) if seen), key=lambda seen: seen.stamp, default=None)
    if missed is not None and one.missed and other.missed:
        tries = max(one.missed.fact.tries, other.missed.fact.tries)
        first = min(one.missed.first, other.missed.first)
        missed = replace(missed, fact=replace(missed.fact, tries=tries, first=first))
    return replace(one, missed=missed, records=one.records + other.records)
