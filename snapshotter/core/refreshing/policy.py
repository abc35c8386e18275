"""Which requests a budget is spent on: what is overdue, what a surprise points at, a random sample, the most valuable.

A request is worth the days it covers: how likely each has changed since it was asked, less what waiting would still
add to that, times how long a copy stays true. With a constant rate D, asked u days ago, that is the index of the best
schedule for freshness, (1 - (1 + D u) exp(-D u)) / D. It grows with the square of a small chance: one later request
finds as much as two early ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import expm1

from snapshotter.core.refreshing.hazards import Hazard

HORIZON = 60  # days for which a fetched copy should stay true
AUDIT = 0.06  # the share of what is spent that goes to days drawn by chance
LEAST_AUDIT = 0.01  # and of the budget, where little is spent
CEILING = 400  # days after which a day is asked again in any case
FLOOR = 1
WORTH = (
    0.05  # a request that is worth less is left out: one day at a constant rate is, until it is 30 % likely to differ
)
LATE = 0.02  # the share of a budget that days beyond a ceiling that nobody asked for may take before others
SUSPECTED = 0.6  # the share that days near a surprise may take before others
_TINY = 1e-9


class Rule(Enum):
    """What a request was chosen for."""

    CEILING = "ceiling"
    SURPRISE = "surprise"
    AUDIT = "audit"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request that could be made: its days (how old each was when it was asked last, and its ordinal)."""

    stream: str
    days: Sequence[tuple[int, int]]
    cost: float = 1.0
    weight: float = 1.0
    floor: int = FLOOR
    ceiling: int = CEILING
    is_firm: bool = False  # the user gave the ceiling
    suspected: bool = False  # a day near to it changed against expectation


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen request."""

    place: int  # of its candidate
    rule: Rule
    expected: float  # days that are likely to have changed
    cost: float
    value: float  # of the request: likely changes that last
    chance: float  # that at least one of its days changed


Judged = tuple[float, float, float, int]  # value, days expected to have changed, hazards, days since asked (longest)


class Judge:
    """What the requests of a stream are worth; sums by the day are kept, so that many are judged quickly."""

    def __init__(self, hazard: Hazard) -> None:
        self._hazard = hazard
        self._sums: list[float] = []
        self._kept: list[float] = []

    def judge(self, candidate: Candidate, today: int) -> Judged:
        """What a request is worth on a day, given as an ordinal like those of its days."""
        sums, value, expected, total, longest = self._sums, 0.0, 0.0, 0.0, 0
        for since, day in candidate.days:
            age = today - day
            if age >= len(self._kept):
                self._reach(age)
            ahead = sums[age] - sums[since]
            chance = -expm1(-ahead)
            value += (chance - (1.0 - chance) * ahead) * self._kept[age]
            expected += chance
            total += ahead
            if age - since > longest:  # noqa: PLR1730 - asked a hundred thousand times, and max() is slow
                longest = age - since
        return candidate.weight * value / max(candidate.cost, 1.0), expected, total, longest

    def _reach(self, age: int) -> None:
        """Know the sums, and how long a copy stays true, up to an age."""
        self._sums += [self._hazard.upto(one) for one in range(len(self._sums), age + HORIZON + 1)]
        for one in range(len(self._kept), age + 1):
            ahead = self._sums[one + HORIZON] - self._sums[one]
            self._kept.append(-expm1(-ahead) / ahead if ahead > _TINY else 1.0)


def choose(
    candidates: Sequence[Candidate],
    judges: Mapping[str, Judge],
    *,
    today: int,
    budget: float,
    dice: Callable[[], float],
) -> list[Choice]:
    """The requests to make, in order, which together cost no more than the budget."""
    judged = [judges[one.stream].judge(one, today) for one in candidates]
    spending = _Spending(candidates, judged, budget)
    ready = [place for place, one in enumerate(candidates) if judged[place][3] >= one.floor]
    late = sorted((place for place in ready if judged[place][3] >= candidates[place].ceiling),
                  key=lambda place: -judged[place][3])  # fmt: skip
    suspected = [place for place in ready if candidates[place].suspected]
    valued = sorted((-judged[place][0], place) for place in ready if judged[place][0] >= WORTH)
    crowd = _whole(budget * LATE, dice)  # a crowd of late ones must not starve what changes
    planned = min(
        budget, crowd + sum(max(candidates[place].cost, 1.0) for place in {*suspected, *(p for _, p in valued)})
    )
    audits = _whole(max(planned * AUDIT, budget * LEAST_AUDIT), dice)
    spending.take([place for place in late if candidates[place].is_firm], Rule.CEILING, keep=audits)
    spending.take(late, Rule.CEILING, keep=max(audits, budget - crowd))
    spending.take(suspected, Rule.SURPRISE, keep=audits + budget * (1 - SUSPECTED))
    spending.take(_drawn(candidates, ready, dice, count=audits), Rule.AUDIT, keep=0.0, most=audits)
    spending.take([place for _, place in valued], Rule.VALUE, keep=0.0)
    return spending.chosen


def budget_for_ceiling(candidates: Sequence[Candidate]) -> float:
    """How many requests a day it takes to ask everything again within its ceiling."""
    return sum(max(one.cost, 1.0) / one.ceiling for one in candidates)


class _Spending:
    """A budget while it is spent."""

    def __init__(self, candidates: Sequence[Candidate], judged: Sequence[Judged], budget: float) -> None:
        self.candidates = candidates
        self.judged = judged
        self.left = budget
        self.chosen: list[Choice] = []
        self.taken: set[int] = set()

    def take(self, places: Sequence[int], rule: Rule, *, keep: float, most: int | None = None) -> None:
        """Take what the budget holds, and leave so much of it."""
        for place in places:
            cost = max(self.candidates[place].cost, 1.0)
            if self.left - keep < 1.0 or most == 0:
                return
            if place in self.taken or self.left - cost < keep:
                continue
            value, expected, total, _ = self.judged[place]
            self.taken.add(place)
            self.left -= cost
            self.chosen.append(Choice(place, rule, expected, cost, value, -expm1(-total)))
            most = None if most is None else most - 1


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
        reached += len(candidates[place].days)
        ends.append(reached)

    return [ready[min(bisect_right(ends, dice() * reached), len(ready) - 1)] for _ in range(3 * count)]
