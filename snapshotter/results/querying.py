"""What a query answers, and what an export wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Answered:
    """Columns (name, type) and the rows, which are read as they come."""

    columns: tuple[tuple[str, str], ...]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class View:
    """A table that can be asked."""

    name: str
    stream: str
    documents: int
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written, and where it comes from."""

    path: str
    format: str
    stream: str
    records: int
    sha256: str
    commit: str
    snap: str
    exported: datetime
    at: str | None = None
    since: date | None = None
    until: date | None = None
    first: date | None = None
    last: date | None = None
    table: str = ""
