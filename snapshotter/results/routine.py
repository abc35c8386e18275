"""What `run` is told."""

from __future__ import annotations

from snapshotter.frozen import dataclass
from snapshotter.results import RunLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutineOptions(RunLimits):
    """What a user may say to `run`."""

    targets: tuple[str, ...] = ()  # SOURCE or SOURCE/STREAM; none: all
