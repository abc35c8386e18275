"""Ledgers and places as rows: what is read and written follows what a record touches, not what is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from snapshotter.codec import from_plain, to_plain
from snapshotter.edge.cache import rows
from snapshotter.edge.cache.commits import CommitRows
from snapshotter.edge.cache.details import DetailRows
from snapshotter.edge.cache.file import PATIENCE, CacheFile
from snapshotter.edge.cache.kept import OddDays, WriterRows
from snapshotter.edge.cache.rows import Range, Row
from snapshotter.evidence import Checked, Document, Missed, Proof, Proved, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import RunRecord

Fold = Callable[[StreamLedger, Iterable[RunRecord]], StreamLedger]
Days = tuple[date, date]  # first and last
S = TypeVar("S", bound=Proved | Proof | Missed)

BATCH = 1_000  # records folded at once
SHORT = 16  # bytes
KEYS = 500  # ids asked for at once
ROWS = 400  # written by one statement, which takes half the time of 400; older SQLite allows 999 values
ALWAYS = (-(1 << 62), 1 << 62)
EVERY_DAY = (date.min.toordinal(), date.max.toordinal())

_DOCUMENTS = "SELECT day, records, sha256, zone, at, stamp, changed, changed_stamp FROM days WHERE stream = ?"
_TOLD = """SELECT DISTINCT run, sequence FROM told WHERE stream = ?
    ORDER BY run DESC, sequence DESC LIMIT ?"""
_ORDERS = """WITH RECURSIVE orders (size) AS (
        SELECT min(size) FROM told WHERE stream = ?
        UNION ALL SELECT (SELECT min(size) FROM told WHERE stream = ? AND size > orders.size) FROM orders
            WHERE size IS NOT NULL
    ) SELECT size FROM orders WHERE size IS NOT NULL"""  # DISTINCT would walk over all rows
_FILLED = f"{_DOCUMENTS} AND records > 0"
_BETWEEN = "SELECT key, day FROM places WHERE stream = ? AND key BETWEEN ? AND ? LIMIT ?"
_YEARS = """SELECT strftime('%Y', day + 1721424.5) AS year, count(*), sum(records) FROM days
    WHERE stream = ? AND day BETWEEN ? AND ? AND records > 0 GROUP BY year"""  # 1721424.5: the Julian day before day 1


@dataclass(frozen=True, slots=True)
class _Segments(Generic[S]):
    """How one kind of statement about spans is kept: its table, and the way to and from its rows."""

    table: str
    columns: str
    to_row: Callable[[S], Row]
    of_row: Callable[[Row], S]


_PROVED = _Segments("proved", "start, until, zone", rows.proved_row, rows.proved_of)
_PROOFS = _Segments("proofs", "start, until, zone, at, stamp, validators", rows.proof_row, rows.proof_of)
_MISSES = _Segments("misses", "start, until, fact, at, stamp", rows.missed_row, rows.missed_of)


class Cache:
    """What is known of every stream, and where every id lies."""

    def __init__(self, path: Path, fold: Fold, *, patience: float = PATIENCE) -> None:
        self._file = CacheFile(path, patience=patience)
        self._fold = fold
        self._facts: tuple[str, str, StreamLedger] | None = None  # of the stream read last, as text and as a value
        self.details = DetailRows(lambda: self._file)
        self.writers = WriterRows(lambda: self._file)
        self.odd = OddDays(lambda: self._file)
        self.commits = CommitRows(lambda: self._file)

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def lost(self) -> str | None:
        """Why the file that was here had to be thrown away when it was opened, or None."""
        return self._file.lost

    def clear(self) -> None:
        """Forget everything: history is not the one that was folded."""
        self._file.clear()

    # --- the ledger ---

    def head(self) -> str | None:
        """The commit up to which all run records are folded in; None: nothing is known yet."""
        with self._file.reading():
            row = self._file.one("SELECT value FROM meta WHERE name = 'head'")
            return None if row is None else str(row[0])

    def streams(self) -> tuple[str, ...]:
        """The streams that have run records."""
        with self._file.reading():
            return tuple(str(name) for (name,) in self._file.rows("SELECT name FROM streams ORDER BY name"))

    def ledger(self, stream: str, *, days: Sequence[Days] | None = None) -> StreamLedger:
        """A stream's ledger; with `days`, proofs and documents of these ranges of days only.

        Always there: spans, misses, totals, the oldest and the newest document with records.
        """
        with self._file.reading():
            number, ledger = self._stream(stream)
            if number is None:
                return ledger
            numbers = [EVERY_DAY] if days is None else [(first.toordinal(), last.toordinal()) for first, last in days]
            spans = [(rows.micros_of(first), rows.micros_of(last) + rows.DAY) for first, last in numbers]
            return replace(
                ledger,
                proved=tuple(self._touching(_PROVED, number, spans=[ALWAYS])),
                proofs=tuple(self._touching(_PROOFS, number, spans=rows.around(spans))),
                misses=tuple(self._touching(_MISSES, number, spans=[ALWAYS])),
                days=dict(self._documents(number, numbers)) | ({} if days is None else dict(self._always(number))),
            )

    def touched(self, stream: str, records: Iterable[RunRecord]) -> StreamLedger:
        """The part of a stream's ledger that these records speak about: enough to fold them, or to see what is new."""
        with self._file.reading():
            return self._touched(stream, list(records))[1]

    def apply(self, head: str | None, records: Iterable[RunRecord]) -> None:
        """Fold records in, in any order, and remember up to which commit (None: as before); all of it or nothing."""
        with self._file.writing():
            rest = iter(records)
            while batch := list(islice(rest, BATCH)):
                streams: dict[str, list[RunRecord]] = {}
                for record in batch:
                    streams.setdefault(f"{record.source}/{record.stream}", []).append(record)
                for stream, told in streams.items():
                    number, before = self._touched(stream, told)
                    self._write(number, before, self._fold(before, told))
                    self.details.tell(stream, told)
                    self.writers.tell(stream, told)
                    self._insert("told", list(dict.fromkeys(self._told_rows(stream, told))))
                    number = self._number(stream)
                    self._insert("checks", [(number, *row) for record in told for row in rows.check_rows(record)])
            if head is not None:
                self._file.run("INSERT OR REPLACE INTO meta VALUES ('head', ?)", head)

    def forget(self, stream: str) -> None:
        """Drop everything about a stream."""
        with self._file.writing():
            number, _ = self._stream(stream)
            for table in ("proved", "proofs", "misses", "days", "told", "checks", "places"):
                self._file.run(f"DELETE FROM {table} WHERE stream = ?", number)  # noqa: S608 - our own words
            self.details.forget(stream)
            self.writers.forget(stream)
            self.odd.forget(number)
            self._file.run("DELETE FROM streams WHERE id = ?", number)

    def told(self, stream: str, *, span: Range | None = None, limit: int | None = None) -> tuple[tuple[str, int], ...]:
        """Run and sequence of the records that speak of a span (in microseconds), or of all; newest first.

        All of a stream is a walk over its index; a span costs no more than what was told of it.
        """
        with self._file.reading():
            number, _ = self._stream(stream)
            if span is not None:
                found = [row for order in self._orders(number) for row in self._told_near(number, span, order=order)]
            else:
                found = self._file.rows(_TOLD, number, -1 if limit is None else limit)
        names = sorted({(str(name), int(sequence)) for name, sequence in found}, reverse=True)
        return tuple(names[:limit])

    def checks(self, stream: str) -> tuple[Checked, ...]:
        """What its stories tell of days that were asked again, oldest run first."""
        return self._checks(stream, "ORDER BY run, sequence, story")

    def picked(self, stream: str, rule: str, *, since: datetime) -> tuple[Checked, ...]:
        """Those among them that a rule chose since an instant; costs no more than these."""
        return self._checks(stream, "AND picked = ? AND at >= ? ORDER BY at", rule, rows.micros(since))

    def surprising(self, stream: str, *, since: datetime) -> tuple[Checked, ...]:
        """Those among them that found a change against expectation since an instant; costs no more than these."""
        return self._checks(stream, "AND surprises > 0 AND at >= ? ORDER BY at", rows.micros(since))

    def _checks(self, stream: str, which: str, *values: object) -> tuple[Checked, ...]:
        with self._file.reading():
            number, _ = self._stream(stream)
            query = f"SELECT told FROM checks WHERE stream = ? {which}"  # noqa: S608 - our own words
            return tuple(from_plain(Checked, json.loads(told)) for (told,) in self._file.rows(query, number, *values))

    def by_year(self, stream: str, days: Days) -> dict[int, tuple[int, int]]:
        """Of each year of a range of days: how many documents with records there are, and how many records."""
        with self._file.reading():
            number, _ = self._stream(stream)
            found = self._file.rows(_YEARS, number, days[0].toordinal(), days[1].toordinal())
            return {int(year): (documents, records) for year, documents, records in found}

    def _orders(self, number: int | None) -> list[int]:
        return [int(order) for (order,) in self._file.rows(_ORDERS, number, number)]

    def _told_near(self, number: int | None, span: Range, *, order: int) -> list[Row]:
        query = "SELECT run, sequence FROM told WHERE stream = ? AND size = ? AND start > ? AND start < ? AND until > ?"
        return self._file.rows(query, number, order, span[0] - rows.reach(order), span[1], span[0])

    # --- where ids lie ---

    def placed(self, stream: str) -> str | None:
        """The commit whose documents `places` knows; None: they must be read first."""
        with self._file.reading():
            row = self._file.one("SELECT placed FROM streams WHERE name = ?", stream)
            return None if row is None or row[0] is None else str(row[0])

    def places(self, stream: str, keys: Iterable[bytes]) -> dict[bytes, date | None]:
        """The days that these ids lie on (None: undated); an id that lies nowhere is left out."""
        found: dict[bytes, date | None] = {}
        with self._file.reading():
            number, _ = self._stream(stream)
            if self._file.one("SELECT 1 FROM places WHERE stream = ? LIMIT 1", number) is None:
                return {}
            names = {key if len(key) < SHORT else _hash(key): key for key in keys}
            for name, day in self._lying(number, sorted(names)):
                found[names[name]] = None if day is None else date.fromordinal(day)
        return found

    def _lying(self, number: int | None, names: Sequence[bytes]) -> Iterator[Row]:
        """Those of these sorted names that lie somewhere, each with the number of its day.

        Ids mostly grow, so that few others lie between those of an answer: to read all of these takes a quarter of the
        time that a search for each takes. Where ids lie scattered, this is found out once, and cheaply.
        """
        is_near = True
        for start in range(0, len(names), KEYS):
            some = names[start : start + KEYS]
            between = self._file.rows(_BETWEEN, number, some[0], some[-1], 2 * KEYS) if is_near else []
            is_near = is_near and len(between) < 2 * KEYS
            if is_near:
                asked = set(some)
                yield from (row for row in between if row[0] in asked)
                continue
            marks = ", ".join("?" * len(some))
            query = f"SELECT key, day FROM places WHERE stream = ? AND key IN ({marks})"  # noqa: S608 - only marks
            yield from self._file.rows(query, number, *some)

    def set_places(
        self, stream: str, places: Mapping[bytes, date | None], *, gone: Iterable[bytes] = (), at: str | None = None
    ) -> None:
        """Remember where ids lie now and which lie nowhere, as the commit `at` has it (None: the one known before)."""
        with self._file.writing():
            number = self._number(stream)
            self._file.run_each(
                "DELETE FROM places WHERE stream = ? AND key = ?", ((number, _hash(key)) for key in gone)
            )
            numbers = {day: None if day is None else day.toordinal() for day in set(places.values())}
            are_short = max(map(len, places), default=0) < SHORT
            keys = iter(sorted(places) if are_short else sorted(places, key=_hash))  # as they lie in the table
            while some := list(islice(keys, ROWS)):
                names = some if are_short else list(map(_hash, some))
                values: list[object]
                if len(numbers) == 1:  # one day for all: half as much to hand over
                    marks = [f"({number:d}, ?2, ?1)"] + [f"({number:d}, ?, ?1)"] * (len(some) - 1)
                    values = [*numbers.values(), *names]
                else:
                    marks = [f"({number:d}, ?, ?)"] * len(some)
                    values = list(chain.from_iterable(zip(names, [numbers[places[key]] for key in some], strict=True)))
                query = f"INSERT OR REPLACE INTO places VALUES {', '.join(marks)}"  # noqa: S608 - only marks
                self._file.run(query, *values)
            if at is not None:
                self._file.run("UPDATE streams SET placed = ? WHERE id = ?", at, number)

    # --- how often documents were written ---

    def counted(self, stream: str) -> str | None:
        """The commit up to which `writes` counts; None: nothing is counted."""
        with self._file.reading():
            row = self._file.one("SELECT counted FROM streams WHERE name = ?", stream)
            return None if row is None or row[0] is None else str(row[0])

    def writes(self, stream: str) -> dict[str, tuple[int, int, int]]:
        """Of each document: how often it was written, and when first and last, in seconds since 1970."""
        with self._file.reading():
            number, _ = self._stream(stream)
            query = "SELECT path, versions, first, last FROM writes WHERE stream = ?"
            return {path: (versions, first, last) for path, versions, first, last in self._file.rows(query, number)}

    def count_writes(self, stream: str, writes: Iterable[tuple[int, str]], *, since: str | None, at: str) -> None:
        """Add what was written, and when, from the commit `since` (None: count anew) up to the commit `at`."""
        with self._file.writing():
            number = self._number(stream)
            if since is None:
                self._file.run("DELETE FROM writes WHERE stream = ?", number)
            elif self._file.one("SELECT 1 FROM streams WHERE id = ? AND counted = ?", number, since) is None:
                return  # another process counted meanwhile
            self._file.run_each(
                "INSERT INTO writes VALUES (?, ?, 1, ?, ?) ON CONFLICT (stream, path) DO UPDATE SET "
                "versions = versions + 1, first = min(first, excluded.first), last = max(last, excluded.last)",
                ((number, path, when, when) for when, path in writes),
            )
            self._file.run("UPDATE streams SET counted = ? WHERE id = ?", at, number)

    # --- reading ---

    def _stream(self, stream: str) -> tuple[int | None, StreamLedger]:
        """A stream's number (None: it has none yet) and what its one row says."""
        row = self._file.one("SELECT id, facts FROM streams WHERE name = ?", stream)
        if row is None:
            return None, StreamLedger(stream)
        if self._facts is None or self._facts[:2] != (stream, row[1]):  # one landing reads them a dozen times
            self._facts = (stream, row[1], from_plain(StreamLedger, json.loads(row[1])))
        return row[0], self._facts[2]

    def _touched(self, stream: str, records: Sequence[RunRecord]) -> tuple[int | None, StreamLedger]:
        number, ledger = self._stream(stream)
        if number is None:
            return None, ledger
        stories = [story for record in records for story in record.stories]
        windows = [
            window
            for story in stories
            for window in (story.window, story.proved, story.withdrawn)
            if window is not None
        ]
        spans = rows.around((rows.micros(window.start), rows.micros(window.end)) for window in windows)
        days = sorted({day.toordinal() for story in stories for day in story.days})
        return number, replace(
            ledger,
            proved=tuple(self._touching(_PROVED, number, spans=spans)),
            proofs=tuple(self._touching(_PROOFS, number, spans=spans)),
            misses=tuple(self._touching(_MISSES, number, spans=spans)),
            days=dict(self._documents(number, rows.in_rows(days))),
        )

    def _touching(self, kind: _Segments[S], number: int, *, spans: Sequence[Range]) -> Iterator[S]:
        """The statements that touch one of the spans (sorted, disjoint), in order, each once."""
        table = kind.table
        # they are disjoint, so only the last one that starts before a span can reach into it
        first = f"(SELECT max(start) FROM {table} WHERE stream = ? AND start <= ?)"  # noqa: S608 - our own words
        query = (
            f"SELECT {kind.columns} FROM {table}"  # noqa: S608 - our own words
            f" WHERE stream = ? AND start >= coalesce({first}, ?) AND start <= ? ORDER BY start"
        )
        reached: Any = None
        for start, until in spans:
            for row in self._file.rows(query, number, number, start, start, until):
                if row[1] >= start and (reached is None or row[0] > reached):
                    reached = row[0]
                    yield kind.of_row(row)

    def _documents(self, number: int, ranges: Iterable[Range]) -> Iterator[tuple[date, Document]]:
        for first, last in ranges:
            found = self._file.rows(f"{_DOCUMENTS} AND day BETWEEN ? AND ? ORDER BY day", number, first, last)
            yield from map(rows.document_of, found)

    def _always(self, number: int) -> Iterator[tuple[date, Document]]:
        """The outermost documents with records."""
        for order in ("ASC", "DESC"):
            yield from map(rows.document_of, self._file.rows(f"{_FILLED} ORDER BY day {order} LIMIT 1", number))

    # --- writing ---

    def _number(self, stream: str) -> int:
        number, ledger = self._stream(stream)
        if number is not None:
            return number
        return self._file.run("INSERT INTO streams (name, facts) VALUES (?, ?)", stream, json.dumps(to_plain(ledger)))

    def _write(self, number: int | None, before: StreamLedger, after: StreamLedger) -> None:
        """Bring the rows from one part of a ledger to what became of it."""
        if number is None:
            number = self._number(after.stream)
        facts = json.dumps(to_plain(replace(after, proved=(), proofs=(), misses=(), days={})))
        self._file.run("UPDATE streams SET facts = ? WHERE id = ?", facts, number)
        self._exchange(_PROVED, number, before=before.proved, after=after.proved)
        self._exchange(_PROOFS, number, before=before.proofs, after=after.proofs)
        self._exchange(_MISSES, number, before=before.misses, after=after.misses)
        filed = [(day, document) for day, document in after.days.items() if before.days.get(day) != document]
        self._insert("days", [(number, *rows.document_row(day, document)) for day, document in filed])
        self.odd.wrote(number, (day.toordinal() for day, _ in filed))

    def _told_rows(self, stream: str, told: Iterable[RunRecord]) -> Iterator[Row]:
        number = self._number(stream)
        for record in told:
            yield from ((number, *row) for row in rows.told_rows(record))

    def _exchange(self, kind: _Segments[S], number: int, *, before: tuple[S, ...], after: tuple[S, ...]) -> None:
        old, new = set(before), set(after)
        query = f"DELETE FROM {kind.table} WHERE stream = ? AND start = ?"  # noqa: S608 - our own words
        self._file.run_each(query, [(number, rows.micros(segment.window.start)) for segment in old - new])
        self._insert(kind.table, [(number, *kind.to_row(segment)) for segment in new - old])

    def _insert(self, table: str, values: Sequence[Row]) -> None:
        if values:
            marks = ", ".join("?" * len(values[0]))
            self._file.run_each(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608 - only marks


def _hash(key: bytes) -> bytes:
    """A short name of an id: itself, or where it is long 16 bytes of its hash, which no short one is."""
    return key if len(key) < SHORT else hashlib.sha256(key).digest()[:SHORT]
