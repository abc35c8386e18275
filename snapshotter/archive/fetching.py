"""`snap fetch`: what is to be asked, of which streams, and what stands in the way of some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from snapshotter.archive import details
from snapshotter.archive.mending import mended
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.running import Drawn, Errand, carry_out, hold_changed
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.trust import Trust, secrets_of, trust_of, why_not
from snapshotter.archive.work import Work
from snapshotter.core import clocks, empties, horizon, ledger, planning, resuming
from snapshotter.core.changing import cut_otherwise
from snapshotter.core.days import in_order
from snapshotter.core.intervals import subtract, union
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.evidence import StreamLedger
from snapshotter.model import Job, Reason, Window
from snapshotter.results import Exit, FetchOptions, Notice, Planned, Ran
from snapshotter.spec import Source, Stream


def plan(path: Path, options: FetchOptions, world: World) -> Planned:
    """What a fetch would ask and why; nothing is asked and nothing written."""
    in_order(options.since, options.until)
    opened = open_archive(path, world)
    spool = Spool(opened.local / "spool", world.clock)
    with opened.closing():
        drawn = draw(opened, spool, options, now=world.clock.now())
        hold_changed(opened, drawn)
    return Planned(tuple(item.job for item in drawn.work), tuple(drawn.held_back), tuple(drawn.notices))


def fetch(path: Path, options: FetchOptions, world: World, *, tell: Tell, stops: Stops | None = None) -> Ran:
    """Ask for what is new and what is missing, and commit it."""
    in_order(options.since, options.until)
    is_told = options.since is not None or options.until is not None or options.extend
    errand = Errand(
        "fetch", lambda opened, spool, now: draw(opened, spool, options, now=now), options.targets, narrows=not is_told
    )
    return carry_out(path, errand, options, world, tell=tell, stops=stops)


# --- planning ---


def draw(
    opened: Opened,
    spool: Spool,
    options: FetchOptions,
    *,
    now: datetime,
    given: Mapping[str, Gathered] | None = None,
) -> Drawn:
    """The plan for the streams that are asked for; broken files and missing secrets take their source out.

    `given`: the secrets of the sources that may be asked, where somebody else has looked into that.
    """
    drawn = Drawn()
    resumed = _resumed_jobs(spool)
    for source, stream in prepare(opened, options.targets, drawn, given=given):
        _draw_stream(opened, source, stream, drawn, options=options, now=now, resumed=resumed.get(stream.key, ()))
    is_named = options.since is not None or options.until is not None
    if is_named and not (drawn.work or drawn.held_back or drawn.notices):
        words = "nothing of these days is missing; `snap refresh` with the same words asks them again"
        drawn.notices.append(Notice("info", "", words))
    return drawn.sorted()


def prepare(
    opened: Opened, targets: Sequence[str], drawn: Drawn, *, given: Mapping[str, Gathered] | None = None
) -> list[tuple[Source, Stream]]:
    """The streams that may be asked, with their secrets in the plan, which is told what stops the others."""
    chosen = opened.streams(targets)
    if not opened.described.sources and not opened.described.problems:
        drawn.notices.append(Notice("info", "", "no sources yet; add one with `snap add`"))
    for problem in opened.described.problems:
        drawn.notices.append(Notice("error", problem.file, str(problem)))
        drawn.codes.add(Exit.CONFIG)
    if given is None:
        trust = trust_of(opened)
        ready = {source.name for source in _distinct(chosen) if may_be_asked(source, opened, drawn, trust)}
    else:
        ready = set(given)
        drawn.secrets.update(given)
    return [(source, stream) for source, stream in chosen if source.name in ready]


def _distinct(chosen: Iterable[tuple[Source, Stream]]) -> list[Source]:
    return list({source.name: source for source, _ in chosen}.values())


def may_be_asked(source: Source, opened: Opened, drawn: Drawn, trust: Trust) -> bool:
    """Whether a source is trusted and has its secrets; else the plan says what is lacking."""
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
        pages = spool.pages(name)
        job = resuming.job_waiting(name, spool.read(name, pages[0]) if pages else None, pages=len(pages))
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
    days = (*empties.young_days(stream, now), *horizon.looked_at(stream, now))
    archived = opened.cache.ledger(stream.key, days=days)
    if (why := cut_otherwise(stream, ledger.zones(archived))) is not None:
        drawn.notices.append(Notice("error", stream.key, why))
        drawn.codes.add(Exit.CONFIG)
        return
    again = mended(opened, source, archived, now=now)
    if (why := horizon.warning(stream, archived, now=now)) is not None:
        drawn.notices.append(Notice("warning", stream.key, why))
    rests = horizon.rests(stream, archived, now) or ""
    young = empties.due_now(stream, archived, now)
    known = replace(planning.state_of(archived, mended=again), young=young, rests=rests)
    if (doubted := _doubted(opened, stream, archived, now)) is not None:
        known = replace(known, proved=subtract(known.proved, [doubted]), doubted=doubted)
    # What waits in the spool is asked anyway; the plan is for the rest.
    state = replace(known, proved=union(known.proved, [job.window for job in first if job.window is not None]))
    planned = planning.plan_stream(
        stream, state, now=now, since=options.since, until=options.until, extend=options.extend
    )
    names = {job.name for job in first}
    named = options.since is not None or options.until is not None
    due = planning.held_until_due(first, known, now=now, named=named)
    drawn.work += [Work(source, stream, job) for job in due.jobs]
    # A feed is asked once more behind what waited: its first page is from then, and the newest records from now.
    rest = [job for job in planned.jobs if job.name not in names or job.reason is Reason.FEED]
    drawn.work += [Work(source, stream, job) for job in rest]
    drawn.work += details.work(opened, source, stream, now=now)
    drawn.held_back += [*due.held_back, *(held for held in planned.held_back if held.job.name not in names)]


def _doubted(opened: Opened, stream: Stream, archived: StreamLedger, now: datetime) -> Window | None:
    """What only runs say to be proved whose clock was ahead."""
    if not clocks.speaks_of_the_future(archived, now):
        return None
    return clocks.doubted(opened.cache.ledger(stream.key), now)
