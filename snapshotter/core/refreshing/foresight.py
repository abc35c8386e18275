"""How many changes will be found of a day, if it is asked at the best ages from now on.

A request costs as much as a quarter of a found change, and what is found late counts for less. Which ages are best
follows from the rates alone, from the last backwards: a day that will soon settle is better asked once it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import exp, expm1

from snapshotter.core.refreshing.hazards import LAST, Hazard, Seen

PRICE = 0.25  # found changes that a request must bring, on average
CURIOUS = 20  # days that were asked again, after which a request must bring half of that
IMPATIENCE = 365  # days after which a found change counts for a third of what it does now
END = 2 * LAST  # from this age on, a day is as it always will be
_GROWTH = 1.08  # of the ages that are compared


def later(days: int) -> float:
    """What something that is so many days ahead counts for now."""
    return exp(-days / IMPATIENCE)


def price_of(seen: Iterable[Seen]) -> float:
    """What a request for a stream must bring: less while little is known of it, since every answer tells something."""
    days = sum(one.days for one in seen)
    return PRICE * (days + 1) / (days + 1 + CURIOUS)


def foresee(hazard: Hazard, price: float) -> list[float]:
    """By the age of a day that was asked just now: the changes that will be found of it, less the price of asking."""
    ages = _ages()
    reached = [hazard.upto(age) for age in ages]
    known = [0.0] * (len(ages) - 1) + [_forever(hazard.between(END, END + 1), price)]
    for place in range(len(ages) - 2, -1, -1):
        start, since, best = ages[place], reached[place], 0.0
        for other in range(place + 1, len(ages)):
            worth = _LATER[ages[other] - start] * (known[other] - price - expm1(since - reached[other]))
            if worth > best:  # noqa: PLR1730 - asked ten thousand times, and max() is slow
                best = worth
        known[place] = best
    found = []
    for place, (start, end) in enumerate(pairwise(ages)):
        slope = (known[place + 1] - known[place]) / (end - start)
        found += [known[place] + slope * step for step in range(end - start)]
    return [*found, known[-1]]


def _forever(rate: float, price: float) -> float:
    """The same at a constant rate, asked again and again after the best number of days."""
    gaps = _ages()[1:]
    return max(0.0, *(_LATER[gap] * (-expm1(-rate * gap) - price) / (1.0 - _LATER[gap]) for gap in gaps))


def _ages() -> list[int]:
    """The ages that are compared, closer where a day is young."""
    found = [0]
    while found[-1] < END:
        found.append(min(END, max(found[-1] + 1, int(found[-1] * _GROWTH))))
    return found


_LATER = [later(days) for days in range(END + 1)]
