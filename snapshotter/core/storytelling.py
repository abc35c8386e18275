"""The whole story of one day, from the run records that speak of it and the commits of its document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from snapshotter.core import held_notes, lacks
from snapshotter.core.days import day_at
from snapshotter.core.escaping import escape
from snapshotter.core.ledger import SILENT
from snapshotter.core.states import Judged, minute
from snapshotter.core.windows import frozen_end, lookback_start
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import DayFact, DayState, JobStory, Reason, RunRecord, Version, Window
from snapshotter.results.days import DayDecision, DayStory, DayTry, DayVersion, Hindrance, Lack
from snapshotter.spec import Stream

_MOMENT = timedelta(microseconds=1)
_DECIDED = {Reason.ASKED: "asked", Reason.REFRESH: "refresh", Reason.MERGE: "merged"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which day of which stream somebody asks about (None: its one whole state), now."""

    stream: Stream
    day: date | None
    now: datetime
    hindrance: Hindrance | None = None
    doubted: datetime | None = None  # it is empty and too young to be believed: when it is asked again

    @property
    def days(self) -> tuple[date, date] | None:
        """The day as a range, where it can be asked by name."""
        return None if self.day is None or self.stream.window is None else (self.day, self.day)


@dataclass(frozen=True, slots=True)
class _Told:
    record: RunRecord
    story: JobStory
    fact: DayFact | None  # what it found about the document in question
    is_lost: bool = False  # it came too late for this day


def day_story(
    asked: Asked,
    *,
    judged: Judged,
    bounds: Window,
    zone: str,
    records: Sequence[RunRecord],
    versions: Sequence[Version],
    held: bool = False,
) -> DayStory:
    """The story of a day: `records` hold at least all that touch it."""
    told = _newest_first(
        _Told(record, story, story.days.get(asked.day) if asked.day else None, is_lost=_is_lost(story, bounds))
        for record in records
        for story in record.stories
        if _touches(story, bounds, asked.day) or _is_the_miss(story, judged)
    )
    lack = lacks.lack_of(asked.stream.key, judged, days=asked.days, now=asked.now, hindrance=asked.hindrance)
    tries = _tries(told)
    needed = judged.state not in (DayState.SAVED, DayState.EMPTY)
    return DayStory(
        stream=asked.stream.key,
        day=asked.day,
        state=judged.state.value,
        records=judged.records,
        sentence=_sentence(judged, lack, tries),
        lack=lack if needed else None,
        tries=tries,
        versions=tuple(_versions(versions, told)),
        decisions=tuple(_decisions(told, asked.day, zone, bounds=bounds)),
        comes=tuple(_comes(asked, judged, lack, bounds=bounds)),
        held=held,
    )


def whole_story(
    asked: Asked,
    *,
    ledger: StreamLedger,
    records: Sequence[RunRecord],
    versions: Sequence[Version],
    held: bool = False,
) -> DayStory:
    """The story of a stream that is one whole state; of its tries the newest."""
    told = _newest_first(_Told(record, story, story.dateless) for record in records for story in record.stories)
    missed, count = ledger.whole_missed, ledger.dateless.records if ledger.dateless else 0
    if missed is not None:
        judged = Judged(DayState(missed.fact.state), "", missed, count)
    elif ledger.last_good is None:
        judged = Judged(DayState.UNTRIED, "never asked")
    else:
        judged = Judged(DayState.SAVED if count else DayState.EMPTY, "the newest answer was whole", records=count)
    needed = judged.state in lacks.NEEDED
    lack = lacks.lack_of(asked.stream.key, judged, days=None, now=asked.now, hindrance=asked.hindrance)
    tries = _tries(told)
    return DayStory(
        stream=asked.stream.key,
        day=None,
        state=judged.state.value,
        records=count,
        sentence=_sentence(judged, lack, tries),
        lack=lack if needed else None,
        tries=tries,
        versions=tuple(_versions(versions, told)),
        decisions=tuple(_decisions(told, None, "")),
        comes=(lack.step, *lack.commands) if needed else ("every fetch asks for the state as it is then",),
        held=held,
    )


def _newest_first(told: Iterator[_Told]) -> list[_Told]:
    return sorted(told, key=lambda item: (item.record.turn, item.story.at), reverse=True)


def _touches(story: JobStory, bounds: Window, day: date | None) -> bool:
    if day in story.days:
        return True
    if any(
        window is not None and window.touches(bounds)
        for window in (story.window, story.proved, story.lost, story.withdrawn)
    ):
        return True
    return story.window is None and story.miss is not None and bounds.holds(story.at)


def _is_lost(story: JobStory, bounds: Window) -> bool:
    return story.lost is not None and story.lost.touches(bounds)


def _is_the_miss(story: JobStory, judged: Judged) -> bool:
    """Whether it is what stands in the day's way, although it was asked later and for everything."""
    return story.miss is not None and judged.missed is not None and story.at == judged.missed.at


# --- tries ---


def _tries(told: Sequence[_Told]) -> tuple[DayTry, ...]:
    """The tries, newest first. A try that changed nothing has no fact: what was there before is there still."""
    found: list[DayTry] = []
    records = 0
    for item in reversed(told):
        records = item.fact.records if item.fact is not None and item.fact.sha256 is not None else records
        if item.story.reason not in SILENT:
            found.append(_try(item, records))
    return tuple(reversed(found))


