"""What a table of a file may say, as data; and the one reader that holds a file against it.

The checker, the JSON Schemas and the reference page all come from these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from snapshotter.core.config.problems import WRONG, Path, Report, Wrong, WrongValueError, nearest, shown
from snapshotter.frozen import dataclass

Schema = dict[str, Any]
ABSENT: Final = object()
_NOT_SHOWN: Final = object()


@dataclass(frozen=True, slots=True)
class Scope:
    """What placeholders may name. `None`: not known here (the defaults of `snap.toml` serve every source)."""

    vars: Mapping[str, Any] | None = None
    secrets: frozenset[str] | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A place in a file that is being read."""

    report: Report
    scope: Scope
    path: Path = ()
    is_layer: bool = False  # defaults or a template: nothing is required yet, and nothing is filled in

    def __truediv__(self, step: str | int) -> At:
        return At(self.report, self.scope, (*self.path, step), self.is_layer)

    def wrong(self, message: str, value: object = _NOT_SHOWN, *, hint: str | None = None) -> Wrong:
        """Report a mistake at this place; `value` only where it cannot be a secret."""
        found = None if value is _NOT_SHOWN else shown(value)
        self.report.add(self.path, message, value=found, nearest=hint)
        return WRONG


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: a word for people, a reader (raw value -> value, or WRONG), and a JSON Schema."""

    word: str
    read: Callable[[Any, At], Any]
    schema: Callable[[], Schema]
    tables: tuple[Table, ...] = ()  # the tables inside it, for schema and reference
    shape: str = "value"  # value, table, tables (a list of them), named (a table of them)
    values: tuple[str, ...] = ()  # where it is one of a few words


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table. `types`: it belongs to these types of the table only; `needed`: it has to be given."""

    name: str
    kind: Kind
    doc: str
    default: Any = ABSENT  # as it would be written in the file
    default_note: str | None = None  # where the default is no plain value
    example: str | None = None  # TOML text of a value
    needed: bool = False
    types: tuple[str, ...] = ()

    def serves(self, kind_of_table: str | None) -> bool:
        """Whether a table of that type may have this key."""
        return not self.types or kind_of_table is None or kind_of_table in self.types


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what it is for and its keys. `by_type`: the key `type` decides which others may stand beside it."""

    name: str
    doc: str
    keys: tuple[Key, ...]
    by_type: bool = False

    def key(self, name: str) -> Key | None:
        """Its key of that name."""
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True, slots=True)
class Section(Mapping[str, Any]):
    """A table that was read. Looking at a value whose mistake is already reported raises `WrongValueError`."""

    entries: Mapping[str, Any]
    given: frozenset[str] = field(default_factory=frozenset)  # what the file says, without the defaults

    def __getitem__(self, name: str) -> Any:
        value = self.entries[name]
        if value is WRONG:
            raise WrongValueError
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def read_table(table: Table, raw: Any, at: At) -> Section:
    """A raw table as a section: unknown keys, wrong values and missing keys are reported, defaults filled in.

    What is no table at all becomes a section in which every value is wrong.
    """
    if not isinstance(raw, dict):
        at.wrong("must be a table", raw)
        return Section({key.name: WRONG for key in table.keys})
    type_of = _type_of(table, raw, at)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        key = table.key(name)
        if key is None:
            (at / name).wrong(f"unknown key {_named(name)}", hint=_meant(name, table))
        elif not key.serves(type_of):
            (at / name).wrong(f"{name!r} does not belong to type {type_of!r}, only to {_listed(key.types)}")
        else:
            values[name] = key.kind.read(value, at / name)
    for key in table.keys:
        if key.name not in raw and not at.is_layer and key.serves(type_of):
            values[key.name] = _absent(key, at, type_of=type_of, by_type=table.by_type)
    return Section(values, frozenset(raw))


def _type_of(table: Table, raw: Mapping[str, Any], at: At) -> str | None:
    key = table.key("type") if table.by_type else None
    if key is None:
        return None
    value = raw.get("type", key.default)
    silent = At(Report(at.report.file), at.scope, is_layer=True)
    read = key.kind.read(value, silent) if value is not ABSENT else WRONG
    return read if isinstance(read, str) else None


def _absent(key: Key, at: At, *, type_of: str | None, by_type: bool) -> Any:
    if key.needed and not (by_type and key.types and type_of is None):
        of_type = f" (type {type_of!r} needs it)" if key.types else ""
        example = f"; write it like {key.name} = {key.example}" if key.example else ""
        return (at / key.name).wrong(f"missing{of_type}{example}")
    return None if key.default is ABSENT else key.kind.read(key.default, at / key.name)


def _named(name: str) -> str:
    return shown(name).replace('"', "'") if name.isprintable() and '"' not in name else shown(name)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _meant(name: str, table: Table) -> str | None:
    """The known key that was probably meant: here, or the same word one table further in."""
    if found := nearest(name, (key.name for key in table.keys)):
        return found
    for key in table.keys:
        if key.kind.shape == "table" and any(inner.key(name) for inner in key.kind.tables):
            return f"{key.name}.{name}"
    return None


def a_table(table: Table) -> Kind:
    """A value that is one table."""
    return Kind("table", lambda raw, at: read_table(table, raw, at), lambda: table_schema(table), (table,), "table")


def a_list_of_tables(table: Table) -> Kind:
    """A value that is a list of tables, `[[x]]`; it reads as a tuple of sections."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, list):
            return at.wrong(f"must be a list of tables, [[{table.name}]]", raw)
        return tuple(read_table(table, item, At(at.report, at.scope, (*at.path, i))) for i, item in enumerate(raw))

    return Kind("list of tables", read, lambda: {"type": "array", "items": table_schema(table)}, (table,), "tables")


