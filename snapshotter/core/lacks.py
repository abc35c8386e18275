"""Why days are not there, in one word and one sentence, and the command that does something about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from snapshotter.canonical import decode, plain
from snapshotter.core.coverage import Coverage
from snapshotter.core.days import day_at
from snapshotter.core.details import MISSED
from snapshotter.core.escaping import escape
from snapshotter.core.missing import (
    LOST,
    MissClass,
    class_of,
    class_words,
    given_up_words,
    is_by_time,
    is_given_up,
    step_words,
)
from snapshotter.core.states import ONE, Judge, Judged, StateRange, minute
from snapshotter.errors import Unreadable
from snapshotter.evidence import Missed, Parent
from snapshotter.model import DayState, DetailFact, MissFact
from snapshotter.results.days import Evidence, Gap, Hindrance, Lack
from snapshotter.results.details import DetailLack
from snapshotter.spec import Stream

NEEDED = (DayState.FAILED, DayState.INVALID, DayState.PARTIAL, DayState.UNTRIED)  # what somebody or something must do
STANDING = ("untrusted", "missing_secret", "zone", "changed")  # hindrances that stay until somebody acts


def gap_of(stream: str, piece: StateRange, *, now: datetime, hindrance: Hindrance | None, by_time: bool = True) -> Gap:
    """A range of days with why it is as it is."""
    days = (piece.first, piece.last) if by_time else None
    lack = lack_of(stream, piece.judged, days=days, now=now, hindrance=hindrance)
    return Gap(stream, piece.first, piece.last, piece.days, lack)


def settled_gaps(stream: str, judge: Judge, covered: Coverage) -> Iterator[Gap]:
    """What is not there and needs nothing: days before the first that could be had, and days that are proved empty."""
    if judge.floor is not None:
        first = day_at(judge.floor, judge.terms.zone)
        if covered.first is not None:
            first = min(first, covered.first)  # what was archived before the origin was put later is there
        last = first - ONE
        yield Gap(stream, None, last, 0, _settled(Judged(DayState.BEYOND, judge.floor_why), f"snap fetch {stream}"))
    if empty := covered.counts.get(DayState.EMPTY):
        yield Gap(stream, None, None, empty, _settled(Judged(DayState.EMPTY, ""), ""))


def gap_of_whole(stream: str, missed: Missed, *, now: datetime, hindrance: Hindrance | None) -> Gap:
    """The miss of a stream that is asked as a whole."""
    state = DayState(missed.fact.state)
    lack = lack_of(stream, Judged(state, "", missed), days=None, now=now, hindrance=hindrance)
    return Gap(stream, None, None, 0, lack)


def lack_of(
    stream: str, judged: Judged, *, days: tuple[date, date] | None, now: datetime, hindrance: Hindrance | None
) -> Lack:
    """Why days in this state are not there (or why they are as they are), and what is to be done.

    `days` None: they cannot be asked by name, since the stream is asked as a whole.
    """
    state, missed = judged.state.value, judged.missed
    named = f"snap fetch {stream}" + (f" --since {days[0]} --until {days[1]}" if days is not None else "")
    if judged.state is DayState.OPEN:
        return _with(missed, Lack(state, "not_over", judged.reason, "it is asked until it is over and settled"))
    if judged.state in (DayState.SAVED, DayState.EMPTY, DayState.BEYOND):
        return _settled(judged, named)
    if missed is not None:
        is_lost = missed.fact.kind == LOST
        way = _step(missed, stream=stream, named=named, now=now, hindrance=hindrance)
        step, commands = (step_words(missed.fact), ()) if is_lost else way
        return _with(
            missed,
            Lack(state, class_of(missed.fact).value, miss_sentence(missed.fact), step, commands, kind=missed.fact.kind),
        )
    if hindrance is not None:
        return Lack(state, hindrance.cause, hindrance.why, hindrance.step, (hindrance.command,))
    if days is None:
        why = judged.reason or "the newest records do not reach that far"
        return Lack(state, "out_of_reach", why, "the API cannot be asked for a day; what it no longer shows is lost")
    if judged.state is DayState.PARTIAL:
        return Lack(
            state, "in_part", judged.reason or "only a part of it was asked", "the next fetch asks it", (named,)
        )
    why = "older days come later, the newest first" if judged.reason == "never asked" else judged.reason
    return Lack(state, "to_come", why, "the next fetch goes on there", (f"snap fetch {stream}",))


def _settled(judged: Judged, named: str) -> Lack:
    state = judged.state.value
    if judged.state is DayState.EMPTY:
        return Lack(state, "proved_empty", "the API was asked for the whole of it and has no records", "", ())
    if judged.state is DayState.SAVED:
        return Lack(state, "", judged.reason)
    if judged.reason.startswith("past"):
        return Lack(state, "history_end", judged.reason, "to ask all the same:", (named,))
    return Lack(state, "origin" if judged.reason.startswith("before") else "end", judged.reason)


def _with(missed: Missed | None, lack: Lack) -> Lack:
    """The lack with what its miss knows: since when, how often, when again, where to look."""
    if missed is None:
        return lack
    fact = missed.fact
    evidence = Evidence(missed.stamp.run, missed.stamp.sequence, fact.status, quarantine=fact.quarantine)
    return Lack(
        lack.state,
        lack.cause,
        lack.why,
        lack.step,
        lack.commands,
        kind=lack.kind,
        first_seen=missed.first,
        last_try=missed.at,
        tries=fact.tries,
        next_try=None if is_given_up(missed) else fact.next_try,
        evidence=evidence,
        given_up=is_given_up(missed),
    )


def miss_sentence(fact: MissFact) -> str:
    """What went wrong, first by its class, then in the words of whoever said it."""
    why = escape(fact.why, 200)
    if fact.kind == LOST:
        return f"lost for good: {why}"
    if class_of(fact) is MissClass.REQUEST and fact.status is None:
        return f"the answer was refused here, not by the API: {why}"
    said = fact.status is None or why.startswith(str(fact.status))
    return f"{class_words(class_of(fact))}{'' if said else f' ({fact.status})'}{f': {why}' if why else ''}"


def _step(
    missed: Missed, *, stream: str, named: str, now: datetime, hindrance: Hindrance | None
) -> tuple[str, tuple[str, ...]]:
    """What to do about a miss: in words, then what to type."""
    fact, source = missed.fact, stream.split("/", 1)[0]
    check = f"snap check {source}"
    if missed.is_due and not (hindrance is not None and hindrance.cause in STANDING):
        kept = (f"snap quarantine retry {fact.quarantine}",) if fact.quarantine else ()
        return "the next fetch asks it again" + (", or read again what came" if kept else ""), (named, *kept)
    if class_of(fact) is MissClass.UNUSABLE and fact.quarantine:
        show, again = f"snap quarantine show {fact.quarantine}", f"snap quarantine retry {fact.quarantine}"
        return "look at what came, correct the source file, read it again", (show, check, again)
    if hindrance is not None and hindrance.cause in STANDING:
        return hindrance.step, (hindrance.command,)
    return _step_by_class(missed, stream=stream, named=named, now=now)


def _step_by_class(missed: Missed, *, stream: str, named: str, now: datetime) -> tuple[str, tuple[str, ...]]:
    fact, source = missed.fact, stream.split("/", 1)[0]
    check = f"snap check {source}"
    match class_of(fact):
        case MissClass.AUTH:
            return f"renew the credentials of {source}, then", (named,)
        case MissClass.FORBIDDEN:
            return f"see what the credentials of {source} may read, then", (named,)
        case MissClass.REQUEST if fact.status is None:  # refused here: too large, or a redirect that is not followed
            return "do what the reason says, then", (check, named)
        case MissClass.REQUEST:
            return "correct path and params in the source file, then", (check, named)
        case MissClass.UNUSABLE:
            return "correct the source file, then", (check, named)
        case MissClass.GONE | MissClass.CLOCK:
            return f"{step_words(fact, by_time=is_by_time(missed))}; to ask all the same", (named,)
    if is_given_up(missed):
        return f"{given_up_words(missed).split('; ')[0]}; to ask it again", (f"snap reconcile {stream}",)
    if fact.next_try is not None and fact.next_try > now:
        by_itself = f"asked again by itself from {minute(fact.next_try)}"
        # a pause that the API asked for is kept whoever asks, so "at once" would be an empty promise
        return (by_itself, ()) if class_of(fact) is MissClass.RATE_LIMIT else (f"{by_itself}; at once", (named,))
    return "the next fetch asks it again", (named,)


# --- details ---

_SOME = 5  # ids that are named
_GONE = "gone"
_DIGITS = re.compile(r"\d+")
_DETAIL_STEPS = {
    401: "renew the credentials of {source}",
    403: "see what the credentials of {source} may read",
    400: "correct path and params of the detail in the source file",
    404: "correct path and params of the detail in the source file",
    422: "correct path and params of the detail in the source file",
}


def of_details(
    stream: Stream, detail: str, rows: Iterable[tuple[Parent, DetailFact | None]], *, now: datetime
) -> Iterator[DetailLack]:
    """The details among these that are not there, by reason; the reason that most have comes first."""
    groups: dict[tuple[str, int | None, str], list[tuple[Parent, DetailFact]]] = {}
    for parent, fact in rows:
        if fact is not None and fact.state in (*MISSED, _GONE):
            groups.setdefault((fact.state, fact.status, _kind(fact.why)), []).append((parent, fact))
    for _, found in sorted(groups.items(), key=lambda item: (item[0][0] == _GONE, -len(item[1]), repr(item[0]))):
        yield _detail_lack(stream, detail, found, now=now)


def _kind(why: str) -> str:
    """What a reason has in common from record to record."""
    return _DIGITS.sub("#", why.partition(": ")[0])


def _detail_lack(stream: Stream, detail: str, found: list[tuple[Parent, DetailFact]], *, now: datetime) -> DetailLack:
    latest = max((fact for _, fact in found), key=lambda fact: fact.at)
    days = sorted(parent.day for parent, _ in found if parent.day is not None)
    ids = sorted((parent.id for parent, _ in found), key=lambda key: (len(key), key))
    is_gone = latest.state == _GONE
    tries = [fact.next_try for _, fact in found if fact.next_try is not None]
    due = None if is_gone or not tries else min(tries)
    return DetailLack(
        stream=stream.key,
        detail=detail,
        state=latest.state,
        why=latest.why,
        records=len(found),
        ids=tuple(_written(key) for key in ids[:_SOME]),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        last_try=latest.at,
        next_try=due,
        step="" if is_gone else _detail_step(stream, latest, due, now=now),
        commands=(f"snap quarantine show {latest.quarantine}",) if latest.quarantine is not None else (),
    )


def _written(key: str) -> str:
    """An id as people write it: a text without its quotes."""
    try:
        value = plain(decode(key.encode()).value)
    except Unreadable:
        return key
    return value if isinstance(value, str) else key


def _detail_step(stream: Stream, latest: DetailFact, due: datetime | None, *, now: datetime) -> str:
    waits = due is not None and due > now
    again = f"asked again by itself from {minute(due)}" if waits and due is not None else "the next fetch asks it again"
    if latest.quarantine is not None:
        return f"{again}; the answer as it came"
    step = _DETAIL_STEPS.get(latest.status or 0, "").format(source=stream.source)
    return f"{step}; {again}" if step else again
