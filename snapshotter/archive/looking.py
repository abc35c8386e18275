"""Looking at an archive: one day, its versions, the state of everything. Nothing here writes a commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from snapshotter.archive import details, doubling, rehearsing
from snapshotter.archive.expiring import expiring
from snapshotter.archive.hindering import Hindrances
from snapshotter.archive.mending import mended, without_pauses
from snapshotter.archive.opening import Opened, Tell, for_writing, open_archive, silent
from snapshotter.archive.versioning import versions
from snapshotter.core import calendars, coverage, freshness, horizon, paths, states, windows
from snapshotter.core.escaping import escape
from snapshotter.core.refreshing import honesty
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.evidence import StreamLedger
from snapshotter.model import DayState, QuarantineEntry, Version
from snapshotter.results import LogEntry, Notice, Shown, Status, StreamStatus
from snapshotter.results.calendar import CalendarDay, Stale
from snapshotter.results.staleness import Staleness
from snapshotter.spec import Kind, Source, Stream

UNDATED = "undated"


def show(path: Path, target: str, day: str | None, world: World) -> Shown:
    """The document of a day (or `undated`, or a snapshot without a day) as it is now."""
    opened = open_archive(path, world)
    if target.count("/") == 2:
        return _detail(opened, target, day)
    _, stream = opened.stream(target)
    where = document_path(stream, day)
    commit = opened.store.head()
    data = opened.store.read(where, commit) if commit is not None else None
    if commit is None or data is None:
        raise UsageError(f"{where}: no such document; `snap log {stream.key}` lists what there is")
    return Shown(where, commit, data)


def _detail(opened: Opened, target: str, item: str | None) -> Shown:
    """The file of a detail, by the id of its record, as it is now."""
    _, where, why = detail_path(opened, target, item)
    commit = opened.store.head()
    data = None if where is None or commit is None else opened.store.read(where, commit)
    if where is None or commit is None or data is None:
        raise UsageError(f"{target}: there is no file of {item!r}: {why}")
    return Shown(where, commit, data)


def detail_path(opened: Opened, target: str, item: str | None) -> tuple[Stream, str | None, str]:
    """Where the file of a detail lies, by the id of its record; None if there is none, and what is known of it."""
    key, name = target.rsplit("/", 1)
    _, stream = opened.stream(key)
    if name not in [detail.name for detail in stream.details]:
        known = ", ".join(detail.name for detail in stream.details) or "none"
        raise UsageError(f"{key} has no details {name!r}; known are {known}")
    if item is None:
        raise UsageError(f"{target} has a file for each record; name one by its id")
    with opened.closing():
        found = details.known(opened, stream, name, item)
    if found is None:
        raise UsageError(f"{target}: nothing was asked about {item!r} yet")
    return stream, None if found.file is None else f"{target}/{found.file}", f"{found.state}: {escape(found.why)}"


def document_path(stream: Stream, day: str | None) -> str:
    """Where the document lies that a person means by a day, by `undated`, or of a snapshot by nothing."""
    if stream.kind is Kind.SNAPSHOT and stream.day is None:
        if day is not None:
            raise UsageError(f"{stream.key} is one whole state and has no days; leave {day!r} out")
        return paths.snapshot(stream.key)
    if day is None:
        raise UsageError(f"{stream.key} is split by day; name one, like 2018-02-05")
    if day == UNDATED:
        return paths.document(stream.key, None)
    return paths.document(stream.key, parse_day(day))


def parse_day(text: str) -> date:
    """A day as people write it on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day; write it like 2018-02-05") from None


def log(
    path: Path, target: str | None, day: str | None, world: World, *, limit: int | None = None
) -> tuple[LogEntry, ...]:
    """What was committed to the archive, to a source or stream, or to one day; newest first."""
    opened = open_archive(path, world)
    with opened.closing():
        return tuple(_log_entry(one) for one in versions(opened, _log_path(opened, target, day), limit=limit))


