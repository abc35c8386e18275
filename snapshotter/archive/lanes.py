"""Lanes side by side: one thread a lane asks, the calling thread writes."""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from snapshotter.archive.committing import Committer, Landed
from snapshotter.archive.detailing import DetailWalk
from snapshotter.archive.opening import Opened, catch_up_places
from snapshotter.archive.telling import Telling, Trace
from snapshotter.core import ledger
from snapshotter.core.days import day_at
from snapshotter.core.limits import Left, Limits
from snapshotter.core.planning import PAST
from snapshotter.edge.auth import lane_of
from snapshotter.edge.exchange import Exchanged
from snapshotter.edge.http import Habits, Sender, sealed, unsealed
from snapshotter.edge.lanes import LaneGate, Turn, lane_name
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import Clock, World
from snapshotter.errors import Refused, SnapError
from snapshotter.fetch import Fetcher
from snapshotter.masking import Masker
from snapshotter.model import Answer, GiveUp, HeldBack, Job, Reason, Record, Request, Spent, SpoolEntry
from snapshotter.results import Progress
from snapshotter.spec import CursorPaging, OffsetPaging, PageNumber, Source, Stream
from snapshotter.walks import STOPPED_WORDS, Walked

Tell = Callable[[Progress], None]
T = TypeVar("T")
SLICE = 0.25  # seconds; how soon a waiting lane sees that it should stop
PATIENCE = 3  # windows in a row that an API may fail before the rest of the run leaves it alone
LONG_PATIENCE = 10  # windows in a row of one stream that may be refused or be of no use


@dataclass(frozen=True, slots=True)
class Work:
    """One job with what it is about."""

    source: Source
    stream: Stream
    job: Job


class Stops:
    """Why a run asks nothing more: a signal, its deadline, its number of requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._signal = threading.Event()
        self._until: float | None = None
        self._left: int | None = None

    def limit(self, *, max_requests: int | None, deadline: float | None) -> None:
        """Set the limits of the run, in requests and in seconds from now."""
        self._left = max_requests
        self._until = None if deadline is None else self._clock.monotonic() + deadline

    def cap(self, requests: int) -> None:
        """Send no more than this from now on, and no more than was said before."""
        with self._lock:
            self._left = requests if self._left is None else min(self._left, requests)

    def interrupt(self) -> None:
        """Let the page in hand be the last one. May be called from a signal handler."""
        self._signal.set()

    @property
    def interrupted(self) -> bool:
        """Whether somebody asked for an end."""
        return self._signal.is_set()

    def reason(self) -> str | None:
        """`signal`, `deadline`, `max_requests`, or None while the run may go on."""
        if self._signal.is_set():
            return "signal"
        if self._until is not None and self._clock.monotonic() >= self._until:
            return "deadline"
        with self._lock:
            return "max_requests" if self._left is not None and self._left <= 0 else None

    def count(self) -> None:
        """One request leaves."""
        with self._lock:
            if self._left is not None:
                self._left -= 1

    def sleep(self, seconds: float) -> None:
        """Wait, but not past an interruption or the deadline."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and self.reason() in (None, "max_requests"):
            self._clock.sleep(min(left, SLICE))


class Writer:
    """Runs calls of the lanes one after the other in the thread that serves."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], Future[object]] | None] = queue.SimpleQueue()

    def call(self, act: Callable[[], T]) -> T:
        """Have it done in the writer's thread; gives its result or raises its error here."""
        future: Future[object] = Future()
        self._calls.put((act, future))
        return future.result()  # type: ignore[return-value]

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


class Lane:
    """What one source needs of the world while it is asked (`fetch.Asking`)."""

    def __init__(self, source: Source, secrets: Mapping[str, str], gate: LaneGate, around: Around) -> None:
        self.around = around
        self.gate = gate
        self._world = around.opened.world
        self.masker = Masker(secrets, [name for name, ref in source.secrets.items() if ref.public])
        # Work is planned for trusted sources only.
        habits = Habits(trusted=True, extra_turn=self._extra_turn, sent=self._left, trace=self._trace)
        self.sender = Sender(source, secrets, self.masker, self._world, habits=habits)
        self._turn: Turn | None = None
        self._trouble: SnapError | None = None  # what the disk refused while a request was under way

    def _left(self) -> None:
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

    def _trace(self, told: Exchanged) -> None:
        if self.around.trace is not None:
            self.around.trace(self.sender.source.name, told)

    def stopped(self) -> str | None:
        """Why no further request may leave, or None."""
        return self.around.stops.reason()

    def ask(self, source: Source, request: Request, *, extra: Mapping[str, str]) -> Answer | GiveUp:
        """Send once, in the lane's turn."""
        self._raise_trouble()
        path = urlsplit(request.url).path
        with self.gate.turn(method=request.method, path=path) as turn:
            if isinstance(turn, Spent):
                return self._not_now(turn)
            self._turn = turn
            self.around.stops.count()
            try:
                return self.sender.send(request, extra_headers=extra)
            except Refused as error:
                return GiveUp("request", str(error), stops_source=True)

    def _not_now(self, spent: Spent) -> GiveUp:
        reason = self.around.stops.reason()
        if reason is not None:
            return GiveUp(reason, STOPPED_WORDS[reason])
        wait = (spent.until - self._world.clock.now()).total_seconds()
        return GiveUp("budget", f"{spent.why}; goes on at {spent.until:%Y-%m-%d %H:%M} UTC", again_after=max(0.0, wait))

    def _extra_turn(self) -> None:
        """A redirect or a new token is one request more: it keeps its distance too."""
        self.wait(self.gate.min_interval.total_seconds())
        self.around.stops.count()
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
        self.around.spool.append(replace(entry, response=sealed(entry.response, self.masker)))
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


