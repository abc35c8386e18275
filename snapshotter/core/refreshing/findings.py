"""What asking again has found, for people."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from snapshotter.core.wording import counted
from snapshotter.model import Recheck
from snapshotter.results.staleness import Staleness


def staleness_words(one: Staleness) -> str:
    """The share of stored days that differ from the source, with how sure that is and by what it is known."""
    middle, half = (one.low + one.high) / 2, (one.high - one.low) / 2
    known = f"{one.changed:,} of {one.days:,} drawn by chance" + (f", {one.held:,} more held" if one.held else "")
    share = f"{middle:.1%} ± {100 * half:.1f}" if one.changed else f"at most {one.high:.1%}"
    return f"{share} of stored days differ from the source ({known})"


def surprised(days: Collection[date]) -> str:
    """That days changed which were held to be settled."""
    return (
        f"{_which(days)} changed although hardly any change was expected; the provider may have recomputed"
        f" {min(days):%B %Y}. The days around it are asked next"
    )


def surprising(days: Collection[date]) -> str:
    """The same in short, as something that happened."""
    return f"{_which(days)} changed unexpectedly (provider recomputed {min(days):%B %Y}?)"


def again(rechecks: Collection[Recheck]) -> str:
    """What a story tells of days that were asked before; nothing where it asked none."""
    days, changed, held = (sum(getattr(one, name) for one in rechecks) for name in ("days", "changed", "held"))
    waits = f", {held} held" if held else ""
    return f"asked again: {counted(days + held, 'day')}, {changed} changed{waits}" if days + held else ""


def _which(days: Collection[date]) -> str:
    first, last = min(days), max(days)
    return f"{first}" if first == last else f"{len(days)} days from {first} to {last}"
