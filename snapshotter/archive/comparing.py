"""Versions of one document: which there are, what stood in one, and how two of them differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from snapshotter.archive import asof
from snapshotter.archive.looking import UNDATED, detail_path, document_path
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.versioning import versions
from snapshotter.core import paths
from snapshotter.core.apart import apart
from snapshotter.core.diff import WHOLE, as_deepdiff, compare, summarise
from snapshotter.core.records import Reader
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import Change, Record, Version
from snapshotter.results import Shown
from snapshotter.results.differences import DayVersion, DayVersions, Difference, Side
from snapshotter.spec import Kind, Shape, Stream

SECONDS = 10.0  # of describing a difference that somebody looks at
_BACK = re.compile(r"-\d{1,4}|0")


@dataclass(frozen=True, slots=True)
class Pair:
    """The records in which two versions differ, and how many are in both."""

    old: Sequence[Record]
    new: Sequence[Record]
    common: int


@dataclass
class History:
    """The versions of one document."""

    opened: Opened
    stream: Stream
    path: str
    is_detail: bool = False
    before: tuple[str, ...] = ()  # where a detail lay before its record moved to another day

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Newest first; that a detail moved with its record is none, nor is a merge that took what is there."""
        if self.before:
            found = tuple(self.opened.store.versions(self.path, also=self.before))
        else:
            found = tuple(versions(self.opened, self.path))
        moved = {newer.commit for newer, older in pairwise(found) if newer.blob == older.blob}
        return tuple(one for one in found if one.commit not in moved)

    def path_in(self, version: Version) -> str:
        """Where the document lay in a version."""
        store = self.opened.store
        return next((one for one in (self.path, *self.before) if store.blob_id(one, version.commit)), self.path)

    def version(self, text: str) -> Version:
        """The one that a person means: `-1`, a commit, or a date or an instant, as it was then."""
        if _BACK.fullmatch(text):
            if -int(text) >= len(self.versions):
                raise UsageError(f"{self.path} has {_count(len(self.versions))}, so there is no {text}; {self.hint}")
            return self.versions[-int(text)]
        seen = self._seen(text)
        try:
            held = self._held_at(text)
        except UsageError:
            if seen is None:
                raise
            return seen
        return held if seen is None or held.at >= seen.at else seen

    def _seen(self, text: str) -> Version | None:
        """What an import brought later and had been observed by then."""
        instant = asof.instant_of(text)
        imported = (one for one in self.versions if instant is not None and one.at <= instant)
        return max((one for one in imported if asof.is_imported(one)), key=lambda one: one.at, default=None)

    def _held_at(self, text: str) -> Version:
        """What the archive itself held then."""
        commit = self.opened.store.resolve(text)
        blobs = (self.opened.store.blob_id(path, commit) for path in (self.path, *self.before))
        blob = next((blob for blob in blobs if blob is not None), None)
        if blob is None:
            raise UsageError(f"{self.path}: no such document at {text}; {self.hint}")
        found = [version for version in self.versions if version.blob == blob]
        reached = next((one for one in found if self._reaches(one, commit)), None)
        if reached is not None:
            return reached
        raise UsageError(f"{self.path}: what {text} has is no version of this archive's branch; {self.hint}")

    def _reaches(self, version: Version, commit: str) -> bool:
        return version.commit == commit or self.opened.store.has_ancestor(commit, version.commit)

    @property
    def hint(self) -> str:
        """What lists the versions."""
        if self.is_detail:
            return f"`git log -- {self.path}` lists what there is"
        return f"`snap versions {self.name}` lists what there is"

    @property
    def name(self) -> str:
        """The document as one names it on the command line."""
        return f"{self.stream.key} {self.day}".rstrip()

    @property
    def day(self) -> str:
        """Its day, `undated`, or nothing."""
        day = paths.day_of(self.path, self.stream.key)
        return day.isoformat() if day else "" if self.stream.day is None else UNDATED

    def pair(self, old: Version, new: Version) -> Pair:
        """What stood in two versions, without what is in both."""
        left = apart(self.data(old), self.data(new))
        return Pair(self.records(old, left.old), self.records(new, left.new), left.common)

    def data(self, version: Version) -> bytes:
        """The bytes of a version; an empty list in one that removed the file."""
        return b"[]\n" if version.blob is None else self.opened.store.blob(version.blob)

    def records(self, version: Version, data: bytes | None = None) -> list[Record]:
        """What stood in a version, or in a part of it."""
        day = paths.day_of(self.path, self.stream.key)
        try:
            found = Reader(self.stream).document(self.data(version) if data is None else data, day=day)
        except Unreadable as error:
            raise Damaged(f"{self.path} as of {version.commit[:8]} cannot be read: {error.message}") from error
        if self.stream.selection.shape is Shape.SINGLE:
            return [replace(record, key=WHOLE) for record in found]
        return found

    def held(self) -> Version:
        """The version that waits."""
        waits = paths.held(self.path, self.stream.key)
        if self.opened.store.blob_id(waits) is None:
            raise UsageError(f"{self.name}: no version of it waits; `snap held` lists what does")
        return next(iter(versions(self.opened, waits, limit=1)))

    def change(self, old: Sequence[Record], new: Sequence[Record], *, most: int) -> Change:
        """How two versions differ."""
        ignore, clock = self.stream.selection.ignore, self.opened.world.clock.monotonic
        return summarise(old, new, ignore=ignore, clock=clock, seconds=SECONDS, most=most)


