"""The cache's file: opened whole and of this version or made anew, and SQLite's errors in our words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snapshotter.codec import Malformed
from snapshotter.errors import Busy, DiskRefused, SnapError

if TYPE_CHECKING:
    import sqlite3

VERSION = 11  # of the tables; another one is thrown away and made again
PATIENCE = 10.0  # seconds to wait for another process that writes

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, facts TEXT NOT NULL, placed TEXT,
    counted TEXT);
CREATE TABLE proved (stream INTEGER, start INTEGER, until INTEGER, zone TEXT,
    PRIMARY KEY (stream, start)) WITHOUT ROWID;
CREATE TABLE proofs (stream INTEGER, start INTEGER, until INTEGER, zone TEXT, at INTEGER, stamp TEXT, validators TEXT,
    PRIMARY KEY (stream, start)) WITHOUT ROWID;
CREATE TABLE misses (stream INTEGER, start INTEGER, until INTEGER, fact TEXT, at INTEGER, stamp TEXT,
    PRIMARY KEY (stream, start)) WITHOUT ROWID;
CREATE TABLE days (stream INTEGER, day INTEGER, records INTEGER, sha256 TEXT, zone TEXT, at INTEGER, stamp TEXT,
    changed INTEGER, changed_stamp TEXT, PRIMARY KEY (stream, day)) WITHOUT ROWID;
CREATE TABLE told (stream INTEGER, size INTEGER, start INTEGER, until INTEGER, run TEXT, sequence INTEGER,
    PRIMARY KEY (stream, size, start, until, run, sequence)) WITHOUT ROWID;
CREATE TABLE checks (stream INTEGER, run TEXT, sequence INTEGER, story INTEGER, at INTEGER, picked TEXT,
    surprises INTEGER, told TEXT, PRIMARY KEY (stream, run, sequence, story)) WITHOUT ROWID;
CREATE INDEX checks_by_pick ON checks (stream, picked, at);
CREATE INDEX checks_that_surprise ON checks (stream, at) WHERE surprises > 0;
CREATE INDEX told_by_run ON told (stream, run, sequence);
CREATE TABLE places (stream INTEGER, key BLOB, day INTEGER, PRIMARY KEY (stream, key)) WITHOUT ROWID;
CREATE TABLE writes (stream INTEGER, path TEXT, versions INTEGER, first INTEGER, last INTEGER,
    PRIMARY KEY (stream, path)) WITHOUT ROWID;
CREATE TABLE touched (path TEXT, place INTEGER, id BLOB, PRIMARY KEY (path, place)) WITHOUT ROWID;
CREATE TABLE odd (stream INTEGER, day INTEGER, PRIMARY KEY (stream, day)) WITHOUT ROWID;
CREATE TABLE unjudged (stream INTEGER, day INTEGER, PRIMARY KEY (stream, day)) WITHOUT ROWID;
CREATE TABLE judged (stream INTEGER PRIMARY KEY, terms TEXT);
CREATE TABLE writers (stream TEXT, run TEXT, sequence INTEGER, machine TEXT, at INTEGER, command TEXT,
    PRIMARY KEY (stream, run, sequence, machine)) WITHOUT ROWID;
CREATE TABLE lists (id INTEGER PRIMARY KEY, stream TEXT, detail TEXT, head TEXT, terms TEXT, UNIQUE (stream, detail));
CREATE TABLE details (list INTEGER, key TEXT, day INTEGER, mark TEXT, fact TEXT, stamp TEXT, state TEXT DEFAULT '',
    told INTEGER, again INTEGER, filed INTEGER DEFAULT 0, told_mark TEXT, PRIMARY KEY (list, key)) WITHOUT ROWID;
CREATE INDEX details_by_day ON details (list, day) WHERE mark IS NOT NULL;
CREATE INDEX details_by_told ON details (list, state, told) WHERE mark IS NOT NULL;
CREATE INDEX details_by_again ON details (list, state, again) WHERE mark IS NOT NULL;
CREATE INDEX details_that_differ ON details (list, state, told) WHERE mark <> told_mark;
CREATE TABLE standings (list INTEGER, state TEXT, filed INTEGER, records INTEGER,
    PRIMARY KEY (list, state, filed)) WITHOUT ROWID;
CREATE TRIGGER details_come AFTER INSERT ON details WHEN new.mark IS NOT NULL BEGIN
    INSERT INTO standings VALUES (new.list, new.state, new.filed, 1)
        ON CONFLICT (list, state, filed) DO UPDATE SET records = records + 1; END;
CREATE TRIGGER details_go AFTER DELETE ON details WHEN old.mark IS NOT NULL BEGIN
    UPDATE standings SET records = records - 1 WHERE list = old.list AND state = old.state AND filed = old.filed; END;
CREATE TRIGGER details_turn_away AFTER UPDATE OF mark, state, filed ON details WHEN old.mark IS NOT NULL BEGIN
    UPDATE standings SET records = records - 1 WHERE list = old.list AND state = old.state AND filed = old.filed; END;
CREATE TRIGGER details_turn_up AFTER UPDATE OF mark, state, filed ON details WHEN new.mark IS NOT NULL BEGIN
    INSERT INTO standings VALUES (new.list, new.state, new.filed, 1)
        ON CONFLICT (list, state, filed) DO UPDATE SET records = records + 1; END
"""

