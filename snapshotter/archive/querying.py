"""`snap query`: SQL over the newest versions of all records, or over those of a time.

The streams that a statement names are read document by document into a private folder, loaded from there, and asked;
the folder is gone at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from snapshotter.archive import asof
from snapshotter.archive.opening import Opened, Tell, open_archive
from snapshotter.archive.tabling import Chosen, Row, Table, every_table, rows
from snapshotter.canonical import decode, encode
from snapshotter.core import tables
from snapshotter.core.tables import Columns
from snapshotter.core.verifying import part_of
from snapshotter.edge.duck import Duck
from snapshotter.edge.scratch import scratch_folder
from snapshotter.edge.world import World
from snapshotter.frozen import dataclass
from snapshotter.results import Progress
from snapshotter.results.querying import Answered, View

MEMORY = "512MB"
_TOLD_EVERY = 20_000  # records
_WHOLE = "w"  # what a record as a whole is called in a file of rows


@contextmanager
def query(
    path: Path, sql: str, chosen: Chosen, world: World, *, memory: str = MEMORY, tell: Tell
) -> Iterator[Answered]:
    """The answer to a statement; its rows are there as long as the context is."""
    chosen.check()
    opened = open_archive(path, world)
    everything = every_table(opened)
    names = tables.table_names(everything)
    with scratch_folder() as folder:
        duck = Duck(folder, memory=memory)
        try:
            for number, key in enumerate(tables.mentioned(sql, names)):
                load(opened, everything[key], chosen, duck, Loading(folder / f"t{number}", names[key], tell))
            columns, found = duck.ask(sql)
            yield Answered(columns, found)
        finally:
            duck.close()


@dataclass(frozen=True, slots=True)
class Loading:
    """Where the rows of a table lie for a while, what it is called, and who hears about it."""

    file: Path
    name: str
    tell: Tell


def load(opened: Opened, table: Table, chosen: Chosen, duck: Duck, way: Loading) -> str:
    """Bring a stream into the database; gives the name of its view, quoted."""
    columns = Columns(table.ours)
    longest = 0
    with way.file.open("wb") as out:
        for number, row in enumerate(rows(opened, table, chosen), start=1):
            columns.look(row.value)
            longest = max(longest, out.write(_line(row, columns)))
            if number % _TOLD_EVERY == 0:
                way.tell(Progress(table.key, "reading", f"{table.key}: {number:,} records read", done=number))
    if columns.is_whole or any(seen.is_rendered for seen in columns.seen.values()):
        longest = _render(way.file, columns)
    named = columns.names
    typed = {_key(name): (tables.quoted(name), tables.OURS[name], tables.OURS[name]) for name in table.ours}
    typed |= {
        columns.places[member]: (tables.quoted(named[member]), seen.sql(json="VARCHAR"), seen.sql())
        for member, seen in columns.types.items()
    }
    if not typed:  # a state of which nothing is known yet
        typed = {"c0": (tables.quoted(tables.WHOLE), "VARCHAR", "VARCHAR")}
    view = tables.quoted(way.name)
    duck.load([view, tables.quoted(table.key)], way.file, typed, longest)
    way.file.unlink()
    return view


def _key(name: str) -> str:
    """What a column of ours is called in the file, where those of the records are c0, c1, …"""
    return f"o{name}"


def _line(row: Row, columns: Columns) -> bytes:
    given: Mapping[str, object] = {tables.DAY: row.day, tables.INSTANT: row.instant, tables.ID: row.id}
    cells = {_key(name): _sql_text(given[name]) for name in columns.ours}
    if columns.is_whole:
        return encode(cells | {_WHOLE: row.value}) + b"\n"
    places = columns.places
    return encode(cells | {places[member]: value for member, value in row.value.items()}) + b"\n"


def _sql_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime():
            return value.replace(tzinfo=None).isoformat(sep=" ")
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _render(file: Path, columns: Columns) -> int:
    """Write the rows once more, now that all types are known; gives the length of the longest."""
    raw = file.rename(file.with_suffix(".raw"))
    members = {place: member for member, place in columns.places.items()}
    longest = 0
    with raw.open("rb") as lines, file.open("wb") as out:
        for line in lines:
            read = decode(line).value
            cells = {key: read.pop(key) for key in map(_key, columns.ours)}
            record = read.pop(_WHOLE) if _WHOLE in read else {members[place]: value for place, value in read.items()}
            cells |= {columns.places[member]: value for member, value in columns.values(record).items()}
            longest = max(longest, out.write(encode(cells) + b"\n"))
    raw.unlink()
    return longest


def views(path: Path, chosen: Chosen, world: World) -> tuple[View, ...]:
    """The tables that a query can name."""
    opened = open_archive(path, world)
    everything = every_table(opened)
    names = tables.table_names(everything)
    return tuple(_view(opened, table, names[key], chosen.at) for key, table in everything.items())


def _view(opened: Opened, table: Table, name: str, at: str | None) -> View:
    kind = "detail" if table.detail else "document"
    parts = [part_of(path) for path, _ in asof.files(opened, table.key, at)]
    found = [part for part in parts if part.kind == kind]
    days = [part.day for part in found if part.day is not None]
    return View(name, table.key, len(found), min(days, default=None), max(days, default=None))
