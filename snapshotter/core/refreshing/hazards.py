"""How often days change at an age, from few observations: was a day that was asked before different or not.

The rate is constant within each bucket of ages. A weak prior, falling as 1 / age, stands in where little was seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp, sqrt

EDGES = (0, 1, 2, 4, 8, 15, 31, 61, 91, 121, 181, 241, 361, 481, 961)
LAST = 2 * EDGES[-1]  # the middle of the last bucket lies between its edge and this
PRIOR = 0.25  # changes that are expected while the age of a day grows to 2.7 times what it was
WEIGHT = 0.3  # how many changes the prior is worth in each bucket
POOLED_WEIGHT = 0.5
POOL_FROM = 3  # so many streams tell of each other
ROUNDS = 25  # neighbours that share long exposures are told apart slowly


@dataclass(frozen=True, slots=True)
class Seen:
    """So many days were asked at an age, last before at another; so many of them had changed meanwhile."""

    since: float
    age: float
    days: int
    changed: int


@dataclass(frozen=True, slots=True)
class Hazard:
    """Changes per day in each bucket of ages, and how they add up."""

    rates: tuple[float, ...]
    sums: tuple[float, ...]  # up to each edge

    @classmethod
    def of(cls, rates: Sequence[float]) -> Hazard:
        """With its sums."""
        widths = [end - start for start, end in pairwise(EDGES)]
        sums = accumulate((rate * width for rate, width in zip(rates, widths, strict=False)), initial=0.0)
        return cls(tuple(rates), tuple(sums))

    def upto(self, age: float) -> float:
        """The changes expected until an age."""
        place = max(0, bisect_right(EDGES, age) - 1)
        return self.sums[place] + self.rates[place] * (max(age, 0.0) - EDGES[place])

    def between(self, since: float, age: float) -> float:
        """The changes expected from one age to another."""
        return max(0.0, self.upto(age) - self.upto(since))

    def chance(self, since: float, age: float) -> float:
        """How likely it is that a day that was asked at one age differs at another."""
        return 1.0 - exp(-self.between(since, age))


def prior() -> Hazard:
    """What is assumed of a stream that nothing is known of: equally likely to change whenever its age doubles."""
    ends = (*EDGES[1:], LAST)
    return Hazard.of([PRIOR / ((start + end) / 2) for start, end in zip(EDGES, ends, strict=True)])


def fit(seen: Iterable[Seen], before: Hazard, *, weight: float = WEIGHT) -> Hazard:
    """The rates that explain best what was seen, drawn a little towards those believed before (EM)."""
    rows = [(one, _exposure(one)) for one in packed(seen)]
    rates = list(before.rates)
    pull = [weight / rate for rate in before.rates]
    for _ in range(ROUNDS):
        found = [weight] * len(rates)
        days = list(pull)
        for one, exposure in rows:
            total = sum(rates[place] * length for place, length in exposure)
            share = one.changed / (1.0 - exp(-total)) if one.changed else 0.0
            for place, length in exposure:
                found[place] += share * rates[place] * length
                days[place] += one.days * length
        rates = [changes / length for changes, length in zip(found, days, strict=True)]
    return Hazard.of(rates)


def learned(seen: Mapping[str, Sequence[Seen]]) -> dict[str, Hazard]:
    """The rates of every stream; where there are several, what all of them show is the prior of each."""
    base = prior()
    seen = {stream: packed(rows) for stream, rows in seen.items()}
    if len(seen) < POOL_FROM:
        return {stream: fit(rows, base) for stream, rows in seen.items()}
    pooled = fit((one for rows in seen.values() for one in rows), base)
    return {stream: fit(rows, pooled, weight=POOLED_WEIGHT) for stream, rows in seen.items()}


def wilson(found: int, days: int, *, deviations: float = 1.96) -> tuple[float, float]:
    """The lower and the upper end of the share that so many of so many speak for (95 %)."""
    if not days:
        return 0.0, 1.0
    share, square = found / days, deviations * deviations
    middle = (share + square / (2 * days)) / (1 + square / days)
    half = deviations / (1 + square / days) * sqrt(share * (1 - share) / days + square / (4 * days * days))
    return max(0.0, middle - half), min(1.0, middle + half)


def packed(seen: Iterable[Seen]) -> list[Seen]:
    """Spans between the same two buckets as one, of their mean length: the cost does not grow with the years."""
    sums: dict[tuple[int, int], tuple[float, float, int, int]] = {}
    for one in seen:
        if one.age > one.since:
            place = bisect_right(EDGES, one.since), bisect_right(EDGES, one.age)
            since, age, days, changed = sums.get(place, (0.0, 0.0, 0, 0))
            sums[place] = since + one.since * one.days, age + one.age * one.days, days + one.days, changed + one.changed
    return [Seen(since / days, age / days, days, changed) for since, age, days, changed in sums.values() if days]


def _exposure(one: Seen) -> list[tuple[int, float]]:
    """How long it was in which bucket."""
    found = []
    for place, start in enumerate(EDGES):
        end = EDGES[place + 1] if place + 1 < len(EDGES) else one.age
        length = min(end, one.age) - max(start, one.since)
        if length > 0:
            found.append((place, length))
    return found