def page_size(stream: Stream) -> int | None:
    """How many records a full page has, where the source file says so."""
    paging = stream.paging
    return paging.size if isinstance(paging, CursorPaging | PageNumber | OffsetPaging) else None


# --- all lanes of a run ---


@dataclass(frozen=True, slots=True)
class Around:
    """What all lanes of a run share."""

    opened: Opened
    spool: Spool
    writer: Writer
    stops: Stops
    tell: Tell
    trace: Trace | None = None


class LaneSet:
    """Walks all work of a run, lanes side by side."""

    def __init__(
        self, opened: Opened, spool: Spool, committer: Committer, *, run: str, stops: Stops, telling: Telling
    ) -> None:
        self.around = Around(opened, spool, Writer(), stops, telling.step, telling.exchange)
        self.committer = committer
        self.run = run

    def walk(self, work: Sequence[Work], secrets: Mapping[str, Gathered]) -> list[HeldBack]:
        """Do the work; gives what was left for later and why."""
        lanes: dict[str, list[Work]] = {}
        for item in work:
            lanes.setdefault(lane_of(item.source, secrets[item.source.name].values), []).append(item)
        if not lanes:
            return []
        with ThreadPoolExecutor(max_workers=len(lanes), thread_name_prefix="lane") as pool:
            running = [pool.submit(self._walk_lane, items, secrets) for items in lanes.values()]
            self.around.writer.serve(running)
        return [held for lane in running for held in lane.result()]

    def _walk_lane(self, work: list[Work], secrets: Mapping[str, Gathered]) -> list[HeldBack]:
        sources = list({item.source.name: item.source for item in work}.values())
        values = secrets[sources[0].name].values
        stopped = lambda: self.around.stops.reason() is not None  # noqa: E731
        gate = gate_of(sources, values, self.around.opened.world, stopped=stopped)
        lanes = {source.name: Lane(source, secrets[source.name].values, gate, self.around) for source in sources}
        label = sources[0].pacing.lane or urlsplit(sources[0].client.base_url).netloc
        for stream, windows in Counter(item.stream.key for item in work).items():
            self.around.tell(Progress(stream, "lane", f"asks {label}", total=windows, lane=label))
        try:
            return _LaneWalk(self, lanes, work).to_its_end()
        finally:
            for lane in lanes.values():
                lane.sender.close()
            gate.close()