def _log_path(opened: Opened, target: str | None, day: str | None) -> str:
    if target is None:
        return ""
    if day is None:
        opened.streams([target])
        return target
    _, stream = opened.stream(target)
    return document_path(stream, day)


def _log_entry(version: Version) -> LogEntry:
    text, trailers = _split_trailers(version.body)
    run = next((value for key, value in trailers if key == "Run"), None)
    return LogEntry(version.commit, version.at, version.subject, tuple(text), run)


def _split_trailers(body: str) -> tuple[list[str], list[tuple[str, str]]]:
    paragraphs = [part for part in body.strip("\n").split("\n\n") if part.strip()]
    last = paragraphs[-1].splitlines() if paragraphs else []
    trailers = [(key, value) for key, found, value in (line.partition(": ") for line in last) if found]
    if not last or len(trailers) != len(last):
        return [line for part in paragraphs for line in part.splitlines()], []
    return [line for part in paragraphs[:-1] for line in part.splitlines()], trailers


# --- status ---


def status(
    path: Path,
    targets: Collection[str],
    world: World,
    *,
    max_age: timedelta | None = None,
    calendar: bool = False,
    tell: Tell = silent,
) -> Status:
    """What is there, what is missing and why, a line a stream.

    With `max_age` the streams that are too old are named; `calendar` adds every day where one stream is looked at.
    """
    opened = open_archive(path, world, tell=tell)
    now = world.clock.now()
    with opened.closing():
        chosen = opened.streams(targets)
        looks = [_Look(opened, source, stream, now) for source, stream in chosen]
        streams = tuple(look.status() for look in looks)
        drawn = [(one.staleness, _stored(one)) for one in streams if one.staleness is not None]
        old = [] if max_age is None else [*_unreadable(opened, targets), *(look.stale(max_age) for look in looks)]
        days = looks[0].days() if calendar and len(looks) == 1 else ()
        twice = doubling.notices(opened, (source.name for source, _ in chosen))
        kept = Quarantine(opened.local / "quarantine", world.clock)
        filling = [Notice("warning", "quarantine", words)] if (words := kept.warning()) else []
        notices = (*_notices(opened, looks, targets, now=now), *twice, *filling)
    return Status(
        path=str(opened.root),
        head=opened.store.head(),
        streams=streams,
        notices=notices,
        waiting_spool=len(Spool(opened.local / "spool", world.clock).jobs()),
        quarantined=len(kept.entries()),
        calendar=days,
        stale=tuple(item for item in old if item is not None),
        staleness=honesty.together(drawn),
    )


def _stored(status: StreamStatus) -> int:
    """The days of a stream that are complete."""
    return status.counts.get(DayState.SAVED, 0) + status.counts.get(DayState.EMPTY, 0)


def _unreadable(opened: Opened, targets: Collection[str]) -> list[Stale]:
    """Files with mistakes: what they describe grows old without anybody being asked."""
    files = dict.fromkeys(problem.file for problem in opened.described.problems)
    return [] if targets else [Stale(file, "it has mistakes (`snap check`): nothing of it is asked") for file in files]


def _notices(opened: Opened, looks: Sequence[_Look], targets: Collection[str], *, now: datetime) -> Iterator[Notice]:
    """What stands in the way: broken files, what may not be asked, tokens that end soon."""
    yield from (Notice("error", problem.file, str(problem)) for problem in opened.described.problems)
    if (bad := rehearsing.trouble(opened)) is not None:
        yield bad
    hindrances = Hindrances(opened)
    for source in {look.source.name: look.source for look in looks}.values():
        if (found := hindrances.of_source(source)) is not None:
            yield Notice("warning", source.name, f"{found.why}; {found.step}: {found.command}")
        yield from expiring(opened, source, now=now)
    for look in looks:
        yield from look.warnings()
        if (found := hindrances.of_change(look.source, look.stream, look.light)) is not None:
            yield Notice("error", look.stream.key, f"{found.why}; {found.step}: {found.command}")
    if not targets:
        yield from hindrances.undescribed()


