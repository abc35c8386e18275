"""Why something is missing, in classes: who must act, when it is asked again by itself, and when that ends.

A miss is asked again with growing gaps between runs. After so many tries over so many days a run gives up, says so, and
leaves it to the user: `snap reconcile` asks it at any time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from snapshotter.evidence import EVER, Missed
from snapshotter.frozen import dataclass
from snapshotter.model import MissFact, Reason, Window


class MissClass(Enum):
    """What kind of trouble a miss is."""

    NETWORK = "network"  # the way to the API
    SERVER = "server"  # the API is not well
    RATE_LIMIT = "rate_limit"  # too much was asked
    AUTH = "auth"  # the credentials are not accepted
    FORBIDDEN = "forbidden"  # the credentials may not read this
    GONE = "gone"  # the API does not have it, or no longer
    REQUEST = "request"  # the API does not understand what is asked
    UNUSABLE = "unusable"  # data came and could not be used
    CUT_SHORT = "cut_short"  # the pages do not make a whole
    CLOCK = "clock"  # it lies in the future of the server
    OTHER = "other"


ENDED = "end"  # the kind of a miss that a rule of the source file took for the end of all there is
LOST = "lost"  # the kind of a miss that nothing brings back: a feed was asked too late

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_AT_ONCE = timedelta()


@dataclass(frozen=True, slots=True)
class _Nature:
    words: str
    pauses: tuple[timedelta, ...]  # after the first try, the second, …; the last one holds from there on
    tries: int | None  # so many tries …
    over: timedelta  # … over so long, and it is given up; None: never
    step: str = ""


_OUTAGE = (_AT_ONCE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 7 * _DAY, 14 * _DAY)
_NATURES = {
    MissClass.NETWORK: _Nature("the way to the API failed", _OUTAGE, 10, 30 * _DAY),
    MissClass.SERVER: _Nature("the API failed", _OUTAGE, 10, 30 * _DAY),
    MissClass.RATE_LIMIT: _Nature("the API was asked too often", _OUTAGE, 10, 30 * _DAY),
    MissClass.AUTH: _Nature(
        "the credentials were not accepted",
        (_AT_ONCE, 15 * _MINUTE, _HOUR),
        None,
        _AT_ONCE,
        "check the credentials of the source, then fetch again",
    ),
    MissClass.FORBIDDEN: _Nature(
        "the credentials may not read it",
        (_AT_ONCE, 6 * _HOUR, _DAY, 7 * _DAY),
        5,
        7 * _DAY,
        "the API does not allow this; check what the credentials may read",
    ),
    MissClass.GONE: _Nature(
        "the API does not have it",
        (_AT_ONCE, _DAY, 7 * _DAY, 21 * _DAY),
        4,
        7 * _DAY,
        "the API no longer has these days",
    ),
    MissClass.REQUEST: _Nature(
        "the API does not understand what is asked",
        (_AT_ONCE, _HOUR, _DAY, 7 * _DAY),
        5,
        7 * _DAY,
        "the API does not understand what is asked; check path and params in the source file",
    ),
    MissClass.UNUSABLE: _Nature(
        "data came and could not be used", (_AT_ONCE, _HOUR, _DAY, 7 * _DAY, 14 * _DAY), 6, 21 * _DAY
    ),
    MissClass.CUT_SHORT: _Nature(
        "not all pages could be had", (_AT_ONCE, 15 * _MINUTE, 6 * _HOUR, _DAY, 7 * _DAY), 8, 21 * _DAY
    ),
    MissClass.CLOCK: _Nature(
        "the clocks do not agree",
        (_AT_ONCE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY),
        None,
        _AT_ONCE,
        "set the clock of this machine; if it is right, that of the server is wrong",
    ),
    MissClass.OTHER: _Nature("it could not be had", _OUTAGE, 10, 30 * _DAY),
}
_HEALS = frozenset({MissClass.NETWORK, MissClass.SERVER, MissClass.RATE_LIMIT, MissClass.CUT_SHORT, MissClass.OTHER})
_BY_THE_FILE = frozenset({MissClass.UNUSABLE, MissClass.REQUEST, MissClass.GONE, MissClass.CUT_SHORT})
LIVELY = frozenset({Reason.RECENT, Reason.SNAPSHOT, Reason.FEED})
_LONGEST_LIVELY = _HOUR  # what is new waits no longer, however often it failed
_GONE = (404, 410)
_BY_KIND = {one.value: one for one in MissClass}


def class_of(fact: MissFact) -> MissClass:
    """The class of a miss."""
    if fact.state == "partial":
        return MissClass.CUT_SHORT
    if fact.state == "invalid":  # a page for people in the place of data is how many an outage looks
        return MissClass.SERVER if fact.kind == "html" else MissClass.UNUSABLE
    if fact.kind in (LOST, ENDED) or fact.status in _GONE:
        return MissClass.GONE
    return _BY_KIND.get(fact.kind, MissClass.OTHER)


def class_words(of: MissClass) -> str:
    """The class in words, for reports."""
    return _NATURES[of].words


def lost_fact(lost: Window, *, at: datetime) -> MissFact:
    """What days are told about a span that a feed no longer showed when it was asked."""
    asked, since, until = (f"{instant:%Y-%m-%d %H:%M}" for instant in (at, lost.start, lost.end))
    why = f"asked too late: on {asked} UTC the API no longer showed what lies between {since} and {until} UTC"
    return MissFact("failed", LOST, why, first=at)


def is_transient(of: MissClass) -> bool:
    """Whether it heals when it is asked again, with nobody having done anything."""
    return of in _HEALS


def blames_the_file(fact: MissFact) -> bool:
    """Whether another source file may well do away with it."""
    return class_of(fact) in _BY_THE_FILE


def next_try(fact: MissFact, *, at: datetime, reason: Reason) -> datetime | None:
    """Before when a counted miss is not asked again: a growing gap, and never before the server said; None: at once."""
    pauses = _NATURES[class_of(fact)].pauses
    pause = pauses[min(fact.tries, len(pauses)) - 1]
    if reason in LIVELY:
        pause = min(pause, _LONGEST_LIVELY)
    due = max(at + pause, fact.next_try or at)
    return due if due > at else None


def is_given_up(missed: Missed) -> bool:
    """Whether it was tried so often for so long that runs no longer ask it by themselves."""
    return not missed.is_due and gives_up(missed.fact, at=missed.at, by_time=is_by_time(missed))


def is_by_time(missed: Missed) -> bool:
    """Whether days were asked, and not a feed or a whole state."""
    return missed.window != EVER


def gives_up(fact: MissFact, *, at: datetime, by_time: bool = True) -> bool:
    """Whether a counted miss is the last one that a run asks for by itself; a feed or a whole state has no last one."""
    nature = _NATURES[class_of(fact)]
    if not by_time or fact.kind == LOST or nature.tries is None:
        return False
    return fact.tries >= nature.tries and at - (fact.first or at) >= nature.over


def given_up_words(missed: Missed) -> str:
    """That it was given up, and what asks it again."""
    return giving_up_words(missed.fact, at=missed.at)


def giving_up_words(fact: MissFact, *, at: datetime) -> str:
    """That a counted miss is given up with this try, and what asks it again."""
    since = f"{fact.first or at:%Y-%m-%d}"
    return f"given up after {fact.tries} tries since {since}; `snap reconcile` asks again"


def step_words(fact: MissFact, *, by_time: bool = True) -> str:
    """What is to be done about a miss of days (`by_time`), or of a feed or a whole state; empty where nobody has to do
    anything.
    """
    if fact.state == "invalid" and class_of(fact) is MissClass.UNUSABLE:
        kept = f" (kept as {fact.quarantine})" if fact.quarantine else ""
        return f"look at what the API sent{kept} and correct the source file"
    if fact.kind == LOST:
        return "nothing brings it back; fetch more often, so that no more is lost"
    if class_of(fact) is MissClass.GONE and not by_time:
        known = "has nothing under this address" if fact.status == 404 else "says that this is gone"
        return f"the API {known}: check base_url and path in the source file, or whether it still has this"
    if fact.status == 404 and fact.kind != ENDED:
        return "the API does not have it: check path, or say with window.start since when it has days"
    if fact.status is None and class_of(fact) is MissClass.REQUEST:  # too large, or a redirect that is not followed
        return "the answer was refused here, not by the API: do what the reason says, then fetch again"
    return _NATURES[class_of(fact)].step
