"""The versions of one document: from the commits that the cache names, and from git for those that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from snapshotter.archive.opening import Opened, follow
from snapshotter.core import paths
from snapshotter.edge.cache import CacheLost, Line
from snapshotter.errors import Busy, DiskRefused
from snapshotter.model import Version


def versions(
    opened: Opened, path: str, *, limit: int | None = None, since: datetime | None = None
) -> Iterator[Version]:
    """The commits that changed a document, newest first, as `Store.versions` gives them; none older than `since`.

    Where the cache knows all commits of the document, git looks at these alone, however long history is.
    """
    line = _line(opened, path)
    if line is None:
        return opened.store.versions(path, limit=limit, since=since)
    return islice(_known(opened, path, line, since=since), limit)


def _known(opened: Opened, path: str, line: Line, *, since: datetime | None) -> Iterator[Version]:
    for version in opened.store.versions_at(path, line.commits):
        if since is None or version.at >= since:
            yield version
    if line.base is not None:
        yield from opened.store.versions(path, since=since, upto=line.base)


def _line(opened: Opened, path: str) -> Line | None:
    """What the cache knows; None: it is of no use here, which only costs time."""
    head = opened.store.head()
    if head is None or not paths.has_versions(path):
        return None
    try:
        cache = opened.made_cache
        if cache is None:
            return None
        follow(cache, opened.store, head)
        line = cache.commits.of(path)
    except (Busy, CacheLost, DiskRefused):
        return None
    return line if line is not None and line.head == head else None
