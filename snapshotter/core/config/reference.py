"""The reference page of the files, from the tables that the checks use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.grammar_stream import STREAM
from snapshotter.core.config.problems import shown
from snapshotter.core.config.tables import ABSENT, Key, Table

_HEAD = "| key | value | default | meaning | example |\n|---|---|---|---|---|"


def reference_markdown() -> str:
    """Every table and key of source files and of `snap.toml`, as Markdown."""
    shown: set[int] = set()
    source = ["## `sources/NAME.toml`", *_section(SOURCE, "", shown)]
    return "\n\n".join([*source, "## `snap.toml`", *_section(SETTINGS, "", shown)]) + "\n"


def _section(table: Table, path: str, shown: set[int]) -> Iterator[str]:
    """A table and the tables inside it; one that was shown already is not shown again."""
    own = [key for key in table.keys if not (_is_layer(table) and key in STREAM.keys)]
    yield table.doc
    if _is_layer(table):
        yield f"The keys of `[streams.NAME]` stand here{', and these' if own else ''}."
    if own:
        yield "\n".join([_HEAD, *(_row(key) for key in own)])
    for key in sorted(own, key=lambda key: any(_is_layer(inner) for inner in key.kind.tables)):
        for inner in key.kind.tables:
            if id(inner) not in shown or _is_layer(inner):
                shown.add(id(inner))
                header = _header(key, path)
                yield f"### `{header}`"
                yield from _section(inner, header, shown)


def _is_layer(table: Table) -> bool:
    """Whether a table lies below streams and may say what they say."""
    return table is not STREAM and STREAM.keys[-1] in table.keys


def _header(key: Key, path: str) -> str:
    inside = path.strip("[]")
    name = f"{inside}.{key.name}" if inside else key.name
    match key.kind.shape:
        case "tables":
            return f"[[{name}]]"
        case "named":
            return f"[{name}.NAME]"
        case _:
            return f"[{name}]"


def _row(key: Key) -> str:
    value = (
        ", ".join(f"`{word if word.strip() else toml(word)}`" for word in key.kind.values)
        if key.kind.values
        else key.kind.word
    )
    if key.types:
        value += f" (type {', '.join(key.types)})"
    cells = (f"`{key.name}`", value, _default(key), key.doc, f"`{key.example}`" if key.example else "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _default(key: Key) -> str:
    if key.needed:
        return "**needed**"
    if key.default_note is not None:
        return key.default_note
    return "" if key.default in (ABSENT, {}, []) else f"`{toml(key.default)}`"


def toml(value: Any) -> str:
    """A plain value as TOML."""
    match value:
        case list() | tuple():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
        case _:
            return shown(value)
