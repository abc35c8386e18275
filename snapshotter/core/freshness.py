"""Whether a stream has had no good news for too long, for monitors outside."""

from __future__ import annotations

from datetime import datetime, timedelta

from snapshotter.core.days import day_at
from snapshotter.core.states import minute
from snapshotter.core.windows import frozen_end, origin
from snapshotter.evidence import StreamLedger
from snapshotter.results.calendar import Stale
from snapshotter.spec import Stream


def stale(stream: Stream, ledger: StreamLedger, *, max_age: timedelta, now: datetime) -> Stale | None:
    """Why a stream is too old, or None.

    A series that is asked by time is, when a run of `max_age` ago would have proved more than is proved: failing newest
    days show although older ones still come in. One that reached its fixed end never is. Everything else is by its last
    good try, with the pause that its `every` allows.
    """
    if ledger.last_good is None:
        return Stale(stream.key, "no good answer yet")
    rule = stream.window
    if rule is None:
        allowed = max_age + (stream.every.rough() if stream.every.rough() > max_age else timedelta())
        if now - ledger.last_good.at <= allowed:
            return None
        return Stale(stream.key, f"last good answer {minute(ledger.last_good.at)}")
    wanted = frozen_end(rule, now - max_age)
    reached = max((proved.window.end for proved in ledger.proved), default=origin(rule))
    if reached >= wanted:
        return None
    whole = day_at(reached, stream.day.zone if stream.day is not None else rule.zone)
    return Stale(stream.key, f"nothing proved since {minute(reached)} ({whole} is not whole)")
