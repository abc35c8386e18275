"""What changed in descriptions, in words."""

from __future__ import annotations

from collections.abc import Sequence

from snapshotter.core.escaping import escape
from snapshotter.results.changing import Accepted, ChangedStream

LONGEST = 600


def changed(streams: Sequence[ChangedStream]) -> str:
    """Per stream: each key, what it was and is, and what that means."""
    lines: list[str] = []
    for item in streams:
        otherwise = f"described otherwise than in its last run ({item.run})"
        lines += [f"{item.stream}: {otherwise if item.run else 'removed, and described again'}"]
        for key in item.keys:
            lines += [f"  {key.key}: {_safe(key.was)} -> {_safe(key.now)}", f"    {_safe(key.means)}"]
        lines += [f"  stopped: {_safe(item.stopped)}"] if item.stopped else []
    return "\n".join(lines)


def accepted(result: Accepted) -> str:
    """`check --accept`."""
    if result.commit is None:
        return "nothing to accept: everything is described as in its last run"
    names = ", ".join(item.stream for item in result.streams)
    kept = [changed([item]).replace(f"\n  stopped: {item.stopped}", "") for item in result.streams]
    return "\n".join([*kept, f"accepted for {names} (commit {result.commit[:8]}); the next fetch goes on"])


def _safe(text: str) -> str:
    return escape(text, LONGEST)
