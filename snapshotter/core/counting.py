"""How many requests of a limit were sent: counts in clock-aligned or sliding windows, small however long the window is.

A fixed limit keeps `(start of its window, sends)`; a request near a border counts in both windows, because the server
may see it in either. A sliding limit keeps `(latest moment, sends)`; neighbours are joined under the later moment.
Moments are microseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from snapshotter.core.spans import longest
from snapshotter.spec import RateLimit, Span

Sent = tuple[tuple[int, int], ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_HOUR = 3_600_000_000
_SECOND = 1_000_000
_BUCKETS = 64  # a sliding window holds this many counts, not one a request


def earliest(rule: RateLimit, sent: Sent, *, cap: int, now: int) -> int:
    """When one more request may leave so that no window holds more than `cap`."""
    if rule.kind == "fixed":
        return _earliest_fixed(rule, dict(sent), cap=cap, now=now)
    window = longest(rule.interval) + _slack(rule)
    live = [(at + window, count) for at, count in sent if at + window > now]
    used, free = sum(count for _, count in live), now
    for gone, count in live:
        if used < cap:
            break
        used, free = used - count, gone
    return free


def charge(rule: RateLimit, sent: Sent, *, cap: int, now: int) -> Sent:
    """With one more request, sent now."""
    if rule.kind == "fixed":
        return _added(sent, _near(rule, now, now))
    width = longest(rule.interval) // _BUCKETS if cap > _BUCKETS else 0
    if sent and (now < sent[-1][0] or (width and sent[-1][0] // width == now // width)):
        at, count = sent[-1]
        return (*sent[:-1], (max(at, now), count + 1))
    return (*sent, (now, 1))


def answered(rule: RateLimit, sent: Sent, *, sent_at: int, now: int) -> Sent:
    """The server saw the request of `sent_at` at some moment until now: it counts at the latest one."""
    if rule.kind == "fixed":
        before = _near(rule, sent_at, sent_at)
        return _added(sent, [start for start in _near(rule, now, now) if start not in before])
    early = tuple(entry for entry in sent if entry[0] < sent_at)
    count = sum(entry[1] for entry in sent[len(early) :])
    return (*early, (max(now, sent[-1][0]), count)) if count else sent


def raised(rule: RateLimit, sent: Sent, *, used: int, sent_at: int, now: int) -> Sent:
    """With at least as many requests as the server counted, whoever sent them."""
    if rule.kind == "fixed":
        start = min(_near(rule, sent_at, now))  # near a border its count may still be that of the window before
        counts = dict(sent)
        return tuple(sorted({**counts, start: max(used, counts.get(start, 0))}.items()))
    missing = used - _live(rule, sent, now)
    if missing <= 0:
        return sent
    return (*sent, (max(now, sent[-1][0]) if sent else now, missing))


def pruned(rule: RateLimit, sent: Sent, now: int) -> Sent:
    """Without what no longer matters."""
    if rule.kind == "fixed":
        first = min(_near(rule, now, now))
        return tuple(entry for entry in sent if entry[0] >= first)
    window = longest(rule.interval) + _slack(rule)
    return tuple(entry for entry in sent if entry[0] + window > now)


def moved_back(rule: RateLimit, sent: Sent, back: int) -> Sent:
    """The counts after the clock went back by so much."""
    if not back:
        return sent
    if rule.kind == "sliding":
        return tuple((max(0, at - back), count) for at, count in sent)
    moved: dict[int, int] = {}
    for at, count in sent:
        start = _window(rule, max(0, at - back))[0]
        moved[start] = moved.get(start, 0) + count
    return tuple(sorted(moved.items()))


def used(rule: RateLimit, sent: Sent, now: int) -> int:
    """How many requests count now."""
    if rule.kind == "fixed":
        return dict(sent).get(_window(rule, now)[0], 0)
    return _live(rule, sent, now)


def frees_at(rule: RateLimit, sent: Sent, now: int) -> int | None:
    """When requests that count now stop counting; None if there are none."""
    if not used(rule, sent, now):
        return None
    if rule.kind == "fixed":
        return _window(rule, now)[1]
    window = longest(rule.interval) + _slack(rule)
    return min(at + window for at, _ in sent if at + window > now)


def is_zone(name: str) -> bool:
    """Whether there is such a time zone."""
    try:
        _zone(name)
    except (ValueError, OSError, KeyError):  # a name that leads out of the zone folder, a folder, no such zone
        return False
    return True


def _slack(rule: RateLimit) -> int:
    """How far the server's clock and the way to it may shift a request: a second, less for short intervals."""
    return min(_SECOND, longest(rule.interval) // 50)


def _live(rule: RateLimit, sent: Sent, now: int) -> int:
    window = longest(rule.interval) + _slack(rule)
    return sum(count for at, count in sent if at + window > now)


def _added(sent: Sent, starts: list[int]) -> Sent:
    counts = dict(sent)
    for start in starts:
        counts[start] = counts.get(start, 0) + 1
    return tuple(sorted(counts.items()))


# --- clock-aligned windows ---


def _earliest_fixed(rule: RateLimit, counts: dict[int, int], *, cap: int, now: int) -> int:
    at = now
    while full := [start for start in _near(rule, at, at) if counts.get(start, 0) >= cap]:
        at = max(_window(rule, max(full))[1] + _slack(rule), at + 1)
    return at


def _near(rule: RateLimit, first: int, last: int) -> list[int]:
    """The windows that the server may count a request in that left between two moments."""
    slack = _slack(rule)
    return sorted({_window(rule, first - slack)[0], _window(rule, last + slack)[0]})


def _window(rule: RateLimit, at: int) -> tuple[int, int]:
    """Start and end of the window that a moment lies in."""
    span, zone = rule.interval, _zone(rule.zone)
    moment = _EPOCH + at * _MICRO
    length = longest(span)
    if not span.is_calendar and length <= _HOUR:  # never stretched by a change of the clock
        offset = (moment.astimezone(zone).utcoffset() or timedelta()) // _MICRO
        start = (at + offset) // length * length - offset
        return start, start + length
    first, following = _on_the_wall(span, moment.astimezone(zone).replace(tzinfo=None))
    return _micros(first, zone), _micros(following, zone)


def _on_the_wall(span: Span, local: datetime) -> tuple[datetime, datetime]:
    if span.months and not (span.days or span.microseconds):
        number = (local.year * 12 + local.month - 1) // span.months * span.months
        return _month(number), _month(number + span.months)
    length = timedelta(microseconds=longest(span))
    origin = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock time, of whichever zone
    start = origin + (local - origin) // length * length
    return start, start + length


def _month(number: int) -> datetime:
    day = date(number // 12, number % 12 + 1, 1)
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall-clock time


def _micros(local: datetime, zone: ZoneInfo) -> int:
    return (local.replace(tzinfo=zone).astimezone(UTC) - _EPOCH) // _MICRO


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
