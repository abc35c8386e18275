"""Empty days that are too young to be believed: devices sync late, so they are asked again with growing gaps.

A day is believed when a later day holds records, or when it was asked late enough. Everything is told by the proofs
alone: a day is due when one of the ages at which it is asked again has passed since its last proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.intervals import covers, union
from snapshotter.core.ledger import filled_days, touching
from snapshotter.evidence import StreamLedger
from snapshotter.model import Window
from snapshotter.spec import Stream

_ONE = timedelta(days=1)


def young_days(stream: Stream, now: datetime) -> tuple[tuple[date, date], ...]:
    """The days of which proofs and documents must be known to see which are due, as a range."""
    again = _ages(stream)
    if stream.day is None or not again:
        return ()
    zone = stream.day.zone
    return ((day_at(now - again[-1], zone) - _ONE, day_at(now, zone)),)


def due_now(stream: Stream, ledger: StreamLedger, now: datetime) -> tuple[Window, ...]:
    """The empty days that are to be asked again now."""
    days = young_days(stream, now)
    return due(ledger, _zone(stream), days=days[0], again=_ages(stream), now=now) if days else ()


def due(
    ledger: StreamLedger, zone: str, *, days: tuple[date, date], again: Sequence[timedelta], now: datetime
) -> tuple[Window, ...]:
    """Of a range of days those that are proved empty and have reached the next age at which they are asked."""
    filled = filled_days(ledger)
    day = days[0] if filled is None else max(days[0], filled[1] + _ONE)
    found = []
    while day < days[1]:
        bounds = day_bounds(day, zone)
        asked = _asked(ledger, bounds)
        if asked is not None and any(asked < bounds.end + age <= now for age in again):
            found.append(bounds)
        day += _ONE
    return union(found)


def next_check(stream: Stream, ledger: StreamLedger, day: date) -> datetime | None:
    """When an empty day is asked again at the earliest; None: it is believed, or not proved."""
    bounds, filled = day_bounds(day, _zone(stream)), filled_days(ledger)
    asked = _asked(ledger, bounds)
    if asked is None or (filled is not None and filled[1] >= day):
        return None
    return min((bounds.end + age for age in _ages(stream) if asked < bounds.end + age), default=None)


def _asked(ledger: StreamLedger, bounds: Window) -> datetime | None:
    """When all of a day was asked last, if it is proved."""
    proofs = [proof for proof in touching(ledger.proofs, bounds) if not proof.is_void]
    if not covers(union(proof.window for proof in proofs), bounds):
        return None
    return min(proof.at for proof in proofs)


def _ages(stream: Stream) -> list[timedelta]:
    return [] if stream.window is None else sorted(age.rough() for age in stream.window.empty_again)


def _zone(stream: Stream) -> str:
    return stream.day.zone if stream.day is not None else "UTC"
