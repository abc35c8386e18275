"""Who a record is, and where it stands among the records of a document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from snapshotter.canonical import Json, encode, encode_each_regular, encode_regular
from snapshotter.core.escaping import escape
from snapshotter.core.select import Expression, View, compile_expression
from snapshotter.errors import Unreadable
from snapshotter.spec import Selection

Order = tuple[Any, ...]

ODD: Order = (3,)  # of archived records that the present rules cannot place: behind all others


class Identity:
    """The `id` and `sort` of one stream, compiled."""

    def __init__(self, selection: Selection) -> None:
        self.ids = tuple(compile_expression(text) for text in selection.id)
        self.sort = None if selection.sort is None else compile_expression(selection.sort)
        self._only = self.ids[0].finder() if len(self.ids) == 1 and self.sort is None else None

    def of(self, plain: Json, exact: Json, instant: datetime | None) -> tuple[bytes | None, Order]:
        """`key` and `order` of a record."""
        if self._only is not None and plain is exact:  # the usual case, and a cheap one
            found = self._only(plain)
            if type(found) is int:
                return b"%d" % found, (0, found)
            if type(found) is str:
                return encode_regular(found), (1, found)
        return self.key(plain, exact), self.order(plain, instant)

    def of_each(
        self, values: Sequence[Json], instants: Sequence[datetime | None]
    ) -> tuple[Sequence[bytes | None], Sequence[Order]] | None:
        """`key` and `order` of records that hold no `Number`, where all are as simple as nearly always; else None."""
        if not self.ids and self.sort is None:
            return [None] * len(values), [(1,) if instant is None else (0, instant) for instant in instants]
        if self._only is None:
            return None
        found = self.ids[0].of_each(values)
        kinds = set(map(type, found))
        if kinds == {int}:
            return [b"%d" % number for number in found], [(0, number) for number in found]
        if kinds == {str}:
            return encode_each_regular(found), [(1, text) for text in found]
        return None

    def key(self, plain: Json, exact: Json) -> bytes | None:
        """The canonical JSON of a record's id, None where the stream has none; a record without it is `Unreadable`."""
        if not self.ids:
            return None
        parts = [_found(expression, plain, exact) for expression in self.ids]
        return encode(parts[0] if len(parts) == 1 else parts)

    def order(self, plain: Json, instant: datetime | None) -> Order:
        """What records are sorted by, comparable with that of any other record: `sort`, then the id, else time."""
        expressions = self.ids if self.sort is None else (self.sort, *self.ids)
        if expressions:
            return tuple(part for expression in expressions for part in _rank(expression.search(plain)))
        return (1,) if instant is None else (0, instant)


def _found(expression: Expression, plain: Json, exact: Json) -> Json:
    found = expression.search(plain)
    if found is None:
        name = escape(expression.text)
        raise Unreadable(
            "id", f"a record has no {name} to be told by; where it may be missing, write id = \"{name} || ''\""
        )
    if plain is exact:
        return found
    try:
        return View(exact).select(expression)  # 1.10 and 1.1 are two ids
    except Unreadable:
        return found  # the expression made it


def _rank(value: Json) -> Order:
    """Numbers by value, then texts by code point, then everything else by its canonical bytes."""
    kind = type(value)
    if kind is str:
        return (1, value)
    if kind is int or kind is float:
        return (0, value)
    return (2, encode(value))
