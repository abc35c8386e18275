"""The world a run lives in: clock, environment, chance and the user's state folder, all given from outside."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from snapshotter.edge.exchange import Carriage
from snapshotter.edge.files import Disk
from snapshotter.edge.machine import memory
from snapshotter.frozen import dataclass


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class World:
    """Everything a run may not invent for itself."""

    env: Mapping[str, str]
    state: Path  # the user's state folder for snap: tokens, budgets, trust
    clock: Clock = field(default_factory=SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    disk: Disk = field(default_factory=Disk)  # every act that changes a disk; a test counts, breaks or kills them
    carriage: Carriage | None = None  # what carries requests around or in place of the network
    memory: Callable[[], int | None] = memory  # how many bytes of it a process may have here
