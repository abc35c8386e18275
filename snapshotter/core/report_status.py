"""What `status` adds for one stream and for monitors, in words."""

from __future__ import annotations

from collections.abc import Iterable

from snapshotter.core.escaping import escape
from snapshotter.results.calendar import Stale


def stale(items: Iterable[Stale]) -> str:
    """`status --max-age`: the streams that are too old."""
    return "\n".join(f"too old: {escape(item.stream, 200)}: {escape(item.why, 400)}" for item in items)
