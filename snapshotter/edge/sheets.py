"""A SQLite file of tables, for whoever wants one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from snapshotter.errors import DiskRefused

Cell = int | float | str | None


class Sheets:
    """Tables of an open file; columns have no type of their own, so every value stays what it is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Write one table; the names are quoted."""
        places = ", ".join("?" for _ in columns)
        self._connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        self._connection.executemany(f"INSERT INTO {name} VALUES ({places})", rows)  # noqa: S608 - quoted by the caller


@contextmanager
def sheets(path: Path) -> Iterator[Sheets]:
    """Fill a SQLite file in one transaction."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            with connection:
                yield Sheets(connection)
    except sqlite3.OperationalError as error:
        raise DiskRefused(f"{path.name}: SQLite cannot write it: {error}") from error