def _count(versions: int) -> str:
    return "one version" if versions == 1 else f"{versions} versions"


def _history(opened: Opened, target: str, day: str | None) -> History:
    _, stream = opened.stream(target)
    return History(opened, stream, document_path(stream, day))


def _detail_history(opened: Opened, target: str, item: str | None) -> History:
    """The versions of the file of a detail, where it lies now."""
    stream, where, why = detail_path(opened, target, item)
    if where is None:
        raise UsageError(f"{target}: there is no file of {item!r}: {why}")
    places = opened.store.places(target, where.rsplit("/", 1)[1])
    return History(opened, stream, where, is_detail=True, before=tuple(place for place in places if place != where))


# --- one version ---


def show_at(path: Path, target: str, day: str | None, world: World, *, at: str) -> tuple[Shown, Version]:
    """The document as it was, and the version that is."""
    opened = open_archive(path, world)
    with opened.closing():
        history = _detail_history(opened, target, day) if target.count("/") == 2 else _history(opened, target, day)
        version = history.version(at)
        if version.blob is None:
            raise UsageError(f"{history.path}: removed by {version.commit[:8]}; {history.hint}")
        return Shown(history.path_in(version), version.commit, opened.store.blob(version.blob)), version


# --- two versions ---


def diff(
    path: Path, target: str, words: Sequence[str], world: World, *, held: bool = False, most: int, deep: bool = False
) -> Difference:
    """How two versions of a document differ: those named after its day, else the last two."""
    opened = open_archive(path, world)
    with opened.closing():
        _, stream = opened.stream(target)
        has_days = stream.day is not None or stream.kind is Kind.SERIES
        day = words[0] if has_days and words else None
        named = list(words[1:] if has_days else words)
        history = _history(opened, target, day)
        if not history.versions:
            raise UsageError(f"{history.path}: no such document; `snap versions {stream.key}` lists what there is")
        if len(named) > 2 or (held and named):
            raise UsageError("name two versions at most, and none with --held")
        if held:
            return _difference(history, history.version("0"), history.held(), most=most, deep=deep, held=True)
        if not named and len(history.versions) == 1:
            return _difference(history, None, history.versions[0], most=most, deep=deep)
        old = history.version(named[0] if named else "-1")
        return _difference(history, old, history.version(named[1] if len(named) > 1 else "0"), most=most, deep=deep)


