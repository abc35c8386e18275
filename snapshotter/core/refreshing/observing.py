"""What an answer tells about change: which of its days were asked before, how old they were, and which differ now."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta

from snapshotter.core.days import day_at, day_bounds, days_of
from snapshotter.core.ledger import CHANGING, touching
from snapshotter.core.refreshing.hazards import EDGES
from snapshotter.evidence import StreamLedger
from snapshotter.model import JobStory, Recheck

PPM = 1_000_000
SURPRISE_PPM = 50_000  # a change that was held to be less likely than this is a surprise
NEAR = 15  # days around a surprise that are suspected
CALM = 3  # unchanged days in a row that end the suspicion
SUSPECT_FOR = 120  # days for which a surprise is followed up
ONE = timedelta(days=1)


def asked_at(ledger: StreamLedger, day: date, zone: str) -> int | None:
    """How old a day was when it was last asked as a whole, in days; None: it never was after it had ended."""
    bounds = day_bounds(day, zone)
    reached, age = bounds.start, None
    for proof in touching(ledger.proofs, bounds):
        if proof.is_void or proof.window.start > reached or proof.at < bounds.end:
            return None
        reached = proof.window.end
        at = (day_at(proof.at, zone) - day).days
        age = at if age is None else min(age, at)
    return age if reached >= bounds.end else None


def rechecks(ledger: StreamLedger, story: JobStory, *, held: Collection[date | None] = ()) -> tuple[Recheck, ...]:
    """What a proved story tells, by the ledger before it; a day whose version is held is neither changed nor the same.

    What came may be a broken answer or a real change: only the user knows, and `decided` tells what it was.
    """
    changed = changed_days(story)
    sums: dict[tuple[int, int], list[int]] = {}
    for day in _days(story):
        since, age = asked_at(ledger, day, story.zone), (day_at(story.at, story.zone) - day).days
        if since is None or age <= since:
            continue
        row = sums.setdefault((bisect_right(EDGES, since), bisect_right(EDGES, age)), [0, 0, 0, 0, 0])
        for place, number in enumerate((since, age, 1, int(day in changed), int(day in held))):
            row[place] += number
    return tuple(
        Recheck(since // days, -(-age // days), days - waits, hits, waits)
        for since, age, days, hits, waits in sums.values()
    )


def decided(story: JobStory, offering: JobStory, day: date) -> JobStory:
    """The story of an accepted version with what the one that offered it could not tell: its day had changed."""
    asked = next((one for one in offering.rechecks if one.held), None)
    told = () if asked is None else (Recheck(asked.since, asked.age, days=1, changed=1),)
    is_surprise = offering.expected_ppm is not None and offering.expected_ppm < SURPRISE_PPM
    return replace(story, picked=offering.picked, rechecks=told, surprises=(day,) if is_surprise else ())


def surprises(story: JobStory, *, expected_ppm: int | None) -> tuple[date, ...]:
    """The days that changed although the job was not expected to find a change."""
    if expected_ppm is None or expected_ppm >= SURPRISE_PPM:
        return ()
    return tuple(sorted(changed_days(story)))


def unsure(answer: Callable[[int], bool | None], *, near: int = NEAR) -> Iterator[int]:
    """The places on one side of a surprise to ask, until some in a row did not change; None: not asked since."""
    calm = 0
    for place in range(1, near + 1):
        changed = answer(place)
        if changed is None:
            yield place
        calm = 0 if changed is None or changed else calm + 1
        if calm == CALM:
            return


def changed_days(story: JobStory) -> set[date]:
    """The days of a story that differ from what was archived."""
    return {day for day, fact in story.days.items() if fact.change in CHANGING}


def _days(story: JobStory) -> Iterator[date]:
    """The days that are wholly proved by a story."""
    if story.proved is None or story.window is None:
        return
    for day in days_of(story.proved, story.zone):
        bounds = day_bounds(day, story.zone)
        if story.proved.start <= bounds.start and bounds.end <= min(story.proved.end, story.at):
            yield day
