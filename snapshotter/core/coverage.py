"""How far a stream is archived, in figures and in one line that a person understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date, datetime, timedelta

from snapshotter.core.days import day_at
from snapshotter.core.missing import LOST, gives_up, giving_up_words, is_by_time, step_words
from snapshotter.core.states import MOMENT, ONE, Days, Judge, StateRange, Terms, days_between, minute, miss_words
from snapshotter.evidence import Missed, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import DayState, MissFact
from snapshotter.results import DayProblem, StreamStatus
from snapshotter.spec import Kind

LOST_TOLD_FOR = timedelta(days=30)
PROBLEMS = (DayState.INVALID, DayState.FAILED, DayState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is there of a stream, and what is not."""

    first: date | None = None  # complete day
    last: date | None = None  # complete day
    counts: Mapping[DayState, int] = field(default_factory=dict)  # of days, from the first that could be had to today
    gaps: tuple[StateRange, ...] = ()  # days that are over and not complete
    floor: str = ""  # why there is nothing before the first complete day, where that is known
    doubted: bool = False  # that is the end of history, and it is not settled yet


def unsettled_days(ledger: StreamLedger, terms: Terms) -> tuple[Days, ...]:
    """The days whose documents `coverage` looks at: all that are not complete. The others are known from totals."""
    return days_between(Judge(ledger, terms).complete, (date.min, date.max))


def coverage(ledger: StreamLedger, terms: Terms) -> Coverage:
    """The coverage of a series, from a ledger that holds at least the documents of `unsettled_days`."""
    judge = Judge(ledger, terms)
    pieces = [piece for days in unsettled(judge) for piece in judge.ranges(days)]
    outside = sum(document.records > 0 and not judge.is_complete(day) for day, document in ledger.days.items())
    saved = ledger.totals.filled - outside
    found = Counter({DayState.SAVED: saved, DayState.EMPTY: _length(judge.complete) - saved})
    for piece in pieces:
        found[piece.judged.state] += piece.days
    first = judge.complete[0][0] if judge.complete else None
    starts = judge.floor is not None and first is not None and first == day_at(judge.floor, terms.zone)
    return Coverage(
        first=first,
        last=judge.complete[-1][1] if judge.complete else None,
        counts={state: found[state] for state in DayState if found[state]},
        gaps=tuple(piece for piece in pieces if piece.judged.state is not DayState.OPEN),
        floor=judge.floor_why if starts else "",
        doubted=judge.is_doubted,
    )


def stream_status(ledger: StreamLedger, kind: Kind, *, terms: Terms) -> StreamStatus:
    """The state of a stream as it is told to people."""
    covered = Coverage() if kind is Kind.SNAPSHOT and not ledger.days else coverage(ledger, terms)
    records = ledger.totals.records + (ledger.dateless.records if ledger.dateless else 0)
    return StreamStatus(
        stream=ledger.stream,
        kind=kind.value,
        first=covered.first,
        last=covered.last,
        counts=covered.counts,
        last_good=ledger.last_good.at if ledger.last_good else None,
        records=records,
        summary=_summary(ledger, covered, today=day_at(terms.now, terms.zone)),
        problems=tuple(_problems(ledger, covered, terms.now)),
    )


def next_step(fact: MissFact | None, *, at: datetime | None = None, by_time: bool = True) -> str:
    """What is to be done about a miss, in words; with the time of its last try also whether it was given up."""
    if fact is None:
        return ""
    step = step_words(fact, by_time=by_time)
    if at is not None and gives_up(fact, at=at, by_time=by_time):
        return "; ".join(words for words in (step, giving_up_words(fact, at=at)) if words)
    if step:
        return step
    return f"is asked again by itself{f' from {minute(fact.next_try)}' if fact.next_try else ''}"


def _step_after(missed: Missed) -> str:
    if missed.is_due:
        return "the next fetch asks it again"
    return next_step(missed.fact, at=missed.at, by_time=is_by_time(missed))


def unsettled(judge: Judge) -> tuple[Days, ...]:
    """The days that are not complete, from the first to the last that there could be."""
    span = extent(judge)
    return days_between(judge.complete, span) if span is not None else ()


def extent(judge: Judge) -> Days | None:
    """The first and the last day that there could be, as far as that is known."""
    ledger, zone = judge.ledger, judge.terms.zone
    firsts = [segments[0].window.start for segments in (ledger.proved, ledger.misses) if segments]
    known = [day_at(instant, zone) for instant in firsts] + judge.filled[:1]
    if judge.floor is not None:
        known = [day_at(judge.floor, zone)] + [days[0] for days in judge.complete[:1]]
    last = judge.today if judge.terms.end is None else min(judge.today, day_at(judge.terms.end - MOMENT, zone))
    return (min(known), last) if known and min(known) <= last else None


def _length(ranges: tuple[Days, ...]) -> int:
    return sum((last - first).days + 1 for first, last in ranges)


def _problems(ledger: StreamLedger, covered: Coverage, now: datetime) -> Iterator[DayProblem]:
    whole = ledger.whole_missed
    if whole is not None:
        yield DayProblem(ledger.stream, None, None, whole.fact.state, miss_words(whole), _step_after(whole))
    for gap in covered.gaps:
        if gap.judged.state in PROBLEMS:
            missed = gap.judged.missed
            if missed is not None and missed.fact.kind == LOST and now - missed.at > LOST_TOLD_FOR:
                continue  # nobody can do anything: `snap gaps` and the counts know it
            step = _step_after(missed) if missed else ""
            yield DayProblem(ledger.stream, gap.first, gap.last, gap.judged.state.value, gap.judged.why, step)


# --- one line ---


def _summary(ledger: StreamLedger, covered: Coverage, *, today: date) -> str:
    if ledger.last_try is None:
        return "never asked"
    words = [_extent_words(covered, today) if covered.counts else _whole_words(ledger)]
    words += [f"{covered.counts[state]:,} {state.value}" for state in PROBLEMS if state in covered.counts]
    if untried := covered.counts.get(DayState.UNTRIED):
        words.append(f"{untried:,} still to be asked")
    if ledger.whole_missed is not None:
        words.append(f"last try {ledger.whole_missed.fact.state}: {miss_words(ledger.whole_missed)}")
    return "; ".join(words)


def _extent_words(covered: Coverage, today: date) -> str:
    if covered.first is None or covered.last is None:
        return "no day complete yet"
    last = "yesterday" if covered.last == today - ONE else covered.last.isoformat()
    end = " (end of history, not settled yet)" if covered.doubted else " (end of history)"
    reached = end if covered.floor.startswith("past") else " (the origin)" if covered.floor else ""
    holes = any(covered.first < gap.first < covered.last for gap in covered.gaps)
    return f"complete from {covered.first}{reached} to {last}{', with gaps' if holes else ''}"


def _whole_words(ledger: StreamLedger) -> str:
    if ledger.dateless is None or ledger.last_good is None:
        return "nothing archived yet"
    count = ledger.dateless.records
    return f"{count:,} record{'' if count == 1 else 's'}, last seen {minute(ledger.last_good.at)}"