def a_layer(table: Table, *, is_foreign: bool = False) -> Kind:
    """A table that lies below others: nothing is required in it. A foreign one cannot know what placeholders name."""

    def read(raw: Any, at: At) -> Any:
        return read_table(table, raw, At(at.report, Scope() if is_foreign else at.scope, at.path, is_layer=True))

    return Kind("table", read, lambda: relaxed(table_schema(table)), (table,), "table")


def a_table_or_false(table: Table) -> Kind:
    """A table, or `false`, which switches off what a default or a template says; it reads as None."""

    def read(raw: Any, at: At) -> Any:
        return None if raw is False else read_table(table, raw, at)

    def schema() -> Schema:
        return {"anyOf": [table_schema(table), {"const": False}]}

    return Kind("table or false", read, schema, (table,), "table")


def table_schema(table: Table) -> Schema:
    """The JSON Schema of a table, with its descriptions and defaults."""
    schema: Schema = {
        "type": "object",
        "description": table.doc,
        "properties": {key.name: key_schema(key) for key in table.keys},
        "additionalProperties": False,
    }
    if needed := [key.name for key in table.keys if key.needed and not key.types]:
        schema["required"] = needed
    if table.by_type and (type_key := table.key("type")):
        schema["allOf"] = [_of_type(table, value) for value in type_key.kind.values]
    return schema


def relaxed(schema: Schema) -> Schema:
    """A schema whose tables may be incomplete, because another layer fills them in; tables in lists may not."""
    return {
        name: value if name in ("if", "items") else _relaxed(value)
        for name, value in schema.items()
        if not (name == "required" and isinstance(value, list))
    }


def _relaxed(value: Any) -> Any:
    if isinstance(value, list):
        return [_relaxed(item) for item in value]
    return relaxed(value) if isinstance(value, dict) else value


def key_schema(key: Key) -> Schema:
    """The JSON Schema of one key."""
    schema = key.kind.schema() | {"description": key.doc}
    if key.default is not ABSENT:
        schema["default"] = key.default
    return schema


def _of_type(table: Table, value: str) -> Schema:
    own = [key for key in table.keys if key.serves(value)]
    then: Schema = {"propertyNames": {"enum": [key.name for key in own]}}
    if needed := [key.name for key in own if key.needed and key.types]:
        then["required"] = needed
    return {"if": {"properties": {"type": {"const": value}}, "required": ["type"]}, "then": then}
