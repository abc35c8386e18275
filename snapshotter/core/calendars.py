"""A stream's days as a calendar: years of weeks, the last months day by day, each cell with what it shows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from snapshotter.core.states import ONE, Days, Judge
from snapshotter.frozen import dataclass
from snapshotter.model import DayState
from snapshotter.results.calendar import CalendarDay

YEARS = 30  # that are drawn, at most
MONTHS = 6
LEVELS = "░▒▓█"
GLYPHS = {
    DayState.EMPTY: "·",
    DayState.OPEN: "o",
    DayState.PARTIAL: "p",
    DayState.FAILED: "F",
    DayState.INVALID: "X",
    DayState.UNTRIED: "?",
    DayState.BEYOND: " ",
}
WORST = (  # which day of a week is shown
    DayState.INVALID,
    DayState.FAILED,
    DayState.PARTIAL,
    DayState.UNTRIED,
    DayState.SAVED,
    DayState.OPEN,
    DayState.EMPTY,
    DayState.BEYOND,
)
WEEKS = 53
MARGIN = 8  # before the cells of a row


@dataclass(frozen=True, slots=True)
class Piece:
    """A few characters of a drawing and what they show: a state, or None for words."""

    text: str
    state: DayState | None = None


Line = tuple[Piece, ...]


def days_of(judge: Judge, span: Days) -> tuple[CalendarDay, ...]:
    """Every day of a span with its state, in order; the ledger must hold the documents of all of them."""
    found: list[CalendarDay] = []
    for piece in judge.ranges(span):
        day = piece.first
        while day <= piece.last:
            document = judge.ledger.days.get(day)
            found.append(CalendarDay(day, piece.judged.state, document.records if document else 0))
            day += ONE
    return tuple(found)


def drawing(days: Sequence[CalendarDay]) -> tuple[Line, ...]:
    """The whole drawing, with its legend; at most 80 columns wide."""
    if not days:
        return ()
    scale = _Scale(days)
    lines: list[Line] = [*_years(days, scale), (), *_months(days, scale), ()]
    return (*lines, *_legend())


def quarters(days: Iterable[CalendarDay]) -> list[int]:
    """The counts of records that part the days that have some into quarters."""
    counts = sorted(day.records for day in days if day.state is DayState.SAVED)
    return [counts[len(counts) * quarter // 4] for quarter in (1, 2, 3)] if counts else []


class _Scale:
    """How dark a day is drawn: quarters of the days that have records."""

    def __init__(self, days: Iterable[CalendarDay]) -> None:
        self.borders = quarters(days)

    def cell(self, day: CalendarDay) -> Piece:
        """The character of a day."""
        if day.state is not DayState.SAVED:
            return Piece(GLYPHS[day.state], day.state)
        return Piece(LEVELS[bisect_right(self.borders, day.records)], day.state)


def _years(days: Sequence[CalendarDay], scale: _Scale) -> Iterator[Line]:
    rows: dict[int, dict[int, list[CalendarDay]]] = {}
    for day in days:
        weeks = rows.setdefault(day.day.year, {})
        weeks.setdefault((day.day.timetuple().tm_yday - 1) // 7, []).append(day)
    shown = sorted(rows)[-YEARS:]
    if len(rows) > len(shown):
        yield (Piece(f"the last {YEARS} of {len(rows)} years; a week is a column, its worst day shown"),)
    else:
        yield (Piece("a week is a column, its worst day shown"),)
    yield (Piece(_month_names()),)
    for year in shown:
        cells = [_week(rows[year].get(week, ()), scale) for week in range(WEEKS)]
        here = [day for week in rows[year].values() for day in week]
        there = sum(day.state in (DayState.SAVED, DayState.EMPTY) for day in here)
        lacking = sum(day.state in WORST[:4] for day in here)
        words = f"  {there:>3} there" + (f", {lacking} not" if lacking else "")
        yield (Piece(f"{year:<{MARGIN}}"), *_joined(cells), Piece(words))


def _month_names() -> str:
    row = [" "] * (MARGIN + WEEKS)
    for month in range(1, 13):
        place = MARGIN + (date(2023, month, 1).timetuple().tm_yday - 1) // 7
        row[place : place + 3] = f"{date(2023, month, 1):%b}"
    return "".join(row).rstrip()


def _week(days: Sequence[CalendarDay], scale: _Scale) -> Piece:
    if not days:
        return Piece(" ")
    worst = min(days, key=lambda day: WORST.index(day.state))
    if worst.state is not DayState.SAVED:
        return scale.cell(worst)
    return scale.cell(max((day for day in days if day.state is DayState.SAVED), key=lambda day: day.records))


def _months(days: Sequence[CalendarDay], scale: _Scale) -> Iterator[Line]:
    rows: dict[tuple[int, int], dict[int, CalendarDay]] = {}
    for day in days:
        rows.setdefault((day.day.year, day.day.month), {})[day.day.day] = day
    shown = sorted(rows)[-MONTHS:]
    yield (Piece(f"the last {len(shown)} months, a day is a column" if len(shown) > 1 else "a day is a column"),)
    yield (Piece(" " * MARGIN + "".join(f"{number:<5}" for number in (1, 6, 11, 16, 21, 26)) + "31"),)
    for year, month in shown:
        row = rows[year, month]
        cells = [scale.cell(row[number]) if number in row else Piece(" ") for number in range(1, max(row) + 1)]
        yield (Piece(f"{year}-{month:02} "), *_joined(cells))


def _joined(cells: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours that show the same as one piece."""
    text, state = "", None
    for cell in cells:
        if text and cell.state is not state:
            yield Piece(text, state)
            text = ""
        text, state = text + cell.text, cell.state
    if text:
        yield Piece(text, state)


def _legend() -> Iterator[Line]:
    yield (Piece(LEVELS, DayState.SAVED), Piece(" few to many records  "), *_key(DayState.EMPTY, "none"))
    yield (
        *_key(DayState.OPEN, "not over"),
        *_key(DayState.PARTIAL, "in part"),
        *_key(DayState.FAILED, "failed"),
        *_key(DayState.INVALID, "unusable"),
        *_key(DayState.UNTRIED, "never asked"),
    )


def _key(state: DayState, words: str) -> Iterator[Piece]:
    yield Piece(GLYPHS[state], state)
    yield Piece(f" {words}  ")


def plain(lines: Iterable[Line]) -> str:
    """The drawing without colour."""
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)
