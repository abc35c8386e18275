"""Rows about details: the records of a list that have some, and what is known of each of them.

One row holds both: `mark` is there while the list has the record, `fact` as soon as its detail was told of. The columns
beside them are for finding the few that are asked for; how many stand how is counted by triggers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from snapshotter.codec import from_plain, to_plain
from snapshotter.edge.cache.file import CacheFile
from snapshotter.edge.cache.rows import detail_row, micros, stamp_order
from snapshotter.evidence import Parent, Sought, Stamp
from snapshotter.model import DetailFact, RunRecord

SOME = 500  # ids asked for at once

_TELL = """INSERT INTO details (list, key, fact, state, told, again, filed, told_mark, stamp)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (list, key) DO UPDATE
    SET fact = excluded.fact, state = excluded.state, told = excluded.told, again = excluded.again,
        filed = excluded.filed, told_mark = excluded.told_mark, stamp = excluded.stamp
    WHERE stamp IS NULL OR excluded.stamp > stamp"""
_LIST = """INSERT INTO details (list, key, day, mark) VALUES (?, ?, ?, ?)
    ON CONFLICT (list, key) DO UPDATE SET day = excluded.day, mark = excluded.mark"""
_OF_DAY = """SELECT key, day, mark FROM details INDEXED BY details_by_day
    WHERE list = ? AND day IS ? AND mark IS NOT NULL"""
_KNOWN_OF_DAY = _OF_DAY.replace("key, day, mark", "key, day, mark, fact", 1)
_FORGET = "DELETE FROM details WHERE list = ? AND key = ? AND fact IS NULL"
_UNLIST = "UPDATE details SET day = NULL, mark = NULL WHERE list = ? AND key = ?"


class DetailRows:
    """What is known of the details of every stream."""

    def __init__(self, file: Callable[[], CacheFile]) -> None:
        self._of = file

    @property
    def _file(self) -> CacheFile:
        return self._of()

    def tell(self, stream: str, records: Iterable[RunRecord]) -> None:
        """Fold in what run records tell; the caller writes."""
        self._file.run_each(_TELL, self._told_rows(stream, records))

    def forget(self, stream: str) -> None:
        """Drop everything about a stream; the caller writes."""
        for table in ("details", "standings"):
            which = "list IN (SELECT id FROM lists WHERE stream = ?)"
            self._file.run(f"DELETE FROM {table} WHERE {which}", stream)  # noqa: S608 - our own words
        self._file.run("DELETE FROM lists WHERE stream = ?", stream)

    def seen(self, stream: str, detail: str) -> tuple[str, str] | None:
        """The commit whose documents the records are known of, and the terms they are marked by."""
        with self._file.reading():
            row = self._file.one("SELECT head, terms FROM lists WHERE stream = ? AND detail = ?", stream, detail)
        return None if row is None or row[0] is None else (str(row[0]), str(row[1]))

    def note(
        self,
        stream: str,
        detail: str,
        parents: Iterable[Parent],
        *,
        anew: Collection[date | None] | None,
        head: str,
        terms: str,
    ) -> None:
        """Remember the records of these days (None: of all) instead of those known before."""
        with self._file.writing():
            number = self._number(stream, detail)
            before = self._listed(number, anew)
            after = {one.id: (one.day and one.day.toordinal(), one.mark) for one in parents}
            gone = [(number, key) for key in before.keys() - after.keys()]
            self._file.run_each(_FORGET, gone)
            self._file.run_each(_UNLIST, gone)
            new = ((number, key, *row) for key, row in sorted(after.items()) if before.get(key) != row)
            self._file.run_each(_LIST, new)
            self._file.run("UPDATE lists SET head = ?, terms = ? WHERE id = ?", head, terms, number)

    def standings(self, stream: str, detail: str) -> dict[tuple[str, bool], int]:
        """How many records there are of each state, without and with a file."""
        query = "SELECT state, filed, records FROM standings WHERE list = ? AND records > 0"
        with self._file.reading():
            found = self._file.rows(query, self._id(stream, detail))
        return {(str(state), bool(filed)): int(records) for state, filed, records in found}

    def count(self, stream: str, detail: str, sought: Iterable[Sought]) -> int:
        """How many records these are."""
        with self._file.reading():
            number = self._id(stream, detail)
            return sum(int(count) for one in sought for (count,) in self._found(number, one, columns="count(*)"))

    def rows(self, stream: str, detail: str, sought: Iterable[Sought]) -> list[tuple[Parent, DetailFact | None]]:
        """These records with what is known of their details."""
        with self._file.reading():
            number = self._id(stream, detail)
            found = (row for one in sought for row in self._found(number, one, columns="key, day, mark, fact"))
            return [(_parent(key, day, mark), _fact(text)) for key, day, mark, text in found]

    def of_day(self, stream: str, detail: str, day: date | None) -> list[tuple[Parent, DetailFact | None]]:
        """The records of one day with what is known of their details."""
        with self._file.reading():
            number = self._id(stream, detail)
            found = self._file.rows(_KNOWN_OF_DAY, number, None if day is None else day.toordinal())
            return [(_parent(key, at, mark), _fact(text)) for key, at, mark, text in found]

    def listed(self, stream: str, detail: str, keys: Collection[str]) -> set[str]:
        """Which of these records the list has."""
        with self._file.reading():
            return {str(key) for (key,) in self._of_keys("key", stream, detail, list(keys), which="mark")}

    def facts(self, stream: str, details: Collection[str], keys: Collection[str]) -> list[DetailFact]:
        """What is known of these details of these records."""
        with self._file.reading():
            found = (
                row for detail in details for row in self._of_keys("fact", stream, detail, list(keys), which="fact")
            )
            return [from_plain(DetailFact, json.loads(text)) for (text,) in found]

    # --- inside ---

    def _id(self, stream: str, detail: str) -> int | None:
        row = self._file.one("SELECT id FROM lists WHERE stream = ? AND detail = ?", stream, detail)
        return None if row is None else int(row[0])

    def _number(self, stream: str, detail: str) -> int:
        number = self._id(stream, detail)
        if number is not None:
            return number
        return self._file.run("INSERT INTO lists (stream, detail) VALUES (?, ?)", stream, detail)

    def _told_rows(self, stream: str, records: Iterable[RunRecord]) -> Iterator[tuple[Any, ...]]:
        numbers: dict[str, int] = {}
        for record in records:
            for place, story in enumerate(record.stories):
                stamp = stamp_order(Stamp(record.turn, record.at, record.run, record.sequence, place))
                for fact in story.details:
                    if fact.detail not in numbers:
                        numbers[fact.detail] = self._number(stream, fact.detail)
                    yield numbers[fact.detail], fact.id, json.dumps(to_plain(fact)), *detail_row(fact), stamp

    def _listed(self, number: int, days: Collection[date | None] | None) -> Mapping[str, tuple[int | None, str]]:
        """The records of these days, or all, with day and mark."""
        if days is None:
            found = self._file.rows("SELECT key, day, mark FROM details WHERE list = ? AND mark IS NOT NULL", number)
        else:
            numbers = [None if day is None else day.toordinal() for day in dict.fromkeys(days)]
            found = [row for day in numbers for row in self._file.rows(_OF_DAY, number, day)]
        return {key: (day, mark) for key, day, mark in found}

    def _found(self, number: int | None, sought: Sought, *, columns: str) -> list[tuple[Any, ...]]:
        """By an index, which is named so that no guess of SQLite's makes it read what is not sought."""
        index = "details_by_told" if sought.told or not sought.again else "details_by_again"
        index, listed = ("details_that_differ", "mark <> told_mark") if sought.differs else (index, "mark IS NOT NULL")
        marks = ", ".join("?" * len(sought.states))
        query = f"SELECT {columns} FROM details INDEXED BY {index} WHERE list = ? AND {listed} AND state IN ({marks})"  # noqa: S608 - our own words
        values: list[object] = [number, *sought.states]
        for column, between in (("told", sought.told), ("again", sought.again)):
            for compared, bound in zip((">", "<="), between or (), strict=False):
                if bound is not None:
                    query += f" AND {column} {compared} ?"
                    values.append(micros(bound))
        return self._file.rows(query, *values)

    def _of_keys(
        self, columns: str, stream: str, detail: str, keys: list[str], *, which: str
    ) -> Iterator[tuple[Any, ...]]:
        number = self._id(stream, detail)
        for start in range(0, len(keys), SOME):
            some = keys[start : start + SOME]
            marks = ", ".join("?" * len(some))
            query = f"SELECT {columns} FROM details WHERE list = ? AND {which} IS NOT NULL AND key IN ({marks})"  # noqa: S608 - only marks
            yield from self._file.rows(query, number, *some)


def _parent(key: str, day: int | None, mark: str) -> Parent:
    return Parent(key, None if day is None else date.fromordinal(day), mark)


def _fact(text: Any) -> DetailFact | None:
    return None if text is None else from_plain(DetailFact, json.loads(text))
