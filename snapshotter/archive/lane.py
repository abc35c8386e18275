"""One lane while it is asked: its gate, its sender, the spool; and what all lanes of a run share."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from snapshotter.archive.opening import Opened, catch_up_places
from snapshotter.archive.purses import Pocket
from snapshotter.archive.room import Room
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.telling import Trace
from snapshotter.core.limits import Left, Limits
from snapshotter.edge.auth import lane_of
from snapshotter.edge.exchange import Exchanged
from snapshotter.edge.http import Habits, Sender, sealed, unsealed
from snapshotter.edge.lanes import LaneGate, Turn, lane_name
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import Refused, SnapError
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import Answer, GiveUp, HeldBack, Record, Request, Spent, SpoolEntry
from snapshotter.results import Progress
from snapshotter.spec import Source, Stream
from snapshotter.walks import STOPPED_WORDS

if TYPE_CHECKING:
    from concurrent.futures import Future

    from snapshotter.archive.posts import Post

T = TypeVar("T")


class Writer:
    """Runs calls of the lanes one after the other in the thread that serves."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], Future[object]] | None] = queue.SimpleQueue()

    def call(self, act: Callable[[], T]) -> T:
        """Have it done in the writer's thread; gives its result or raises its error here."""
        return self.begin(act).result()

    def begin(self, act: Callable[[], T]) -> Future[T]:
        """Have it done in the writer's thread, after what was asked before, and go on meanwhile."""
        from concurrent.futures import Future  # noqa: PLC0415 - what asks nothing does not pay for it

        future: Future[T] = Future()
        self._calls.put((act, cast("Future[object]", future)))
        return future

    def serve(self, lanes: Sequence[Future[list[HeldBack]]]) -> None:
        """Do what lanes ask until all of them have ended."""
        left = len(lanes)
        for lane in lanes:
            lane.add_done_callback(lambda _: self._calls.put(None))
        while left:
            call = self._calls.get()
            if call is None:
                left -= 1
                continue
            act, future = call
            try:
                future.set_result(act())
            except BaseException as error:  # noqa: BLE001 - it is raised again in the lane that asked
                future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Around:
    """What all lanes of a run share."""

    opened: Opened
    spool: Spool
    writer: Writer
    stops: Stops
    tell: Tell
    trace: Trace | None = None
    room: Room = field(default_factory=lambda: Room(None))


