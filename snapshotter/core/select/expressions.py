"""Compiled expressions. Plain member paths are followed here; only others make the library load."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from snapshotter.canonical import Json
from snapshotter.core.escaping import escape
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass

_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\\x00-\x1f]*")'
_NAMES = re.compile(_NAME)
_SIMPLE = re.compile(rf"@|{_NAME}(?:\.{_NAME})*")


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled JMESPath expression. `names` are the steps of one that is a plain member path."""

    text: str
    names: tuple[str, ...] | None
    evaluate: Callable[[Json], Json]
    makes_objects: bool = False  # it may give an object that is not part of what it reads

    def search(self, plain: Json) -> Json:
        """What it gives for a plain value; None where there is nothing. A type error is `Unreadable`."""
        found = self.evaluate(plain)
        if type(found) is float and not math.isfinite(found):
            raise self.refusal("its result is not a number that JSON can say")
        return found

    def finder(self) -> Callable[[Json], Json]:
        """`search` as a function, for those who call it a hundred thousand times."""
        return self.search if self.names is None else self.evaluate  # a path makes nothing, so it finds nothing odd

    def of_each(self, values: Sequence[Json]) -> list[Json]:
        """What `finder` gives for each, for those who have many."""
        find = self.finder()
        if self.names is not None and len(self.names) == 1:
            name = self.names[0]
            try:
                return [value[name] for value in values]  # text in a list or a text, no object: an error, as it must be
            except (KeyError, TypeError, IndexError):
                return [find(value) for value in values]
        return [find(value) for value in values]

    def refusal(self, why: str) -> Unreadable:
        """The error that names it."""
        return Unreadable("selection", f"{escape(self.text)}: {why}")


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Expression:
    """The expression of a JMESPath text; `ConfigError` with the column where it is not one."""
    if _SIMPLE.fullmatch(text):
        names = tuple(name.strip('"') for name in _NAMES.findall(text))
        return Expression(text, names, _follower(names))
    from snapshotter.core.select import jmes  # noqa: PLC0415 - most sources have plain paths only, and loading costs time

    return Expression(text, None, *jmes.compiled(text))


def _follower(names: tuple[str, ...]) -> Callable[[Json], Json]:
    if len(names) == 1:
        name = names[0]
        return lambda value: value.get(name) if type(value) is dict else None
    return lambda value: follow(names, value)


def follow(names: Sequence[str], value: Json) -> Json:
    """What a plain member path leads to."""
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def is_true(value: Json) -> bool:
    """Whether JMESPath takes a result for true: all but null, false, and empty texts, lists and objects."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))


def truthy(expression: Expression, plain: Json) -> bool:
    """Whether an expression finds something true; one that meets values of the wrong type does not."""
    try:
        return is_true(expression.search(plain))
    except Unreadable:
        return False
