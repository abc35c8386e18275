"""One run, whatever it is to do: recover, draw the plan, walk the lanes side by side, commit, and tell.

Lanes ask in threads of their own. Everything that touches the repository, the ledger or waiting records happens in
the one thread that called `carry_out`; a lane hands its walk over and waits until it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path

from snapshotter.archive import ending, maintaining, notifying
from snapshotter.archive.changing import all_changed, judged, keep_settings
from snapshotter.archive.committing import Committer
from snapshotter.archive.conforming import unusable
from snapshotter.archive.opening import Opened, for_writing, open_archive
from snapshotter.archive.purses import Allowance
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.telling import Telling
from snapshotter.archive.work import Work
from snapshotter.core import runs
from snapshotter.core.refreshing.findings import surprised
from snapshotter.core.troubles import DISK
from snapshotter.core.turns import URGENCY
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, DiskRefused, SnapError
from snapshotter.frozen import dataclass
from snapshotter.model import HeldBack
from snapshotter.results import Exit, Notice, Progress, Ran, RunLimits


@dataclass(slots=True)
class Drawn:
    """A plan for all streams, and what stands in the way of some."""

    work: list[Work] = field(default_factory=list)
    held_back: list[HeldBack] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    codes: set[Exit] = field(default_factory=set)
    secrets: dict[str, Gathered] = field(default_factory=dict)
    purses: dict[str, Allowance] = field(default_factory=dict)  # what each lane may spend on complete days

    def sorted(self) -> Drawn:
        """The same with the most urgent work first."""
        self.work.sort(key=lambda item: URGENCY[item.job.reason])
        return self


def hold_changed(opened: Opened, drawn: Drawn) -> None:
    """Take the streams out of a plan that it would reinterpret or that cannot be judged, and say what else is new.

    What only follows other work is left out where there is none: a run with nothing to ask loads nothing that asks.
    """
    leading = {item.stream.key for item in drawn.work if not item.follows}
    drawn.work = [item for item in drawn.work if item.stream.key in leading]
    streams = {item.stream.key: (item.source, item.stream) for item in drawn.work}
    stopped, notices = judged(all_changed(opened, tuple(streams.values())))
    stopped = {**unusable(opened, [stream for _, stream in streams.values()]), **stopped}
    drawn.work = [item for item in drawn.work if item.stream.key not in stopped]
    drawn.notices += [Notice("error", key, why) for key, why in stopped.items()]
    drawn.notices += notices
    drawn.codes |= {Exit.CONFIG} if stopped else set()


Draw = Callable[[Opened, Spool, datetime], Drawn]


@dataclass(frozen=True, slots=True)
class Errand:
    """What a run is for: its name in records and logs, how its plan is drawn, the streams that it was asked for."""

    command: str
    draw: Draw
    targets: tuple[str, ...] = ()
    narrows: bool = True  # whether new days that are refused are asked in parts; not where the user says what is asked


def carry_out(
    path: Path, errand: Errand, limits: RunLimits, world: World, *, tell: Tell, stops: Stops | None = None
) -> Ran:
    """Do an errand in the archive around a folder, under its lock."""
    if limits.executor is not None:
        from snapshotter.edge import execute  # noqa: PLC0415 - loads much, and most runs have none

        execute.check(limits.executor)
    telling = Telling(tell, world, trace=limits.trace)
    with telling.closing(), _held(path, errand, limits, world) as opened:
        opened.tell = telling.step
        run = _Run(opened, errand, limits, world, telling=telling, stops=stops or Stops(world.clock))
        try:
            return run.go()
        except SnapError as error:
            notifying.failed(opened, error)
            raise


@contextmanager
def _held(path: Path, errand: Errand, limits: RunLimits, world: World) -> Iterator[Opened]:
    """The archive, locked; also what keeps it from being opened is told to whoever wants to know."""
    with ExitStack() as stack:
        try:
            writing = for_writing(path, world, command=f"snap {errand.command}", wait=limits.wait)
            opened = stack.enter_context(writing)
        except (Damaged, DiskRefused) as error:
            with suppress(SnapError):
                notifying.failed(open_archive(path, world), error)
            raise
        yield opened


def _close(committer: Committer, work: Sequence[Work], held: Sequence[HeldBack]) -> None:
    """Record for each stream that ended before its last window why it did."""
    reasons = {f"{item.job.source}/{item.job.stream}": item.why for item in reversed(held)}
    for source, stream in {
        item.stream.key: (item.source, item.stream) for item in work if not item.job.detail
    }.values():
        if stream.key not in committer.tally.closed:
            committer.close(source, stream, why=reasons.get(stream.key, "the end of history was found"))


class _Run:
    """One run."""

    def __init__(
        self, opened: Opened, errand: Errand, limits: RunLimits, world: World, *, telling: Telling, stops: Stops
    ) -> None:
        self.opened = opened
        self.errand = errand
        self.limits = limits
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
        self.notices += notifying.begin(self.opened)
        self._report_dead_runs()
        self.spool.begin_run(self.run, {"command": self.errand.command})
        self.telling.begin(self.opened.local, self.run, command=self.errand.command, targets=list(self.errand.targets))
        committer = Committer(self.opened, self.spool, run=self.run, command=self.errand.command, started=self.started)
        committer.narrows = self.errand.narrows
        drawn = self._drawn()
        hold_changed(self.opened, drawn)
        keep_settings(self.opened)
        self.notices += drawn.notices
        self.codes |= drawn.codes
        for item in drawn.work:
            self.telling.step(Progress(item.stream.key, "planned", item.job.why))
        with ExitStack() as after:
            after.callback(self._finish)
            held = self._walk(drawn, committer) if drawn.work else []
            _close(committer, drawn.work, held)
            for _, stream in self.opened.streams(self.errand.targets):
                committer.flush(stream)
            committer.mend()
        self.notices += [Notice("warning", name, words) for name, words in committer.tally.warnings.items()]
        return self._told(committer, [*drawn.held_back, *held])

    def _drawn(self) -> Drawn:
        """The plan; a run for which none can be drawn is over, and has not died."""
        try:
            return self.errand.draw(self.opened, self.spool, self.started)
        except SnapError:
            self.spool.end_run(self.run)
            raise

    def _walk(self, drawn: Drawn, committer: Committer) -> list[HeldBack]:
        from snapshotter.archive.lanes import LaneSet  # noqa: PLC0415 - a run with nothing to do pays for no lane

        lanes = LaneSet(self.opened, self.spool, committer, run=self.run, telling=self.telling, stops=self.stops)
        lanes.executor = self.limits.executor
        held = lanes.walk(drawn.work, drawn.secrets, purses=drawn.purses)
        self.notices += lanes.notices
        return held

    def _finish(self) -> None:
        self.notices += [Notice("info", "", note) for note in self.opened.store.finish()]
        self._tell_refused()
        for run in (*self.dead, self.run):  # a dead one only now that a run record tells of it
            self.spool.end_run(run)

    def _tell_refused(self) -> None:
        for refused in self.opened.store.refused():
            self.notices.append(Notice("error", DISK, refused))
            self.codes.add(Exit.DISK)

    def _warn_of(self, quarantine: Quarantine) -> None:
        filling = quarantine.warning() if quarantine.has_grown else None
        self.notices += [Notice("warning", "quarantine", filling)] if filling else []

    def _report_dead_runs(self) -> None:
        for dead in self.spool.dead_runs():
            left = sum(dead.waiting.values())
            words = f"the run {dead.run} died" + (f"; {left} pages that it received are used now" if left else "")
            self.notices.append(Notice("warning", "", words))
            self.opened.notes = (*self.opened.notes, words)
            self.dead.append(dead.run)

    def _max_requests(self) -> int | None:
        given = [self.limits.max_requests, self.opened.described.settings.max_requests]
        return min((count for count in given if count is not None), default=None)

    def _deadline(self) -> float | None:
        settings = self.opened.described.settings.deadline
        given = [self.limits.deadline, settings.rough().total_seconds() if settings is not None else None]
        return min((seconds for seconds in given if seconds is not None), default=None)

    def _told(self, committer: Committer, held: Sequence[HeldBack]) -> Ran:
        self.notices += [
            Notice("warning", stream, surprised(days)) for stream, days in committer.tally.surprises.items()
        ]
        self._warn_of(committer.quarantine)
        if committer.tally.problems:
            self.codes.add(Exit.SOME_DAYS)
        steps: tuple[
            Callable[[], ending.Ended], ...
        ] = (  # what is saved leaves the house before it is tidied, which may take long
            lambda: ending.push_and_try(self.opened, self.stops),
            lambda: maintaining.after_run(self.opened, self.stops),
        )
        for step in steps:
            notices, codes = step()
            self.notices += notices
            self.codes |= codes
        self._tell_refused()  # of a merge, where somebody else had pushed
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
        told, codes = notifying.after(self.opened, ran, targets=self.errand.targets)
        ran = replace(ran, notices=(*ran.notices, *told), codes=ran.codes | codes)
        self.telling.end(ran)
        return ran
