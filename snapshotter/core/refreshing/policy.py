"""Which requests a budget is spent on: what is overdue, what a surprise points at, a random sample, the most valuable.

A request is worth the changes that are likely to be found now, less its price, less what would be had by waiting as
long as is best: a day that goes on changing is left until it settles, one that has settled is asked at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import expm1, log2

from snapshotter.core.refreshing.foresight import END, PRICE, foresee, later
from snapshotter.core.refreshing.hazards import Hazard

AUDIT = 0.05  # the share of what is spent that goes to days drawn by chance
LEAST_AUDIT = 0.01  # and of the budget, where little is spent
CEILING = 400  # days after which a day is asked again in any case
FLOOR = 1
LATE = 0.01  # the share of what is spent that days beyond a ceiling that nobody asked for may take before others
LEAST_LATE = 0.0025  # and of the budget, where little is spent
SUSPECTED = 0.6  # the share that days near a surprise may take before others
_WAITS = (1, 3, 7, 15, 30, 60, 120, 250)  # days by which asking could be put off
_DISCOUNTS = tuple((days, later(days)) for days in _WAITS)


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
    value: float  # of the request: likely changes above those that waiting would bring
    chance: float  # that at least one of its days changed


Ages = tuple[tuple[int, int], ...]  # of each day: now, and when it was asked last
Judged = tuple[float, float, float, int]  # value, days expected to have changed, hazards, days since asked (longest)


class Judge:
    """What the requests of a stream are worth; sums by the day are kept, so that many are judged quickly."""

    def __init__(self, hazard: Hazard, price: float = PRICE) -> None:
        self._hazard = hazard
        self._price = price
        self._sums: list[float] = []
        self._foreseen: dict[int, list[float]] = {}
        self._above: dict[tuple[float, Ages], float] = {}

    def judge(self, candidate: Candidate, today: int) -> Judged:
        """What a request is worth on a day, given as an ordinal like those of its days."""
        sums, expected, total, longest = self._sums, 0.0, 0.0, 0
        for since, day in candidate.days:
            age = today - day
            if age + _WAITS[-1] >= len(sums):
                sums += [self._hazard.upto(one) for one in range(len(sums), age + _WAITS[-1] + 1)]
            ahead = sums[age] - sums[since]
            expected -= expm1(-ahead)
            total += ahead
            if age - since > longest:  # noqa: PLR1730 - asked a hundred thousand times, and max() is slow
                longest = age - since
        cost = max(candidate.cost, 1.0)
        value = candidate.weight * expected - self._price * cost
        if value > 0.0:  # a price that is not met is not worth a look ahead
            price, ages = (
                self._price * cost / candidate.weight,
                tuple((today - day, since) for since, day in candidate.days),
            )
            if (price, ages) not in self._above:
                self._above[price, ages] = self._above_waiting(ages, expected, price)
            value = candidate.weight * self._above[price, ages]
        return value / cost, expected, total, longest

    def _above_waiting(self, ages: Ages, expected: float, price: float) -> float:
        """By how much asking now is better than asking at the best later time; 0 or less where it is not."""
        foreseen, sums = self._ahead(price / len(ages)), self._sums
        days = [(age, sums[since]) for age, since in ages]
        now = expected - price + sum(foreseen[min(age, END)] for age, _ in days)
        least = now
        for wait, discount in _DISCOUNTS:
            then = -price
            for age, reached in days:
                then += foreseen[min(age + wait, END)] - expm1(reached - sums[age + wait])
            least = min(least, now - discount * then)
            if least <= 0.0:
                break
        return least

    def _ahead(self, price: float) -> list[float]:
        """What will be found at about such a price for a day, by age; kept, since a few prices are common."""
        step = round(2 * log2(price))
        if step not in self._foreseen:
            self._foreseen[step] = foresee(self._hazard, 2.0 ** (step / 2))
        return self._foreseen[step]


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
    valued = sorted((-judged[place][0], place) for place in ready if judged[place][0] > 0.0)
    planned = min(budget, sum(max(candidates[place].cost, 1.0) for place in {*suspected, *(p for _, p in valued)}))
    crowd = _whole(max(planned * LATE, budget * LEAST_LATE), dice)  # a crowd of late ones must not starve what changes
    planned = min(budget, planned + crowd)
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
