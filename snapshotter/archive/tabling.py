"""Streams and details as rows: which there are, and their records one after the other, now or as of a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from snapshotter.archive import asof
from snapshotter.archive.opening import Opened
from snapshotter.canonical import Json, decode_document, encode, plain
from snapshotter.core import paths, tables
from snapshotter.core.days import day_bounds
from snapshotter.core.placing import placer
from snapshotter.core.verifying import part_of
from snapshotter.errors import Damaged, Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.spec import Stream


@dataclass(frozen=True, slots=True)
class Row:
    """One record, exact, and where it lies."""

    value: Json
    day: date | None
    instant: datetime | None
    id: str | None = None  # of the record that a detail belongs to

    @property
    def text(self) -> bytes:
        """Its canonical JSON."""
        return encode(self.value)


@dataclass(frozen=True, slots=True)
class Table:
    """What becomes one table: a stream, or the details of its records."""

    key: str  # source/stream or source/stream/detail
    stream: Stream
    detail: str = ""

    @property
    def ours(self) -> tuple[str, ...]:
        """The columns that the archive adds."""
        if self.detail:
            return (tables.ID, tables.DAY)
        return () if self.stream.day is None else (tables.DAY, tables.INSTANT)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records are meant."""

    at: str | None = None
    since: date | None = None
    until: date | None = None

    def check(self) -> None:
        """`UsageError` where no day could be meant."""
        if self.since is not None and self.until is not None and self.since > self.until:
            raise UsageError(f"--since {self.since} comes after --until {self.until}, so no day is meant")

    def holds(self, day: date | None) -> bool:
        """Whether the records of a day are meant; those without a day where no day is named."""
        if day is None:
            return self.since is None and self.until is None
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


def every_table(opened: Opened) -> dict[str, Table]:
    """All streams and details that source files describe."""
    found = {}
    for _, stream in opened.streams():
        found[stream.key] = Table(stream.key, stream)
        for detail in stream.details:
            key = f"{stream.key}/{detail.name}"
            found[key] = Table(key, stream, detail.name)
    return found


def rows(opened: Opened, table: Table, chosen: Chosen) -> Iterator[Row]:
    """The records of a table, day by day."""
    prefix = table.key if table.detail else table.stream.key
    for path, blob in asof.files(opened, prefix, chosen.at):
        part = part_of(path)
        if table.detail:
            if part.kind == "detail":
                yield from _detail(opened, table, path, blob, chosen=chosen)
        elif part.kind == "document" and chosen.holds(part.day):
            yield from _document(opened, table, path, blob, day=part.day)


def _document(opened: Opened, table: Table, path: str, blob: str, *, day: date | None) -> Iterator[Row]:
    value, is_plain = _decoded(opened, path, blob)
    rule = table.stream.day
    place = None if rule is None or rule.from_window else placer(rule)
    start = None if rule is None or day is None else day_bounds(day, rule.zone).start
    for record in value if isinstance(value, list) else [value]:
        instant = start
        if place is not None:
            try:
                instant = place(record if is_plain else plain(record), None).instant or start
            except Unreadable:  # it was archived by another rule
                instant = start
        yield Row(record, day, instant)


def _detail(opened: Opened, table: Table, path: str, blob: str, *, chosen: Chosen) -> Iterator[Row]:
    folders = path.removeprefix(f"{table.key}/").split("/")[:-1]
    day = None
    if len(folders) == 3:
        day = paths.day_of(f"x/{folders[0]}/{folders[1]}/{'-'.join(folders)}.json", "x")
    if chosen.holds(day):
        value, _ = _decoded(opened, path, blob)
        yield Row(value, day, None, tables.detail_id(path))


def _decoded(opened: Opened, path: str, blob: str) -> tuple[Json, bool]:
    try:
        decoded = decode_document(opened.store.blob(blob))
    except Unreadable as error:
        raise Damaged(f"{path} in the archive cannot be read: {error.message}; see git log -p {path}") from error
    return decoded.value, decoded.exact_is_plain
