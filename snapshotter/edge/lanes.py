"""A lane's gate: one request at a time, never sooner than `min_interval` after the last, never beyond a known budget.

What was sent stands in a file of the user's state folder, so that other processes and later runs keep to it as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from snapshotter.edge.files import Disk
from snapshotter.edge.shared import SharedJson
from snapshotter.edge.state import FileLock, JsonObject, private_folder
from snapshotter.edge.world import Clock
from snapshotter.frozen import dataclass
from snapshotter.model import Spent
from snapshotter.spec import Pacing

FOLDER = "lanes"
_FIRST_POLL, _LAST_POLL = 0.001, 0.05  # seconds between two looks at a lane that somebody else uses
_AT_ONCE = 0.001  # seconds from a turn to its request on a connection that is there already
_SLICE = 0.25  # how soon a wait notices that the run is to stop
_LONGEST_WRITE = 60.0  # a file that is still half written after this was left by a killed process
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Budgets(Protocol):
    """What is left of a lane's rate limits (`core.limits`)."""

    def earliest(self, now: datetime, *, method: str, path: str) -> Spent | None:
        """Until when such a request may not leave."""
        ...

    def charge(self, now: datetime, *, method: str, path: str) -> Budgets:
        """After such a request left."""
        ...

    def correct(
        self,
        now: datetime,
        *,
        sent: datetime,
        method: str,
        path: str,
        status: int,
        headers: Sequence[tuple[str, str]],
    ) -> Budgets:
        """After its answer."""
        ...

    def refuse(self, now: datetime, *, method: str, path: str) -> Budgets:
        """After a refusal that names no time."""
        ...

    def hold(self, until: datetime, why: str, *, now: datetime) -> Budgets:
        """With nothing leaving before `until`."""
        ...

    def left(self, now: datetime) -> Sequence[Any]:
        """What is left of each limit."""
        ...

    def plain(self) -> JsonObject:
        """As JSON values."""
        ...


class Limits(Protocol):
    """The rate limits that a lane's sources declare."""

    def restore(self, plain: Mapping[str, Any], now: datetime) -> Budgets:
        """The budgets as they were left."""
        ...


def lane_name(host: str, credential: str | None) -> str:
    """The file name of the lane of a host and a stable credential, which cannot be read back from it."""
    text = f"{host.lower()}\n{credential or ''}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send one request now."""

    gate: LaneGate
    sent: datetime
    method: str
    path: str
    charged: Budgets  # with this request in them

    def left(self) -> None:
        """The request is on its way only now: the next one keeps its distance from here."""
        self.gate.note_sent()

    def answered(self, status: int, headers: Sequence[tuple[str, str]], now: datetime | None = None) -> Budgets:
        """Note what the server said; gives the budgets as it sees them."""
        at = now or self.gate.clock.now()

        def corrected(budgets: Budgets) -> Budgets:
            return budgets.correct(
                at, sent=self.sent, method=self.method, path=self.path, status=status, headers=headers
            )

        if corrected(self.charged) is self.charged:  # nothing counted it and nothing is told: the lane need not know
            return self.charged
        return self.gate.change(corrected)

    def refused(self, until: datetime | None = None) -> None:
        """It was refused for asking too much: the lane rests until then, or until its shortest aligned limit ends."""
        now = self.gate.clock.now()
        if until is not None:
            self.gate.change(lambda budgets: budgets.hold(until, "the server asked for a pause", now=now))
        else:
            self.gate.change(lambda budgets: budgets.refuse(now, method=self.method, path=self.path))


