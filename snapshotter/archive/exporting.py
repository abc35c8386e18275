"""`snap export`: records in a format that other programs read, with a note of where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

from snapshotter import __version__
from snapshotter.archive.opening import Opened, Tell, open_archive
from snapshotter.archive.querying import MEMORY, Loading, load
from snapshotter.archive.tabling import Chosen, Row, Table, every_table, rows
from snapshotter.canonical import Json, encode, encode_indented
from snapshotter.codec import instant_text, to_plain
from snapshotter.core import tables
from snapshotter.core.tables import Columns
from snapshotter.edge import outfiles
from snapshotter.edge.duck import Duck
from snapshotter.edge.scratch import scratch_folder
from snapshotter.edge.sheets import Sheets, sheets
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.results import Progress
from snapshotter.results.querying import Exported

Form = Literal["jsonl", "csv", "parquet", "sqlite"]
PROVENANCE = ".provenance.json"
_TOLD_EVERY = 20_000  # records


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is written where."""

    form: Form
    streams: tuple[str, ...]
    to: Path
    chosen: Chosen
    replaces: bool = False  # a file that is there


@dataclass(slots=True)
class _Count:
    """What went by."""

    records: int = 0
    first: date | None = None
    last: date | None = None


def export(path: Path, options: ExportOptions, world: World, *, tell: Tell) -> tuple[Exported, ...]:
    """Write the streams; each file appears whole."""
    options.chosen.check()
    opened = open_archive(path, world)
    chosen = _tables(opened, options.streams)
    to = options.to.parent.resolve() / options.to.name
    if to.resolve().is_relative_to(opened.root.resolve()):
        raise UsageError(f"{to} lies in the archive, which holds what was archived only; name a place outside")
    exporting = _Exporting(opened, options, tell)
    if options.form == "sqlite":
        return exporting.into_one(chosen, to)
    if len(chosen) == 1 and not to.is_dir():
        return (exporting.into(chosen[0], to),)
    outfiles.make_folder(to)
    names = tables.table_names(table.key for table in chosen)
    return tuple(exporting.into(table, to / f"{names[table.key]}.{options.form}") for table in chosen)


def _tables(opened: Opened, named: Sequence[str]) -> list[Table]:
    everything = every_table(opened)
    found: dict[str, Table] = {}
    for name in named:
        keys = [name] if name in everything else [stream.key for _, stream in opened.streams([name])]
        found |= {key: everything[key] for key in keys}
    return list(found.values())


