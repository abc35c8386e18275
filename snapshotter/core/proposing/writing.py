"""A draft as the text of a source file: one key a line, what is uncertain said above it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from snapshotter.core.escaping import escape
from snapshotter.core.proposing.draft import Draft, Said

WIDTH = 80
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def write(draft: Draft) -> str:
    """The file, which loads without a problem."""
    blocks = [
        [*_head(draft), "format = 1", f"source = {toml(draft.source)}"],
        _table("vars", draft.variables),
        _table("secrets", [Said(name, where) for name, where in draft.secrets.items()]),
        _table("client", (Said("base_url", draft.base_url), *draft.client)),
        _table("auth", [Said(key, value) for key, value in draft.auth.items()]),
        ["[pacing]", 'min_interval = "1s" # polite; what the API allows stands in its documents'],
        _stream(draft),
        _table(f"streams.{draft.stream}.paginate", draft.paginate),
        _table(f"streams.{draft.stream}.window", draft.window),
        [*_table(f"streams.{draft.stream}.day", draft.day), *_comment(draft.day_hint)],
        [line for words in draft.rest for line in _comment(words)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield "#:schema ../schema/source.v1.json"
    for words in draft.about:
        yield from _comment(words)
    if draft.questions:
        yield "#"
        yield "# To be settled by somebody who knows the API:"
    for words in draft.questions:
        yield from _comment(words, first="# - ", later="#   ")


def _stream(draft: Draft) -> list[str]:
    lines = _table(f"streams.{draft.stream}", (draft.kind, Said("path", draft.path)))
    if draft.params:
        lines.append(f"params = {toml(draft.params)}")
    for said in draft.records:
        lines += _line(said)
    return lines


def _table(name: str, said: Iterable[Said]) -> list[str]:
    lines = [line for one in said for line in _line(one)]
    return [f"[{name}]", *lines] if lines else []


def _line(said: Said) -> Iterator[str]:
    if said.sure:
        yield from _comment(f"{said.sure}: {said.why}")
    yield f"{_key(said.key)} = {toml(said.value)}"


def _comment(words: str, first: str = "# ", later: str = "# ") -> list[str]:
    """Words as comments; text from outside cannot end one."""
    return textwrap.wrap(
        escape(words, 2000),
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def toml(value: object) -> str:
    """A value as TOML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(toml(item) for item in value)}]"
        case Mapping():
            members = ", ".join(f"{_key(str(name))} = {toml(item)}" for name, item in value.items())
            return f"{{ {members} }}"
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml(name)
