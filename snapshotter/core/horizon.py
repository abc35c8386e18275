"""What an API still remembers of a feed: what is lost for good, what soon may be, and when to leave it alone."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.intervals import intersect
from snapshotter.evidence import StreamLedger
from snapshotter.model import Window
from snapshotter.spec import Horizon, Stream

ENDS = ("no_next", "empty_page", "short_page", "end_rule")  # the API had no more to show
FULL = 0.9  # of `items`: some APIs count before they leave out what one may not see
ENOUGH = 0.5  # of what the API keeps: asked less often than that, a busy day may lose something
LOOKED_AT = (timedelta(days=7), timedelta(days=30))  # the pace is that of the busier one
LONGEST_PAUSE = timedelta(days=1)
DAY = timedelta(days=1)


# --- what is lost ---


def whole_back_to(stream: Stream, *, stop: str, received: int, asked: datetime) -> datetime | None:
    """Since which begin of a day an answer that ended by itself holds all, where age alone limits it; or None."""
    horizon = stream.horizon
    if stream.day is None or horizon is None or horizon.age is None or stop not in ENDS or _is_full(horizon, received):
        return None
    zone = stream.day.zone
    return day_bounds(day_at(asked - horizon.age.rough(), zone), zone).end


def lost(
    horizon: Horizon | None, proved: Window | None, *, known_until: datetime | None, stop: str, received: int
) -> Window | None:
    """The span between what was seen before and the oldest that a feed still shows: nobody can ask it any more."""
    if horizon is None or proved is None or known_until is None or stop not in ENDS or known_until >= proved.start:
        return None
    return Window(known_until, proved.start) if horizon.age is not None or _is_full(horizon, received) else None


def _is_full(horizon: Horizon, received: int) -> bool:
    return horizon.items is not None and received >= horizon.items * FULL


# --- what may be lost soon ---


def looked_at(stream: Stream, now: datetime) -> tuple[tuple[date, date], ...]:
    """The days that the pace is seen by; none where nothing can be lost."""
    if stream.day is None or not _forgets(stream):
        return ()
    return ((day_at(now - 2 * LOOKED_AT[-1], stream.day.zone), day_at(now, stream.day.zone)),)


def warning(stream: Stream, ledger: StreamLedger, *, now: datetime) -> str | None:
    """That a feed is asked too rarely, before something is lost; `ledger` knows the days of `looked_at`."""
    horizon, last = stream.horizon, ledger.last_good
    if horizon is None or last is None or not _forgets(stream):
        return None
    pace = _pace(stream, ledger, last.at)
    rooms = [(horizon.age.rough(), f"records of {_long(horizon.age.rough())}")] if horizon.age is not None else []
    if horizon.items is not None and pace > 0:
        room = timedelta(days=min(horizon.items / pace, 10_000))
        rooms.append((room, f"{horizon.items:,} records, at your pace of {pace:,.0f} a day that is {_long(room)}"))
    if not rooms:
        return None
    room, words = min(rooms)
    since = now - last.at
    if since < room * ENOUGH:
        return None
    late = "asked too late, some is probably lost" if since > room else "asked too rarely"
    return f"{late}: the API keeps {words}; last asked {_long(since)} ago"


def _forgets(stream: Stream) -> bool:
    horizon = stream.horizon
    return stream.is_feed and horizon is not None and (horizon.items is not None or horizon.age is not None)


def _pace(stream: Stream, ledger: StreamLedger, last: datetime) -> float:
    """Records a day, up to the last look."""
    zone = stream.day.zone if stream.day is not None else "UTC"
    paces = [0.0]
    for back in LOOKED_AT:
        first = day_at(last - back, zone)
        seen = intersect((one.window for one in ledger.proved), [Window(last - back, last)])
        days = sum((one.end - one.start for one in seen), timedelta()) / DAY
        paces.append(sum(found.records for day, found in ledger.days.items() if day > first) / max(days, 1.0))
    return max(paces)


def _long(span: timedelta) -> str:
    """A length of time as people say it."""
    for unit, word in ((DAY, "day"), (timedelta(hours=1), "hour")):
        if span >= 2 * unit:
            return f"{span / unit:.0f} {word}s"
    return f"{span / timedelta(minutes=1):.0f} minutes"


# --- when to leave it alone ---


def rests_until(header: str | None, received: datetime) -> datetime | None:
    """Before when the API does not want to be asked again, by the value of the header that says it in seconds."""
    if header is None or not header.strip().isdecimal() or not header.isascii():
        return None
    seconds = int(header.strip()[:9])
    return received + min(timedelta(seconds=seconds), LONGEST_PAUSE) if seconds else None


def rests(stream: Stream, ledger: StreamLedger, now: datetime) -> str | None:
    """Why a stream is not asked now, since its API said when it may be; or None."""
    whole = ledger.whole
    if stream.horizon is None or stream.horizon.poll is None or whole is None or whole.not_before is None:
        return None
    if not whole.at <= now < whole.not_before:  # a clock that was set back is no reason to wait
        return None
    return f"the API wants no look before {whole.not_before:%Y-%m-%d %H:%M:%S} UTC ({stream.horizon.poll})"
