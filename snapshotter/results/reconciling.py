"""What `reconcile` is asked for."""

from __future__ import annotations

from datetime import date

from snapshotter.frozen import dataclass
from snapshotter.results import RunLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOptions(RunLimits):
    """What a user may say to `reconcile`."""

    targets: tuple[str, ...] = ()  # SOURCE or SOURCE/STREAM; none: all
    since: date | None = None
    until: date | None = None  # the last day that is looked at
