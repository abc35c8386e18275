"""`snap run`: everything that is due, in one run with one plan: new days, what failed, details, old days, the past.

The rooms draw their parts apart; here they are joined, and what two of them would ask is asked once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from snapshotter.archive import fetching, reconciling, refreshing
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.purses import Allowance
from snapshotter.archive.running import Drawn, Errand, carry_out, hold_changed
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.work import Work
from snapshotter.core.days import day_at
from snapshotter.core.intervals import covers, union
from snapshotter.core.missing import LIVELY
from snapshotter.core.reconciling import Suspicion
from snapshotter.core.troubles import DISK
from snapshotter.core.turns import AGAIN, Due, due, in_turn
from snapshotter.edge.auth import lane_of
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.state import JsonFile
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, DiskRefused
from snapshotter.model import HeldBack
from snapshotter.results import Exit, FetchOptions, Notice, Planned, Ran
from snapshotter.results.reconciling import ReconcileOptions
from snapshotter.results.refreshing import RefreshOptions
from snapshotter.results.routine import RoutineOptions
from snapshotter.spec import Stream

MEMORY = "routine.json"
LOOKS_WRONG = frozenset({Suspicion.DROP, Suspicion.HOLE})
DOUBTED = 10  # days that look wrong, asked again in one run


def run(path: Path, options: RoutineOptions, world: World, *, tell: Tell, stops: Stops | None = None) -> Ran:
    """Do all that is due, and commit, push, tidy up and tell."""
    routine = _Routine(options)
    ran = carry_out(path, Errand("run", routine.draw, options.targets), options, world, tell=tell, stops=stops)
    return routine.remember(ran)


def plan(path: Path, options: RoutineOptions, world: World) -> Planned:
    """What a run would ask and why; nothing is asked and nothing written."""
    opened = open_archive(path, world)
    spool = Spool(opened.local / "spool", world.clock)
    with opened.closing():
        drawn = _Routine(options).draw(opened, spool, world.clock.now())
        hold_changed(opened, drawn)
    return Planned(tuple(item.job for item in drawn.work), tuple(drawn.held_back), tuple(drawn.notices))


class _Routine:
    """One plan of the parts of several rooms."""

    def __init__(self, options: RoutineOptions) -> None:
        self.options = options
        self._memory: JsonFile | None = None
        self._looked: str | None = None  # the day, if old days were chosen in this run

    def draw(self, opened: Opened, spool: Spool, now: datetime) -> Drawn:
        """Everything that is due, the most valuable first."""
        drawn = Drawn()
        asked = fetching.prepare(opened, self.options.targets, drawn)
        streams = [stream for _, stream in asked]
        given = {source.name: drawn.secrets[source.name] for source, _ in asked}  # without those that lack a secret
        _add(drawn, fetching.draw(opened, spool, FetchOptions(targets=self.options.targets), now=now, given=given))
        dues = {stream.key: _due(opened, stream, now) for stream in streams}
        _hold_early(drawn, dues)
        if self._is_time_to_look_back(opened, now):
            self._add_again(opened, drawn, given, now=now)
        drawn.notices = list(dict.fromkeys(drawn.notices))
        order = in_turn([item.job for item in drawn.work], {key: found.overdue for key, found in dues.items()})
        drawn.work = [drawn.work[place] for place in order]
        return drawn

    # --- days that are complete ---

    def _add_again(self, opened: Opened, drawn: Drawn, given: Mapping[str, Gathered], *, now: datetime) -> None:
        """Days that look wrong, and those that refreshing chooses, where nothing else asks them in this run."""
        doubted = reconciling.draw(
            opened, ReconcileOptions(targets=self.options.targets), now=now, given=given, only=LOOKS_WRONG
        )
        refreshed = refreshing.draw(opened, RefreshOptions(targets=self.options.targets), now=now, given=given).drawn
        drawn.purses = dict(refreshed.purses)
        for item in doubted.work[:DOUBTED]:
            lane = lane_of(item.source, drawn.secrets[item.source.name].values)
            allowed = drawn.purses.get(lane, Allowance(requests=0))
            drawn.purses[lane] = replace(allowed, requests=(allowed.requests or 0) + 1)
        drawn.held_back += refreshed.held_back
        drawn.notices += [notice for notice in refreshed.notices if notice.level != "info"]
        for item in (*doubted.work[:DOUBTED], *refreshed.work):
            if not _is_asked(item, drawn):
                drawn.work.append(item)

    def _is_time_to_look_back(self, opened: Opened, now: datetime) -> bool:
        """Once a day: budgets are of a day, and looking through all days costs as much as there are days."""
        self._memory = JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk)
        today = day_at(now, "UTC").isoformat()
        if _read(self._memory).get(self._about) == today:
            return False
        self._looked = today
        return True

    @property
    def _about(self) -> str:
        return " ".join(sorted(self.options.targets))

    def remember(self, ran: Ran) -> Ran:
        """After a run: old days were chosen for today, unless it ended before they were asked."""
        cut_short = any(held.job.reason in AGAIN for held in ran.held_back)
        if self._memory is not None and self._looked is not None and not cut_short:
            try:
                self._memory.write({**_read(self._memory), self._about: self._looked})
            except DiskRefused as error:  # all is saved and told; the next run chooses once more
                told = Notice("error", DISK, f"that old days were chosen cannot be remembered: {error}")
                return replace(ran, notices=(*ran.notices, told), codes=ran.codes | {Exit.DISK})
        return ran


def _add(drawn: Drawn, part: Drawn) -> None:
    drawn.work += part.work
    drawn.held_back += part.held_back
    drawn.notices += part.notices
    drawn.codes |= part.codes


def _read(memory: JsonFile) -> Mapping[str, object]:
    try:
        return memory.read()
    except Damaged:  # whoever forgets looks once more
        return {}


def _due(opened: Opened, stream: Stream, now: datetime) -> Due:
    """Whether what is new of a stream is due; read from a few rows, however long its history is."""
    known = opened.cache.ledger(stream.key, days=())
    if known.proved and known.whole is None:
        newest = day_at(known.proved[-1].window.end, "UTC")
        known = opened.cache.ledger(stream.key, days=[(newest, newest)])
    return due(stream, known, now=now)


def _hold_early(drawn: Drawn, dues: Mapping[str, Due]) -> None:
    """What is new waits until its `every` has passed; everything else of the stream goes on."""
    ready: list[Work] = []
    for item in drawn.work:
        found = dues.get(item.stream.key)
        if item.job.reason in LIVELY and found is not None and found.why is not None:
            drawn.held_back.append(HeldBack(item.job, found.why))
        else:
            ready.append(item)
    drawn.work = ready


def _is_asked(item: Work, drawn: Drawn) -> bool:
    """Whether other work of the plan asks the same span."""
    window = item.job.window
    same = [other.job for other in drawn.work if other.stream.key == item.stream.key and not other.job.detail]
    if window is None:
        return any(job.window is None for job in same)
    return covers(union(job.window for job in same if job.window is not None), window)
