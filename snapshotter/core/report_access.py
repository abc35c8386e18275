"""What the use cases around limits, trust and authorization gave back, in words for a terminal."""

from __future__ import annotations

from datetime import datetime

from snapshotter.core.escaping import escape
from snapshotter.core.report import notice
from snapshotter.results import BudgetLeft, LaneLeft, LimitsLeft

LONGEST = 400


def limits(result: LimitsLeft) -> str:
    """`limits`: a paragraph a lane."""
    lines = [notice(item) for item in result.notices]
    for lane in result.lanes:
        lines += _lane(lane)
    return "\n".join(lines or ["no sources yet; add one with `snap add`"])


def _lane(lane: LaneLeft) -> list[str]:
    pause = f"at most one request every {lane.min_interval:g} s"
    lines = [f"{_safe(lane.lane)} ({', '.join(lane.sources)}): {pause}"]
    lines += [f"  {_budget(left)}" for left in lane.budgets] or ["  no limits are declared, and none were told"]
    whole = set(lane.waits.values())
    if len(whole) == 1 and len(lane.waits) > 1:
        ((until, why),) = whole
        return [*lines, f"  goes on at {_at(until)}: {_safe(why)}"]
    return lines + [f"  {stream} goes on at {_at(until)}: {_safe(why)}" for stream, (until, why) in lane.waits.items()]


def _budget(left: BudgetLeft) -> str:
    of = f" of {left.limit:,}" if left.limit is not None else ""
    kept = f", {left.reserve:,} kept in reserve" if left.reserve else ""
    more = f", more at {_at(left.until)}" if left.until is not None and left.used != 0 else ""
    return f"{_safe(left.name)}: {left.remaining:,}{of} left{kept}{more}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _safe(text: str) -> str:
    return escape(text, LONGEST)
