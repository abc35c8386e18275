"""Rows about machines: of each that archives a stream the newest run records, and no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from snapshotter.edge.cache.file import CacheFile
from snapshotter.edge.cache.rows import instant_of, micros
from snapshotter.evidence import Wrote
from snapshotter.model import RunRecord

OF_EACH = 6  # run records of a machine that are kept
OF_ALL = 24  # and of all machines: a mark is made anew with each copy, and some are copied for each run

Key = tuple[str, int, str]  # run and sequence, which order records as their names do, and the machine


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
