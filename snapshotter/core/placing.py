"""Which day a record belongs to, and where it lies in time, by the day rule of its stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from snapshotter.core import instants
from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.escaping import escape, escape_value
from snapshotter.core.instants import Illegible
from snapshotter.core.select import Expression, compile_expression
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import Window
from snapshotter.spec import DayRule, Slot


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record lies: its day, and its instant in UTC (of a day without time: the day's start)."""

    day: date | None
    instant: datetime | None


UNDATED = Placed(None, None)


def place(rule: DayRule, plain: object, *, window: Window | None) -> Placed:
    """Where a record lies by its stream's day rule; `Unreadable` names the field and the value found."""
    return placer(rule)(plain, window)


@lru_cache(maxsize=256)
def placer(rule: DayRule) -> Callable[[object, Window | None], Placed]:
    """`place` for one rule, with its expressions compiled."""
    if rule.from_window:
        return lambda plain, window: _of_window(window, rule.zone)
    find = _found_in_template(rule) if rule.template else _first_found(rule.first_of)
    read = _reader(rule)

    def placed(plain: object, window: Window | None) -> Placed:
        name, value = find(plain)
        if value is None:
            return _missing(rule, name)
        try:
            return read(value)
        except Illegible as why:
            raise Unreadable("day", _refusal(name, value, why)) from None

    return placed


Columns = tuple[Sequence[date | None], Sequence[datetime | None]]  # the days and the instants of many records


@lru_cache(maxsize=256)
def placer_of_many(rule: DayRule) -> Callable[[Sequence[object]], Columns | None]:
    """Days and instants of many records at once; None where one of them needs `placer`, which says what is wrong."""
    if rule.from_window or rule.template or len(rule.first_of) != 1:
        return lambda values: None
    expression = compile_expression(rule.first_of[0])
    place = _instants_placer(rule) if rule.parse == "instant" else _each_placer(_reader(rule))

    def placed(values: Sequence[object]) -> Columns | None:
        found = expression.of_each(values)
        try:
            return None if None in found or "" in found else place(found)
        except Illegible:
            return None

    return placed


def _instants_placer(rule: DayRule) -> Callable[[Sequence[object]], Columns | None]:
    zone, naive = rule.zone, None if rule.naive is None else ZoneInfo(rule.naive)

    def placed(values: Sequence[object]) -> Columns | None:
        texts = [value for value in values if type(value) is str]
        if len(texts) < len(values):
            return None
        days: list[date | None] = []
        read = instants.read_instants(texts, naive)
        start = end = instants.EPOCH  # of the day of the record before: most lie on the same one
        day: date | None = None
        for instant in read:
            if not start <= instant < end:
                try:
                    day = day_at(instant, zone)
                except OverflowError:
                    return None
                bounds = day_bounds(day, zone)
                start, end = bounds.start, bounds.end
            days.append(day)
        return days, read

    return placed


def _each_placer(read: Callable[[object], Placed]) -> Callable[[Sequence[object]], Columns | None]:
    def placed(values: Sequence[object]) -> Columns | None:
        found = [read(value) for value in values]
        return [one.day for one in found], [one.instant for one in found]

    return placed


def _of_window(window: Window | None, zone: str) -> Placed:
    if window is None:
        raise Unreadable("day", 'day.from = "window", but this answer was asked without a window')
    day = day_at(window.start, zone)
    bounds = day_bounds(day, zone)
    if window.end > bounds.end:
        raise Unreadable(
            "day",
            f'day.from = "window", but the window from {window.start.isoformat()} to {window.end.isoformat()} is more'
            f" than one day in {zone}; set window.step and window.granularity to 1d and window.zone to {zone}",
        )
    return Placed(day, bounds.start)


def _missing(rule: DayRule, name: str) -> Placed:
    if rule.missing == "undated":
        return UNDATED
    raise Unreadable("day", f'a record has no {name}; change the day rule, or say missing = "undated"')


def _refusal(name: str, value: object, why: Illegible) -> str:
    return f"{name} = {escape_value(value)} {why}; see parse, naive and field of the day rule"


Found = tuple[str, object]


