"""The reference page of the files, from the tables that the checks use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.problems import shown
from snapshotter.core.config.tables import ABSENT, Key, Table

_HEAD = "| key | value | default | meaning | example |\n|---|---|---|---|---|"


def reference_markdown() -> str:
    """Every table and key of source files and of `snap.toml`, as Markdown."""
    return "\n\n".join(
        ["## `sources/NAME.toml`", *_section(SOURCE, ""), "## `snap.toml`", *_section(SETTINGS, "", known={"errors"})]
    )


def _section(table: Table, path: str, *, known: set[str] | None = None) -> Iterator[str]:
    """A table and the tables inside it; one that was shown already is not shown again."""
    seen = set() if known is None else known
    if path:
        yield f"### `{path}`"
    yield table.doc
    yield "\n".join([_HEAD, *(_row(key) for key in table.keys)])
    for key in table.keys:
        for inner in key.kind.tables:
            if inner.name not in seen and not (path and inner.name in ("defaults", "client", "pacing", "retry")):
                seen.add(inner.name)
                yield from _section(inner, _header(key, path), known=seen)


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
