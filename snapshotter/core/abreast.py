"""How many lanes are asked side by side: each has a thread and a few open files, and neither is without end."""

from __future__ import annotations

MOST = 1_000  # lanes at once: what containers and service managers commonly allow of threads
A_LANE = 4  # files: its connection, its turn at the gate, the link to its worker, and one that is changed just now
OTHERS = 100  # files: packs, the cache, the spool, logs, what libraries have open


def files_for(lanes: int) -> int:
    """How many files may have to be open while so many lanes are asked."""
    return OTHERS + A_LANE * min(lanes, MOST)


def at_once(lanes: int, files: int) -> int:
    """How many of these lanes are asked at once, where so many files may be open; the others wait for one that ends."""
    return max(1, min(lanes, MOST, (files - OTHERS) // A_LANE))
