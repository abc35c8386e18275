"""Days as pictures: calendars of weeks, years as bars; each with the same in figures for whoever sees none."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from snapshotter.core.calendars import quarters
from snapshotter.core.overview import share
from snapshotter.core.page.markup import Markup, el, join
from snapshotter.core.states import ONE
from snapshotter.model import DayState
from snapshotter.results.calendar import CalendarDay
from snapshotter.results.reporting import LACKING, Year

PITCH, SIZE = 14, 11
LEFT, TOP = 26, 15  # for the names of days and months
WEEKS = 27  # side by side at most
NAMES = {DayState.EMPTY: "e", DayState.OPEN: "o", DayState.PARTIAL: "p", DayState.FAILED: "f", DayState.INVALID: "x",
         DayState.UNTRIED: "u"}  # fmt: skip
WORDS = {
    DayState.SAVED: "there",
    DayState.EMPTY: "no records",
    DayState.OPEN: "not over",
    DayState.PARTIAL: "in part",
    DayState.FAILED: "failed",
    DayState.INVALID: "unusable",
    DayState.UNTRIED: "never asked",
    DayState.BEYOND: "out of reach",
}
BARS = {  # in a year's bar, from left to right
    DayState.SAVED: "l3",
    DayState.EMPTY: "l1",
    DayState.OPEN: "d",
    DayState.PARTIAL: "p",
    DayState.FAILED: "f",
    DayState.INVALID: "x",
    DayState.UNTRIED: "u",
}


def shapes() -> Markup:
    """What a day looks like, drawn once; days only name it."""
    cell = {"width": SIZE, "height": SIZE, "rx": 2}
    ring = {"x": 0.75, "y": 0.75, "width": SIZE - 1.5, "height": SIZE - 1.5, "rx": 2}
    drawn = [
        *(el("g", el("rect", class_=f"l{level}", **cell), id=f"l{level}") for level in (1, 2, 3, 4)),
        el("g", el("rect", class_="c", **cell), el("circle", class_="d", cx=5.5, cy=5.5, r=1.3), id="e"),
        el("g", el("rect", class_="o", **ring), id="o"),
        el("g", el("rect", class_="pr", **ring), el("path", class_="p", d="M1 10V1L10 10z"), id="p"),
        el("g", el("rect", class_="f", **cell), el("path", class_="m", d="M3 3l5 5M8 3l-5 5"), id="f"),
        el("g", el("rect", class_="x", **cell), el("path", class_="m", d="M2.7 5.5h5.6"), id="x"),
        el("g", el("rect", class_="q", **ring), id="u"),
    ]
    return el("svg", el("defs", *drawn), class_="defs", aria_hidden="true")


def legend() -> Markup:
    """What the shapes mean."""
    four = [el("use", href=f"#l{level}", x=PITCH * (level - 1)) for level in (1, 2, 3, 4)]
    items = [el("li", _icon(join(four), width=4 * PITCH - 3), "few to many records")]
    items += [el("li", _icon(el("use", href=f"#{name}")), WORDS[state]) for state, name in NAMES.items()]
    return el("ul", *items, class_="legend")


def _icon(inside: Markup, *, width: int = SIZE) -> Markup:
    return el("svg", inside, viewBox=f"0 0 {width} {SIZE}", aria_hidden="true")


# --- a calendar ---


def calendar(days: Sequence[CalendarDay], shown: tuple[date, date]) -> Markup:
    """The days of one stream, a week a column, in as many pictures as it takes."""
    by_day = {day.day: day for day in days}
    borders = quarters(days)
    first = shown[0] - timedelta(days=shown[0].weekday())
    weeks = ((shown[1] - first).days // 7) + 1
    blocks = -(-weeks // WEEKS)
    step = -(-weeks // blocks)
    starts = [first + timedelta(weeks=step * block) for block in range(blocks)]
    drawn = [_block(by_day, borders, (start, min(start + timedelta(weeks=step) - ONE, shown[1]))) for start in starts]
    return el("div", *drawn, class_="cal")


def _block(by_day: Mapping[date, CalendarDay], borders: Sequence[int], span: tuple[date, date]) -> Markup:
    cells: list[Markup] = []
    here: list[CalendarDay] = []
    day, (first, last) = span[0], span
    while day <= last:
        found = by_day.get(day)
        if found is not None and found.state is not DayState.BEYOND:
            here.append(found)
            cells.append(_cell(found, borders, column=(day - first).days // 7))
        day += ONE
    names = [_label("Mon", 0, TOP + 9), _label("Wed", 0, TOP + 9 + 2 * PITCH), _label("Fri", 0, TOP + 9 + 4 * PITCH)]
    width, height = LEFT + WEEKS * PITCH, TOP + 7 * PITCH
    label = f"{first} to {last}: {in_words(Counter(one.state for one in here)) or 'nothing'}"
    inside = (*names, *_months(first, last), *cells)
    return el("svg", *inside, viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


def _cell(day: CalendarDay, borders: Sequence[int], *, column: int) -> Markup:
    saved = day.state is DayState.SAVED
    name = f"l{1 + bisect_right(borders, day.records)}" if saved else NAMES[day.state]
    records = f"{day.records:,} record{'' if day.records == 1 else 's'}"
    words = records if saved else WORDS[day.state] + (f", {records}" if day.records else "")
    x, y = LEFT + column * PITCH, TOP + day.day.weekday() * PITCH
    return el("use", el("title", f"{day.day}: {words}"), href=f"#{name}", x=x, y=y)


def _months(first: date, last: date) -> Iterator[Markup]:
    """A name where a month begins, and at the beginning where there is room."""
    month = first.replace(day=1)
    while month <= last:
        column = max(0, -(-(month - first).days // 7))
        following = (month + timedelta(days=32)).replace(day=1)
        if (min(following, last + ONE) - max(month, first)).days >= 15:
            yield _label(f"{month:%b} {month:%Y}" if month.month == 1 else f"{month:%b}", LEFT + column * PITCH, 9)
        month = following


def _label(text: str, x: int, y: int) -> Markup:
    return el("text", text, x=x, y=y)


def in_words(counted: Mapping[DayState, int]) -> str:
    """Counts of days by state: `180 there, 3 failed`."""
    return ", ".join(f"{counted[state]:,} {words}" for state, words in WORDS.items() if counted.get(state))


# --- figures ---


def by_month(days: Sequence[CalendarDay]) -> Markup:
    """The same days as a table, newest month first."""
    months: dict[str, list[CalendarDay]] = {}
    for day in days:
        months.setdefault(f"{day.day:%Y-%m}", []).append(day)
    rows = [
        el("tr", el("th", month, scope="row"), *_figures(Counter(one.state for one in here)),
           el("td", f"{sum(one.records for one in here):,}", class_="num"))
        for month, here in reversed(months.items())
    ]  # fmt: skip
    return _table(rows, "Month")


def by_year(years: Sequence[Year]) -> Markup:
    """Years as bars and figures."""
    rows = [
        el("tr", el("th", str(year.year), scope="row"), el("td", _bar(year.counts), class_="bar"),
           *_figures(year.counts), el("td", f"{year.records:,}", class_="num"))
        for year in years
    ]  # fmt: skip
    return _table(rows, "Year", more=el("th", "Days", scope="col"))


def _figures(counted: Mapping[DayState, int]) -> tuple[Markup, Markup]:
    there, wanted = share(counted)
    lacking = {state: counted[state] for state in LACKING if counted.get(state)}
    return el("td", f"{there:,} of {wanted:,}", class_="num"), el("td", in_words(lacking) or "–")


def _table(rows: Sequence[Markup], unit: str, *, more: Markup | None = None) -> Markup:
    head = el("tr", el("th", unit, scope="col"), more, el("th", "There", scope="col", class_="num"),
              el("th", "Lacking", scope="col"), el("th", "Records", scope="col", class_="num"))  # fmt: skip
    table = el("table", el("thead", head), el("tbody", *rows))
    return el("div", table, class_="scroll inner", tabindex=0, role="region", aria_label=f"By {unit.lower()}")


def _bar(counted: Mapping[DayState, int]) -> Markup:
    drawn, x = [], 0
    for state, name in BARS.items():
        if width := counted.get(state, 0):
            drawn.append(el("rect", class_=name, x=x, y=0, width=width, height=10))
            x += width
    return el("svg", *drawn, viewBox="0 0 366 10", preserveAspectRatio="none", role="img", aria_label=in_words(counted))
