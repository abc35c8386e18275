"""When a run tries by itself whether the remote would restore, and what of the answer is a trouble."""

from __future__ import annotations

from datetime import datetime, timedelta

from snapshotter.core.notifying import EARLY
from snapshotter.core.troubles import RESTORE
from snapshotter.results import Notice
from snapshotter.results.housekeeping import Restored
from snapshotter.results.rehearsing import Tried

AGAIN = timedelta(days=1)  # after one that failed


def is_due(last: Tried | None, *, every: timedelta, now: datetime) -> bool:
    """Whether it is time: after a failure every day."""
    if last is None:
        return True
    return now - last.at + EARLY >= (every if last.good else min(every, AGAIN))


def is_good(found: Restored, *, pushes: bool) -> bool:
    """Whether the archive could be restored: from a remote that is whole, and that has what every run pushes there.

    What another machine pushed, or nobody did yet, is no damage.
    """
    if found.verified is None or found.verified.damage:
        return False
    return found.relation in ("same", "ahead") or not pushes


def notice(last: Tried) -> Notice | None:
    """The trouble that a failed try is, until one succeeds."""
    if last.good:
        return None
    words = "; ".join(last.words.splitlines())
    return Notice("error", RESTORE, f"a restore from {last.remote} would fail, tried on {last.at:%Y-%m-%d}: {words}")


def line(last: Tried) -> str:
    """For reports."""
    return f"restore tried from {last.remote} on {last.at:%Y-%m-%d}: {'whole' if last.good else 'it would FAIL'}"
