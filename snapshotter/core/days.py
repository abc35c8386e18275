"""Where the days of a zone begin and end.

A day lasts from its last midnight (or the first moment after it, where there is no midnight) to that of the next day,
so the 23, 24 or 25 hours of all days leave no instant out and share none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from snapshotter.errors import UsageError
from snapshotter.model import Window

_ONE = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MOMENT = timedelta(microseconds=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=1 << 16)
def day_bounds(day: date, zone: str) -> Window:
    """The window in UTC that a day of the zone is: 23, 24 or 25 hours, and none for a day that the zone skipped."""
    return Window(_start(day, zone), _start(day + _ONE, zone) if day < date.max else _LAST)


def day_at(instant: datetime, zone: str) -> date:
    """The day of the zone that holds the instant."""
    day = instant.astimezone(_zone_info(zone)).date()
    bounds = day_bounds(day, zone)
    if instant < bounds.start:  # a clock that was put back over midnight shows the new day twice
        return day - _ONE
    return day + _ONE if instant >= bounds.end and day < date.max else day


def days_of(window: Window, zone: str) -> Iterator[date]:
    """Every day that the window touches, in order, with the skipped days that lie in it."""
    if window.start >= window.end:
        return
    day, last = day_at(window.start, zone), day_at(window.end - _MOMENT, zone)
    while day > date.min and day_bounds(day - _ONE, zone).start == window.start:
        day -= _ONE
    while day < last:
        yield day
        day += _ONE
    yield last


def whole_days(window: Window, zone: str) -> Iterator[date]:
    """Every day that lies in the window with all its hours, in order."""
    for day in days_of(window, zone):
        bounds = day_bounds(day, zone)
        if window.start <= bounds.start and bounds.end <= window.end:
            yield day


@lru_cache(maxsize=1 << 16)
def _start(day: date, zone: str) -> datetime:
    info = _zone_info(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=info)
    try:
        first, last = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    except OverflowError:  # the calendar's own first and last day
        return _FIRST if day == date.min else _LAST
    if last >= first:
        return last
    return _first_moment(day, info, between=Window(last, first))


def _first_moment(day: date, info: ZoneInfo, *, between: Window) -> datetime:
    """When the day begins in a zone whose clock was put forward over its midnight."""
    before, after = between.start - _SECOND, between.end
    while after - before > _SECOND:
        middle = before + _SECOND * ((after - before) // _SECOND // 2)
        if middle.astimezone(info).date() >= day:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=64)
def _zone_info(zone: str) -> ZoneInfo:
    return ZoneInfo(zone)


def in_order(since: date | None, until: date | None) -> None:
    """Refuse days that are named backwards."""
    if since is not None and until is not None and since > until:
        raise UsageError(f"--since {since} lies after --until {until}")
