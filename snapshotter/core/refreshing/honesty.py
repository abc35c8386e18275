"""How well the deciding does, by what was seen: how stale the archive is, and whether chances came true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from snapshotter.core.refreshing.hazards import Seen, wilson
from snapshotter.core.refreshing.policy import Rule
from snapshotter.evidence import Checked

RECENT = timedelta(days=400)  # what was drawn longer ago says little about now
PPM = 1_000_000
BANDS = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)

Counted = tuple[int, int]  # days, and how many of them changed
Band = tuple[float, float, int, float, int]  # from, to, requests, expected to find a change, found one


def seen(checks: Iterable[Checked]) -> list[Seen]:
    """What the estimator learns from."""
    return [Seen(one.since, one.age, one.days, one.changed) for check in checks for one in check.rechecks]


def audited(checks: Iterable[Checked], now: datetime) -> Counted:
    """The days that were drawn by chance and asked, and how many of them differed."""
    drawn = [one for check in checks if check.picked == Rule.AUDIT.value and now - check.at <= RECENT
             for one in check.rechecks]  # fmt: skip
    return sum(one.days for one in drawn), sum(one.changed for one in drawn)


def staleness_words(days: int, changed: int) -> str:
    """The share of stored days that differ from the source, with how sure that is."""
    low, high = wilson(changed, days)
    middle, half = (low + high) / 2, (high - low) / 2
    return f"{middle:.1%} ± {100 * half:.1f} of stored days differ from the source"


def bands(checks: Sequence[Checked]) -> list[Band]:
    """Requests by how likely a change was held to be: how many were expected to find one, and how many did."""
    judged = [(check.expected_ppm / PPM, any(one.changed for one in check.rechecks)) for check in checks
              if check.expected_ppm is not None and check.rechecks]  # fmt: skip
    found = []
    for low, high in pairwise(BANDS):
        inside = [(chance, hit) for chance, hit in judged if low <= chance < high or chance == high == 1.0]
        if inside:
            expected = sum(chance for chance, _ in inside)
            found.append((low, high, len(inside), expected, sum(hit for _, hit in inside)))
    return found


def spent_on(checks: Iterable[Checked], start: datetime) -> int:
    """The requests that refreshes took since an instant."""
    return sum(check.requests for check in checks if check.refresh and check.at >= start)