class LaneGate:
    """The gate of one lane; threads and processes with the same folder and lane take turns at it."""

    def __init__(
        self,
        state: Path,
        lane: str,
        *,
        pacing: Pacing,
        limits: Limits,
        clock: Clock,
        stopped: Callable[[], bool] = _never,
        disk: Disk | None = None,
    ) -> None:
        self.folder = state / FOLDER
        self.lane = lane
        self.pacing = pacing
        self.limits = limits
        self.clock = clock
        self.stopped = stopped
        self.disk = disk
        self.min_interval = pacing.min_interval.rough()
        self._max_wait = pacing.max_wait.rough().total_seconds()
        self._file = SharedJson(self.folder / f"{lane}.json", disk=disk)
        self._unkept: JsonObject = {}  # budgets that are not to outlive this gate (`persist = false`)
        self._is_ready = False
        self._last: float | None = None  # monotonic time of the last send through this gate

    @contextmanager
    def turn(self, *, method: str = "GET", path: str = "/") -> Iterator[Turn | Spent]:
        """Wait for leave to send one request and keep the lane meanwhile; `Spent` if that would take too long."""
        with ExitStack() as held:
            yield self._wait(held, method=method, path=path)

    def stored(self) -> JsonObject:
        """The budgets as they stand now, for `Limits.restore`."""
        if not self.folder.is_dir():
            return {}
        with self._file.locked():
            return self._stored(self._file.read())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def change(self, how: Callable[[Budgets], Budgets]) -> Budgets:
        """Replace the budgets while nobody else may; gives the new ones."""
        with self._file.locked():
            state = self._file.read()
            budgets = self._budgets(state)
            changed = how(budgets)
            if changed != budgets:
                self._keep(state, changed)
            return changed

    def note_sent(self) -> None:
        """A request leaves now."""
        if not self.min_interval and self._last is not None and self.clock.monotonic() - self._last < _AT_ONCE:
            return  # it left with its turn, and no distance is measured from it
        with self._file.locked():
            state = self._file.read()
            self._mark_sent(state, self.clock.now())
            self._file.write(state)

    # --- waiting ---

    def _wait(self, held: ExitStack, *, method: str, path: str) -> Turn | Spent:
        waited, poll = 0.0, _FIRST_POLL
        slot: FileLock | None = None
        while True:
            slot = slot or self._free_slot(held)
            if slot is None:
                pause, spent, too_long = poll, None, waited > self._max_wait
                poll = min(poll * 2, _LAST_POLL)
            else:
                asked = self._ask(method=method, path=path)
                if isinstance(asked, Turn):
                    return asked
                pause, spent = asked
                too_long = self._is_too_long(spent, waited)
            if too_long or self.stopped():
                return spent or self._busy()
            if slot is not None and timedelta(seconds=pause) > self.min_interval:
                slot.release()  # others may have room in their budgets meanwhile
                slot = None
            waited += pause
            self._sleep(pause)

    def _ask(self, *, method: str, path: str) -> Turn | tuple[float, Spent | None]:
        """Leave to send now, or how long to wait and for which budget."""
        with self._file.locked():
            state, now = self._file.read(), self.clock.now()
            budgets = self._budgets(state)
            spent = budgets.earliest(now, method=method, path=path)
            pause = self._pause(state, now)
            if spent is None and pause <= 0:
                self._mark_sent(state, now)
                charged = budgets.charge(now, method=method, path=path)
                self._keep(state, charged)
                return Turn(self, now, method, path, charged)
            if budgets.plain() != self._stored(state):
                self._keep(state, budgets)  # the clock went back: from here on the waiting counts
            rest = (spent.until - now).total_seconds() if spent else 0.0
            return max(pause, rest), spent

    def _is_too_long(self, spent: Spent | None, waited: float) -> bool:
        if spent is None:
            return False
        rest = spent.until - self.clock.now()
        if rest <= self.min_interval:
            return False  # that is pacing, not exhaustion
        return self.pacing.when_exhausted == "stop" or waited + rest.total_seconds() > self._max_wait

    def _busy(self) -> Spent:
        return Spent(self.clock.now() + self.min_interval, "another run sends requests on the same lane")

    def _sleep(self, seconds: float) -> None:
        while seconds > 0 and not self.stopped():
            part = min(seconds, _SLICE)
            self.clock.sleep(part)
            seconds -= part

    def _free_slot(self, held: ExitStack) -> FileLock | None:
        self._get_ready()
        for number in range(self.pacing.concurrency):
            slot = FileLock(self.folder / f"{self.lane}.{number}.turn")
            if slot.take():
                held.callback(slot.release)
                return slot
        return None

    def _get_ready(self) -> None:
        if not self._is_ready:
            folder = private_folder(self.folder, disk=self.disk)
            folder.sweep(before=self.clock.now().timestamp() - _LONGEST_WRITE)
            self._is_ready = True

    # --- what is stored ---

    def _budgets(self, state: JsonObject) -> Budgets:
        return self.limits.restore(self._stored(state), self.clock.now())

    def _stored(self, state: JsonObject) -> JsonObject:
        found = state.get("budgets") if self.pacing.persist else self._unkept
        return found if isinstance(found, dict) else {}

    def _keep(self, state: JsonObject, budgets: Budgets) -> None:
        if self.pacing.persist:
            state["budgets"] = budgets.plain()
        else:
            self._unkept = budgets.plain()
        self._file.write(state)

    def _mark_sent(self, state: JsonObject, now: datetime) -> None:
        state["sent"] = (now - _EPOCH) // timedelta(microseconds=1)
        self._last = self.clock.monotonic()

    def _pause(self, state: JsonObject, now: datetime) -> float:
        """Seconds until `min_interval` is over, by the clock that all processes share and by our own steady one."""
        sent, pause = state.get("sent"), 0.0
        if type(sent) is int:
            rest = timedelta(microseconds=sent) - (now - _EPOCH) + self.min_interval
            if rest <= 2 * self.min_interval:  # else it lies ahead of us: the clock went back
                pause = rest.total_seconds()
        if self._last is not None:
            pause = max(pause, self._last + self.min_interval.total_seconds() - self.clock.monotonic())
        return pause