class _Look:
    """One stream under one's eyes: of its ledger only what is needed is read."""

    def __init__(self, opened: Opened, source: Source, stream: Stream, now: datetime) -> None:
        self.opened = opened
        self.source = source
        self.stream = stream
        self.light = opened.cache.ledger(stream.key, days=())
        self.terms = terms_of(stream, opened.described.settings.zone, now=now, known=self.light)

    def status(self) -> StreamStatus:
        """Its line."""
        days = coverage.unsettled_days(self.light, self.terms)
        ledger = self.opened.cache.ledger(self.stream.key, days=days)
        ledger = without_pauses(ledger, mended(self.opened, self.source, ledger, now=self.terms.now))
        told = coverage.stream_status(ledger, self.stream.kind, terms=self.terms)
        waiting = self.opened.store.paths(paths.held("", self.stream.key).rstrip("/"))
        counted = details.counts(self.opened, self.stream, now=self.terms.now)
        return replace(
            told,
            held=sum(1 for _ in waiting),
            details=counted,
            staleness=self._staleness(),
            surprises=tuple(self._surprises()),
        )

    def _staleness(self) -> Staleness | None:
        drawn = self.opened.cache.picked(self.stream.key, honesty.AUDIT, since=self.terms.now - honesty.RECENT)
        return honesty.staleness(self.stream.key, drawn, self.terms.now)

    def _surprises(self) -> list[date]:
        found = self.opened.cache.surprising(self.stream.key, since=self.terms.now - honesty.NEWS)
        return sorted({day for check in found for day in check.surprises})

    def warnings(self) -> Iterator[Notice]:
        """What may be lost soon."""
        days = horizon.looked_at(self.stream, self.terms.now)
        ledger = self.opened.cache.ledger(self.stream.key, days=days) if days else self.light
        if (why := horizon.warning(self.stream, ledger, now=self.terms.now)) is not None:
            yield Notice("warning", self.stream.key, why)

    def stale(self, max_age: timedelta) -> Stale | None:
        """Whether it is too old."""
        return freshness.stale(self.stream, self.light, max_age=max_age, now=self.terms.now)

    def days(self) -> tuple[CalendarDay, ...]:
        """Every day of it; this reads the row of each."""
        span = coverage.extent(states.Judge(self.light, self.terms))
        if span is None:
            return ()
        return calendars.days_of(states.Judge(self.opened.cache.ledger(self.stream.key, days=[span]), self.terms), span)


def terms_of(stream: Stream, zone: str, *, now: datetime, known: StreamLedger | None = None) -> states.Terms:
    """By what the days of a stream are judged; with what is known of it, in the zone that cut them."""
    rule = stream.window
    if known is not None and known.proved:  # a source file that names another one cuts nothing anew
        zone = known.proved[-1].zone
    elif stream.day is not None:
        zone = stream.day.zone
    return states.Terms(
        zone=zone,
        now=now,
        settle=rule.settle.rough() if rule is not None else timedelta(),
        origin=windows.origin(rule) if rule is not None else None,
        end=windows.frozen_end(rule, now) if rule is not None and rule.end != "now" else None,
    )


# --- the quarantine ---


def quarantined(path: Path, world: World) -> tuple[QuarantineEntry, ...]:
    """Answers that could not be used, oldest first."""
    return _quarantine(path, world).entries()


def quarantined_bytes(path: Path, name: str, world: World) -> bytes:
    """One of them, as it came."""
    return _quarantine(path, world).get(name)


def drop_quarantined(path: Path, name: str, world: World) -> None:
    """Throw one away."""
    with for_writing(path, world, command="snap quarantine drop") as opened:
        Quarantine(opened.local / "quarantine", world.clock, disk=world.disk).drop(name)


def _quarantine(path: Path, world: World) -> Quarantine:
    return Quarantine(open_archive(path, world).local / "quarantine", world.clock)
