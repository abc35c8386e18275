"""Kinds that are one of two things, and tables of tables."""

from __future__ import annotations

from typing import Any

from snapshotter.core.config.problems import WRONG
from snapshotter.core.config.tables import At, Kind, Schema, Table, a_layer, read_table, table_schema
from snapshotter.core.template import parse
from snapshotter.errors import ConfigError
from snapshotter.spec import Template


def either(kind: Kind, word: str) -> Kind:
    """A value of a kind, or one word that means something of its own; the word reads as itself."""

    def read(raw: Any, at: At) -> Any:
        return word if raw == word else kind.read(raw, at)

    return Kind(f"{kind.word}, or {word}", read, kind.schema, values=(word,))


def or_word(tables: Kind, plain: Kind) -> Kind:
    """A table, or a plain value instead of it."""

    def read(raw: Any, at: At) -> Any:
        return tables.read(raw, at) if isinstance(raw, dict) else plain.read(raw, at)

    def schema() -> Schema:
        return {"anyOf": [plain.schema(), tables.schema()]}

    return Kind(f"{plain.word} or table", read, schema, tables.tables, "table")


def named_tables(table: Table, name: Kind) -> Kind:
    """Tables by name; it reads as a dict of sections."""

    def read(raw: Any, at: At) -> Any:
        found = named(raw, at, name=name)
        return found if found is WRONG else {key: read_table(table, value, at / key) for key, value in found.items()}

    return Kind("tables by name", read, lambda: _named_schema(table_schema(table), name), (table,), "named")


def named_layers(table: Table, name: Kind) -> Kind:
    """Tables by name that lie below others: nothing is required in them."""
    layer = a_layer(table)

    def read(raw: Any, at: At) -> Any:
        found = named(raw, at, name=name)
        return found if found is WRONG else {key: layer.read(value, at / key) for key, value in found.items()}

    return Kind("tables by name", read, lambda: _named_schema(layer.schema(), name), (table,), "named")


def named(raw: Any, at: At, *, name: Kind) -> Any:
    """A raw table of tables, after a look at their names."""
    if not isinstance(raw, dict):
        return at.wrong("must be tables with a name each", raw)
    for key in raw:
        name.read(key, at / key)
    return raw


def _named_schema(table: Schema, name: Kind) -> Schema:
    return {"type": "object", "propertyNames": name.schema(), "additionalProperties": table}


def record_template() -> Kind:
    """Several fields of a record in one text; it reads as the parts of a template."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, str):
            return at.wrong("must be a text, in quotes", raw)
        try:
            value = parse(raw)
        except ConfigError as error:
            return at.wrong(str(error))
        if isinstance(value, Template) and all(slot.root == "record" for slot in value.slots()):
            return value.parts
        return at.wrong('names fields of the record and nothing else, like "{record.year}-{record.month}"', raw)

    return Kind("text with placeholders", read, lambda: {"type": "string", "pattern": r"\{record\."})
