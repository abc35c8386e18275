"""Windows on their fixed grid, and how a window is told to an API.

Inside, a window is `[start, end)` in UTC; only `bounds_of` knows of granules, overlap and included ends. Days, months
and years are those of `window.zone`, so that 23 and 25 hours are a day too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.intervals import cut
from snapshotter.errors import ConfigError
from snapshotter.model import Window
from snapshotter.spec import Span, WindowRule

_FIRST_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)


def windows_over(rule: WindowRule, span: Window) -> tuple[Window, ...]:
    """The windows of the grid that make up the span, newest first, each cut to the span."""
    return tuple(_newest_first(rule, span))


def grid_window(rule: WindowRule, instant: datetime) -> Window | None:
    """The window of the grid that holds the instant; None where no step makes a grid."""
    step = rule.step or rule.max_span
    return None if step is None else _cell(step, instant, rule.zone)


def widen(rule: WindowRule, window: Window) -> Window:
    """The window, made wider until it begins and ends with a granule."""
    return Window(
        _granule_start(rule.granularity, window.start, rule.zone),
        _granule_end(rule.granularity, window.end, rule.zone),
    )


def bounds_of(rule: WindowRule, window: Window) -> tuple[datetime, datetime]:
    """What `{window.start}` and `{window.end}` stand for when this window is asked."""
    asked = widen(rule, window)
    if not rule.overlap.is_zero:
        start = shifted(asked.start, rule.overlap.before, rule.zone, times=-1)
        asked = widen(rule, Window(start, shifted(asked.end, rule.overlap.after, rule.zone)))
    start, end = asked.start, asked.end
    if rule.bounds[0] == "(":
        start = shifted(start, rule.granularity, rule.zone, times=-1)
    if rule.bounds[1] == "]":
        end = shifted(end, rule.granularity, rule.zone, times=-1)
    return start, end


def origin(rule: WindowRule) -> datetime:
    """The instant before which nothing is asked."""
    return _read(rule.start, rule.zone, key="start").start


def frozen_end(rule: WindowRule, now: datetime) -> datetime:
    """The instant from which on nothing is asked in a run that started now. A day as `end` is asked whole."""
    settled = shifted(now, rule.settle, rule.zone, times=-1)
    return settled if rule.end == "now" else min(settled, _read(rule.end, rule.zone, key="end").end)


def lookback_start(rule: WindowRule, end: datetime) -> datetime:
    """Since when every run asks again: whole days, if `lookback` counts days."""
    start = shifted(end, rule.lookback, rule.zone, times=-1)
    return day_bounds(day_at(start, rule.zone), rule.zone).start if rule.lookback.is_calendar else start


def shifted(instant: datetime, span: Span, zone: str, *, times: int = 1) -> datetime:
    """The instant so much later (or, with -1 times, earlier), by the calendar of the zone for months and days."""
    if span.is_calendar:
        day = day_at(instant, zone)
        into = instant - day_bounds(day, zone).start
        target = day_bounds(_day_shifted(day, span, times), zone)
        instant = min(target.start + into, target.end)
    return instant + times * timedelta(microseconds=span.microseconds)


# --- the grid ---


def _newest_first(rule: WindowRule, span: Window) -> Iterator[Window]:
    at = span.end
    while at > span.start:
        cell = grid_window(rule, at - _MOMENT) or span
        for piece in reversed(tuple(_pieces(rule, cell))):
            if (window := cut(piece, span)) is not None:
                yield window
        at = cell.start


def _pieces(rule: WindowRule, cell: Window) -> Iterator[Window]:
    """The cell, cut where it and the overlap are wider than the API answers; the cuts do not depend on any span."""
    start = cell.start
    while rule.max_span is not None and (end := _reach(rule, rule.max_span, start)) < cell.end:
        yield Window(start, end)
        start = end
    yield Window(start, cell.end)


def _reach(rule: WindowRule, most: Span, start: datetime) -> datetime:
    """Up to where a window that starts here may be asked in one go."""
    if not rule.granularity.is_calendar:  # an API that takes instants counts hours; a long day has 25
        most = Span(most.months, 0, most.microseconds + most.days * 86_400_000_000)
    end = shifted(start, most, rule.zone)
    for wider in (rule.overlap.before, rule.overlap.after):
        end = shifted(end, wider, rule.zone, times=-1)
    whole = _granule_start(rule.granularity, end, rule.zone)
    if max(whole, end) <= start:
        raise ConfigError("window.max_span: overlap leaves nothing of it; make it wider, or overlap narrower")
    return whole if whole > start else end


def _cell(size: Span, instant: datetime, zone: str) -> Window:
    """The span of this size that holds the instant, counted from 1970-01-01 in the zone."""
    if size.months and not (size.days or size.microseconds):
        day = day_at(instant, zone)
        month = (day.year - 1970) * 12 + day.month - 1
        first = month - month % size.months
        return Window(_month_start(first, zone), _month_start(first + size.months, zone))
    if size.days and not (size.months or size.microseconds):
        number = (day_at(instant, zone) - _FIRST_DAY).days
        first = number - number % size.days
        return Window(_day_start(first, zone), _day_start(first + size.days, zone))
    anchor = _day_start(0, zone)
    length = size.rough()
    start = instant - (instant - anchor) % length
    return Window(start, start + length)


def _granule_start(size: Span, instant: datetime, zone: str) -> datetime:
    if size.is_calendar:
        return _cell(size, instant, zone).start
    while past := _past_granule(size, instant, zone):
        instant -= past
    return instant


def _granule_end(size: Span, instant: datetime, zone: str) -> datetime:
    if size.is_calendar:
        cell = _cell(size, instant, zone)
        return instant if instant == cell.start else cell.end
    while past := _past_granule(size, instant, zone):
        instant += size.rough() - past
    return instant


def _past_granule(size: Span, instant: datetime, zone: str) -> timedelta:
    """How long before the instant the clock on the wall last showed whole granules."""
    length = size.rough()
    if length == _MOMENT:
        return timedelta()
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return (instant - _EPOCH + offset) % length


def _month_start(number: int, zone: str) -> datetime:
    years, month = divmod(number, 12)
    return day_bounds(date(1970 + years, month + 1, 1), zone).start


def _day_start(number: int, zone: str) -> datetime:
    return day_bounds(_FIRST_DAY + timedelta(days=number), zone).start


def _day_shifted(day: date, span: Span, times: int) -> date:
    if span.months:
        years, month = divmod(day.year * 12 + day.month - 1 + times * span.months, 12)
        following = date(years + (month == 11), (month + 1) % 12 + 1, 1)
        day = min(date(years, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))
    return day + times * timedelta(days=span.days)


def _read(text: str, zone: str, *, key: str) -> Window:
    """A date as its day, an instant as the empty window at it."""
    try:
        if "T" not in text and ":" not in text:
            return day_bounds(date.fromisoformat(text), zone)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"window.{key}: {text!r} is neither a date nor an instant; write 2018-01-31") from error
    instant = (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    return Window(instant, instant)
