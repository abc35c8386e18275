"""A server that keeps its declared contract, and an archive in memory around the real plan, walk, settling and ledger.

Only git, the disk under the spool and the sockets are played; a run can be killed at any request and any commit.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from snapshotter.archive import fetching
from snapshotter.archive.committing import Committer
from snapshotter.archive.lanes import _LaneWalk
from snapshotter.archive.looking import terms_of
from snapshotter.archive.running import Drawn
from snapshotter.archive.settling import Archived
from snapshotter.archive.stopping import Stops
from snapshotter.core import clocks, ledger, paths, runs
from snapshotter.core.config import load_source
from snapshotter.core.intervals import covers, subtract
from snapshotter.core.states import Judge
from snapshotter.core.windows import frozen_end, origin
from snapshotter.edge.cache import Cache
from snapshotter.masking import Masker
from snapshotter.model import Miss, NoAnswer, Reason, Response, Window
from snapshotter.results import Committed, FetchOptions
from tests.edge.clocks import HandClock
from tests.edge.git_archives import Calm

FAULTS = {
    "busy": (429, b"{}", {"retry-after": "7"}),
    "wait": (429, b"{}", {"retry-after": "86400"}),
    "down": (503, b"{}", {}),
    "broken": (500, b"oops", {}),
    "login": (200, b"<!DOCTYPE html><html>log in</html>", {"content-type": "text/html"}),
    "cut": (200, b'{"data": [{"id": 1', {}),
    "other": (200, b'{"message": "hello"}', {}),
    "missing": (404, b"{}", {}),
    "refused": (422, b"{}", {}),
}
MOMENT = timedelta(microseconds=1)
FATAL = ("kill before", "kill after", "kill kept", "kill committed")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Contract:
    """What the API holds: it answers spans half-open (or by whole days), a walk by cursor sees one state of it."""

    zone: str
    paging: str
    size: int = 2
    by_day: bool = False
    edge: datetime | None = None  # there is nothing before it, which is told by a refusal
    refusal: int = 422
    straddles: bool = False  # refuses also what only begins before it
    keeps: timedelta | None = None  # so long: the edge moves with time
    ends: bool = True  # whether the source file says that 422 is the end
    held: list[tuple[datetime, datetime]] = field(default_factory=list)  # (since when, instant), in order of coming

    def answer(self, request: Any, now: datetime) -> Response:
        query = {name: str(value) for name, value in request.params}
        since, until = self._span(query["from"]), self._span(query["to"], last=True)
        edge = self.edge if self.keeps is None else now - self.keeps
        if edge is not None and (since if self.straddles else until - MOMENT) < edge:
            return self.reply(self.refusal, b"{}", {"date": format_datetime(now, usegmt=True)}, now=now)
        version, start = len(self.held), 0
        if "cursor" in query:
            version, start = (int(part) for part in query["cursor"].split("-"))
        if "page" in query:
            start = (int(query["page"]) - 1) * self.size
        rows = [(at, number) for number, (_, at) in enumerate(self.held[:version]) if since <= at < until]
        size = len(rows) + 1 if self.paging == "none" else self.size
        page = sorted(rows)[start : start + size]
        following = f"{version}-{start + size}" if start + size < len(rows) else None
        data = [{"id": number, "at": at.isoformat()} for at, number in page]
        body = {"data": data, "next": following, "total": len(rows)}
        return self.reply(200, json.dumps(body).encode(), {"date": format_datetime(now, usegmt=True)}, now=now)

    def _span(self, text: str, *, last: bool = False) -> datetime:
        if not self.by_day:
            return datetime.fromisoformat(text)
        day = date.fromisoformat(text) + timedelta(days=last)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    @staticmethod
    def reply(status: int, body: bytes, headers: dict[str, str], *, now: datetime) -> Response:
        return Response(status, tuple(headers.items()), body, now, "https://api.test/items")

    def holds(self, first: datetime, end: datetime, *, by: datetime | None = None) -> set[int]:
        """The ids of a span, as they were at an instant."""
        return {
            number for number, (since, at) in enumerate(self.held) if first <= at < end and (by is None or since <= by)
        }


def _at_once(act: Any) -> Any:
    """The writer that has done already what it is asked for."""
    done = act()
    return SimpleNamespace(result=lambda: done)


class Rig:
    """One stream of one API, run after run."""

    post = None  # nobody else walks for it
    gate = SimpleNamespace(min_interval=1)  # so that nothing is asked before what came is committed

    def __init__(self, folder: Any, contract: Contract, file: str, now: datetime) -> None:
        self.contract = contract
        self.clock = HandClock(now)
        self.true = HandClock(now)  # the clock of the world, which nobody sets back
        (self.source,) = load_source(file, file="sources/demo.toml", settings=None).sources
        self.stream = self.source.streams["items"]
        self.cache = Cache(folder / "ledger", ledger.fold_all)
        self.records: list[Any] = []
        self.files: dict[str, bytes] = {}
        self.places: dict[bytes, date | None] = {}
        self.pages: dict[str, dict[int, Any]] = {}
        self.faults: list[str] = []
        self.asked = 0
        self.jobs: list[Any] = []  # what was asked
        self.masker = Masker({}, [])
        self.starts: dict[Any, datetime] = {}  # when the walk of each record began, by the clock of the world
        self.began: dict[str, datetime] = {}
        self.number = 0
        self.world = SimpleNamespace(clock=self.clock, chance=random.Random(1), disk=Calm(), memory=lambda: None)
        self.opened: Any = SimpleNamespace(
            cache=self.cache,
            world=self.world,
            described=SimpleNamespace(files={paths.SETTINGS: "1", self.source.file: "2"}),
            notes=(),
            machine="",
            local=folder,
            store=SimpleNamespace(head=lambda: None, read=lambda path, head: self.files.get(path)),
            pending=SimpleNamespace(waiting=lambda stream: ()),
        )

    # a run

    def run(self, *, faults: Sequence[str] = (), budget: int | None = None, extend: bool = False) -> Drawn:
        """One run, which may be killed on its way."""
        self.faults = list(faults)
        self.number += 1
        self.stops = Stops(self.clock)
        self.stops.limit(max_requests=budget, deadline=None)
        started = self.clock.now()
        drawn = Drawn()
        spool: Any = SimpleNamespace(jobs=lambda: tuple(self.pages), pages=self.spooled, read=self.spooled_page)
        resumed = fetching._resumed_jobs(spool).get(self.stream.key, ())
        options = FetchOptions(targets=(), extend=extend)
        fetching._draw_stream(
            self.opened, self.source, self.stream, drawn, options=options, now=started, resumed=resumed
        )
        drawn.sorted()
        committer = Memory(self, started)
        committer.narrows = not extend
        around = SimpleNamespace(
            opened=self.opened,
            stops=self.stops,
            tell=lambda step: None,
            writer=SimpleNamespace(call=lambda act: act(), begin=_at_once),
        )
        lane_set: Any = SimpleNamespace(around=around, committer=committer, run=committer.run)
        with suppress(Killed):
            _LaneWalk(lane_set, {"demo": self}, drawn.work, purse=None).to_its_end()  # type: ignore[dict-item]
        return drawn

    # what a walk needs of the world (`walks.Asking`)

    def ask(self, source: Any, request: Any, *, extra: Any) -> Any:
        self.pass_time(1)
        fault = self.faults.pop(0) if self.faults else "well"
        if fault == "kill before":
            raise Killed
        self.asked += 1
        self.stops.count()
        if fault == "reset":
            return NoAnswer(Miss.RESET, "connection reset", self.clock.now())
        now = self.clock.now()
        answer = (
            Contract.reply(*FAULTS[fault], now=now)
            if fault in FAULTS
            else self.contract.answer(request, self.true.now())
        )
        if fault == "kill after":
            raise Killed
        self.fatal = fault
        return Response(answer.status, answer.headers, answer.body, now, answer.url)

    def spool(self, entry: Any) -> None:
        pages = self.pages.setdefault(entry.job, {})
        if entry.page == 0 or entry.job not in self.began:
            self.began[entry.job] = self.true.now()
        pages[entry.page] = entry
        if self.fatal == "kill kept":
            raise Killed

    def stopped(self) -> str | None:
        return self.stops.reason()

    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.true.sleep(seconds)

    def spooled(self, job: str) -> Sequence[int]:
        return tuple(self.pages.get(job, ()))

    def spooled_page(self, job: str, page: int) -> Any:
        return self.pages[job][page]

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def chance(self) -> float:
        return 0.5

    def describe(self, request: Any) -> str:
        return "GET"

    def renew(self, source: Any) -> bool:
        return False

    def refused(self, seconds: float | None) -> None:
        pass

    def secret_in(self, source: Any, body: bytes) -> None:
        return None

    def known(self, stream: Any, records: Any) -> Sequence[Any]:
        return ()

    def room(self, source: Any) -> None:
        return None

    def hold(self, size: int) -> bool:
        return True

    def tell(self, stream: Any, kind: str, text: str) -> None:
        pass

    # looking

    def judge(self) -> Judge:
        return Judge(self.cache.ledger(self.stream.key), terms_of(self.stream, "UTC", now=self.clock.now()))

    def asked_of(self, bounds: Window) -> Window:
        """What of a day can be asked at all."""
        assert self.stream.window is not None
        start, end = origin(self.stream.window), frozen_end(self.stream.window, self.clock.now())
        start = max(start, self.judge().floor or start)  # before the end of history there is nothing
        return Window(max(bounds.start, start), min(bounds.end, end))

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.close()

    def ids(self, day: date) -> set[int]:
        data = self.files.get(paths.document(self.stream.key, day))
        return set() if data is None else {record["id"] for record in json.loads(data)}

    def rebuilt(self) -> Any:
        """The ledger of all run records as they were written, in another order."""
        told = [runs.decode(self.files[path], path) for path in map(runs.path_of, self.records)]
        return ledger.fold_all(ledger.StreamLedger(self.stream.key), reversed(told))


class Memory(Committer):
    """The real committer, which writes into memory."""

    def __init__(self, rig: Rig, started: datetime) -> None:
        super().__init__(
            rig.opened,
            SimpleNamespace(done=self._done),
            run=runs.run_id(started, rig.number),
            command="fetch",
            started=started,  # type: ignore[arg-type]
        )
        self.rig = rig
        known = rig.cache.ledger(rig.stream.key)
        doubted = clocks.doubted(known, started) if clocks.speaks_of_the_future(known, started) else None
        self.before = subtract((one.window for one in known.proved), [doubted] if doubted is not None else [])

    def _done(self, job: str) -> None:
        if self.rig.faults[:1] == ["kill committed"]:
            self.rig.faults.pop(0)
            raise Killed
        self.rig.pages.pop(job, None)
        self.rig.began.pop(job, None)

    def land(self, source: Any, stream: Any, walked: Any, *, last: bool, final: bool = True) -> Any:
        known = covers(self.before, walked.job.window)
        if walked.requests and known:
            assert walked.job.reason in (Reason.CONFIRM, Reason.RESUME), f"{walked.job} is proved"
        return super().land(source, stream, walked, last=last, final=final)

    def mend(self) -> None:
        pass

    def _set_aside(self, stream: Any, walked: Any) -> str | None:
        return None

    def _commit(self, stream: Any, record: Any, settled: Any) -> Committed:
        self._wait(stream, record)
        for change in settled.files:
            if change.data is None:
                self.rig.files.pop(change.path, None)
            else:
                self.rig.files[change.path] = change.data
        self.rig.places.update(settled.places)
        return Committed("", stream.key, "")

    def _wait(self, stream: Any, record: Any) -> None:
        self.rig.records.append(record)
        self.rig.files[runs.path_of(record)] = runs.encode(record)
        self.rig.cache.apply(None, [record])
        for story in record.stories:
            if (began := self.rig.began.get(story.job)) is not None:
                self.rig.starts[record.run, record.sequence] = began

    def _archived(self, stream: Any) -> Archived:
        proved = self.rig.cache.ledger(stream.key, days=()).proved
        return Archived(
            read=self.rig.files.get,
            places=lambda keys: {key: self.rig.places[key] for key in keys if key in self.rig.places},
            days_with_documents=list,
            newest_proved=proved[-1].window.end if proved else None,
        )
