"""What use cases say of details."""

from __future__ import annotations

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Counted:
    """How many details there are of each kind."""

    name: str
    parents: int = 0
    stored: int = 0
    gone: int = 0
    failed: int = 0
    due: int = 0  # that a run would ask now, if nothing stops it
