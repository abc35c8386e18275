"""What is wrong in a file, and where: every mistake at once, none of them with a secret in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from snapshotter.core.escaping import escape
from snapshotter.frozen import dataclass

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, or one thing to think about. `value` is already fit to be shown."""

    file: str
    line: int | None
    key: str
    message: str
    value: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        found = "" if self.value is None else f"; found {self.value}"
        hint = "" if self.nearest is None else f"; did you mean {self.nearest!r}?"
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.message}{found}{hint}"


class Wrong:
    """Stands for a value whose mistake is already reported."""

    def __repr__(self) -> str:
        return "WRONG"


WRONG: Final = Wrong()


class WrongValueError(Exception):
    """A check looked at a value whose mistake is already reported; the check has nothing to add."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key of a merged table was written."""

    file: str
    path: Path


@dataclass(slots=True)
class Report:
    """Collects the problems of one file. `lines` knows where a key stands, `origins` where a merged key was written."""

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)
    problems: dict[Problem, None] = field(default_factory=dict)
    warnings: dict[Problem, None] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)  # (root, name) of every placeholder that was met

    def add(self, path: Path, message: str, *, value: str | None = None, nearest: str | None = None) -> None:
        """Report a mistake; the same mistake of one place is reported once."""
        self.problems[self._problem(path, message, value=value, nearest=nearest)] = None

    def warn(self, path: Path, message: str) -> None:
        """Report something that is allowed and probably not meant."""
        self.warnings[self._problem(path, message, value=None, nearest=None)] = None

    def _problem(self, path: Path, message: str, *, value: str | None, nearest: str | None) -> Problem:
        origin = self._origin(path)
        line = self._line(origin.path) if origin.file == self.file else None
        return Problem(origin.file, line, dotted(origin.path), message, value, nearest)

    def _origin(self, path: Path) -> Origin:
        for length in range(len(path), 0, -1):
            if origin := self.origins.get(path[:length]):
                return Origin(origin.file, (*origin.path, *path[length:]))
        return Origin(self.file, path)

    def _line(self, path: Path) -> int | None:
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)


def dotted(path: Iterable[str | int]) -> str:
    """A path as it is written in TOML: `streams.activities.errors[0].status`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE.fullmatch(step) else quoted(step))
    return text


def quoted(text: str) -> str:
    """A text in quotes, on one line, with everything escaped that could move a cursor, and not too long."""
    return f'"{escape(text, _SHOWN)}"'


def shown(value: object) -> str:
    """A TOML value as it may stand in a message."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int():  # an int of many digits cannot even be turned into text
            return str(value) if abs(value) < 10**20 else "a very long number"
        case float():
            return str(value)
        case list() | tuple():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    found = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None
