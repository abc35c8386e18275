"""The text of a source file with a stream, an account or the source itself under another name, or without it.

Only lines that say so are touched; whoever calls this loads the result and compares (`same_but`), so that a file
written in a way that is not understood here is refused and never spoiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from snapshotter.spec import Source, Stream

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
TAKEN = frozenset({"sources", "schema", "docs", "snapshot"})
_HEADER = re.compile(r"""^\s*\[\[?[\w."' \t-]+\]\]?\s*(?:#.*)?$""", re.ASCII)
_ASIDE = re.compile(r"^\s*(?:#.*)?$")
_SOURCE = re.compile(r"""^(\s*source\s*=\s*)(["'])([a-z0-9_-]+)\2""", re.ASCII)


def renamed_table(text: str, kind: str, name: str, *, new: str) -> str:
    """The text with the tables `[kind.name…]` under another name."""
    header = _header_of(kind, name)
    return "".join(header.sub(rf"\g<1>{new}", line) for line in text.splitlines(keepends=True))


def without_table(text: str, kind: str, name: str) -> str:
    """The text without the tables `[kind.name…]`; comments above the next table stay with it."""
    header = _header_of(kind, name)
    kept: list[str] = []
    dropped: list[str] = []
    is_inside = False
    for line in text.splitlines(keepends=True):
        if _HEADER.match(line):
            if is_inside:
                kept += _above(dropped)
            is_inside, dropped = header.match(line) is not None, []
        (dropped if is_inside else kept).append(line)
    return "".join(kept)


def renamed_source(text: str, *, new: str) -> str:
    """The text with another value of `source`."""
    done = False
    lines = []
    for line in text.splitlines(keepends=True):
        if not done and _HEADER.match(line):
            done = True  # only what stands above all tables
        changed = line if done else _SOURCE.sub(rf"\g<1>\g<2>{new}\g<2>", line)
        done = done or changed != line
        lines.append(changed)
    return "".join(lines)


def _header_of(kind: str, name: str) -> re.Pattern[str]:
    return re.compile(
        rf"""^(\s*\[\[?\s*{re.escape(kind)}\s*\.\s*)(?:{re.escape(name)}|"{re.escape(name)}")(?=\s*[.\]])"""
    )


def _above(lines: list[str]) -> list[str]:
    """The comments and blank lines that close a table: they speak of the next one."""
    count = 0
    while count < len(lines) and _ASIDE.match(lines[-1 - count]):
        count += 1
    return lines[len(lines) - count :]


def same_but(before: Iterable[Source], after: Iterable[Source], names: Mapping[str, str | None]) -> bool:
    """Whether both describe the same streams, apart from their names: old key -> new one, None for one that is gone."""
    wanted = {}
    for source in before:
        for key, stream in _streams(source).items():
            new = names.get(key, key)
            if new is not None:
                wanted[new] = _nameless(stream)
    return wanted == {key: _nameless(stream) for source in after for key, stream in _streams(source).items()}


def _streams(source: Source) -> dict[str, Stream]:
    return {stream.key: stream for stream in source.streams.values()}


def _nameless(stream: Stream) -> Stream:
    return replace(stream, source="", name="")
