"""Lanes side by side: one thread a lane asks, the calling thread writes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from snapshotter.archive.committing import Committer, Landed
from snapshotter.archive.detailing import DetailWalk
from snapshotter.archive.lane import Around, Lane, Writer, gate_of
from snapshotter.archive.opening import Opened
from snapshotter.archive.outposts import FarFetcher, fetcher_of
from snapshotter.archive.posts import Post
from snapshotter.archive.purses import Account, Allowance, Pocket, Purse, budget_of
from snapshotter.archive.room import Room
from snapshotter.archive.stopping import Stops
from snapshotter.archive.telling import Telling
from snapshotter.archive.work import Work
from snapshotter.core import abreast, clocks, horizon, ledger, posting, weighing
from snapshotter.core.days import day_at
from snapshotter.core.planning import PAST
from snapshotter.core.turns import AGAIN, URGENCY
from snapshotter.edge.auth import lane_of
from snapshotter.edge.handles import openable
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.evidence import ServerTime, StreamLedger
from snapshotter.fetch import Fetcher
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import HeldBack, Job, Reason
from snapshotter.results import Notice, Progress
from snapshotter.spec import CursorPaging, OffsetPaging, PageNumber, Stream
from snapshotter.walks import STOPPED_WORDS, Walked

if TYPE_CHECKING:
    from concurrent.futures import Future

    from snapshotter.archive.staff import Staff

PATIENCE = 3  # windows in a row that an API may fail before the rest of the run leaves it alone
FEW = 10_000  # records; a window with more is committed before the next one takes memory too
LONG_PATIENCE = 10  # windows in a row of one stream that may be refused or be of no use


class LaneSet:
    """Walks all work of a run, lanes side by side; on an executor, where there is one."""

    executor: str | None = None

    def __init__(
        self, opened: Opened, spool: Spool, committer: Committer, *, run: str, stops: Stops, telling: Telling
    ) -> None:
        room = Room(weighing.shared(opened.world.memory()))
        self.around = Around(opened, spool, Writer(), stops, telling.step, telling.exchange, room)
        self.committer = committer
        self.run = run
        self.notices: list[Notice] = []

    def walk(
        self, work: Sequence[Work], secrets: Mapping[str, Gathered], *, purses: Mapping[str, Allowance] | None = None
    ) -> list[HeldBack]:
        """Do the work; gives what was left for later and why. A lane spends its own purse only."""
        purses = purses or {}
        lanes: dict[str, list[Work]] = {}
        for item in work:
            lanes.setdefault(lane_of(item.source, secrets[item.source.name].values), []).append(item)
        if not lanes:
            return []
        errands = [partial(self._walk_lane, items, secrets, purses.get(lane)) for lane, items in lanes.items()]
        far = [self.executor is not None and _stays_here(items) is None for items in lanes.values()]
        most = abreast.at_once(len(lanes), openable(abreast.files_for(len(lanes))))
        with ThreadPoolExecutor(max_workers=most, thread_name_prefix="lane") as pool, self._staff(far) as staff:
            running = [
                staff.have_done(pool, errand) if staff is not None and is_far else pool.submit(errand)
                for errand, is_far in zip(errands, far, strict=True)
            ]
            self.around.writer.serve(running)
        return [held for lane in running for held in lane.result()]

    @contextmanager
    def _staff(self, far: Sequence[bool]) -> Iterator[Staff | None]:
        """The workers elsewhere, where there is work for them."""
        if self.executor is None or not any(far):
            yield None
            return
        from snapshotter.archive.staff import staffed  # noqa: PLC0415 - only who has one pays for it

        with staffed(self.executor, stopped=self._is_stopped) as staff:
            yield staff
        self.notices += [Notice(level, "", words) for level, words in staff.told()]

    def _is_stopped(self) -> bool:
        return self.around.stops.reason() is not None

    def _walk_lane(
        self,
        work: list[Work],
        secrets: Mapping[str, Gathered],
        allowance: Allowance | None,
        post: Post | None = None,
    ) -> list[HeldBack]:
        sources = list({item.source.name: item.source for item in work}.values())
        values = secrets[sources[0].name].values
        gate = gate_of(sources, values, self.around.opened.world, stopped=self._is_stopped)
        lanes = {source.name: Lane(source, secrets[source.name].values, gate, self.around) for source in sources}
        for lane in lanes.values():
            lane.post = post
        label = sources[0].pacing.lane or urlsplit(sources[0].client.base_url).netloc
        for stream, windows in Counter(item.stream.key for item in work).items():
            self.around.tell(Progress(stream, "lane", f"asks {label}", total=windows, lane=label))
        try:
            account = Account(self.around.opened.world, lane_of(sources[0], values))
            purse = Purse(allowance or _usual(work), account)
            return _LaneWalk(self, lanes, work, purse=purse).to_its_end()
        finally:
            if post is not None:
                post.close()
            for lane in lanes.values():
                lane.sender.close()
            gate.close()
            for stream in {item.stream.key for item in work}:
                self.around.spool.rest(stream)


@dataclass(frozen=True, slots=True)
class _Landing:
    """A window that is on its way into the archive."""

    item: Work
    future: Future[Landed]


class _LaneWalk:
    """The work of one lane, job by job."""

    def __init__(self, lane_set: LaneSet, lanes: Mapping[str, Lane], work: list[Work], *, purse: Purse | None) -> None:
        self.around = lane_set.around
        self.purse = purse
        self.committer = lane_set.committer
        self.run = lane_set.run
        self.lanes = lanes
        self.work = deque(work)
        self.left = Counter(
            item.stream.key for item in work if not item.job.detail
        )  # how many jobs of each stream are still to be done
        self.out: dict[str, str] = {}  # source or stream -> why nothing more of it is asked
        self.walked: set[str] = set()  # names of jobs
        self.failures: dict[str, int] = {}  # in a row: of a source, that the API failed; of a stream, that brought none
        self.fetchers: dict[str, Fetcher | FarFetcher] = {}
        self.times: dict[str, ServerTime] = {}  # what the answers of a source say about time, if it is another one
        self.landing: _Landing | None = None  # the window before, which is committed while the present one is asked
        self.foreseen: tuple[str, StreamLedger] | None = None  # the next job, and what was known of its days
        self.sizes: dict[str, set[int]] = {}  # of pages that this run saw of a stream

    def to_its_end(self) -> list[HeldBack]:
        """Walk everything; gives what was held back."""
        try:
            return self._all()
        finally:
            self._finish()  # an error of the commit before came first

    def _all(self) -> list[HeldBack]:
        held: list[HeldBack] = []
        while self._is_anything_left():
            item = self.work.popleft()
            self.left[item.stream.key] -= not item.job.detail
            why = self._why_not(item) or self._ask(item)
            if why is not None:
                held.append(HeldBack(item.job, why))
        return held

    def _is_anything_left(self) -> bool:
        if not self.work:
            self._finish()  # which may show that there is more
        return bool(self.work)

    def _ask(self, item: Work) -> str | None:
        if item.job.detail:
            self._finish()
            return self._ask_details(item)
        return self._do(item)

    def _why_not(self, item: Work) -> str | None:
        reason = self.around.stops.reason()
        if reason is not None:
            return STOPPED_WORDS[reason]
        purse = self._purse(item)
        if purse is not None and purse.is_empty:
            return STOPPED_WORDS["purse"]
        return self.out.get(item.source.name) or self.out.get(item.stream.key) or self._comes(item) or self._rests(item)

    def _comes(self, item: Work) -> str | None:
        """Why a window is not asked that has not come yet by the server's clock."""
        seen, window = self.times.get(item.source.name), item.job.window
        return clocks.NOT_YET if seen is not None and window is not None and clocks.is_future(window, seen) else None

    def _rests(self, item: Work) -> str | None:
        """Why the API is to be left alone, also since an earlier job of this run; pages that wait are no new look."""
        if item.job.detail or item.stream.horizon is None or item.job.reason is Reason.RESUME:
            return None
        known = self.around.writer.call(lambda: self.around.opened.cache.ledger(item.stream.key, days=()))
        return horizon.rests(item.stream, known, self.lanes[item.source.name].now())

    def _purse(self, item: Work) -> Pocket | None:
        if self.purse is None or not (item.job.reason in AGAIN or item.job.is_refresh):
            return None
        return self.purse.pocket(item.job)

    def _do(self, item: Work) -> str | None:
        """Walk one job and have it committed; gives why it was left for later, where it was."""
        for attempt in range(2):
            walked = self._walk(item, resumes=attempt == 0)
            if walked.stop in STOPPED_WORDS:
                self.lanes[item.source.name].hold(0)
                return self._left_for_later(item, walked)
            self._finish()
            goes_on = self._may_go_on(item, walked)
            if goes_on:
                self.foreseen = (self.work[0].job.name, self._ledger(self.work[0]))
            self._land(item, walked, final=not walked.restart or attempt > 0)
            if not goes_on:
                self._finish()
            self.lanes[item.source.name].hold(0)
            self._learn(item, walked)
            if not walked.restart:
                return None
            self.around.tell(Progress(item.stream.key, "asking", "asks again from the first page"))
        return None

    def _may_go_on(self, item: Work, walked: Walked) -> bool:
        """Whether the next job can be asked while this one is committed, since nothing that comes of it could change
        what is asked next. Where requests keep a distance, there is time for the commit between them anyway.
        """
        following = self.work[0] if self.work else None
        return (
            following is not None
            and following.source.name == item.source.name
            and not (following.job.detail or self.lanes[item.source.name].gate.min_interval)
            and item.job.reason not in (Reason.PROBE, Reason.EDGE)
            and (walked.good and walked.miss is None and not walked.restart)
            and 0 < walked.received <= FEW  # an empty one may be the end of history
        )

    def _ask_details(self, item: Work) -> str | None:
        """Ask what waits of the details of a stream; gives why some was left for later."""
        call, lane = self.around.writer.call, self.lanes[item.source.name]
        lane.purse = None
        self.around.tell(Progress(item.stream.key, "asking", item.job.why))
        about = (item.source, item.stream, item.job)
        walk = DetailWalk(self.committer, *about, lane=lane, call=call, tell=self.around.tell)
        why = walk.to_its_end()
        if walk.stops_source:
            self.out[item.source.name] = walk.stops_source
        return why

    def _land(self, item: Work, walked: Walked, *, final: bool) -> None:
        land, last = self.committer.land, self.left[item.stream.key] == 0
        future = self.around.writer.begin(lambda: land(item.source, item.stream, walked, last=last, final=final))
        self.landing = _Landing(item, future)

    def _finish(self) -> None:
        """Wait for the commit that is under way, and heed what it says about the past."""
        landing, self.landing = self.landing, None
        if landing is None:
            return
        landed = landing.future.result()
        self.around.tell(_landed(landing.item, landed))
        if landed.past is not None:
            self._turn(landing.item, landed.past)

    def _ledger(self, item: Work) -> StreamLedger:
        """What is known of the days of a job."""
        cache, key, days = self.around.opened.cache, item.stream.key, _days_of(item)
        return self.around.writer.call(lambda: cache.ledger(key, days=days))

    def _walk(self, item: Work, *, resumes: bool) -> Walked:
        key = item.stream.key
        self.walked.add(item.job.name)
        self.around.tell(Progress(key, "asking", f"{item.job.reason.value}: {item.job.why}"))
        lane = self.lanes[item.source.name]
        lane.purse = self._purse(item)
        if key not in self.fetchers:
            self.fetchers[key] = fetcher_of(lane, item.source, item.stream, run=self.run)
        foreseen, self.foreseen = self.foreseen, None
        known = foreseen[1] if foreseen is not None and foreseen[0] == item.job.name else self._ledger(item)
        size, sizes = page_size(item.stream), self.sizes.setdefault(key, set())
        walked = self.fetchers[key].walk(
            item.job,
            started=self.committer.started,
            validators_of=lambda identity: ledger.validators_of(known, identity, window=item.job.window),
            full_page_seen=size is not None and (size in known.page_sizes or size in sizes),
            resumes=resumes,
        )
        sizes.update(page.records for page in walked.pages[:-1])  # the last one may be full by chance
        return _masked(walked, lane.masker)

    def _left_for_later(self, item: Work, walked: Walked) -> str:
        if walked.stop == "budget":
            self.out[item.source.name] = walked.left
        return walked.left

    def _turn(self, item: Work, past: Sequence[Job]) -> None:
        """Ask this of the past of a stream instead of what was planned."""
        key = item.stream.key
        rest = [one for one in self.work if one.stream.key != key or one.job.reason not in PAST]
        names = {one.job.name for one in rest} | self.walked  # nothing is asked twice by one run
        new = [Work(item.source, item.stream, job) for job in past if job.name not in names]
        self.work = deque(sorted([*new, *rest], key=lambda one: URGENCY[one.job.reason]))  # details before the past
        self.left = Counter(one.stream.key for one in self.work if not one.job.detail)

    def _learn(self, item: Work, walked: Walked) -> None:
        if (warning := clocks.warning(walked.told)) is not None and walked.told is not None:
            self.times[item.source.name] = walked.told
            self.committer.tally.warnings.setdefault(item.source.name, warning)
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