def _try(told: _Told, records: int) -> DayTry:
    story = told.story
    last = story.pages[-1] if story.pages else None
    window = story.window
    status = story.miss.status if story.miss is not None and story.miss.status is not None else None
    return DayTry(
        at=story.at,
        run=told.record.run,
        reason=story.reason.value,
        why=story.why,
        first=None if window is None else day_at(window.start, story.zone),
        last=None if window is None else day_at(max(window.start, window.end - _MOMENT), story.zone),
        stop=story.stop,
        outcome=_outcome(told, records),
        requests=story.requests,
        status=status if status is not None or last is None else last.status,
        sha256=None if last is None else last.sha256,
        quarantine=story.miss.quarantine if story.miss is not None else None,
    )


def _outcome(told: _Told, records: int) -> str:
    story, fact = told.story, told.fact
    if story.miss is not None:
        return f"{story.miss.state}: {escape(story.miss.why, 200)}"
    if told.is_lost:
        return "no longer shown by the API"
    if fact is None or fact.change in ("same", "none"):
        found = f"{_count(records)}, as before" if records else "no records"
    else:
        found = _count(fact.records) + ("" if fact.change == "new" else f", {fact.change}")
    return found if story.proved is not None or story.window is None else f"{found}, not proved"


def _count(records: int) -> str:
    return f"{records:,} record{'' if records == 1 else 's'}"


# --- versions and decisions ---


def _versions(versions: Sequence[Version], told: Sequence[_Told]) -> Iterator[DayVersion]:
    """The commits, newest first, with what the run record of each says of the document."""
    facts: dict[str, list[DayFact]] = {}
    for item in told:
        if item.fact is not None and item.fact.change in ("new", "changed", "emptied"):
            facts.setdefault(item.record.run, []).append(item.fact)
    for version in versions:
        run = _run_of(version.body)
        of_run = facts.get(run or "", [])
        fact = of_run.pop(0) if of_run else None
        if fact is None:
            yield DayVersion(version.commit, version.at, version.subject, run, None)
        else:
            counts = (fact.records, fact.added, fact.removed, fact.edited)
            yield DayVersion(version.commit, version.at, version.subject, run, *counts)


def _run_of(body: str) -> str | None:
    lines = [line for line in body.splitlines() if line.startswith("Run: ")]
    if lines:
        return lines[-1].removeprefix("Run: ")
    return "" if re.search(r"^Reason: (merge|import)$", body, re.MULTILINE) else None  # a merge of ours has no run


def _decisions(
    told: Sequence[_Told], day: date | None, zone: str, *, bounds: Window | None = None
) -> Iterator[DayDecision]:
    for item in told:
        story, run = item.story, item.record.run
        for one, why in held_notes.told(story.notes):
            if one == day:
                yield DayDecision(story.at, "held", why, run)
        if story.withdrawn is not None and (bounds is None or story.withdrawn.touches(bounds)):
            yield DayDecision(story.at, "withdrawn", "a clock was ahead: what was proved before counts no more", run)
        if story.reason is Reason.DECIDED:
            yield DayDecision(item.record.at, story.stop, story.why, run)
        elif story.reason is Reason.IMPORT:
            yield DayDecision(story.at, "imported", story.why, run)
        elif (what := _DECIDED.get(story.reason)) is not None:
            yield DayDecision(story.at, what, story.why, run)
        if day is not None and zone and story.zone != zone:
            yield DayDecision(story.at, "zone", f"its days were cut in {story.zone} then, in {zone} now", run)


# --- in words ---


def _sentence(judged: Judged, lack: Lack, tries: Sequence[DayTry]) -> str:
    count = _count(judged.records)
    proved = next((item for item in tries if not item.outcome.startswith(("failed", "invalid", "partial"))), None)
    by = f", last seen {minute(proved.at)} ({proved.reason})" if proved is not None else ""
    match judged.state:
        case DayState.SAVED:
            return f"It is whole: {count}{by}."
        case DayState.EMPTY:
            return f"It is not there: the API has no records of it{by}."
        case DayState.BEYOND:
            return f"It is not there: {judged.reason}."
        case DayState.OPEN:
            has = f" It holds {count} so far." if judged.records else ""
            return (
                f"It is {judged.reason}.{has}" if judged.reason.startswith("not") else f"It {_is(judged.reason)}.{has}"
            )
        case DayState.INVALID | DayState.FAILED:
            return f"{lack.why[:1].upper()}{lack.why[1:]}."
        case DayState.PARTIAL:
            return f"It is there in part ({count}): {lack.why}."
        case DayState.UNTRIED:
            return f"It was never asked: {lack.why}."


def _is(reason: str) -> str:
    return f"is {reason}" if reason.startswith("over") else reason


def _comes(asked: Asked, judged: Judged, lack: Lack, *, bounds: Window) -> Iterator[str]:
    """What happens next, by itself and by hand."""
    rule = asked.stream.window
    if asked.doubted is not None:
        yield f"an empty day this young is not believed yet: it is asked again from {minute(asked.doubted)}"
        return
    if judged.state in (DayState.SAVED, DayState.EMPTY):
        back = None if rule is None or rule.lookback.is_zero else lookback_start(rule, frozen_end(rule, asked.now))
        if rule is not None and back is not None and bounds.end > back:
            yield f"the next fetch asks it again: lookback goes back to {day_at(back, rule.zone)}"
        elif rule is not None:
            yield "nothing; to ask it again:"
            yield f"snap refresh {asked.stream.key} --since {asked.day} --until {asked.day}"
        return
    if lack.step:
        yield lack.step
    yield from lack.commands
