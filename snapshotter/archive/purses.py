"""What asking complete days again may cost: of a run, of a day, of a stream; every process of this user keeps to it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import field

from snapshotter.core.days import day_at
from snapshotter.edge.lanes import lane_name
from snapshotter.edge.state import JsonFile, JsonObject
from snapshotter.edge.world import World
from snapshotter.frozen import dataclass
from snapshotter.model import Job
from snapshotter.spec import Stream

FOLDER = "refreshing"
BUDGET = 20  # requests per lane and day where the source file says nothing


def budget_of(streams: Iterable[Stream]) -> int:
    """What a lane with these streams may spend on old days a day."""
    return max((BUDGET if one.refresh.budget is None else one.refresh.budget for one in streams), default=BUDGET)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests of a lane; None is as many as are asked for."""

    requests: int | None = None  # of this run
    today: int | None = None  # of all runs of the day, also of other archives
    streams: Mapping[str, int] = field(default_factory=dict)  # of this run, where a stream has a limit of its own


class Account:
    """What a lane has spent on old days today (UTC), as the user's state folder knows it."""

    def __init__(self, world: World, lane: str) -> None:
        self._world = world
        self._file = JsonFile(world.state / FOLDER / f"{lane_name(lane, None)}.json", durable=False, disk=world.disk)

    def spent(self) -> JsonObject:
        """`lane`: in all; `streams`: each."""
        found = self._file.read()
        return found if found.get("day") == self._today() else {"day": self._today(), "lane": 0, "streams": {}}

    def take(self, stream: str, *, most: int | None) -> bool:
        """Note one request more; False: that would be too many."""
        with self._file.locked():
            spent = self.spent()
            if most is not None and spent["lane"] >= most:
                return False
            streams = {**spent["streams"], stream: spent["streams"].get(stream, 0) + 1}
            self._file.write({"day": spent["day"], "lane": spent["lane"] + 1, "streams": streams})
            return True

    def _today(self) -> str:
        return day_at(self._world.clock.now(), "UTC").isoformat()


class Purse:
    """What one lane may still spend in this run."""

    def __init__(self, allowance: Allowance, account: Account) -> None:
        self._lock = threading.Lock()
        self._account = account
        self._today = allowance.today
        self._left = allowance.requests
        self._left_of = dict(allowance.streams)

    def pocket(self, job: Job) -> Pocket:
        """The part of it that one job is paid from."""
        return Pocket(self, f"{job.source}/{job.stream}", is_refresh=job.is_refresh)

    def is_empty_for(self, stream: str, *, is_refresh: bool) -> bool:
        """Whether nothing is left for a stream."""
        with self._lock:
            if self._left is not None and self._left <= 0:
                return True
            if not is_refresh:
                return False
            spent = self._today is not None and self._account.spent()["lane"] >= self._today
            return spent or self._left_of.get(stream, 1) <= 0

    def take_for(self, stream: str, *, is_refresh: bool) -> bool:
        """One request leaves; False: somebody else took the last one."""
        with self._lock:
            if is_refresh and not self._account.take(stream, most=self._today):
                return False
            self._left = None if self._left is None else self._left - 1
            if is_refresh and stream in self._left_of:
                self._left_of[stream] -= 1
            return True


@dataclass(frozen=True, slots=True)
class Pocket:
    """What one job may spend."""

    purse: Purse
    stream: str
    is_refresh: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.purse.is_empty_for(self.stream, is_refresh=self.is_refresh)

    def take(self) -> bool:
        """One request leaves; False: there is none left."""
        return self.purse.take_for(self.stream, is_refresh=self.is_refresh)
