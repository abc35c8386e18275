"""What an import brought."""

from __future__ import annotations

from datetime import date, datetime

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Imported:
    """One stream; with `commit` None nothing was written."""

    stream: str
    files: int
    runs: int  # observations that are new
    known: int  # and those that were imported before
    records: int  # in the new ones
    first_run: datetime | None = None
    last_run: datetime | None = None
    first: date | None = None  # of the days that they have records of
    last: date | None = None
    taken: int = 0  # documents that are new, or newer than what the archive had
    kept: int = 0  # documents that stay, since the archive knows later
    proves: str = ""
    ignored: int = 0  # files of the folder that are named otherwise
    ignored_like: str = ""  # the name of one of them, one that looks like a record's if there is such
    commit: str | None = None
    is_dry: bool = False
    notes: tuple[str, ...] = ()
