"""Frozen values as JSON values and back: one member a field, nothing guessed.

Members that equal their default are left out, so a written value stays readable and a field that comes later is
simply absent in older files. Reading is strict: a wrong type, a missing or an unknown member is `Malformed`, with
the path to it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
_Read = Callable[[object], Any]
T = TypeVar("T")

LARGEST = 2**63 - 1  # what every reader of the archive can hold: SQLite, DuckDB, Go


class Malformed(ValueError):
    """A JSON value that is not the value asked for; `path` says where, `why` says what was found."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.path or 'the document'}: {self.why}"

    def below(self, step: str) -> Malformed:
        """The same, seen from one level further out."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return Malformed(f"{step}{joint}{self.path}", self.why)


def instant_text(instant: datetime) -> str:
    """An instant in ISO 8601, UTC, ending in `Z`; a fraction only where there is one."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def to_plain(value: object) -> Plain:
    """The JSON value of a frozen value, a mapping, a tuple, a set, an enum, a time or a plain value."""
    match value:
        case Enum():
            return to_plain(value.value)
        case None | bool() | int() | str() | float():
            return value
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {_key_text(key): to_plain(item) for key, item in value.items()}
        case tuple() | list():
            return [to_plain(item) for item in value]
        case frozenset():
            return [to_plain(item) for item in sorted(value)]
        case _:
            return _members_of(value)


def _members_of(value: Any) -> dict[str, Plain]:
    members: dict[str, Plain] = {}
    for member in _fields(cast("Any", type(value))):
        item = getattr(value, member.name)
        if item != _default(member):
            members[member.name] = to_plain(item)
    return members


def _key_text(key: object) -> str:
    return key if isinstance(key, str) else str(to_plain(key))


def from_plain(kind: type[T], value: object) -> T:
    """The frozen value of a dataclass that a JSON value stands for, or `Malformed`."""
    return cast("T", _reader(cast("Any", kind))(value))


@cache
def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _default(member: dataclasses.Field[Any]) -> object:
    if member.default_factory is not dataclasses.MISSING:
        return member.default_factory()
    return member.default


@cache
def _reader(kind: Any) -> _Read:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, arguments)
    if origin is Literal:
        return _one_of(dict(zip(arguments, arguments, strict=True)))
    if origin is tuple:
        return _sequence(_reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(arguments[0]), _reader(arguments[1]))
    if issubclass(kind, Enum):
        return _one_of({case.value: case for case in kind})
    return _record(kind)


def _found(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _exactly(kind: type, word: str) -> _Read:
    def read(value: object) -> object:
        if type(value) is not kind:
            raise Malformed("", f"expected {word}, found {_found(value)}")
        return value

    return read


def _integer(value: object) -> int:
    if type(value) is not int or abs(value) > LARGEST:
        raise Malformed("", f"expected a whole number below 2^63, found {_found(value)}")
    return value


def _instant(value: object) -> datetime:
    instant = _parsed(datetime.fromisoformat, value) if str(value).endswith("Z") else None
    if instant is None or instant_text(instant) != value:  # one spelling only
        raise Malformed("", f"expected an instant like 2018-02-05T03:15:00Z, found {_found(value)}")
    return instant.astimezone(UTC)


def _day(value: object) -> date:
    day = _parsed(date.fromisoformat, value)
    if day is None or day.isoformat() != value:
        raise Malformed("", f"expected a day like 2018-02-05, found {_found(value)}")
    return day


def _parsed(parse: Callable[[str], T], value: object) -> T | None:
    try:
        return parse(cast("str", value))
    except (TypeError, ValueError):
        return None


_SIMPLE: dict[Any, _Read] = {
    str: _exactly(str, "a text"),
    bool: _exactly(bool, "true or false"),
    int: _integer,
    datetime: _instant,
    date: _day,
}


def _optional(kind: object, arguments: tuple[Any, ...]) -> _Read:
    inner = [argument for argument in arguments if argument is not type(None)]
    if len(inner) != 1 or len(arguments) != 2:
        raise TypeError(f"{kind} has no single JSON form")
    read_inner = _reader(inner[0])
    return lambda value: None if value is None else read_inner(value)


def _one_of(cases: Mapping[object, object]) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in cases:
            raise Malformed("", f"expected one of {', '.join(map(str, cases))}, found {_found(value)}")
        return cases[value]

    return read


def _sequence(read_item: _Read) -> _Read:
    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise Malformed("", f"expected a list, found {_found(value)}")
        return tuple(_at(f"[{index}]", read_item, item) for index, item in enumerate(value))

    return read


def _mapping(read_key: _Read, read_item: _Read) -> _Read:
    def read(value: object) -> dict[object, object]:
        if not isinstance(value, dict):
            raise Malformed("", f"expected an object, found {_found(value)}")
        return {_at(str(key), read_key, key): _at(str(key), read_item, item) for key, item in value.items()}

    return read


def _record(kind: type) -> _Read:
    hints = typing.get_type_hints(kind)
    readers = {member.name: _reader(hints[member.name]) for member in _fields(kind)}
    needed = [member.name for member in _fields(kind) if _default(member) is dataclasses.MISSING]

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise Malformed("", f"expected an object, found {_found(value)}")
        if unknown := value.keys() - readers.keys():
            raise Malformed(str(min(unknown)), "an unknown member")
        for name in needed:
            if name not in value:
                raise Malformed(name, "is missing")
        return kind(**{name: _at(name, readers[name], item) for name, item in value.items()})

    return read


def _at(step: str, read: _Read, value: object) -> Any:
    try:
        return read(value)
    except Malformed as error:
        raise error.below(step) from None
