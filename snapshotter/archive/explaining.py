"""`snap gaps` and `snap why`: what is lacking, and the story of one day. Reads the ledger and few run records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from snapshotter.archive import details
from snapshotter.archive.hindering import Hindrances
from snapshotter.archive.looking import UNDATED, document_path, parse_day, terms_of
from snapshotter.archive.mending import mended, without_pauses
from snapshotter.archive.opening import Opened, Tell, open_archive, silent
from snapshotter.archive.recalling import records_named
from snapshotter.archive.versioning import versions
from snapshotter.core import coverage, empties, lacks, paths, storytelling, turns
from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.details import MISSED
from snapshotter.core.states import Judge, StateRange
from snapshotter.edge.cache import micros
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.evidence import Sought, StreamLedger
from snapshotter.model import DayState, RunRecord
from snapshotter.results import Notice
from snapshotter.results.days import DayStory, Gap, Gaps, Hindrance
from snapshotter.results.details import DetailLack
from snapshotter.spec import Kind, Source, Stream

EVERY_DAY = (date.min, date.max)
FIRST = date(1900, 1, 1)  # where a search without `--since` begins
SLACK = timedelta(days=2)  # by which clocks of commits may differ
WHOLE_TRIES = 50  # of a stream without days, the newest ones


def gaps(
    path: Path,
    targets: Collection[str],
    world: World,
    *,
    since: date | None = None,
    until: date | None = None,
    why: bool = False,
    tell: Tell = silent,
) -> Gaps:
    """The days that are lacking, as ranges with reasons; with `why` the settled ones too, and the bytes as evidence."""
    opened = open_archive(path, world, tell=tell)
    now = world.clock.now()
    found: list[Gap] = []
    second: list[DetailLack] = []
    with opened.closing():
        hindrances = Hindrances(opened)
        for source, stream in opened.streams(targets):
            found += _gaps_of(opened, source, stream, hindrances, chosen=_chosen(since, until, now), now=now)
            second += _details(opened, stream, now=now, since=since, until=until)
        lacking = [gap for gap in found if DayState(gap.lack.state) in lacks.NEEDED]
        if why:
            lacking = [_with_hash(opened, gap) for gap in lacking]
        notices = [Notice("error", problem.file, str(problem)) for problem in opened.described.problems]
        notices += hindrances.undescribed() if not targets else ()
    settled = [gap for gap in found if DayState(gap.lack.state) not in lacks.NEEDED] if why else []
    return Gaps(tuple(lacking), tuple(settled), tuple(notices), explained=why, details=tuple(second))


def _chosen(since: date | None, until: date | None, now: datetime) -> tuple[date, date]:
    """The days that somebody wants to know about, or every day."""
    if since is None and until is None:
        return EVERY_DAY
    first, last = since or FIRST, until or now.date()
    if first > last:
        raise UsageError(f"--since {first} lies after --until {last}")
    return first, last


def _gaps_of(
    opened: Opened,
    source: Source,
    stream: Stream,
    hindrances: Hindrances,
    *,
    chosen: tuple[date, date],
    now: datetime,
) -> Iterator[Gap]:
    light = opened.cache.ledger(stream.key, days=())
    terms = terms_of(stream, opened.described.settings.zone, now=now, known=light)
    hindrance = hindrances.of_stream(source, stream, light)
    again = mended(opened, source, light, now=now)
    light = without_pauses(light, again)
    if light.whole_missed is not None:
        yield lacks.gap_of_whole(stream.key, light.whole_missed, now=now, hindrance=hindrance)
    if stream.kind is Kind.SNAPSHOT and not light.totals.filled:
        return
    narrow = chosen != EVERY_DAY
    loaded = (*coverage.unsettled_days(light, terms), *([chosen] if narrow else []))
    judge = Judge(without_pauses(opened.cache.ledger(stream.key, days=loaded), again), terms)
    if not narrow:
        covered = coverage.coverage(judge.ledger, terms)
        yield from lacks.settled_gaps(stream.key, judge, covered)
    for piece in _pieces(judge, chosen, narrow=narrow):
        hindered = hindrance or _not_due(stream, judge.ledger, piece.first, now=now)
        yield lacks.gap_of(stream.key, piece, now=now, hindrance=hindered, by_time=stream.window is not None)


def _not_due(stream: Stream, known: StreamLedger, day: date, *, now: datetime) -> Hindrance | None:
    """That a day which is newer than all that is proved waits for its turn, by the `every` of its stream."""
    if stream.window is None or stream.day is None or not known.proved:
        return None
    if day < day_at(known.proved[-1].window.end, stream.day.zone):
        return None
    why = turns.due(stream, known, now=now).why
    step = "`snap run` asks it then; to ask at once"
    return None if why is None else Hindrance("not_due", why, step, f"snap fetch {stream.key}")


def _pieces(judge: Judge, chosen: tuple[date, date], *, narrow: bool) -> Iterator[StateRange]:
    """All days that are not complete; of chosen ones those that are empty and those that cannot be had too."""
    for first, last in [chosen] if narrow else coverage.unsettled(judge):
        yield from (piece for piece in judge.ranges((first, last)) if piece.judged.state is not DayState.SAVED)


def _with_hash(opened: Opened, gap: Gap) -> Gap:
    """With the SHA-256 of the last body of its last try."""
    evidence = gap.lack.evidence
    if evidence is None or gap.lack.last_try is None:
        return gap
    at = micros(gap.lack.last_try)
    for record in records_named(opened, gap.stream, ((evidence.run, evidence.sequence),)):
        for story in record.stories:
            if micros(story.at) == at and story.miss is not None and story.pages:
                sha256 = story.pages[-1].sha256
                return replace(gap, lack=replace(gap.lack, evidence=replace(evidence, sha256=sha256)))
    return gap


def _details(
    opened: Opened, stream: Stream, *, now: datetime, since: date | None = None, until: date | None = None
) -> Iterator[DetailLack]:
    """The details of a stream that failed or could not be used, by reason; of chosen days, or of all."""
    for detail in stream.details:
        details.catch_up_parents(opened, stream, detail)
        rows = opened.cache.details.rows(stream.key, detail.name, [Sought(MISSED)])
        chosen = (row for row in rows if _is_within(row[0].day, since, until))
        yield from lacks.of_details(stream, detail.name, chosen, now=now)


def _details_of_day(opened: Opened, stream: Stream, day: date, *, now: datetime) -> Iterator[DetailLack]:
    """The details of the records of a day that are not there, also those that the API has not."""
    for detail in stream.details:
        details.catch_up_parents(opened, stream, detail)
        rows = opened.cache.details.of_day(stream.key, detail.name, day)
        yield from lacks.of_details(stream, detail.name, rows, now=now)


def _is_within(day: date | None, since: date | None, until: date | None) -> bool:
    if day is None:
        return since is None and until is None
    return (since is None or day >= since) and (until is None or day <= until)


# --- one day ---


def why(path: Path, target: str, day: str | None, world: World, *, tell: Tell = silent) -> DayStory:
    """The whole story of one day, or of a stream that is one whole state."""
    opened = open_archive(path, world, tell=tell)
    source, stream = opened.stream(target)
    if day == UNDATED:
        raise UsageError(f"{UNDATED} is no day; `snap log {stream.key} {UNDATED}` lists its versions")
    where = document_path(stream, day)
    now = world.clock.now()
    with opened.closing():
        hindrance = Hindrances(opened).of_stream(source, stream, opened.cache.ledger(stream.key, days=()))
        if day is None:
            told = _whole_story(opened, source, stream, where, asked=storytelling.Asked(stream, None, now, hindrance))
            return replace(told, details=tuple(_details(opened, stream, now=now)))
        asked = storytelling.Asked(stream, parse_day(day), now, hindrance)
        told = _day_story(opened, source, stream, where, asked=asked)
        return replace(told, details=tuple(_details_of_day(opened, stream, parse_day(day), now=now)))


def _day_story(opened: Opened, source: Source, stream: Stream, where: str, *, asked: storytelling.Asked) -> DayStory:
    day = asked.day
    assert day is not None  # noqa: S101 - the caller has it
    known = opened.cache.ledger(stream.key, days=())
    terms = terms_of(stream, opened.described.settings.zone, now=asked.now, known=known)
    ledger = opened.cache.ledger(stream.key, days=[(day, day)])
    ledger = without_pauses(ledger, mended(opened, source, ledger, now=asked.now))
    bounds = day_bounds(day, terms.zone)
    names = opened.cache.told(stream.key, span=(micros(bounds.start), micros(bounds.end)))
    judged = Judge(ledger, terms).day(day)
    doubted = empties.next_check(stream, ledger, day) if judged.state is DayState.EMPTY else None
    newest = [(day_at(one.window.end, terms.zone),) * 2 for one in ledger.proved[-1:]]
    waits = _not_due(stream, opened.cache.ledger(stream.key, days=newest), day, now=asked.now)
    asked = replace(asked, doubted=doubted, hindrance=asked.hindrance or waits)
    if judged.missed is not None:
        stamp = judged.missed.stamp
        names = tuple(dict.fromkeys([*names, (stamp.run, stamp.sequence)]))
    records = tuple(records_named(opened, stream.key, names))
    return storytelling.day_story(
        asked,
        judged=judged,
        bounds=bounds,
        zone=stream.day.zone if stream.day is not None else terms.zone,
        records=records,
        versions=tuple(versions(opened, where, since=_since(records, day))) if records else (),
        held=opened.store.blob_id(paths.held(where, stream.key)) is not None,
    )


def _whole_story(opened: Opened, source: Source, stream: Stream, where: str, *, asked: storytelling.Asked) -> DayStory:
    ledger = opened.cache.ledger(stream.key, days=())
    ledger = without_pauses(ledger, mended(opened, source, ledger, now=asked.now))
    names = opened.cache.told(stream.key, limit=WHOLE_TRIES)
    return storytelling.whole_story(
        asked,
        ledger=ledger,
        records=tuple(records_named(opened, stream.key, names)),
        versions=tuple(versions(opened, where, limit=WHOLE_TRIES)),
        held=opened.store.blob_id(paths.held(where, stream.key)) is not None,
    )


def _since(records: Iterable[RunRecord], day: date) -> datetime | None:
    """When the first of these records was made that filed the day: git need not look at older commits."""
    times = [record.at for record in records for story in record.stories if day in story.days]
    return min(times) - SLACK if times else None
