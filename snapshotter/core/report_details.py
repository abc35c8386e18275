"""What is said about details."""

from __future__ import annotations

from snapshotter.results.details import Counted


def words(counts: Counted) -> str:
    """Their line: `activity: 812 of 1,000, 3 failed, 12 gone`."""
    parts = [f"{counts.name}: {counts.stored:,} of {counts.parents:,}"]
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    parts += [f"{counts.gone:,} gone"] if counts.gone else []
    return ", ".join(parts)
