"""The answer of a query as a table of a terminal, as CSV, or as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from snapshotter.canonical import Json, Number, decode, encode
from snapshotter.codec import instant_text
from snapshotter.core.escaping import escape
from snapshotter.core.tables import csv_line, number_of
from snapshotter.errors import Unreadable
from snapshotter.results.querying import Exported, View

NARROWEST = 6  # characters of a column
LONGEST = 300  # of a cell that is looked at
_GAP = "  "

Column = tuple[str, str]  # name, type


def value_of(value: Any, kind: str = "") -> Json:
    """A value of the database as a JSON value that loses nothing."""
    match value:
        case None | bool():
            return value
        case str():
            return _json(value) if kind == "JSON" else value
        case int() | float() | Decimal():
            return _number(value)
        case Mapping():
            return {_name(key): value_of(item) for key, item in value.items()}
        case list() | tuple() | set():
            return [value_of(item) for item in value]
        case _:
            return _text(value)


def _number(value: float | Decimal) -> Json:
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else Number(str(value))
    if not math.isfinite(value):
        return str(value)
    return number_of(value) if isinstance(value, Decimal) else value


def _text(value: Any) -> str:
    match value:
        case datetime():
            return value.isoformat(sep=" ") if value.tzinfo is None else instant_text(value)
        case date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)


def _json(text: str) -> Json:
    try:
        return decode(text.encode()).value
    except (Unreadable, UnicodeEncodeError):
        return text


def _name(key: Any) -> str:
    return key if isinstance(key, str) else encode(value_of(key)).decode()


def json_lines(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A JSON array with one object a row, a row a line."""
    names = _distinct([name for name, _ in columns])
    kinds = [kind for _, kind in columns]
    before = "[\n"
    for row in rows:
        cells = {name: value_of(cell, kind) for name, cell, kind in zip(names, row, kinds, strict=True)}
        yield before + encode(cells).decode()
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _distinct(names: Sequence[str]) -> list[str]:
    """Two columns may be called alike, two members may not."""
    found: list[str] = []
    for name in names:
        number, told = 1, name
        while told in found:
            number += 1
            told = f"{name}_{number}"
        found.append(told)
    return found


def csv_lines(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV with a header; null is nothing, an empty text is `""`."""
    yield csv_line(name for name, _ in columns)
    kinds = [kind for _, kind in columns]
    for row in rows:
        yield csv_line(_cell(value, kind) for value, kind in zip(row, kinds, strict=True))


def _cell(value: Any, kind: str) -> str | None:
    found = value_of(value, kind)
    return found if found is None or isinstance(found, str) else encode(found).decode()


# --- a table ---


def table(columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, width: int, more: bool) -> str:
    """A table that fits a terminal: what does not is cut with `…`, and columns that find no room are named."""
    names = [escape(name, LONGEST) for name, _ in columns]
    cells = [[_shown(value, kind) for value, (_, kind) in zip(row, columns, strict=True)] for row in rows]
    wanted = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(names)]
    widths = _widths(wanted, width)
    right = [_is_number(kind) for _, kind in columns]
    lines = [_line(names, widths, right), _line(["─" * size for size in widths], widths, right)]
    lines += [_line(row, widths, right) for row in cells]
    if len(widths) < len(names):
        lines.append(f"({len(names) - len(widths)} more columns: {', '.join(names[len(widths) :])[:LONGEST]})")
    if more:
        lines.append(f"({len(rows):,} rows are shown and there are more; -n N, --csv or --json gives them)")
    return "\n".join(lines)


def _shown(value: Any, kind: str) -> str:
    found = value_of(value, kind)
    if found is None:
        return ""
    text = found if isinstance(found, str) else encode(found).decode()
    return escape(text, LONGEST)


def _widths(wanted: Sequence[int], width: int) -> list[int]:
    """As wide as wanted where that fits; else the widest give way, and the last columns go."""
    shown = list(wanted)
    while shown and sum(min(size, NARROWEST) for size in shown) + len(_GAP) * (len(shown) - 1) > width:
        shown.pop()
    room = width - len(_GAP) * max(0, len(shown) - 1)
    if sum(shown) <= room:
        return shown or [min(wanted[0], width)] if wanted else []
    low, high = 1, max(shown)
    while low < high:  # the greatest width that no column exceeds
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(size, middle) for size in shown) <= room else (low, middle - 1)
    return [min(size, low) for size in shown]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    told = []
    for cell, size, is_right in zip(cells, widths, right, strict=False):
        cut = cell if len(cell) <= size else cell[: size - 1] + "…"
        told.append(cut.rjust(size) if is_right else cut.ljust(size))
    return _GAP.join(told).rstrip()


def _is_number(kind: str) -> bool:
    return kind in ("BIGINT", "HUGEINT", "DOUBLE", "INTEGER", "FLOAT") or kind.startswith("DECIMAL")


# --- what there is ---


def views(found: Sequence[View]) -> str:
    """The tables that can be asked."""
    if not found:
        return "no source file describes a stream yet; `snap add` lists ready ones"
    columns = [("table", ""), ("stream", ""), ("documents", "BIGINT"), ("first", ""), ("last", "")]
    rows = [(view.name, view.stream, view.documents, view.first, view.last) for view in found]
    return table(columns, rows, width=10_000, more=False)


def exported(found: Sequence[Exported]) -> str:
    """What was written."""
    return "\n".join(_exported(item) for item in found)


def _exported(item: Exported) -> str:
    span = f", {item.first} to {item.last}" if item.first is not None else ""
    into = f" (table {item.table})" if item.table else ""
    return f"{item.stream}: {item.records:,} records{span} -> {escape(item.path, LONGEST)}{into}"
