"""Two clocks, ours and that of the server in its `Date`: no answer is evidence for what comes after it was made.

The earlier of both counts, so that a clock that is ahead calls no day complete that is not over. A server that says it
is before this program was written has no clock, and is not believed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from snapshotter.core.instants import Illegible, read_http_date
from snapshotter.core.states import minute
from snapshotter.evidence import ServerTime, StreamLedger
from snapshotter.model import MissFact, Response, Window

CLOCK = "clock"  # the kind of a miss: the answer was made before its window began
TOLERANCE = timedelta(minutes=2)  # by which clocks may differ without a word
NOT_YET = "by the server's clock it has not begun"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def told(response: Response) -> ServerTime | None:
    """What an answer says about time, if it says anything."""
    text = response.header("date")
    if text is None:
        return None
    try:
        made = read_http_date(text)
    except Illegible:
        return None
    age = response.header("age") or ""
    kept = timedelta(seconds=int(age[:9])) if age.isascii() and age.isdecimal() else timedelta()
    now, sent = made + kept, response.received - timedelta(seconds=response.seconds)
    return ServerTime(made, now, min(max(now, sent), response.received))


def earlier(one: ServerTime | None, other: ServerTime | None) -> ServerTime | None:
    """What is told by the answer that was made first; a walk knows no more than its first page."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other, key=lambda seen: seen.made)


def is_believed(seen: ServerTime) -> bool:
    """Whether the server has a clock at all."""
    return seen.made >= BEGINNING


def later_of(ours: datetime, seen: ServerTime | None) -> datetime:
    """What time it may have been at the server at the latest, when it was asked at this time of ours."""
    return ours if seen is None else max(ours, seen.now)


def trusted(ours: datetime, seen: ServerTime | None) -> datetime:
    """When an answer came: by our clock, unless the server's says that ours is ahead."""
    if seen is None or not is_believed(seen) or seen.ours - seen.now <= TOLERANCE:
        return ours
    return min(ours, seen.now)


def proved_by(span: Window | None, seen: ServerTime | None) -> Window | None:
    """The part of a span that an answer of this time can be evidence for."""
    if span is None or seen is None or not is_believed(seen):
        return span
    end = min(span.end, seen.made)
    return Window(span.start, end) if span.start < end else None


def too_early(window: Window, seen: ServerTime | None) -> MissFact | None:
    """The miss of a window that begins after its answer was made, by more than clocks may differ."""
    if seen is None or not is_future(window, seen):
        return None
    words = f"the answer was made at {minute(seen.made)} by the server's clock, when it was {minute(seen.ours)} here"
    return MissFact("failed", CLOCK, f"{words}: it says nothing about what comes later")


def is_future(window: Window, seen: ServerTime) -> bool:
    """Whether a window lies in the future of the server, and not by a trifle."""
    return is_believed(seen) and window.start >= seen.made and seen.ours - seen.made > TOLERANCE


# --- what an earlier clock said ---


def speaks_of_the_future(ledger: StreamLedger, now: datetime) -> bool:
    """Whether the clock was ahead in an earlier run (or is behind in this one); told by a few rows."""
    newest = ledger.proved[-1].window.end if ledger.proved else now
    tried = ledger.last_try.at if ledger.last_try is not None else now
    return max(newest, tried) - now > TOLERANCE and now >= BEGINNING


def doubted(ledger: StreamLedger, now: datetime) -> Window | None:
    """The span that is proved by such runs alone: all since the last one before them whose clock was right."""
    late = [proof for proof in ledger.proofs if proof.at - now > TOLERANCE and not proof.is_void]
    if not late:
        return None
    first = min(proof.stamp for proof in late)
    before = [proof.at for proof in ledger.proofs if proof.stamp < first and not proof.is_void]
    start = max(before, default=min(proof.window.start for proof in late))
    end = max(proof.window.end for proof in late)
    return Window(start, end) if start < end else None


def tells_now(seen: ServerTime | None) -> bool:
    """Whether our clock can be right in the eyes of the server."""
    return seen is None or not is_believed(seen) or seen.now - seen.ours <= TOLERANCE


# --- in words ---


def warning(seen: ServerTime | None) -> str | None:
    """That the clocks do not agree, and what follows from it."""
    if seen is None:
        return None
    ahead = seen.ours - seen.now
    if abs(ahead) <= TOLERANCE:
        return None
    server = f"its server, where it is {minute(seen.now)}"
    if not is_believed(seen):
        return f"the clock of {server}, is not believed"
    if ahead > timedelta():
        what = f"the clock of this machine is {_long(ahead)} ahead of {server}: nothing later counts as complete"
    else:
        what = f"the clock of this machine is {_long(-ahead)} behind {server}: the newest days are not asked yet"
    return f"{what}; set the clock that is wrong"


def _long(span: timedelta) -> str:
    for unit, word in _UNITS:
        if span >= 2 * unit:
            return f"{span // unit:,} {word}s"
    return f"{span // timedelta(seconds=1)} seconds"
