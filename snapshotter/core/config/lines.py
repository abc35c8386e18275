"""On which line of a TOML text a key stands. The text is valid TOML; whatever it does not understand it skips."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import field

from snapshotter.core.config.problems import Path
from snapshotter.frozen import dataclass

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*""", re.ASCII)
_STRINGS = (  # basic and literal, on many lines and on one
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")',
    r"'''.*?'{3,5}(?!')",
    r'"(?:[^"\\\n]|\\.)*"',
    r"'[^'\n]*'",
)
_STRING = re.compile("|".join(_STRINGS), re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


class _Lost(Exception):
    """The scanner met something that it does not understand."""


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and element of an array of tables, by its path."""
    scan = _Scan(text)
    with suppress(_Lost, RecursionError):  # lines are a help, not a promise: what was found so far is right
        scan.document()
    return scan.lines


@dataclass(slots=True)
class _Scan:
    text: str
    at: int = 0
    lines: dict[Path, int] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)  # elements seen of each array of tables
    line: int = 1
    counted: int = 0  # up to where the line breaks are counted

    def document(self) -> None:
        table: Path = ()
        while self.skip_blank() < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.assignment(table)

    def skip_blank(self) -> int:
        return self.skip(_BLANK)

    def skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _Lost
        self.at = found.end()
        return self.at

    def expect(self, token: str) -> None:
        if not self.text.startswith(token, self.at):
            raise _Lost
        self.at += len(token)

    def note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], self.line)

    def header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        self.expect("[[" if is_array else "[")
        start = self.at
        keys = self.key()
        end, self.at = self.at, start
        path = self.resolved(keys[:-1]) + keys[-1:]
        if is_array:
            self.note(path)
            self.counts[path] = self.counts.get(path, -1) + 1
            path = (*path, self.counts[path])
        else:
            path = self.resolved(keys)
        self.note(path)
        self.lines[path] = self.line  # the header itself, not the first sub-table that implied it
        self.at = end
        self.expect("]]" if is_array else "]")
        return path

    def resolved(self, keys: Path) -> Path:
        """A path with the index of the newest element after each array of tables."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def key(self) -> Path:
        parts: list[str] = []
        while True:
            found = _KEY_PART.match(self.text, self.at)
            if found is None:
                raise _Lost
            bare, basic, literal = found.groups()
            parts.append(bare or (_unescaped(basic) if basic is not None else literal or ""))
            self.at = found.end()
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def assignment(self, table: Path) -> None:
        start = self.at
        keys = self.key()
        end, self.at = self.at, start
        path = table + keys
        self.note(path)
        self.at = end
        self.expect("=")
        self.value(path)

    def value(self, path: Path) -> None:
        self.skip_blank()
        if self.text.startswith("{", self.at):
            self.inline_table(path)
        elif self.text.startswith("[", self.at):
            self.array(path)
        elif self.text.startswith(("'", '"'), self.at):
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def inline_table(self, path: Path) -> None:
        self.expect("{")
        while self.skip_blank() and not self.text.startswith("}", self.at):
            self.assignment(path)
            self.skip_blank()
            if self.text.startswith(",", self.at):
                self.at += 1
        self.expect("}")

    def array(self, path: Path) -> None:
        self.expect("[")
        index = 0
        while self.skip_blank() and not self.text.startswith("]", self.at):
            self.note((*path, index))
            self.value((*path, index))
            self.skip_blank()
            if self.text.startswith(",", self.at):
                self.at += 1
            index += 1
        self.expect("]")


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        short, long, plain = match.groups()
        return chr(int(short or long, 16)) if short or long else _ESCAPES.get(plain, plain)

    return _ESCAPE.sub(one, text)