def _usual(work: Sequence[Work]) -> Allowance:
    """What may be spent on what an earlier refresh began: what is usual, or without end where it was asked for."""
    named = any(item.job.picked == "asked" for item in work)
    return Allowance() if named else Allowance(today=budget_of(item.stream for item in work))


def _landed(item: Work, landed: Landed) -> Progress:
    """What became of one window."""
    story, committed = landed.story, landed.committed
    facts = [*story.days.values(), *([story.dateless] if story.dateless else [])]
    days = sum(fact.change != "same" for fact in facts)
    if story.miss is not None:
        return Progress(item.stream.key, "landed", f"{story.miss.state}: {story.miss.why}", records=story.stored)
    words = committed.subject.removeprefix(f"{item.stream.key}: ") if committed is not None else "nothing new"
    return Progress(item.stream.key, "landed", words, records=story.stored, days=days)


def _stays_here(work: Sequence[Work]) -> str | None:
    """Why a lane is asked by the writer itself, or None where it need not be."""
    sources = {item.source.name: item.source for item in work}
    return next((why for why in map(posting.stays_here, sources.values()) if why is not None), None)


def page_size(stream: Stream) -> int | None:
    """How many records a full page has, where the source file says so."""
    paging = stream.paging
    return paging.size if isinstance(paging, CursorPaging | PageNumber | OffsetPaging) else None


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
