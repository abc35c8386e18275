"""JSON Schemas of the files of an archive, for editors: draft 2020-12, from the same tables that the checks use."""

from __future__ import annotations

from collections import Counter
from typing import Any

from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.tables import Schema, Table, table_schema

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def source_schema() -> Schema:
    """The schema of `sources/NAME.toml`."""
    return _document(SOURCE, "A source of snapshotter")


def settings_schema() -> Schema:
    """The schema of `snap.toml`."""
    return _document(SETTINGS, "Settings of a snapshotter archive")


def _document(table: Table, title: str) -> Schema:
    whole = table_schema(table)
    counts = Counter(repr(part) for part in _tables_in(whole))
    shared = _Shared({text for text, count in counts.items() if count > 1})
    return {"$schema": _DRAFT, "title": title, **shared.shortened(whole, ""), "$defs": shared.definitions}


def _tables_in(value: Any) -> list[Schema]:
    """Every schema of a table inside a schema."""
    if isinstance(value, list):
        return [table for item in value for table in _tables_in(item)]
    if not isinstance(value, dict):
        return []
    inner = [table for item in value.values() for table in _tables_in(item)]
    return [value, *inner] if _is_table(value) else inner


def _is_table(schema: Schema) -> bool:
    return schema.get("type") == "object" and "properties" in schema


class _Shared:
    """Tables that several places of a schema have in common, written once."""

    def __init__(self, texts: set[str]) -> None:
        self._texts = texts
        self._names: dict[str, str] = {}
        self.definitions: dict[str, Schema] = {}

    def shortened(self, schema: Schema, name: str) -> Schema:
        """A schema with every shared table replaced by a reference; `name` is the key that it describes."""
        text = repr(schema)
        if not (_is_table(schema) and text in self._texts):
            return {key: self._inner(value, key, name) for key, value in schema.items()}
        if text not in self._names:
            taken = sum(known.rstrip("0123456789") == name for known in self._names.values())
            self._names[text] = name if not taken else f"{name}{taken + 1}"
            self.definitions[self._names[text]] = {key: self._inner(value, key, name) for key, value in schema.items()}
        return {"$ref": f"#/$defs/{self._names[text]}"}

    def _inner(self, value: Any, key: str, name: str) -> Any:
        if key == "properties":
            return {inner: self.shortened(schema, inner) for inner, schema in value.items()}
        if isinstance(value, list):
            return [self.shortened(item, name) if isinstance(item, dict) else item for item in value]
        return self.shortened(value, name) if isinstance(value, dict) else value
