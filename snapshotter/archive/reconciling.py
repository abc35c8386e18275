"""`snap reconcile`: look back through the ledger, and ask again what failed, is missing or looks wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from snapshotter.archive import details
from snapshotter.archive.fetching import prepare
from snapshotter.archive.looking import terms_of
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.running import Drawn, Errand, carry_out, hold_changed
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.work import Work
from snapshotter.core import planning
from snapshotter.core.reconciling import AROUND, LONGEST_HOLE, Finding, Suspicion, findings, to_load, within
from snapshotter.core.wording import counted
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.world import World
from snapshotter.model import Reason
from snapshotter.results import Notice, Planned, Ran
from snapshotter.results.reconciling import ReconcileOptions
from snapshotter.spec import Source, Stream


def plan(path: Path, options: ReconcileOptions, world: World) -> Planned:
    """What would be asked again and why; nothing is asked and nothing written."""
    opened = open_archive(path, world)
    with opened.closing():
        drawn = draw(opened, options, now=world.clock.now())
        hold_changed(opened, drawn)
    return Planned(tuple(item.job for item in drawn.work), tuple(drawn.held_back), tuple(drawn.notices))


def reconcile(path: Path, options: ReconcileOptions, world: World, *, tell: Tell, stops: Stops | None = None) -> Ran:
    """Ask exactly those days again, the worst first, and commit what comes."""
    errand = Errand("reconcile", lambda opened, _, now: draw(opened, options, now=now), options.targets)
    return carry_out(path, errand, options, world, tell=tell, stops=stops)


def draw(
    opened: Opened,
    options: ReconcileOptions,
    *,
    now: datetime,
    given: Mapping[str, Gathered] | None = None,
    only: Collection[Suspicion] = tuple(Suspicion),
) -> Drawn:
    """The plan over all streams that are looked at, the worst first.

    `given`: the secrets of the sources that may be asked, where somebody else has looked into that; `only`: findings of
    these kinds.
    """
    drawn = Drawn()
    found: list[tuple[Finding, Source, Stream]] = []
    looked_at = prepare(opened, options.targets, drawn, given=given)
    for source, stream in looked_at:
        here = [one for one in _of_stream(opened, stream, options, now=now) if one.suspicion in only]
        found += [(one, source, stream) for one in here]
        if here:
            counts = Counter(one.suspicion.value for one in here)
            words = ", ".join(f"{count} {name}" for name, count in counts.items())
            drawn.notices.append(Notice("info", stream.key, f"to be asked again: {words}"))
    found.sort(key=lambda item: item[0].rank)
    seen: set[str] = set()
    for finding, source, stream in found:
        for job in planning.jobs_over(stream, finding.window, now=now, reason=Reason.RECONCILE, why=finding.why):
            if job.name not in seen:
                drawn.work.append(Work(source, stream, job))
            seen.add(job.name)
    if not found:
        chosen = len(opened.streams(options.targets))
        is_part = len(looked_at) < chosen or opened.described.problems
        part = f" in what could be looked at: {len(looked_at)} of {chosen} streams" if is_part else ""
        second = list(_failed_details(opened, looked_at, now=now)) if set(only) == set(Suspicion) else []
        what = "no day" if second else "nothing"
        drawn.notices += [Notice("info", "", f"{what} failed, is missing or looks wrong{part}"), *second]
    return drawn


def _failed_details(opened: Opened, looked_at: Collection[tuple[Source, Stream]], *, now: datetime) -> Iterator[Notice]:
    """Details that failed: they are not asked here, and it is not to be thought that all is well."""
    for _, stream in looked_at:
        for counts in details.counts(opened, stream, now=now):
            if counts.failed:
                told = f"{counted(counts.failed, 'detail')} ({counts.name}) failed"
                why = f"`snap gaps {stream.key}` says why"
                yield Notice("info", stream.key, f"{told}; every fetch asks those that are due, {why}")


def _of_stream(opened: Opened, stream: Stream, options: ReconcileOptions, *, now: datetime) -> list[Finding]:
    terms = terms_of(stream, "UTC", now=now)
    odd = opened.cache.odd.of(stream.key, around=AROUND, longest=LONGEST_HOLE)
    light = opened.cache.ledger(stream.key, days=())
    known = opened.cache.ledger(stream.key, days=to_load(light, terms, odd))
    all_of_it = findings(known, terms, by_time=stream.window is not None)
    named = (within(one, since=options.since, until=options.until, zone=terms.zone) for one in all_of_it)
    return [one for one in named if one is not None]
