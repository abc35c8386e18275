"""Rows that spare a look at everything: of each machine the newest run records, and the days that look odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from snapshotter.edge.cache.file import CacheFile
from snapshotter.edge.cache.rows import Range, instant_of, micros
from snapshotter.evidence import Wrote
from snapshotter.model import RunRecord

OF_EACH = 6  # run records of a machine that are kept
OF_ALL = 24  # and of all machines: a mark is made anew with each copy, and some are copied for each run

Key = tuple[str, int, str]  # run and sequence, which order records as their names do, and the machine
EVERY_DAY = (date.min.toordinal(), date.max.toordinal())

_AROUND = "(PARTITION BY stream ORDER BY day ROWS BETWEEN {n} PRECEDING AND {n} FOLLOWING EXCLUDE CURRENT ROW)"
_ODD = """SELECT day FROM (
        SELECT day, records, min(records) OVER around AS least,
            day - lag(day, {n}) OVER byday AS before, lead(day, {n}) OVER byday - day AS after,
            day - lag(day, {n} - 1) OVER byday AS row, lead(day) OVER byday - day AS step,
            lead(day, {n}) OVER byday - lead(day) OVER byday AS row_after
        FROM days WHERE stream = ? AND day BETWEEN ? AND ? AND records > 0
        WINDOW byday AS (PARTITION BY stream ORDER BY day), around AS {around}
    ) WHERE (before = {n} AND after = {n} AND records * 2 <= least)
        OR (step BETWEEN 2 AND ? AND row = {n} - 1 AND row_after = {n} - 1)"""


class WriterRows:
    """Which machines wrote the newest run records of every stream."""

    def __init__(self, file: Callable[[], CacheFile]) -> None:
        self._of = file

    @property
    def _file(self) -> CacheFile:
        return self._of()

    def tell(self, stream: str, records: Iterable[RunRecord]) -> None:
        """Fold run records in, imports left out; the caller writes."""
        marked = (record for record in records if record.machine and record.observed is None)
        told = _newest({(one.run, one.sequence, one.machine): (micros(one.at), one.command) for one in marked})
        if not told:
            return
        known = self._rows(stream)
        kept = _newest({**known, **told})
        gone = "DELETE FROM writers WHERE stream = ? AND run = ? AND sequence = ? AND machine = ?"
        self._file.run_each(gone, ((stream, *key) for key in known.keys() - kept.keys()))
        new = ((stream, *key, *row) for key, row in kept.items() if key not in known)
        self._file.run_each("INSERT INTO writers VALUES (?, ?, ?, ?, ?, ?)", new)

    def forget(self, stream: str) -> None:
        """Drop everything about a stream; the caller writes."""
        self._file.run("DELETE FROM writers WHERE stream = ?", stream)

    def newest(self, stream: str) -> tuple[Wrote, ...]:
        """Who wrote its newest run records and when, newest first."""
        with self._file.reading():
            found = sorted(self._rows(stream).items(), reverse=True)
        return tuple(Wrote(machine, instant_of(at), command) for (_, _, machine), (at, command) in found)

    def _rows(self, stream: str) -> dict[Key, tuple[int, str]]:
        query = "SELECT run, sequence, machine, at, command FROM writers WHERE stream = ?"
        return {
            (run, sequence, machine): (at, command)
            for run, sequence, machine, at, command in self._file.rows(query, stream)
        }


def _newest(told: Mapping[Key, Any]) -> dict[Key, Any]:
    """What is kept of these: the same, whatever of them was known first."""
    kept: dict[Key, Any] = {}
    of_each = Counter[str]()
    for key in sorted(told, reverse=True):
        of_each[key[2]] += 1
        if of_each[key[2]] <= OF_EACH and len(kept) < OF_ALL:
            kept[key] = told[key]
    return kept


# --- odd days ---


class OddDays:
    """Days that hold far fewer records than those around; only around what was written is looked anew."""

    def __init__(self, file: Callable[[], CacheFile]) -> None:
        self._of = file

    @property
    def _file(self) -> CacheFile:
        return self._of()

    def wrote(self, stream: int, days: Iterable[int]) -> None:
        """Remember what is to be looked at anew; the caller writes."""
        if self._terms(stream) is not None:  # else all is looked at
            self._file.run_each("INSERT OR IGNORE INTO unjudged VALUES (?, ?)", ((stream, day) for day in days))

    def forget(self, stream: int | None) -> None:
        """Drop everything about a stream; the caller writes."""
        for table in ("odd", "unjudged", "judged"):
            self._file.run(f"DELETE FROM {table} WHERE stream = ?", stream)  # noqa: S608 - our own words

    def of(self, name: str, *, around: int, longest: int) -> list[date]:
        """Days that hold at most half the records of each of so many days on either side, and days before at most so
        many without any, between as many that have some.
        """
        terms = f"{around:d} {longest:d}"
        with self._file.reading():
            stream, is_judged = self._state(name, terms)
        if stream is None:
            return []
        if not is_judged:
            with self._file.writing():
                stream, is_judged = self._state(name, terms)
                if stream is not None and not is_judged:
                    self._judge(stream, terms, around=around, longest=longest)
        with self._file.reading():
            found = self._file.rows("SELECT day FROM odd WHERE stream = ? ORDER BY day", stream)
        return [date.fromordinal(day) for (day,) in found]

    # --- inside ---

    def _state(self, name: str, terms: str) -> tuple[int | None, bool]:
        """The number of a stream, and whether all of it is judged by these terms."""
        row = self._file.one("SELECT id FROM streams WHERE name = ?", name)
        if row is None:
            return None, False
        waits = self._file.one("SELECT 1 FROM unjudged WHERE stream = ?", row[0])
        return int(row[0]), waits is None and self._terms(row[0]) == terms

    def _terms(self, stream: int) -> str | None:
        row = self._file.one("SELECT terms FROM judged WHERE stream = ?", stream)
        return None if row is None else str(row[0])

    def _judge(self, stream: int, terms: str, *, around: int, longest: int) -> None:
        ranges = [EVERY_DAY]
        if self._terms(stream) == terms:
            waits = self._file.rows("SELECT day FROM unjudged WHERE stream = ? ORDER BY day", stream)
            ranges = _joined([day for (day,) in waits], within=2 * (around + longest))
        query = _ODD.format(n=int(around), around=_AROUND.format(n=int(around)))
        for first, last in ranges:
            low, high = first - around - longest, last + around  # those of which a day in the range is near
            seen = self._file.rows(query, stream, low - around, high + around + longest, longest + 1)
            self._file.run("DELETE FROM odd WHERE stream = ? AND day BETWEEN ? AND ?", stream, low, high)
            new = [(stream, day) for (day,) in seen if low <= day <= high]
            self._file.run_each("INSERT INTO odd VALUES (?, ?)", new)
        self._file.run("DELETE FROM unjudged WHERE stream = ?", stream)
        self._file.run("INSERT OR REPLACE INTO judged VALUES (?, ?)", stream, terms)


def _joined(days: Sequence[int], *, within: int) -> list[Range]:
    """Sorted days as ranges; those that are so near each other in one."""
    joined: list[Range] = []
    for day in days:
        if joined and day <= joined[-1][1] + within:
            joined[-1] = (joined[-1][0], day)
        else:
            joined.append((day, day))
    return joined
