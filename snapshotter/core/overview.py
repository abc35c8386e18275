"""What a report needs to know beyond what is looked up: years in figures, reasons together, which changes count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from snapshotter.core import calendars
from snapshotter.core.days import day_bounds
from snapshotter.core.lacks import STANDING
from snapshotter.core.missing import MissClass
from snapshotter.core.states import ONE, Days, Judge, days_between
from snapshotter.model import DayFact, DayState
from snapshotter.results.calendar import CalendarDay
from snapshotter.results.days import Gap
from snapshotter.results.reporting import LACKING, Cover, Trouble, Year

RANGE = timedelta(days=364)  # before the last day: what is shown day by day where nobody says otherwise
LATE = timedelta(days=2)  # after its end a day that only grew is told as a change
Range = tuple[date | None, date | None]  # of days, as a gap has it
RANGES = 40  # of days, that a trouble names
_BY_A_PERSON = frozenset((*STANDING, *(one.value for one in (MissClass.AUTH, MissClass.FORBIDDEN, MissClass.REQUEST,
    MissClass.UNUSABLE))))  # fmt: skip
_WORST = {state.value: place for place, state in enumerate(calendars.WORST)}
_LOST = ("out_of_reach", MissClass.GONE.value)  # nobody can do anything
THERE = (DayState.SAVED, DayState.EMPTY)


# --- years ---


def years(judge: Judge, span: Days, filled: Mapping[int, tuple[int, int]]) -> tuple[Year, ...]:
    """A span year by year, newest first; `filled`: documents with records in each year of it, and their records.

    The ledger must hold the documents of the days that are not complete.
    """
    return tuple(_year(judge, piece, filled.get(piece[0].year, (0, 0))) for piece in reversed([*_by_year(span)]))


def _by_year(span: Days) -> Iterator[Days]:
    first, last = span
    while first <= last:
        end = min(last, date(first.year, 12, 31))
        yield first, end
        if end == date.max:
            return
        first = end + ONE


def _year(judge: Judge, piece: Days, filled: tuple[int, int]) -> Year:
    documents, records = filled
    found: Counter[DayState] = Counter()
    outside = 0
    rest = days_between(judge.complete, piece)
    for days in rest:
        for part in judge.ranges(days):
            found[part.judged.state] += part.days
        outside += sum(days[0] <= day <= days[1] for day in judge.filled)
    complete = (piece[1] - piece[0]).days + 1 - sum((last - first).days + 1 for first, last in rest)
    found[DayState.SAVED] = documents - outside
    found[DayState.EMPTY] = complete - found[DayState.SAVED]
    return Year(piece[0].year, {state: found[state] for state in DayState if found[state]}, records)


# --- figures ---


def counts(streams: Iterable[Cover]) -> dict[DayState, int]:
    """The days of all streams by state."""
    found: Counter[DayState] = Counter()
    for stream in streams:
        found.update(stream.status.counts)
    return {state: found[state] for state in DayState if found[state]}


def by_month(days: Iterable[CalendarDay]) -> dict[str, int]:
    """How many records the days of each month have, in order."""
    found: Counter[str] = Counter()
    for day in days:
        found[f"{day.day:%Y-%m}"] += day.records
    return dict(sorted(found.items()))


def share(counted: Mapping[DayState, int]) -> tuple[int, int]:
    """How many days are there, of those that are over and could be had."""
    there = sum(counted.get(state, 0) for state in THERE)
    return there, there + sum(counted.get(state, 0) for state in LACKING)


# --- troubles ---


def troubles(gaps: Iterable[Gap]) -> tuple[Trouble, ...]:
    """Gaps of one stream and one reason as one; those that wait for a person first, then the largest."""
    rows: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in gaps:
        rows.setdefault((gap.stream, gap.lack.cause, gap.lack.why), []).append(gap)
    found = [_trouble(row) for row in rows.values()]
    return tuple(sorted(found, key=lambda one: (not one.waits, -one.days)))


def _trouble(row: list[Gap]) -> Trouble:
    newest = row[-1]
    days = sum(gap.days for gap in row)
    ranges = _joined((gap.first, gap.last) for gap in row)
    lack = min((gap.lack for gap in row), key=lambda lack: _WORST.get(lack.state, 9))
    commands = tuple(_for_all(command, newest.stream, ranges, days=days) for command in newest.lack.commands)
    waits = any(_waits_for_a_person(gap) for gap in row)
    return Trouble(newest.stream, ranges[::-1][:RANGES], days, replace(lack, commands=commands), waits)


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order; those that follow each other as one."""
    found: list[Range] = []
    for first, last in ranges:
        before = found[-1] if found else None
        if before is not None and before[0] and before[1] and first == before[1] + ONE:
            found[-1] = (before[0], last)
        else:
            found.append((first, last))
    return tuple(found)


def _for_all(command: str, stream: str, ranges: Sequence[Range], *, days: int) -> str:
    """A command that names one range of days, for all of them."""
    if not command.startswith(f"snap fetch {stream} --since "):
        return command
    first, last = ranges[0][0], ranges[-1][1]
    if first is None or last is None or (last - first).days + 1 != days:
        return f"snap fetch {stream}" if len(ranges) > 1 else command
    return f"snap fetch {stream} --since {first} --until {last}"


def _waits_for_a_person(gap: Gap) -> bool:
    lack = gap.lack
    if lack.cause in _LOST:
        return False
    return lack.cause in _BY_A_PERSON or lack.given_up


# --- changes ---


def is_a_change(fact: DayFact, day: date | None, *, at: datetime, zone: str) -> bool:
    """Whether a new version is told as a change: it lost or altered records, or came when the day was long over."""
    if fact.change not in ("changed", "emptied"):
        return False
    if day is None or fact.removed or fact.edited:
        return True
    return at >= day_bounds(day, zone).end + LATE