class _LaneWalk:
    """The work of one lane, job by job."""

    def __init__(self, lane_set: LaneSet, lanes: Mapping[str, Lane], work: list[Work]) -> None:
        self.around = lane_set.around
        self.committer = lane_set.committer
        self.run = lane_set.run
        self.lanes = lanes
        self.work = deque(work)
        self.left = Counter(
            item.stream.key for item in work if not item.job.detail
        )  # how many jobs of each stream are still to be done
        self.out: dict[str, str] = {}  # source or stream -> why nothing more of it is asked
        self.failures: dict[str, int] = {}  # in a row: of a source, that the API failed; of a stream, that brought none
        self.fetchers: dict[str, Fetcher] = {}

    def to_its_end(self) -> list[HeldBack]:
        """Walk everything; gives what was held back."""
        held: list[HeldBack] = []
        while self.work:
            item = self.work.popleft()
            self.left[item.stream.key] -= not item.job.detail
            why = self._why_not(item) or self._ask(item)
            if why is not None:
                held.append(HeldBack(item.job, why))
        return held

    def _ask(self, item: Work) -> str | None:
        if item.job.detail:
            return self._ask_details(item)
        return self._do(item, last=self.left[item.stream.key] == 0)

    def _why_not(self, item: Work) -> str | None:
        reason = self.around.stops.reason()
        if reason is not None:
            return STOPPED_WORDS[reason]
        return self.out.get(item.source.name) or self.out.get(item.stream.key)

    def _do(self, item: Work, *, last: bool) -> str | None:
        """Walk one job and have it committed; gives why it was left for later, where it was."""
        for attempt in range(2):
            walked = self._walk(item, resumes=attempt == 0)
            if walked.stop in STOPPED_WORDS:
                return self._left_for_later(item, walked)
            landed = self._land(item, walked, last=last, final=not walked.restart or attempt > 0)
            self.around.tell(_landed(item, landed))
            self._learn(item, walked, landed)
            if not walked.restart:
                return None
            self.around.tell(Progress(item.stream.key, "asking", "asks again from the first page"))
        return None

    def _ask_details(self, item: Work) -> str | None:
        """Ask what waits of the details of a stream; gives why some was left for later."""
        call, lane = self.around.writer.call, self.lanes[item.source.name]
        self.around.tell(Progress(item.stream.key, "asking", item.job.why))
        about = (item.source, item.stream, item.job)
        walk = DetailWalk(self.committer, *about, lane=lane, call=call, tell=self.around.tell)
        why = walk.to_its_end()
        if walk.stops_source:
            self.out[item.source.name] = walk.stops_source
        return why

    def _land(self, item: Work, walked: Walked, *, last: bool, final: bool) -> Landed:
        land = self.committer.land
        return self.around.writer.call(lambda: land(item.source, item.stream, walked, last=last, final=final))

    def _walk(self, item: Work, *, resumes: bool) -> Walked:
        key = item.stream.key
        self.around.tell(Progress(key, "asking", f"{item.job.reason.value}: {item.job.why}"))
        if key not in self.fetchers:
            lane = self.lanes[item.source.name]
            self.fetchers[key] = Fetcher(item.source, item.stream, lane, run=self.run)
        known = self.around.writer.call(lambda: self.around.opened.cache.ledger(key, days=_days_of(item)))
        size = page_size(item.stream)
        walked = self.fetchers[key].walk(
            item.job,
            started=self.committer.started,
            validators_of=lambda identity: ledger.validators_of(known, identity, window=item.job.window),
            full_page_seen=size is not None and size in known.page_sizes,
            resumes=resumes,
        )
        return _masked(walked, self.lanes[item.source.name].masker)

    def _left_for_later(self, item: Work, walked: Walked) -> str:
        if walked.stop == "budget":
            self.out[item.source.name] = walked.left
        return walked.left

    def _turn(self, item: Work, past: Sequence[Job]) -> None:
        """Ask this of the past of a stream instead of what was planned."""
        key = item.stream.key
        rest = [one for one in self.work if one.stream.key != key or one.job.reason not in PAST]
        names = {one.job.name for one in rest}
        new = [Work(item.source, item.stream, job) for job in past if job.name not in names]
        self.work = deque(sorted([*new, *rest], key=lambda one: not one.job.detail))  # details come before the past
        self.left = Counter(one.stream.key for one in self.work if not one.job.detail)

    def _learn(self, item: Work, walked: Walked, landed: Landed) -> None:
        if landed.past is not None:
            self._turn(item, landed.past)
        if walked.stops_source and walked.miss is not None:
            self.out[item.source.name] = walked.miss.why
        if walked.stops_stream and walked.miss is not None:
            self.out[item.stream.key] = walked.miss.why
        failed = walked.miss is not None and walked.miss.kind in ("network", "server")
        count = self.failures[item.source.name] = self.failures.get(item.source.name, 0) + 1 if failed else 0
        if count >= PATIENCE:
            self.out[item.source.name] = f"the API failed {count} times in a row; the next run asks again"
        missed = walked.miss is not None and walked.miss.state != "partial" and item.job.reason is not Reason.PROBE
        count = self.failures[item.stream.key] = self.failures.get(item.stream.key, 0) + 1 if missed else 0
        if count >= LONG_PATIENCE:
            self.out[item.stream.key] = f"{count} windows in a row brought nothing; the next run asks again"


def _landed(item: Work, landed: Landed) -> Progress:
    """What became of one window."""
    story, committed = landed.story, landed.committed
    facts = [*story.days.values(), *([story.dateless] if story.dateless else [])]
    days = sum(fact.change != "same" for fact in facts)
    if story.miss is not None:
        return Progress(item.stream.key, "landed", f"{story.miss.state}: {story.miss.why}", records=story.stored)
    words = committed.subject.removeprefix(f"{item.stream.key}: ") if committed is not None else "nothing new"
    return Progress(item.stream.key, "landed", words, records=story.stored, days=days)


def left_words(left: Sequence[Left]) -> str:
    """What is left of the limit that is spent soonest."""
    scarce = min(left, key=lambda one: one.remaining / (one.limit or 1_000_000), default=None)
    if scarce is None:
        return ""
    whole = f" of {scarce.limit:,}" if scarce.limit else ""
    return f"{scarce.remaining:,}{whole} requests left ({scarce.name})"


def _days_of(item: Work) -> list[tuple[date, date]]:
    """The days of a job, for which the ledger is to know proofs; of a job without a window, none."""
    if (window := item.job.window) is None or item.stream.day is None:
        return []
    zone = item.stream.day.zone
    return [(day_at(window.start, zone), day_at(window.end, zone))]


def _masked(walked: Walked, masker: Masker) -> Walked:
    """The walk with no secret in its words, whatever a server echoed."""
    miss, unusable = walked.miss, walked.unusable
    return replace(
        walked,
        miss=None if miss is None else replace(miss, why=masker.hide(miss.why)),
        unusable=None if unusable is None else replace(unusable, message=masker.hide(unusable.message)),
        left=masker.hide(walked.left),
    )
