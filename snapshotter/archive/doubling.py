"""Whether another machine archives the same source, by the marks of machines in the newest run records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from snapshotter.archive.opening import MACHINE, Opened
from snapshotter.archive.past import days_below
from snapshotter.core import runs, sharing
from snapshotter.edge.files import Folder
from snapshotter.model import RunRecord
from snapshotter.results import Notice

NEWEST = 6  # run records of each stream
WORDS = "two machines archive this source: each asks for what the other has, and their limits add up; stop one"


def notices(opened: Opened, sources: Iterable[str]) -> tuple[Notice, ...]:
    """A warning for each source that this machine and another one archive by turns."""
    mark = (Folder(opened.local).read(MACHINE) or b"").decode("ascii", "replace").strip()
    if not mark:
        return ()  # nothing was fetched here yet
    now = opened.world.clock.now()
    found = []
    for source in dict.fromkeys(sources):
        streams = opened.described.sources[source].streams.values()
        newest = [record for stream in streams for record in islice(_newest(opened, stream.key), NEWEST)]
        if sharing.take_turns(newest, mark, now=now):
            found.append(Notice("warning", source, WORDS))
    return tuple(found)


def _newest(opened: Opened, stream: str) -> Iterator[RunRecord]:
    """The committed run records of a stream, newest first by their names, imports left out."""
    store, head = opened.store, opened.store.head()
    folder = f"{stream}/{runs.FOLDER}"
    for day, _ in days_below(store, head, folder):
        for path, blob in sorted(store.paths(f"{folder}/{day:%Y/%m/%d}", head), reverse=True):
            record = runs.decode(store.blob(blob), path)
            if record.observed is None:
                yield record