def _difference(
    history: History, old: Version | None, new: Version, *, most: int, deep: bool, held: bool = False
) -> Difference:
    pair = history.pair(new if old is None else old, new)
    told = None
    if deep:
        clock = history.opened.world.clock.monotonic
        told = as_deepdiff(compare(pair.old, pair.new, clock=clock, deadline=clock() + SECONDS))
    return Difference(
        stream=history.stream.key,
        day=history.day,
        path=history.path,
        old=None if old is None else _side(old, pair.common + len(pair.old)),
        new=_side(new, pair.common + len(pair.new), held=held),
        change=history.change(pair.old, pair.new, most=most),
        deepdiff=told,
    )


def _side(version: Version, records: int, *, held: bool = False) -> Side:
    return Side(version.commit, version.at, version.subject, records, held)


# --- all versions ---


def versions_of(path: Path, target: str, day: str | None, world: World, *, most: int) -> tuple[DayVersion, ...]:
    """The versions of one document, newest first, each with what it changed."""
    opened = open_archive(path, world)
    with opened.closing():
        return _each(_history(opened, target, day), most=most)


def _each(history: History, *, most: int) -> tuple[DayVersion, ...]:
    if not history.versions:
        raise UsageError(
            f"{history.path}: no such document; `snap versions {history.stream.key}` lists the days that changed"
        )
    lines: list[DayVersion] = []
    kept = history.versions[: most + 1]
    for place, version in enumerate(kept[:most]):
        first = place + 1 == len(kept)
        pair = history.pair(version if first else kept[place + 1], version)
        change = None if first else history.change(pair.old, pair.new, most=0)
        count = pair.common + len(pair.new)
        lines.append(DayVersion(-place, version.commit, version.at, version.subject, count, change))
    return tuple(lines)


def is_one_document(path: Path, target: str, world: World) -> bool:
    """Whether a name means a snapshot, which has one document and no days."""
    found = open_archive(path, world).streams([target])
    return len(found) == 1 and found[0][1].kind is Kind.SNAPSHOT and found[0][1].day is None


def written_often(
    path: Path, targets: Collection[str], world: World, *, most: int | None, by_count: bool
) -> tuple[DayVersions, ...]:
    """The documents with more than one version: those changed last first, or those changed most often."""
    opened = open_archive(path, world)
    with opened.closing():
        found = [line for _, stream in opened.streams(targets) for line in _written(opened, stream)]
    found = [line for line in found if line.versions > 1]
    newest = sorted(found, key=lambda line: (line.last, line.path), reverse=True)
    if by_count:
        newest.sort(key=lambda line: line.versions, reverse=True)
    return tuple(newest[:most])


def written_since(opened: Opened, streams: Collection[Stream], begin: date) -> tuple[DayVersions, ...]:
    """The documents with more than one version whose last one came on a day or later, newest first."""
    found = [line for stream in streams for line in _written(opened, stream)]
    late = [line for line in found if line.versions > 1 and line.last.date() >= begin]
    return tuple(sorted(late, key=lambda line: (line.last, line.path), reverse=True))


def _written(opened: Opened, stream: Stream) -> Iterator[DayVersions]:
    """Counts of each document, brought up to the head from where they were last time."""
    head = opened.store.head()
    if head is None:
        return
    known = opened.cache.counted(stream.key)
    if known != head:
        since = known if known is not None and opened.store.has_ancestor(head, known) else None
        found = opened.store.writes(stream.key, after=since, upto=head)
        opened.cache.count_writes(stream.key, [(int(at.timestamp()), path) for at, path in found], since=since, at=head)
    for path, (count, first, last) in opened.cache.writes(stream.key).items():
        day: date | None = paths.day_of(path, stream.key)
        if day is not None or path in (paths.snapshot(stream.key), paths.document(stream.key, None)):
            yield DayVersions(stream.key, day, path, count, _instant(first), _instant(last))


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
