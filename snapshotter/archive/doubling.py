"""Whether another machine archives the same source, by the marks of machines in the newest run records."""

from __future__ import annotations

from collections.abc import Iterable

from snapshotter.archive.opening import MACHINE, Opened, catch_up
from snapshotter.core import sharing
from snapshotter.edge.files import Folder
from snapshotter.results import Notice

WORDS = "two machines archive this source: each asks for what the other has, and their limits add up; stop one"


def notices(opened: Opened, sources: Iterable[str]) -> tuple[Notice, ...]:
    """A warning for each source that this machine and another one archive by turns."""
    mark = (Folder(opened.local).read(MACHINE) or b"").decode("ascii", "replace").strip()
    if not mark:
        return ()  # nothing was fetched here yet
    now, cache = opened.world.clock.now(), opened.cache
    catch_up(cache, opened)  # what was pulled meanwhile
    found = []
    for source in dict.fromkeys(sources):
        streams = opened.described.sources[source].streams.values()
        newest = [one for stream in streams for one in cache.writers.newest(stream.key)]
        if sharing.take_turns(newest, mark, now=now):
            found.append(Notice("warning", source, WORDS))
    return tuple(found)
