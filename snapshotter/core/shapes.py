"""From the value of a body to the elements that become records, each a part of the exact value, unchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from snapshotter.canonical import Json
from snapshotter.core.escaping import dotted, escape, escape_value
from snapshotter.core.select import Path, View, compile_expression, drop, get, parse_path
from snapshotter.errors import ConfigError, Unreadable
from snapshotter.frozen import dataclass
from snapshotter.spec import Selection, Shape

MOST_REASONS = 50


@dataclass(frozen=True, slots=True)
class Shaped:
    """The elements of a body, and the parts of it that they came from."""

    elements: Sequence[Json]
    parts: Sequence[Json]


class Shaper:
    """The `records`, `as` and `unnest` of one stream, compiled."""

    def __init__(self, selection: Selection) -> None:
        self.shape = selection.shape
        self.name = escape(selection.records)
        self.may_be_missing = selection.records_missing == "empty"
        self.expression = compile_expression(selection.records)
        self.rows, self.columns = parse_path(selection.rows or "rows"), parse_path(selection.columns or "columns")
        self.inner = None if selection.unnest is None else _names(parse_path(selection.unnest))

    def shaped(self, view: View) -> Shaped:
        """The selected elements, before `unnest`; another type than `as` wants is `Unreadable`."""
        selected = view.select(self.expression)
        if selected is None and self.may_be_missing:
            return Shaped((), ())
        match self.shape:
            case Shape.LIST:
                elements = self._list(selected)
                is_one_part = self.expression.names is not None  # any other expression may make the list itself
                return Shaped(elements, (elements,) if is_one_part else (elements, *elements))
            case Shape.SINGLE:
                return Shaped((self._object(selected),), (selected,))
            case Shape.VALUES:
                return Shaped(tuple(self._object(selected).values()), (selected,))
            case Shape.ENTRIES:
                entries = ({"key": key, "value": value} for key, value in self._object(selected).items())
                return Shaped(tuple(entries), (selected,))
            case Shape.ROWS:
                return self._tables(selected if isinstance(selected, list) else [selected])
            case Shape.COLUMNS:
                return Shaped(tuple(_transposed(self._object(selected))), (selected,))

    def unnested(self, element: Json) -> Sequence[Json]:
        """The records of one element: itself, or one for each item of its inner list."""
        if self.inner is None:
            return (element,)
        found = element
        for name in self.inner:
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return ()
        if not isinstance(found, list):
            raise Unreadable("shape", f"unnest = {dotted(self.inner)} leads to {kind_of(found)}; it needs a list")
        return [_replaced(element, self.inner, item) for item in found]

    def _tables(self, tables: Sequence[Json]) -> Shaped:
        elements: list[Json] = []
        parts: list[Json] = []
        for table in tables:
            columns, rows = get(self.columns, self._object(table)), get(self.rows, table)
            if len(rows) != 1:
                raise Unreadable("shape", f"rows = {escape(self.rows.text)} leads to nothing; it needs a list of rows")
            names = columns[0] if len(columns) == 1 and isinstance(columns[0], list) else columns
            elements += _named(rows[0], _checked_names(names))
            parts += [names, rows[0], *columns]
        return Shaped(elements, parts)

    def _list(self, selected: Json) -> list[Json]:
        if isinstance(selected, list):
            return selected
        raise self._refusal(selected, "a list")

    def _object(self, selected: Json) -> dict[str, Json]:
        if isinstance(selected, dict):
            return selected
        raise self._refusal(selected, "an object")

    def _refusal(self, selected: Json, wanted: str) -> Unreadable:
        hint = ' (if that means there is none, say records_missing = "empty")' if selected is None else ""
        found = kind_of(selected)
        return Unreadable(
            "shape", f'records = {self.name} selected {found}; as = "{self.shape.value}" needs {wanted}{hint}'
        )


def kind_of(value: Json) -> str:
    """What kind of JSON value this is, in words."""
    match value:
        case None:
            return "null or nothing"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return "a number"


def _names(path: Path) -> tuple[str, ...]:
    names = tuple(step for step in path.steps if isinstance(step, str))
    if len(names) < len(path.steps):
        raise ConfigError(f"unnest = {escape(path.text)} must be names joined by '.', leading to one list")
    return names


def _replaced(element: Json, names: Sequence[str], item: Json) -> Json:
    """The element with `item` where the names lead."""
    if not names:
        return item
    changed = element.copy()
    changed[names[0]] = _replaced(element[names[0]], names[1:], item)
    return changed


# --- tables ---


def _checked_names(names: Sequence[Json]) -> Sequence[str]:
    for name in names:
        if not isinstance(name, str):
            raise Unreadable("shape", f"a column is named by {kind_of(name)}; it needs a text")
    doubled = next((name for name, count in Counter(names).items() if count > 1), None)
    if doubled is not None:
        raise Unreadable("shape", f"two columns are named {escape_value(doubled)}, so their cells cannot be told apart")
    return names


def _named(rows: Json, names: Sequence[str]) -> Iterator[dict[str, Json]]:
    if not isinstance(rows, list):
        raise Unreadable("shape", f"where the rows should be stands {kind_of(rows)}")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            found = f"{len(row)} cells" if isinstance(row, list) else kind_of(row)
            raise Unreadable("shape", f"row {number} has {found}; its table has {len(names)} columns")
        yield dict(zip(names, row, strict=True))


def _transposed(columns: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    for name, column in columns.items():
        if not isinstance(column, list):
            raise Unreadable("shape", f'{escape_value(name)} is {kind_of(column)}; as = "columns" needs arrays only')
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise Unreadable(
            "shape", f'arrays of {min(lengths)} to {max(lengths)} items; as = "columns" needs equal lengths'
        )
    for cells in zip(*columns.values(), strict=True):
        yield dict(zip(columns, cells, strict=True))


# --- what is left out ---


def outside(body: Json, parts: Iterable[Json], envelope: Iterable[Path]) -> Counter[str]:
    """How many members of a body hold no record and are in no envelope, by where they stand: `outside:meta.next`."""
    kept = {id(part) for part in parts if isinstance(part, dict | list)}
    for path in envelope:
        body, _ = drop(path, body)
    left: Counter[str] = Counter()
    _count_left(body, (), kept, left)
    return left


def _count_left(value: Json, place: tuple[str, ...], kept: set[int], left: Counter[str]) -> bool:
    """Whether a value holds records; what it holds beside them is counted."""
    if id(value) in kept:
        return True
    if not isinstance(value, dict | list):
        return False
    children = value.items() if isinstance(value, dict) else (("[*]", item) for item in value)
    beside = [(name, child) for name, child in children if not _count_left(child, (*place, name), kept, left)]
    if len(beside) == len(value):
        return False
    for name, child in beside:
        if child not in ({}, []):
            reason = f"outside:{dotted((*place, name))}"
            left[reason if reason in left or len(left) < MOST_REASONS else "outside"] += 1
    return True