def _first_found(texts: tuple[str, ...]) -> Callable[[object], Found]:
    """The first of several expressions that finds something; an empty text is nothing."""
    finders = [(escape(text), compile_expression(text).finder()) for text in texts]
    names = " or ".join(name for name, _ in finders)

    def find(plain: object) -> Found:
        for name, finder in finders:
            value = finder(plain)
            if value is not None and value != "":
                return name, value
        return names, None

    return find


def _nothing_if_empty(expression: Expression, plain: object) -> object:
    value = expression.search(plain)
    return None if value == "" else value


def _found_in_template(rule: DayRule) -> Callable[[object], Found]:
    """The text that a template makes of several fields; nothing if one of them is missing."""
    parts = tuple(_template_part(part, rule.parse) for part in rule.template)
    name = escape("".join(part if isinstance(part, str) else f"{{{part.path}}}" for part in rule.template))

    def find(plain: object) -> Found:
        text = ""
        for part in parts:
            added = part(plain, text)
            if added is None:
                return name, None
            text += added
        return name, text

    return find


def _template_part(part: str | Slot, parse: str) -> Callable[[object, str], str | None]:
    if isinstance(part, str):
        return lambda plain, before: part
    expression, name = compile_expression(part.path), escape(part.path)

    def written(plain: object, before: str) -> str | None:
        value = _nothing_if_empty(expression, plain)
        if value is None:
            return None
        is_fraction = parse == "instant" and before.endswith((".", ","))
        return _digits(value, name, pads=not (is_fraction or parse.startswith("epoch")))

    return written


def _digits(value: object, name: str, *, pads: bool) -> str:
    """A field as it stands in the text: 5 as `05`, since APIs give months, days and hours as bare numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable("day", f"{name} = {escape_value(value)} is no part of a date")
    text = escape_value(value) if isinstance(value, int) else str(value)
    return text.zfill(2) if pads and len(text) == 1 and text.isdecimal() else text


# --- values to days ---


def _reader(rule: DayRule) -> Callable[[object], Placed]:
    zone = rule.zone
    if rule.has_instants:
        read = _instant_reader(rule.parse, None if rule.naive is None else ZoneInfo(rule.naive))
        return _instant_placer(read, zone)
    read_day = lru_cache(maxsize=4_096)(_day_reader(rule.parse))
    return lambda value: _on(read_day(_text(value)), zone)


def _instant_reader(parse: str, naive: ZoneInfo | None) -> Callable[[object], datetime]:
    if parse.startswith("epoch"):
        return lambda value: instants.read_epoch(value, parse)
    if parse == "instant":
        return lambda value: instants.read_instant(_text(value), naive)
    if parse == "http_date":
        return lambda value: instants.read_http_date(_text(value))
    form = parse.removeprefix("fmt:")
    return lambda value: instants.read_format_instant(_text(value), form, naive)


def _day_reader(parse: str) -> Callable[[str], date]:
    match parse:
        case "date":
            return instants.read_date
        case "prefix":
            return instants.read_prefix
        case _:
            form = parse.removeprefix("fmt:")
            return lambda text: instants.read_format_date(text, form)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int:  # 20240501 for fmt:%Y%m%d, 2024 for fmt:%Y
        return escape_value(value)
    raise Illegible("is not a text")


def _instant_placer(read: Callable[[object], datetime], zone: str) -> Callable[[object], Placed]:
    """Where instants lie. Most follow one of the same day, which is then not looked for again."""
    last: tuple[datetime, datetime, date] | None = None  # where that day starts and ends

    def placed(value: object) -> Placed:
        nonlocal last
        instant = read(value)
        known = last  # in one piece: lanes share compiled rules
        if known is not None and known[0] <= instant < known[1]:
            return Placed(known[2], instant)
        try:
            day = day_at(instant, zone)
        except OverflowError:
            raise Illegible(instants.OUT_OF_RANGE) from None
        bounds = day_bounds(day, zone)
        last = (bounds.start, bounds.end, day)
        return Placed(day, instant)

    return placed


def _on(day: date, zone: str) -> Placed:
    return Placed(day, day_bounds(day, zone).start)
