"""The archive as of a revision or a time, with what was imported later and had been observed by then.

At a revision everything stands as it is committed there. At a time, what the archive itself held then goes first; what
an import brought later for other documents, and what had been observed by then, stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from snapshotter.archive.opening import Opened
from snapshotter.errors import UsageError
from snapshotter.model import Version

OBSERVED = "Observed: "  # the trailer of a commit that an import made
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def instant_of(text: str) -> datetime | None:
    """The instant that a date (its end, in UTC) or an instant means; None: it is neither."""
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        found = datetime.fromisoformat(text) if "T" in text or " " in text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def is_imported(version: Version) -> bool:
    """Whether a commit was made by an import; its time is that of the observation."""
    return any(line.startswith(OBSERVED) for line in version.body.splitlines())


def files(opened: Opened, key: str, at: str | None) -> Iterator[tuple[str, str]]:
    """Path and blob of every file of a stream, now or as of then."""
    if at is None:
        yield from _data(opened, key, None)
        return
    found = dict(_imported(opened, key, instant_of(at)))
    commit = _resolved(opened, at, may_lack=bool(found))
    if commit is not None:
        found |= dict(_data(opened, key, commit))
    yield from sorted(found.items())


def _resolved(opened: Opened, at: str, *, may_lack: bool) -> str | None:
    try:
        return opened.store.resolve(at)
    except UsageError:
        if may_lack:
            return None
        raise


def _imported(opened: Opened, key: str, instant: datetime | None) -> Iterator[tuple[str, str]]:
    """The files of a stream as the newest import of an observation up to this instant left them."""
    if instant is None:
        return
    for version in opened.store.versions(key):
        if version.at <= instant and is_imported(version):
            yield from _data(opened, key, version.commit)
            return


def _data(opened: Opened, key: str, commit: str | None) -> Iterator[tuple[str, str]]:
    """The files below a folder, without run records and what waits."""
    for name in opened.store.names(key, commit):
        if not name.startswith("_"):
            yield from opened.store.paths(f"{key}/{name}", commit)
