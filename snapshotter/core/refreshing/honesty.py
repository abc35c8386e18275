"""How well the deciding does, by what was seen: how stale the archive is, and whether chances came true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt

from snapshotter.core.refreshing.hazards import Seen, wilson
from snapshotter.core.refreshing.policy import Rule
from snapshotter.evidence import Checked
from snapshotter.model import Recheck
from snapshotter.results.staleness import Staleness

AUDIT = Rule.AUDIT.value
SEVERAL = 2
SURE = 1.96  # standard deviations: 95 %
NEWS = timedelta(days=30)  # for so long a surprise is told
RECENT = timedelta(days=400)  # what was drawn longer ago says little about now
PPM = 1_000_000
BANDS = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)

Band = tuple[float, float, int, float, int]  # from, to, requests, expected to find a change, found one


def seen(checks: Iterable[Checked]) -> list[Seen]:
    """What the estimator learns from."""
    return [Seen(one.since, one.age, one.days, one.changed) for check in checks for one in check.rechecks]


def staleness(stream: str, checks: Iterable[Checked], now: datetime) -> Staleness | None:
    """What the days say that were drawn by chance; None where none was drawn and could be judged."""
    drawn = [check.rechecks for check in checks if check.picked == AUDIT and now - check.at <= RECENT]
    told = [one for rechecks in drawn for one in rechecks]
    days, changed = sum(one.days for one in told), sum(one.changed for one in told)
    if not days:
        return None
    requests = sum(any(one.days for one in rechecks) for rechecks in drawn)
    low, high = wilson(changed, days, deviations=SURE * sqrt(days / requests))  # as wide as of so many requests
    held = sum(one.held for one in told)
    return Staleness(stream, days, changed, changed / days, low, high, requests, held)


def together(found: Iterable[tuple[Staleness, int]]) -> Staleness | None:
    """The same for several streams, each by how many days it stores; None where there are not several.

    The ends of the interval are as far from the share as those of each stream make them, squared and added (MOVER).
    """
    drawn = [(one, stored) for one, stored in found if stored]
    whole = sum(stored for _, stored in drawn)
    if len(drawn) < SEVERAL:
        return None
    parts = [(one, stored / whole) for one, stored in drawn]
    share = sum(one.share * part for one, part in parts)
    below = sqrt(sum((part * max(0.0, one.share - one.low)) ** 2 for one, part in parts))
    above = sqrt(sum((part * max(0.0, one.high - one.share)) ** 2 for one, part in parts))
    days, changed, requests, held = (
        sum(getattr(one, name) for one, _ in parts) for name in ("days", "changed", "requests", "held")
    )
    return Staleness("", days, changed, share, share - below, share + above, requests, held, len(parts))


def bands(checks: Sequence[Checked]) -> list[Band]:
    """Requests by how likely a change was held to be: how many were expected to find one, and how many did."""
    judged = [(check.expected_ppm / PPM, any(one.changed for one in check.rechecks)) for check in checks
              if check.expected_ppm is not None and _tells(check.rechecks)]  # fmt: skip
    found = []
    for low, high in pairwise(BANDS):
        inside = [(chance, hit) for chance, hit in judged if low <= chance < high or chance == high == 1.0]
        if inside:
            expected = sum(chance for chance, _ in inside)
            found.append((low, high, len(inside), expected, sum(hit for _, hit in inside)))
    return found


def _tells(rechecks: Sequence[Recheck]) -> bool:
    """Whether it is known that one of the days changed, or that none did."""
    return any(one.changed for one in rechecks) or (bool(rechecks) and not any(one.held for one in rechecks))


def spent_on(checks: Iterable[Checked], start: datetime) -> int:
    """The requests that refreshes took since an instant."""
    return sum(check.requests for check in checks if check.refresh and check.at >= start)