# SQLite's result codes
_BUSY = {5, 6}  # busy, locked
_REFUSED = {8, 14}  # read-only, cannot open
_DAMAGED = {1, 11, 24, 26}  # other tables than ours, corrupt, another format, no database at all


class CacheLost(SnapError):
    """The cache was damaged and has been thrown away; fold all run records again."""


class CacheFile:
    """A connection to the file; in memory where the disk gives none, which costs time and loses nothing."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        import sqlite3  # noqa: PLC0415 - only commands that look into the ledger pay for it

        self.path = path
        self.patience = patience
        self.lost: str | None = None  # why a file that was there had to be thrown away
        self._sqlite = sqlite3
        self._connection = self._opened()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def clear(self) -> None:
        """Throw the file away and begin a new one."""
        with suppress(self._sqlite.Error):
            self._connection.close()
        self._remove()
        self._connection = self._opened()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All reads inside see one state, whoever writes meanwhile."""
        with self._errors(), self._transaction("DEFERRED"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All writes inside happen, or none."""
        with self._errors(), self._transaction("IMMEDIATE"):
            yield

    def run(self, query: str, *values: object) -> int:
        """Run one statement; gives the number of the row it made."""
        return self._connection.execute(query, values).lastrowid or 0

    def run_each(self, query: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run one statement for each row of values."""
        self._connection.executemany(query, rows)

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """The first row of an answer."""
        row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return row

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of an answer."""
        return self._connection.execute(query, values).fetchall()

    # --- inside ---

    def _opened(self) -> sqlite3.Connection:
        for _ in range(2):
            connection = None
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.path.touch(mode=0o600)
                connection = self._sqlite.connect(self.path, timeout=self.patience, isolation_level=None)
                _prepare(connection)
                if _version(connection) == VERSION:
                    return connection
            except self._sqlite.DatabaseError as error:
                if connection is not None:
                    connection.close()
                if _code(error) in _REFUSED:
                    break
                if _code(error) not in _DAMAGED:
                    raise self._told(error) from error
                self.lost = str(error)
            except OSError:
                break
            else:
                connection.close()
            self._remove()
        connection = self._sqlite.connect(":memory:", isolation_level=None)
        _prepare(connection)
        return connection

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):  # what cannot be removed is met again when the file is opened
                self.path.with_name(self.path.name + suffix).unlink()

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
        except BaseException:
            with suppress(self._sqlite.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._sqlite.DatabaseError as error:
            if _code(error) not in _DAMAGED:
                raise self._told(error) from error
            raise self._lost(error) from error
        except (Malformed, json.JSONDecodeError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> CacheLost:
        self.clear()
        return CacheLost(f"{self.path}: damaged ({error}), and thrown away; it is made again from the run records")

    def _told(self, error: sqlite3.DatabaseError) -> SnapError:
        if _code(error) in _BUSY:
            return Busy(f"{self.path}: another snap has been writing for {self.patience:g} s; run it again")
        return DiskRefused(f"{self.path}: {error}; make room or check the disk, or delete the file: it is derived")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # readers and the one writer do not wait for each other
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last of it, but leaves it whole
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:  # nobody was faster
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
