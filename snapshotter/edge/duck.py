"""DuckDB, shut in: it reads what it is handed, and neither file nor network once a statement of the user runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from snapshotter.errors import DiskRefused, UsageError

MISSING = "DuckDB is not installed; `pip install 'snapshotter[query]'` brings it"
_LINE = 1024 * 1024  # buffers are made for twice the longest line, one a thread
_READS = ("SELECT", "EXPLAIN")
_AT_ONCE = 1_000


class Duck:
    """A database in a private folder, gone with it."""

    def __init__(self, folder: Path, *, memory: str) -> None:
        self._module = _library()
        self._folder = folder
        self._memory = memory
        (folder / "spill").mkdir(mode=0o700)
        with _told(self._module):
            self._connection: Any = self._connect(read_only=False)

    def _connect(self, *, read_only: bool) -> Any:
        config = {
            "memory_limit": self._memory,
            "temp_directory": str(self._folder / "spill"),
            "extension_directory": str(self._folder / "extensions"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
            "threads": 2,
        }
        connection = self._module.connect(str(self._folder / "rows.duckdb"), read_only=read_only, config=config)
        connection.execute("SET enable_progress_bar = false")  # it would stand in the midst of an answer
        return connection

    def load(self, names: Sequence[str], file: Path, columns: Mapping[str, tuple[str, str, str]], longest: int) -> None:
        """Read a file of JSON lines into a table that has these names.

        `columns`: what a member is called in the file -> its name, the type it is read as, and the type it has.
        """
        read = ", ".join(f"{key}: {_text(kind)}" for key, (_, kind, _) in columns.items())
        shown = ", ".join(f"CAST({key} AS {kind}) AS {name}" for key, (name, _, kind) in columns.items())
        number = file.stem
        size = max(_LINE, longest + 1024)
        with _told(self._module):
            self._connection.execute('CREATE SCHEMA IF NOT EXISTS "_rows"')
            self._connection.execute(
                f'CREATE TABLE "_rows"."{number}" AS SELECT {shown} FROM read_json({_text(str(file))},'  # noqa: S608
                f" format = 'newline_delimited', auto_detect = false, maximum_object_size = {size},"
                f" columns = {{{read}}})"
            )
            for name in dict.fromkeys(names):
                self._connection.execute(f'CREATE VIEW {name} AS SELECT * FROM "_rows"."{number}"')  # noqa: S608

    def to_parquet(self, view: str, target: Path) -> None:
        """Write a view into a Parquet file."""
        with _told(self._module):
            self._connection.execute(
                f"COPY (SELECT * FROM {view}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608
            )

    def ask(self, sql: str) -> tuple[tuple[tuple[str, str], ...], Iterator[tuple[Any, ...]]]:
        """Names and types of the columns of a statement's answer, and its rows as they come; nothing is written."""
        with _told(self._module):
            self._connection.close()
            self._connection = self._connect(read_only=True)
            self._connection.execute("SET enable_external_access = false")
            self._connection.execute("SET lock_configuration = true")
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1:
                raise UsageError(f"one statement at a time, and this is {len(statements)}")
            kind = str(statements[0].type).rpartition(".")[2]
            if kind not in _READS:
                raise UsageError(f"only reading is possible (SELECT, DESCRIBE, SUMMARIZE, EXPLAIN), and this is {kind}")
            found = self._connection.execute(statements[0])
            columns = tuple((str(item[0]), str(item[1])) for item in found.description)
        return columns, self._rows(found)

    def _rows(self, found: Any) -> Iterator[tuple[Any, ...]]:
        while True:
            with _told(self._module):
                piece = found.fetchmany(_AT_ONCE)
            if not piece:
                return
            yield from piece

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()


@contextmanager
def _told(module: Any) -> Iterator[None]:
    """What DuckDB refuses, as what a person should do."""
    try:
        yield
    except module.OutOfMemoryException as error:
        raise DiskRefused(f"the query needs more memory or temporary space: {error}; see --memory") from error
    except module.Error as error:
        raise UsageError(f"DuckDB: {error}") from error


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _library() -> Any:
    try:
        return import_module("duckdb")
    except ImportError as error:
        raise UsageError(MISSING) from error
