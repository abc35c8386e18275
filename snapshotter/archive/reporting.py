"""`snap report`: what a person wants to see of an archive, looked up. Reads little of what is old, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from snapshotter import __version__
from snapshotter.archive import budgets, comparing, explaining, holding, looking, past, rehearsing
from snapshotter.archive.expiring import expiries
from snapshotter.archive.looking import UNDATED, terms_of
from snapshotter.archive.maintaining import growth
from snapshotter.archive.opening import Opened, Tell, open_archive, silent
from snapshotter.archive.recalling import records_named
from snapshotter.core import calendars, coverage, overview, page, paths
from snapshotter.core.states import ONE, Days, Judge
from snapshotter.edge.files import Folder
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.evidence import Document
from snapshotter.frozen import dataclass
from snapshotter.model import DayFact, RunRecord
from snapshotter.results import LimitsLeft, StreamStatus
from snapshotter.results.differences import DayVersions
from snapshotter.results.reporting import Cover, Expiry, Found, Growth, Report
from snapshotter.spec import Stream

CHANGES = 40  # that are told
LOOKED_AT = 240  # versions, to find them
RUNS = 30


def report(path: Path, world: World, *, since: date | None = None, tell: Tell = silent) -> Report:
    """Everything; without `since` the last year is shown day by day, what was before year by year."""
    opened = open_archive(path, world, tell=tell)
    now = world.clock.now()
    with opened.closing():
        looks = [_Look(opened, stream, now) for _, stream in opened.streams()]
        days = _shown([look.extent for look in looks if look.extent is not None], since=since, today=now.date())
        told = looking.status(path, (), world, tell=tell)
        covers = tuple(look.cover(status, days) for look, status in zip(looks, told.streams, strict=True))
        begin = since or now.date() - overview.RANGE
        changes = _changes(opened, begin, [look.stream for look in looks])
        return Report(
            archive=opened.root.name,
            path=str(opened.root),
            snap=__version__,
            at=now,
            head=told.head,
            since=begin,
            first=days[0],
            last=days[1],
            streams=covers,
            notices=told.notices,
            troubles=overview.troubles(explaining.gaps(path, (), world).gaps),
            held=holding.held(path, (), world),
            quarantine=Quarantine(opened.local / "quarantine", world.clock).entries(),
            changes=changes[:CHANGES],
            more_changes=len(changes) > CHANGES,
            runs=past.run_lines(path, world, limit=RUNS, since=since),
            limits=budgets.limits_of(opened, asks=False) if looks else LimitsLeft(()),
            growth=_growth(opened, covers, begin),
            staleness=tuple(one.staleness for one in told.streams if one.staleness is not None),
            expiries=_expiries(opened),
            waiting_spool=told.waiting_spool,
            counts=overview.counts(covers),
            restore=rehearsing.last(opened),
        )


def write(path: Path, result: Report, world: World) -> Path:
    """Write the report as one page for a browser; gives where it lies."""
    target = path.resolve()
    if not target.parent.is_dir() or target.is_dir():
        raise UsageError(f"{path}: no file in a folder that is there; name one like report.html")
    Folder(target.parent, disk=world.disk).write(target.name, page.page(result).encode(), durable=False)
    return target


def _shown(extents: Sequence[Days], *, since: date | None, today: date) -> Days:
    """The days that calendars show: a year, up to the last day that there could be."""
    last = max((days[1] for days in extents), default=today)
    if since is not None:
        return min(since, last), last
    first = min((days[0] for days in extents), default=last)
    return max(first, last - overview.RANGE), last


class _Look:
    """One stream: of its ledger the days that are shown, and those that are not complete."""

    def __init__(self, opened: Opened, stream: Stream, now: datetime) -> None:
        self.opened = opened
        self.stream = stream
        self.light = opened.cache.ledger(stream.key, days=())
        self.terms = terms_of(stream, opened.described.settings.zone, now=now, known=self.light)
        self.extent = coverage.extent(Judge(self.light, self.terms)) if stream.day is not None else None

    def cover(self, status: StreamStatus, shown: Days) -> Cover:
        """Its days and years."""
        if self.extent is None:
            return Cover(status, (), ())
        cache = self.opened.cache
        loaded = [*coverage.unsettled_days(self.light, self.terms), shown]
        judge = Judge(cache.ledger(self.stream.key, days=loaded), self.terms)
        first, last = max(self.extent[0], shown[0]), min(self.extent[1], shown[1])
        days = calendars.days_of(judge, (first, last)) if first <= last else ()
        before = (self.extent[0], min(self.extent[1], shown[0] - ONE))
        if before[0] > before[1]:
            return Cover(status, days, ())
        return Cover(status, days, overview.years(judge, before, cache.by_year(self.stream.key, before)))


def _growth(opened: Opened, covers: Sequence[Cover], begin: date) -> Growth:
    size, by_month, warnings = growth(opened)
    records = overview.by_month(day for cover in covers for day in cover.days)
    return Growth(size, by_month, records, opened.store.commits_since(begin), warnings)


def _expiries(opened: Opened) -> tuple[Expiry, ...]:
    found = [one for source in opened.described.sources.values() for one in expiries(opened, source)]
    return tuple(sorted(found, key=lambda one: one.at))


# --- changes ---


@dataclass(frozen=True, slots=True)
class _Written:
    """A document with more than one version, and what the ledger knows of it."""

    line: DayVersions
    document: Document


def _changes(opened: Opened, begin: date, streams: Sequence[Stream]) -> tuple[Found, ...]:
    """What changed since a day, newest first; one more than is told, if there are more."""
    lines = comparing.written_since(opened, streams, begin)[:LOOKED_AT]
    named: dict[str, list[DayVersions]] = {}
    for line in lines:
        named.setdefault(line.stream, []).append(line)
    zones = {stream.key: stream.day.zone if stream.day is not None else "UTC" for stream in streams}
    found = [change for key, written in named.items() for change in _of_stream(opened, key, written, zone=zones[key])]
    return tuple(sorted(found, key=lambda change: (change.at, change.stream, change.day), reverse=True)[: CHANGES + 1])


def _of_stream(opened: Opened, key: str, lines: Sequence[DayVersions], *, zone: str) -> Iterator[Found]:
    written = [*_known(opened, key, lines)]
    stamps = [one.document.changed.stamp for one in written if one.document.changed is not None]
    names = tuple(dict.fromkeys((stamp.run, stamp.sequence) for stamp in stamps))
    records = {(record.run, record.sequence): record for record in records_named(opened, key, names)}
    for one in written:
        changed = one.document.changed
        if changed is None or (record := records.get((changed.stamp.run, changed.stamp.sequence))) is None:
            continue
        fact = _fact(record, changed.stamp.story, one.line.day)
        if fact is not None and overview.is_a_change(fact, one.line.day, at=changed.at, zone=zone):
            yield Found(
                stream=key,
                day=_name(one.line),
                at=changed.at,
                versions=one.line.versions,
                added=fact.added,
                removed=fact.removed,
                edited=fact.edited,
                edits=fact.edits,
            )


def _known(opened: Opened, key: str, lines: Sequence[DayVersions]) -> Iterator[_Written]:
    days = [(line.day, line.day) for line in lines if line.day is not None]
    ledger = opened.cache.ledger(key, days=sorted(set(days)))
    for line in lines:
        document = ledger.dateless if line.day is None else ledger.days.get(line.day)
        if document is not None:
            yield _Written(line, document)


def _fact(record: RunRecord, story: int, day: date | None) -> DayFact | None:
    if story >= len(record.stories):
        return None
    told = record.stories[story]
    return told.dateless if day is None else told.days.get(day)


def _name(line: DayVersions) -> str:
    if line.day is not None:
        return line.day.isoformat()
    return "" if line.path == paths.snapshot(line.stream) else UNDATED
