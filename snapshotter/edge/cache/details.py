"""Rows about details: the records of a list that have some, and what is known of each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from typing import Any

from snapshotter.codec import from_plain, to_plain
from snapshotter.edge.cache.file import CacheFile
from snapshotter.edge.cache.rows import stamp_order
from snapshotter.evidence import Parent, Stamp
from snapshotter.model import DetailFact, RunRecord

SOME = 500  # ids asked for at once

_TELL = """INSERT INTO details VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET fact = excluded.fact, stamp = excluded.stamp WHERE excluded.stamp > stamp"""
_ROWS = """SELECT p.key, p.day, p.mark, d.fact FROM parents p LEFT JOIN details d
    ON d.stream = p.stream AND d.detail = p.detail AND d.key = p.key WHERE p.stream = ? AND p.detail = ?"""


class DetailRows:
    """What is known of the details of every stream."""

    def __init__(self, file: Callable[[], CacheFile]) -> None:
        self._of = file

    @property
    def _file(self) -> CacheFile:
        return self._of()

    def tell(self, stream: str, records: Iterable[RunRecord]) -> None:
        """Fold in what run records tell; the caller writes."""
        for record in records:
            for place, story in enumerate(record.stories):
                stamp = stamp_order(Stamp(record.turn, record.at, record.run, record.sequence, place))
                for fact in story.details:
                    text = json.dumps(to_plain(fact))
                    self._file.run(_TELL, stream, fact.detail, fact.id, text, stamp)

    def forget(self, stream: str) -> None:
        """Drop everything about a stream; the caller writes."""
        for table in ("parents", "details", "seen"):
            self._file.run(f"DELETE FROM {table} WHERE stream = ?", stream)  # noqa: S608 - our own words

    def seen(self, stream: str, detail: str) -> tuple[str, str] | None:
        """The commit whose documents `rows` knows the records of, and the terms they are marked by."""
        with self._file.reading():
            row = self._file.one("SELECT head, terms FROM seen WHERE stream = ? AND detail = ?", stream, detail)
        return None if row is None else (str(row[0]), str(row[1]))

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
            if anew is None:
                self._file.run("DELETE FROM parents WHERE stream = ? AND detail = ?", stream, detail)
            for day in anew or ():
                query = "DELETE FROM parents WHERE stream = ? AND detail = ? AND day IS ?"
                self._file.run(query, stream, detail, None if day is None else day.toordinal())
            rows = ((stream, detail, one.id, one.day and one.day.toordinal(), one.mark) for one in parents)
            self._file.run_each("INSERT OR REPLACE INTO parents VALUES (?, ?, ?, ?, ?)", rows)
            self._file.run("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", stream, detail, head, terms)

    def rows(self, stream: str, detail: str) -> list[tuple[Parent, DetailFact | None]]:
        """Every record with what is known of its detail."""
        with self._file.reading():
            found = self._file.rows(_ROWS, stream, detail)
            return [(_parent(key, day, mark), _fact(text)) for key, day, mark, text in found]

    def facts(self, stream: str, details: Collection[str], keys: Collection[str]) -> list[DetailFact]:
        """What is known of these details of these records."""
        with self._file.reading():
            return [fact for detail in details for fact in self._facts(stream, detail, list(keys))]

    def _facts(self, stream: str, detail: str, keys: list[str]) -> Iterator[DetailFact]:
        for start in range(0, len(keys), SOME):
            some = keys[start : start + SOME]
            marks = ", ".join("?" * len(some))
            query = f"SELECT fact FROM details WHERE stream = ? AND detail = ? AND key IN ({marks})"  # noqa: S608 - only marks
            for (text,) in self._file.rows(query, stream, detail, *some):
                yield from_plain(DetailFact, json.loads(text))


def _parent(key: str, day: int | None, mark: str) -> Parent:
    return Parent(key, None if day is None else date.fromordinal(day), mark)


def _fact(text: Any) -> DetailFact | None:
    return None if text is None else from_plain(DetailFact, json.loads(text))
