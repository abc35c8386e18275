"""Which days deserve to be asked again: what failed, what is missing, and what looks wrong though it is proved.

A proved day looks wrong when its records drop suddenly, or when it is empty between full ones. Asked again since, it is
believed until its own document, or a day beside it, changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import Enum
from statistics import median

from snapshotter.core.coverage import coverage, unsettled_days
from snapshotter.core.days import day_bounds
from snapshotter.core.intervals import subtract
from snapshotter.core.ledger import touching
from snapshotter.core.states import ONE, Days, Judge, StateRange, Terms, miss_words
from snapshotter.evidence import Document, Stamp, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import DayState, Window

AROUND = 7  # days on either side
LONGEST_HOLE = 3
FEW = 8  # records a day, below which a drop says nothing


class Suspicion(Enum):
    """Why days are asked again, the worst first."""

    FAILED = "failed"
    INVALID = "invalid"
    PARTIAL = "partial"
    MISSING = "missing"
    DROP = "drop"
    HOLE = "hole"


_OF_STATE = {
    DayState.FAILED: Suspicion.FAILED,
    DayState.INVALID: Suspicion.INVALID,
    DayState.PARTIAL: Suspicion.PARTIAL,
    DayState.UNTRIED: Suspicion.MISSING,
}
_ORDER = list(Suspicion)


@dataclass(frozen=True, slots=True)
class Finding:
    """A span to ask again and why; without a window the stream as a whole."""

    suspicion: Suspicion
    window: Window | None
    why: str

    @property
    def rank(self) -> int:
        """The smaller, the worse."""
        return _ORDER.index(self.suspicion)


def findings(ledger: StreamLedger, terms: Terms, *, by_time: bool) -> tuple[Finding, ...]:
    """What of a stream is to be asked again, worst first, then newest first; `by_time`: it can be asked by windows."""
    if not by_time:
        whole = ledger.whole_missed
        if whole is None:
            return ()
        return (Finding(Suspicion(whole.fact.state), None, miss_words(whole)),)
    found = [*_not_had(ledger, terms), *_looks_wrong(ledger, terms)]
    found.sort(key=lambda one: one.window.start if one.window else terms.now, reverse=True)
    return tuple(sorted(found, key=lambda one: one.rank))


def to_load(ledger: StreamLedger, terms: Terms, odd: Sequence[date]) -> list[Days]:
    """The days whose documents and proofs `findings` looks at: all that are not complete, and those around odd ones."""
    ranges: list[Days] = []
    for day in odd:
        first, last = day - AROUND * ONE, day + (AROUND + LONGEST_HOLE + 1) * ONE
        if ranges and first <= ranges[-1][1] + AROUND * ONE:  # what lies between is loaded too, else it seems empty
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return [*unsettled_days(ledger, terms), *ranges]


def _not_had(ledger: StreamLedger, terms: Terms) -> Iterator[Finding]:
    covered = coverage(ledger, terms)
    proved = [one.window for one in ledger.proved]
    for gap in covered.gaps:
        suspicion = _OF_STATE.get(gap.judged.state)
        inside = covered.first is not None and covered.last is not None and covered.first < gap.first < covered.last
        if suspicion is None or (suspicion is Suspicion.MISSING and not inside):  # the backfill comes there by itself
            continue
        for window in subtract([_bounds(gap, terms)], proved):
            yield Finding(suspicion, window, gap.judged.why or gap.judged.state.value)


def _bounds(days: StateRange, terms: Terms) -> Window:
    return Window(day_bounds(days.first, terms.zone).start, day_bounds(days.last, terms.zone).end)


# --- days that look wrong ---


def _looks_wrong(ledger: StreamLedger, terms: Terms) -> Iterator[Finding]:
    judge = Judge(ledger, terms)
    for day in judge.filled:
        document = ledger.days[day]
        if judge.is_complete(day) and (why := _drop(ledger, day, document)):
            window = day_bounds(day, terms.zone)
            if not _asked_since(ledger, window, _changed(document)):
                yield Finding(Suspicion.DROP, window, why)
    for before, after in zip(judge.filled, judge.filled[1:], strict=False):
        holes = [before + ONE * number for number in range(1, (after - before).days)]
        if not 0 < len(holes) <= LONGEST_HOLE or not all(judge.is_complete(day) for day in holes):
            continue
        if all(_is_filled(ledger, before - ONE * n) and _is_filled(ledger, after + ONE * n) for n in range(AROUND)):
            window = Window(day_bounds(holes[0], terms.zone).start, day_bounds(holes[-1], terms.zone).end)
            if not _asked_since(ledger, window, max(_changed(ledger.days[day]) for day in (before, after))):
                yield Finding(Suspicion.HOLE, window, f"no records, and {AROUND} days on either side have some")


def _drop(ledger: StreamLedger, day: date, document: Document) -> str:
    near = [day + ONE * number for number in range(-AROUND, AROUND + 1) if number]
    counts = [ledger.days[one].records for one in near if _is_filled(ledger, one)]
    if len(counts) < len(near):
        return ""
    usual, least = median(counts), min(counts)
    if usual < FEW or document.records * 4 > usual or document.records * 2 > least:
        return ""
    return f"a sudden drop: {document.records:,} records, the days around have about {usual:,.0f}"


def _is_filled(ledger: StreamLedger, day: date) -> bool:
    document = ledger.days.get(day)
    return document is not None and document.records > 0


def _changed(document: Document) -> Stamp:
    return document.changed.stamp if document.changed else document.stamp


def _asked_since(ledger: StreamLedger, window: Window, evidence: Stamp) -> bool:
    """Whether all of it was asked once more after what makes it look wrong was known."""
    return all(proof.stamp > evidence for proof in touching(ledger.proofs, window))


def within(finding: Finding, *, since: date | None, until: date | None, zone: str) -> Finding | None:
    """The finding, cut to days that the user named."""
    window = finding.window
    if window is None:
        return finding if since is None and until is None else None
    start = window.start if since is None else max(window.start, day_bounds(since, zone).start)
    end = window.end if until is None else min(window.end, day_bounds(until, zone).end)
    return Finding(finding.suspicion, Window(start, end), finding.why) if end - start > timedelta() else None