class _Exporting:
    """One export."""

    def __init__(self, opened: Opened, options: ExportOptions, tell: Tell) -> None:
        self.opened = opened
        self.options = options
        self.chosen = options.chosen
        self._tell = tell
        at = self.chosen.at
        self.commit = opened.store.head() or "" if at is None else opened.store.resolve(at)

    def into(self, table: Table, target: Path) -> Exported:
        """One stream into a file of its own."""
        self._check_free(target)
        count = _Count()
        if not target.parent.is_dir():
            raise UsageError(f"{target.parent}: no such folder")
        with outfiles.appearing(target) as part:
            self._write(table, part, count)
        told = self._told(table, target, count)
        with outfiles.appearing(target.with_name(target.name + PROVENANCE)) as part:
            outfiles.write_lines(part, [encode_indented(to_plain(replace(told, path=target.name)))])
        return told

    def into_one(self, chosen: Sequence[Table], target: Path) -> tuple[Exported, ...]:
        """All streams into one SQLite file."""
        self._check_free(target)
        if not target.parent.is_dir():
            raise UsageError(f"{target.parent}: no such folder")
        names = tables.table_names(table.key for table in chosen)
        found: list[Exported] = []
        with outfiles.appearing(target) as part, sheets(part) as file:
            for table in chosen:
                count = _Count()
                self._sheet(table, names[table.key], file, count)
                found.append(replace(self._told(table, None, count), path=str(target), table=names[table.key]))
            facts = [to_plain(replace(told, path=target.name)) for told in found]
            told = sorted({name for fact in facts if isinstance(fact, dict) for name in fact})
            lines = [[tables.cell_text(fact.get(name)) for name in told] for fact in facts if isinstance(fact, dict)]
            file.table('"_provenance"', [tables.quoted(name) for name in told], lines)
        digest = outfiles.digest(target)
        return tuple(replace(told, sha256=digest) for told in found)

    def _check_free(self, target: Path) -> None:
        if (target.exists() or target.is_symlink()) and not self.options.replaces:
            raise UsageError(f"{target} is there already; --force replaces it")

    def _told(self, table: Table, target: Path | None, count: _Count) -> Exported:
        return Exported(
            path="" if target is None else str(target),
            format=self.options.form,
            stream=table.key,
            records=count.records,
            sha256="" if target is None else outfiles.digest(target),
            commit=self.commit,
            snap=__version__,
            exported=self.opened.world.clock.now(),
            at=self.chosen.at,
            since=self.chosen.since,
            until=self.chosen.until,
            first=count.first,
            last=count.last,
        )

    # --- each format ---

    def _write(self, table: Table, part: Path, count: _Count) -> None:
        writing: Mapping[str, Callable[[Table, Path, _Count], None]] = {
            "jsonl": self._jsonl, "csv": self._csv, "parquet": self._parquet,
        }  # fmt: skip
        writing[self.options.form](table, part, count)

    def _jsonl(self, table: Table, part: Path, count: _Count) -> None:
        outfiles.write_lines(part, (_json_line(table, row) for row in self._rows(table, count)))

    def _csv(self, table: Table, part: Path, count: _Count) -> None:
        columns = self._columns(table)
        header = tables.csv_line([*table.ours, *columns.names.values()]).encode()

        def lines() -> Iterator[bytes]:
            yield header
            for row in self._rows(table, count):
                cells = [tables.cell_text(value) for value in _values(table, row, columns)]
                yield tables.csv_line(cells).encode()

        outfiles.write_lines(part, lines())

    def _sheet(self, table: Table, name: str, file: Sheets, count: _Count) -> None:
        columns = self._columns(table)
        names = [tables.quoted(one) for one in (*table.ours, *columns.names.values())] or [tables.quoted(tables.WHOLE)]
        found = self._rows(table, count)
        cells = ([tables.sqlite_value(value) for value in _values(table, row, columns)] for row in found)
        file.table(tables.quoted(name), names, cells)

    def _parquet(self, table: Table, part: Path, count: _Count) -> None:
        with scratch_folder() as folder:
            duck = Duck(folder, memory=MEMORY)
            try:
                way = Loading(folder / "t0", "rows", self._tell)
                duck.to_parquet(load(self.opened, table, self.chosen, duck, way), part)
            finally:
                duck.close()
        for _ in self._rows(table, count):
            pass

    def _columns(self, table: Table) -> Columns:
        columns = Columns(table.ours)
        for row in self._rows(table, _Count()):
            columns.look(row.value)
        return columns

    def _rows(self, table: Table, count: _Count) -> Iterator[Row]:
        for row in rows(self.opened, table, self.chosen):
            count.records += 1
            if row.day is not None:
                count.first = min(count.first or row.day, row.day)
                count.last = max(count.last or row.day, row.day)
            if count.records % _TOLD_EVERY == 0:
                words = f"{table.key}: {count.records:,} records"
                self._tell(Progress(table.key, "writing", words, done=count.records))
            yield row


def _json_line(table: Table, row: Row) -> bytes:
    """The record as it is archived; of a detail with the id and day of its record, which it may lack."""
    if not table.detail:
        return row.text + b"\n"
    day = None if row.day is None else row.day.isoformat()
    return encode({"day": day, "id": row.id, "record": row.value}) + b"\n"


def _values(table: Table, row: Row, columns: Columns) -> list[Json]:
    ours = {
        tables.DAY: None if row.day is None else row.day.isoformat(),
        tables.INSTANT: None if row.instant is None else instant_text(row.instant),
        tables.ID: row.id,
    }
    told: list[Json] = [ours[name] for name in table.ours]
    if columns.is_whole:
        return [*told, row.text.decode()]
    return [*told, *(row.value.get(member) for member in columns.seen)]
