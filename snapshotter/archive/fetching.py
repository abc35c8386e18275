"""`snap fetch`: recover, plan, walk the lanes side by side, commit one window at a time, and tell.

Lanes ask in threads of their own. Everything that touches the repository, the ledger or waiting records happens in
the one thread that called `fetch`; a lane hands its walk over and waits until it is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from snapshotter.archive.committing import Committer
from snapshotter.archive.lanes import LaneSet, Stops, Tell, Work
from snapshotter.archive.opening import Opened, for_writing, open_archive
from snapshotter.archive.telling import Telling
from snapshotter.archive.trust import Trust, secrets_of, trust_of, why_not
from snapshotter.core import ledger, planning, resuming, runs
from snapshotter.core.intervals import union
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.model import HeldBack, Job, Reason
from snapshotter.results import Exit, FetchOptions, Notice, Planned, Progress, Ran
from snapshotter.spec import Source, Stream

URGENCY = {
    Reason.RESUME: 0,
    Reason.SNAPSHOT: 1,
    Reason.FEED: 1,
    Reason.RECENT: 1,
    Reason.ASKED: 2,
    Reason.REFRESH: 3,
    Reason.RETRY: 3,
    Reason.BACKFILL: 4,
}


@dataclass(slots=True)
class Drawn:
    """A plan for all streams, and what stands in the way of some."""

    work: list[Work] = field(default_factory=list)
    held_back: list[HeldBack] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    codes: set[Exit] = field(default_factory=set)
    secrets: dict[str, Gathered] = field(default_factory=dict)


def plan(path: Path, options: FetchOptions, world: World) -> Planned:
    """What a fetch would ask and why; nothing is asked and nothing written."""
    opened = open_archive(path, world)
    spool = Spool(opened.local / "spool", world.clock)
    with opened.closing():
        drawn = draw(opened, spool, options, now=world.clock.now())
    return Planned(tuple(item.job for item in drawn.work), tuple(drawn.held_back), tuple(drawn.notices))


def fetch(path: Path, options: FetchOptions, world: World, *, tell: Tell, stops: Stops | None = None) -> Ran:
    """Ask for what is new and what is missing, and commit it."""
    telling = Telling(tell, world, trace=options.trace)
    with telling.closing(), for_writing(path, world, command="snap fetch", wait=options.wait) as opened:
        return _Run(opened, options, world, telling=telling, stops=stops or Stops(world.clock)).go()


# --- planning ---


def draw(opened: Opened, spool: Spool, options: FetchOptions, *, now: datetime) -> Drawn:
    """The plan for the streams that are asked for; broken files and missing secrets take their source out."""
    drawn = Drawn()
    chosen = opened.streams(options.targets)
    for problem in opened.described.problems:
        drawn.notices.append(Notice("error", problem.file, str(problem)))
        drawn.codes.add(Exit.CONFIG)
    trust = trust_of(opened)
    ready = {source.name for source in _distinct(chosen) if _may_be_asked(source, opened, drawn, trust)}
    resumed = _resumed_jobs(spool)
    for source, stream in chosen:
        if source.name in ready:
            _draw_stream(opened, source, stream, drawn, options=options, now=now, resumed=resumed.get(stream.key, ()))
    drawn.work.sort(key=lambda item: URGENCY[item.job.reason])
    return drawn


def _distinct(chosen: Iterable[tuple[Source, Stream]]) -> list[Source]:
    return list({source.name: source for source, _ in chosen}.values())


def _may_be_asked(source: Source, opened: Opened, drawn: Drawn, trust: Trust) -> bool:
    if (why := why_not(source, trust)) is not None:
        drawn.notices.append(Notice("error", source.name, why))
        drawn.codes.add(Exit.SOME_DAYS)
        return False
    gathered = secrets_of(source, opened, trust)
    drawn.secrets[source.name] = gathered
    for name, hint in gathered.missing:
        drawn.notices.append(Notice("error", source.name, f"the secret {name!r} is missing: {hint}"))
        drawn.codes.add(Exit.CONFIG)
    drawn.notices += [Notice("warning", source.name, warning) for warning in gathered.warnings]
    return not gathered.missing


def _resumed_jobs(spool: Spool) -> Mapping[str, Sequence[Job]]:
    found: dict[str, list[Job]] = {}
    for name in spool.jobs():
        job = resuming.job_named(name, pages=len(spool.pages(name)))
        if job is not None:
            found.setdefault(f"{job.source}/{job.stream}", []).append(job)
    return found


def _draw_stream(
    opened: Opened,
    source: Source,
    stream: Stream,
    drawn: Drawn,
    *,
    options: FetchOptions,
    now: datetime,
    resumed: Sequence[Job],
) -> None:
    first = [job for job in resumed if (job.window is None) == (stream.window is None)]
    archived = opened.cache.ledger(stream.key, days=())
    if (why := cut_otherwise(stream, ledger.zones(archived))) is not None:
        drawn.notices.append(Notice("error", stream.key, why))
        drawn.codes.add(Exit.CONFIG)
        return
    known = planning.state_of(archived)
    # What waits in the spool is asked anyway; the plan is for the rest.
    state = replace(known, proved=union(known.proved, [job.window for job in first if job.window is not None]))
    planned = planning.plan_stream(stream, state, now=now, since=options.since, until=options.until)
    names = {job.name for job in first}
    named = options.since is not None or options.until is not None
    due = planning.held_until_due(first, known, now=now, named=named)
    drawn.work += [Work(source, stream, job) for job in due.jobs]
    # A feed is asked once more behind what waited: its first page is from then, and the newest records from now.
    rest = [job for job in planned.jobs if job.name not in names or job.reason is Reason.FEED]
    drawn.work += [Work(source, stream, job) for job in rest]
    drawn.held_back += [*due.held_back, *(held for held in planned.held_back if held.job.name not in names)]


def cut_otherwise(stream: Stream, zones: Sequence[str]) -> str | None:
    """Why a stream cannot go on: its archived days were cut in another zone."""
    if stream.day is None or not zones or stream.day.zone == zones[-1]:
        return None
    was, now = zones[-1], stream.day.zone
    return (
        f"its archived days are cut in {was}, and day.zone says {now} now: put {was} back,"
        " or describe it as a new stream under another name; nothing of it is asked until then"
    )


def _close(committer: Committer, work: Sequence[Work], held: Sequence[HeldBack]) -> None:
    """Record for each stream that ended before its last window why it did."""
    reasons = {f"{item.job.source}/{item.job.stream}": item.why for item in reversed(held)}
    for source, stream in {item.stream.key: (item.source, item.stream) for item in work}.values():
        if stream.key not in committer.tally.closed:
            committer.close(source, stream, why=reasons.get(stream.key, "the end of history was found"))


# --- running ---


class _Run:
    """One run."""

    def __init__(self, opened: Opened, options: FetchOptions, world: World, *, telling: Telling, stops: Stops) -> None:
        self.opened = opened
        self.options = options
        self.world = world
        self.telling = telling
        self.started = world.clock.now()
        self.run = runs.run_id(self.started, world.chance.getrandbits(24))
        self.spool = Spool(opened.local / "spool", world.clock, disk=world.disk)
        self.stops = stops
        self.stops.limit(max_requests=self._max_requests(), deadline=self._deadline())
        self.notices: list[Notice] = [Notice("info", "", note) for note in opened.notes]
        self.codes: set[Exit] = set()
        self.dead: list[str] = []

    def go(self) -> Ran:
        """The whole run, from what an earlier one left to the last commit."""
        self._report_dead_runs()
        self.spool.begin_run(self.run, {"command": "fetch"})
        self.telling.begin(self.opened.local, self.run, command="fetch", targets=list(self.options.targets))
        committer = Committer(self.opened, self.spool, run=self.run, command="fetch", started=self.started)
        drawn = draw(self.opened, self.spool, self.options, now=self.started)
        self.notices += drawn.notices
        self.codes |= drawn.codes
        for item in drawn.work:
            self.telling.step(Progress(item.stream.key, "planned", item.job.why))
        lanes = LaneSet(self.opened, self.spool, committer, run=self.run, telling=self.telling, stops=self.stops)
        with ExitStack() as after:
            after.callback(self._finish)
            held = lanes.walk(drawn.work, drawn.secrets)
            _close(committer, drawn.work, held)
            for _, stream in self.opened.streams(self.options.targets):
                committer.flush(stream)
            committer.mend()
        return self._told(committer, [*drawn.held_back, *held])

    def _finish(self) -> None:
        self.notices += [Notice("info", "", note) for note in self.opened.store.finish()]
        for refused in self.opened.store.refused():
            self.notices.append(Notice("error", "", refused))
            self.codes.add(Exit.DISK)
        for run in (*self.dead, self.run):  # a dead one only now that a run record tells of it
            self.spool.end_run(run)

    def _report_dead_runs(self) -> None:
        for dead in self.spool.dead_runs():
            left = sum(dead.waiting.values())
            words = f"the run {dead.run} died" + (f"; {left} pages that it received are used now" if left else "")
            self.notices.append(Notice("warning", "", words))
            self.opened.notes = (*self.opened.notes, words)
            self.dead.append(dead.run)

    def _max_requests(self) -> int | None:
        given = [self.options.max_requests, self.opened.described.settings.max_requests]
        return min((count for count in given if count is not None), default=None)

    def _deadline(self) -> float | None:
        settings = self.opened.described.settings.deadline
        given = [self.options.deadline, settings.rough().total_seconds() if settings is not None else None]
        return min((seconds for seconds in given if seconds is not None), default=None)

    def _told(self, committer: Committer, held: Sequence[HeldBack]) -> Ran:
        if committer.tally.problems:
            self.codes.add(Exit.SOME_DAYS)
        if self.stops.interrupted:
            self.codes.add(Exit.INTERRUPTED)
        self.notices += self.telling.notices()
        ran = Ran(
            run=self.run,
            started=self.started,
            finished=self.world.clock.now(),
            streams=tuple(committer.tally.streams.values()),
            commits=tuple(committer.tally.commits),
            problems=tuple(committer.tally.problems),
            held_back=tuple(held),
            notices=tuple(self.notices),
            codes=frozenset(self.codes),
        )
        self.telling.end(ran)
        return ran