class Lane:
    """What one source needs of the world while it is asked (`fetch.Asking`)."""

    def __init__(self, source: Source, secrets: Mapping[str, str], gate: LaneGate, around: Around) -> None:
        self.around = around
        self.gate = gate
        self.secrets = secrets
        self._world = around.opened.world
        self.masker = Masker(secrets, [name for name, ref in source.secrets.items() if ref.public])
        # Work is planned for trusted sources only.
        habits = Habits(trusted=True, extra_turn=self.extra_turn, sent=self.left, trace=self.trace)
        self.sender = Sender(source, secrets, self.masker, self._world, habits=habits)
        self._turn: Turn | None = None
        self._trouble: SnapError | None = None  # what the disk refused while a request was under way
        self.purse: Pocket | None = None  # what the requests of the job in hand are paid from
        self.post: Post | None = None  # where the worker is heard that asks for it, if one does

    def left(self) -> None:
        """The request is on its way only now: the next one keeps its distance from here."""
        if self._turn is not None:
            try:
                self._turn.left()
            except SnapError as error:  # an answer is on its way: it is kept first
                self._trouble = error

    def _raise_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    def trace(self, told: Exchanged) -> None:
        """One exchange, for the log and whoever looks for a fault."""
        if self.around.trace is not None:
            self.around.trace(self.sender.source.name, told)

    def stopped(self) -> str | None:
        """Why no further request may leave, or None."""
        return self.around.stops.reason() or ("purse" if self.purse is not None and self.purse.is_empty else None)

    def _count(self) -> bool:
        """One request more; False: it is one too many."""
        if self.purse is not None and not self.purse.take():
            return False
        self.around.stops.count()
        return True

    def ask(self, source: Source, request: Request, *, extra: Mapping[str, str]) -> Answer | GiveUp:
        """Send once, in the lane's turn."""
        with self.turn(request.method, request.url) as refused:
            if refused is not None:
                return refused
            try:
                return self.sender.send(request, extra_headers=extra)
            except Refused as error:
                return GiveUp("request", str(error), stops_source=True)

    @contextmanager
    def turn(self, method: str, url: str) -> Iterator[GiveUp | None]:
        """Leave to send one request now, waited for; or why none may leave."""
        self._raise_trouble()
        with self.gate.turn(method=method, path=urlsplit(url).path) as turn:
            if isinstance(turn, Spent):
                yield self._not_now(turn)
                return
            self._turn = turn
            yield None if self._count() else GiveUp("purse", STOPPED_WORDS["purse"])

    def _not_now(self, spent: Spent) -> GiveUp:
        reason = self.around.stops.reason()
        if reason is not None:
            return GiveUp(reason, STOPPED_WORDS[reason])
        wait = (spent.until - self._world.clock.now()).total_seconds()
        return GiveUp("budget", f"{spent.why}; goes on at {spent.until:%Y-%m-%d %H:%M} UTC", again_after=max(0.0, wait))

    def extra_turn(self) -> None:
        """A redirect or a new token is one request more: it keeps its distance too."""
        self.wait(self.gate.min_interval.total_seconds())
        self._count()
        self.gate.note_sent()
        turn = self._turn
        if turn is not None:
            self.gate.change(lambda budgets: budgets.charge(self.now(), method=turn.method, path=turn.path))

    def refused(self, seconds: float | None) -> None:
        """The server refused the last request for asking too much: the lane rests."""
        if self._turn is not None:
            until = None if seconds is None else self.now() + timedelta(seconds=seconds)
            self._turn.refused(until)

    def renew(self, source: Source) -> bool:
        """Get a new token; whether there is one now."""
        return self.sender.renew()

    def wait(self, seconds: float) -> None:
        """Sleep, unless the run is to stop."""
        self.around.stops.sleep(seconds)

    def chance(self) -> float:
        """A number in [0, 1)."""
        return self._world.chance.random()

    def now(self) -> datetime:
        """Now, in UTC."""
        return self._world.clock.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._world.clock.monotonic()

    def describe(self, request: Request) -> str:
        """The request in one masked line."""
        return self.sender.describe(request)

    def spooled(self, job: str) -> Sequence[int]:
        """The pages of a job that wait in the spool."""
        return self.around.spool.pages(job)

    def spooled_page(self, job: str, page: int) -> SpoolEntry | None:
        """One of them."""
        entry = self.around.spool.read(job, page)
        return None if entry is None else replace(entry, response=unsealed(entry.response, self.masker))

    def spool(self, entry: SpoolEntry) -> None:
        """Put a response on disk, before anything else can fail; the lane's account hears of it afterwards."""
        response = sealed(entry.response, self.masker)
        self.around.spool.append(entry if response is entry.response else replace(entry, response=response))
        self._raise_trouble()
        if self._turn is not None:
            budgets = self._turn.answered(entry.response.status, entry.response.headers)
            if words := left_words(budgets.left(self.now())):
                self.around.tell(Progress(f"{entry.job.split(' ')[0]}", "budget", words))

    def known(self, stream: Stream, records: Sequence[Record]) -> Sequence[Record]:
        """Those of the records that are archived in a proved span."""
        return self.around.writer.call(lambda: self._known(stream, records))

    def _known(self, stream: Stream, records: Sequence[Record]) -> Sequence[Record]:
        """Those that are archived, in a span that is proved: what lies behind them need not be asked again."""
        opened = self.around.opened
        head = opened.store.head()
        if head is None:
            return ()
        catch_up_places(opened, stream, head)
        there = opened.cache.places(stream.key, [record.key for record in records if record.key is not None])
        proved = [item.window for item in opened.cache.ledger(stream.key, days=()).proved]
        return [
            record
            for record in records
            if record.key in there
            and record.instant is not None
            and any(window.holds(record.instant) for window in proved)
        ]

    def secret_in(self, source: Source, body: bytes) -> str | None:
        """The name of a secret whose value stands in the body."""
        return self.masker.found_in(body)

    def room(self, source: Source) -> int | None:
        """How much memory a window may take."""
        return self.around.room.size if source.client.max_window is None else source.client.max_window

    def hold(self, size: int) -> bool:
        """Note how much the window takes now; where its file says what it may, others do not matter."""
        return self.around.room.hold(self, size) or self.sender.source.client.max_window is not None

    def tell(self, stream: Stream, kind: str, text: str) -> None:
        """Progress."""
        self.around.tell(Progress(stream.key, kind, self.masker.hide(text)))


def gate_of(
    sources: Sequence[Source], secrets: Mapping[str, str], world: World, *, stopped: Callable[[], bool]
) -> LaneGate:
    """The gate that these sources of one lane share."""
    limits = tuple(dict.fromkeys(rule for source in sources for rule in source.rate_limits))
    headers = tuple(dict.fromkeys(rule for source in sources for rule in source.rate_headers))
    slowest = max(sources, key=lambda source: source.pacing.min_interval.rough()).pacing
    return LaneGate(
        world.state,
        lane_name(lane_of(sources[0], secrets), None),
        pacing=slowest,
        limits=Limits(limits, headers),
        clock=world.clock,
        stopped=stopped,
        disk=world.disk,
    )


def left_words(left: Sequence[Left]) -> str:
    """What is left of the limit that is spent soonest."""
    scarce = min(left, key=lambda one: one.remaining / (one.limit or 1_000_000), default=None)
    if scarce is None:
        return ""
    whole = f" of {scarce.limit:,}" if scarce.limit else ""
    return f"{scarce.remaining:,}{whole} requests left ({scarce.name})"
