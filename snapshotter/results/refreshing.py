"""What `refresh` is told and gives back."""

from __future__ import annotations

from datetime import date

from snapshotter.frozen import dataclass
from snapshotter.model import HeldBack, Job
from snapshotter.results import Notice, RunLimits
from snapshotter.results.staleness import Staleness


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshOptions(RunLimits):
    """What a user may say to `refresh`."""

    targets: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None  # the last day that is asked
    older_than: float | None = None  # seconds since a day was asked last
    budget: int | None = None  # requests of this run for each lane


@dataclass(frozen=True, slots=True)
class LaneBudget:
    """What a lane may spend on old days today."""

    lane: str
    budget: int
    spent: int  # today, before this run
    chosen: int  # requests that this run would take
    needed: float  # a day, to ask every day again within its ceiling
    run: int | None = None  # what this run may spend instead, where the user said so


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether changes come as often as was expected: requests with such an expectation, expected and seen."""

    stream: str
    low: float
    high: float
    requests: int
    expected: float  # requests that were expected to find a change
    seen: float


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """`refresh --dry-run` and `--explain`."""

    jobs: tuple[Job, ...]
    held_back: tuple[HeldBack, ...]
    notices: tuple[Notice, ...]
    lanes: tuple[LaneBudget, ...]
    staleness: tuple[Staleness, ...]
    calibration: tuple[Calibration, ...]
