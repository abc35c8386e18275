"""Filling in a source file: its [vars] and where its [secrets] are, line by line, so that comments stay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from snapshotter.errors import UsageError
from snapshotter.results.adding import Blank

VARS, SECRETS = "vars", "secrets"
YOURS = "your "  # a comment that begins so: the value that stands there is an example
_LINE = re.compile(r'^(?P<name>[A-Za-z0-9_-]+)\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^"#\s]+)\s*(?:#\s*(?P<about>.*))?$')
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def blanks(text: str) -> tuple[Blank, ...]:
    """The values of [vars] that stand on a line of their own."""
    return tuple(
        Blank(
            found["name"], _plain(found["value"]), found["about"] or "", needed=(found["about"] or "").startswith(YOURS)
        )
        for found in _lines(text, VARS)
    )


def filled(text: str, values: Mapping[str, str], references: Mapping[str, str]) -> str:
    """The file with these values, and these references in place of those that stand there."""
    for table, given in ((VARS, values), (SECRETS, references)):
        known = {found["name"]: found for found in _lines(text, table)}
        for name, value in given.items():
            if name not in known:
                raise UsageError(f"there is no {name!r} in [{table}]; there are: {', '.join(known) or 'none'}")
            text = _with(text, known[name], _written(name, known[name]["value"], value))
            known = {found["name"]: found for found in _lines(text, table)}
    return text


def _lines(text: str, table: str) -> Iterator[re.Match[str]]:
    """The lines `name = value` of a table, as matches in the whole text."""
    header = re.search(rf"^\[{table}\]\s*$", text, re.MULTILINE)
    if header is None:
        return
    end = re.compile(r"^\[", re.MULTILINE).search(text, header.end())
    stop = end.start() if end else len(text)
    yield from re.compile(_LINE.pattern, re.MULTILINE).finditer(text, header.end(), stop)


def _with(text: str, line: re.Match[str], value: str) -> str:
    """The value replaced; a comment that said that it is yours has done its work and stays."""
    return text[: line.start("value")] + value + text[line.end("value") :]


def _plain(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


def _written(name: str, before: str, value: str) -> str:
    """The value as TOML, of the kind that stands there."""
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        raise UsageError(f"{name}: a value has no line breaks or control characters")
    if before.startswith('"'):
        return json.dumps(value, ensure_ascii=False)
    if before in ("true", "false"):
        if value not in ("true", "false"):
            raise UsageError(f"{name} is true or false, not {value!r}")
        return value
    if not _NUMBER.fullmatch(value):
        raise UsageError(f"{name} is a number, like {before}, not {value!r}")
    return value
