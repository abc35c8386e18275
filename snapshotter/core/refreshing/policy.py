"""Which requests a budget is spent on: what is overdue, what a surprise points at, a random sample, the most valuable.

A request is worth the days it covers: how likely each has changed since it was asked, times how long a copy stays true.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp

from snapshotter.core.refreshing.hazards import Hazard

HORIZON = 60  # days for which a fetched copy should stay true
AUDIT = 0.08  # the share of a budget that goes to days drawn by chance
CEILING = 400  # days after which a day is asked again in any case
FLOOR = 1
WORTH = 0.001  # a request that is worth less is left out
_TINY = 1e-9


class Rule(Enum):
    """What a request was chosen for."""

    CEILING = "ceiling"
    SURPRISE = "surprise"
    AUDIT = "audit"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request that could be made: the ages of its days, when they were asked last and now."""

    stream: str
    ages: Sequence[tuple[int, int]]
    cost: float = 1.0
    weight: float = 1.0
    floor: int = FLOOR
    ceiling: int = CEILING
    suspected: bool = False  # a day near to it changed against expectation


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen request."""

    place: int  # of its candidate
    rule: Rule
    expected: float  # days that are likely to have changed
    cost: float


def worth(hazard: Hazard, candidate: Candidate) -> tuple[float, float]:
    """The value of a request, and how many of its days are expected to have changed."""
    value = expected = 0.0
    for since, age in candidate.ages:
        chance = hazard.chance(since, age)
        ahead = hazard.between(age, age + HORIZON)
        kept = (1.0 - exp(-ahead)) / ahead if ahead > _TINY else 1.0
        value += chance * kept
        expected += chance
    return candidate.weight * value / max(candidate.cost, 1.0), expected


def choose(
    candidates: Sequence[Candidate], hazards: Mapping[str, Hazard], *, budget: float, dice: Callable[[], float]
) -> list[Choice]:
    """The requests to make, in order, which together cost no more than the budget."""
    spending = _Spending(candidates, hazards, budget)
    ready = [place for place, one in enumerate(candidates) if _longest(one) >= one.floor]
    late = sorted((place for place in ready if _longest(candidates[place]) >= candidates[place].ceiling),
                  key=lambda place: -_longest(candidates[place]))  # fmt: skip
    audits = _whole(budget * AUDIT, dice)
    spending.take(late, Rule.CEILING, keep=audits + budget / 2)  # a crowd of late ones must not starve what changes
    spending.take([place for place in ready if candidates[place].suspected], Rule.SURPRISE, keep=audits + budget / 4)
    spending.take(_drawn(candidates, ready, dice, count=audits), Rule.AUDIT, keep=0.0, most=audits)
    valued = [(spending.judged(place)[0], place) for place in ready]
    best = [place for value, place in sorted(valued, key=lambda pair: (-pair[0], pair[1])) if value >= WORTH]
    spending.take(best, Rule.VALUE, keep=0.0)
    spending.take(late, Rule.CEILING, keep=0.0)
    return spending.chosen


def budget_for_ceiling(candidates: Sequence[Candidate]) -> float:
    """How many requests a day it takes to ask everything again within its ceiling."""
    return sum(max(one.cost, 1.0) / one.ceiling for one in candidates)


class _Spending:
    """A budget while it is spent."""

    def __init__(self, candidates: Sequence[Candidate], hazards: Mapping[str, Hazard], budget: float) -> None:
        self.candidates = candidates
        self.hazards = hazards
        self.left = budget
        self.chosen: list[Choice] = []
        self.taken: set[int] = set()

    def judged(self, place: int) -> tuple[float, float]:
        one = self.candidates[place]
        return worth(self.hazards[one.stream], one)

    def take(self, places: Sequence[int], rule: Rule, *, keep: float, most: int | None = None) -> None:
        """Take what the budget holds, and leave so much of it."""
        for place in places:
            cost = max(self.candidates[place].cost, 1.0)
            if self.left < 1.0 or most == 0:
                return
            if place in self.taken or self.left - cost < keep:
                continue
            self.taken.add(place)
            self.left -= cost
            self.chosen.append(Choice(place, rule, self.judged(place)[1], cost))
            most = None if most is None else most - 1


def _longest(one: Candidate) -> int:
    """How long ago the day was asked that was asked longest ago."""
    return max((age - since for since, age in one.ages), default=0)


def _whole(number: float, dice: Callable[[], float]) -> int:
    """A whole number that is right on average."""
    return int(number) + (dice() < number - int(number))


def _drawn(
    candidates: Sequence[Candidate], ready: Sequence[int], dice: Callable[[], float], *, count: int
) -> list[int]:
    """Requests drawn by chance, each day as likely as every other."""
    if not ready or not count:
        return []
    reached, ends = 0, []
    for place in ready:
        reached += len(candidates[place].ages)
        ends.append(reached)

    return [ready[min(bisect_right(ends, dice() * reached), len(ready) - 1)] for _ in range(3 * count)]
