"""Words that many reports share."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """A number with its noun: `1 day`, `1,495 records`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
