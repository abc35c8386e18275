"""Run records of a stream by name, from the archive or from those that wait for a commit."""

from __future__ import annotations

from collections.abc import Iterator

from snapshotter.archive.opening import Opened, waiting
from snapshotter.core import runs
from snapshotter.model import RunRecord


def last_record(opened: Opened, stream: str) -> RunRecord | None:
    """The run record that tells of the end of the newest run of a stream."""
    return next(iter(records_named(opened, stream, opened.cache.told(stream, limit=1))), None)


def records_named(opened: Opened, stream: str, names: tuple[tuple[str, int], ...]) -> Iterator[RunRecord]:
    """The run records of these names, in their order; one that is gone is left out."""
    head = opened.store.head()
    pending = {(record.run, record.sequence): record for record in waiting(opened, stream)}
    for run, sequence in names:
        record = pending.get((run, sequence))
        if record is None:
            path = runs.path_named(stream, run, sequence)
            data = opened.store.read(path, head)
            record = None if data is None else runs.decode(data, path)
        if record is not None:
            yield record
