"""Where the records of an answer stand: the largest list of objects, or another shape that is a list in disguise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from snapshotter.core.proposing.draft import GUESS, LIKELY, SURE
from snapshotter.core.wording import counted
from snapshotter.frozen import dataclass

USUAL = ("data", "items", "results", "features", "records", "entries", "events", "value", "values", "rows", "list")
DEEPEST = 4
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NAMES, _ROWS = ("columns", "fields", "header", "headers"), ("rows", "data", "values", "records")
_SCALARS = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Found:
    """Records, and how the file says where they stand."""

    path: str  # JMESPath
    shape: str  # `as` of the grammar
    records: tuple[Any, ...]
    sure: str
    why: str
    extra: Mapping[str, str]  # `rows` and `columns` of a table
    inside: tuple[str, ...] = ()  # the member that holds them: what stands elsewhere is about the page


@dataclass(frozen=True, slots=True)
class _Candidate:
    found: Found
    rank: tuple[int, ...]


def jmespath(names: Sequence[str]) -> str:
    """Member names as JMESPath."""
    return ".".join(name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in names) or "@"


def find_records(body: Any) -> Found:
    """The records of an answer; if nothing looks like a list, the whole body is the one record."""
    if isinstance(body, dict) and _is_one_thing(body):
        why = "the answer has an id and fields of its own: it is one thing, not a list"
        return Found("@", "single", (body,), LIKELY, why, {})
    candidates = sorted(_candidates(body, ()), key=lambda one: one.rank)
    if candidates:
        return candidates[-1].found
    if isinstance(body, dict):
        return Found("@", "single", (body,), GUESS, "no list of objects was found; the whole answer is one record", {})
    return Found("@", "list", (), GUESS, "the answer holds nothing that could be a record", {})


def _is_one_thing(body: Mapping[str, Any]) -> bool:
    own = [value for value in body.values() if isinstance(value, _SCALARS) and value is not None]
    return isinstance(body.get("id"), str | int) and len(own) >= 5


def _candidates(value: Any, place: tuple[str, ...]) -> Iterator[_Candidate]:
    if isinstance(value, list):
        yield from _list(value, place)
    elif isinstance(value, dict) and len(place) <= DEEPEST:
        table = _table(value, place)
        if table is not None:
            yield table
            return
        yield from _columns(value, place)
        yield from _values(value, place)
        for name, member in value.items():
            yield from _candidates(member, (*place, name))


def _ranked(found: Found, certainty: int) -> _Candidate:
    """The surer shape first, then the longer, then the usual name, then the place nearer to the root."""
    usual = bool(found.inside) and found.inside[-1].lower() in USUAL
    return _Candidate(found, (certainty, len(found.records), usual, -len(found.inside)))


def _list(items: list[Any], place: tuple[str, ...]) -> Iterator[_Candidate]:
    path, objects = jmespath(place), [item for item in items if isinstance(item, dict)]
    where = "the answer itself is a list" if not place else f"{path} is a list"
    if items and len(objects) == len(items):
        sure = SURE if not place or place[-1].lower() in USUAL else LIKELY
        yield _ranked(Found(path, "list", tuple(items), sure, f"{where} of {len(items)} objects", {}, place), 4)
    elif items and all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
        why = f"{where} of {len(items)} plain values; each becomes a record"
        yield _ranked(Found(path, "list", tuple(items), GUESS, why, {}, place), 1)
    elif not items and (not place or place[-1].lower() in USUAL):
        yield _ranked(Found(path, "list", (), GUESS, f"{where}, but empty; ask for a time that has data", {}, place), 3)


def _columns(value: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[_Candidate]:
    columns = list(value.values())
    if len(columns) < 2 or not all(isinstance(column, list) and len(column) > 1 for column in columns):
        return
    if len({len(column) for column in columns}) > 1 or any(isinstance(cell, dict) for cell in columns[0]):
        return
    records = tuple(dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True))
    why = f"{jmespath(place)} holds {len(columns)} arrays of {len(records)} values each; a record is one index of all"
    yield _ranked(Found(jmespath(place), "columns", records, LIKELY, why, {}, place), 4)


def _table(value: Mapping[str, Any], place: tuple[str, ...]) -> _Candidate | None:
    names = next((name for name in _NAMES if _is_header(value.get(name))), None)
    rows = next((name for name in _ROWS if isinstance(value.get(name), list)), None)
    if names is None or rows is None:
        return None
    header = value[names]
    cells = value[rows]
    if not cells or not all(isinstance(row, list) and len(row) == len(header) for row in cells):
        return None
    records = tuple(dict(zip(header, row, strict=True)) for row in cells)
    why = f"{names} names the cells of {len(records)} {rows}"
    extra = {"columns": names, "rows": rows}
    return _ranked(Found(jmespath(place), "rows", records, LIKELY, why, extra, (*place, rows)), 4)


def _is_header(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and len(set(map(str, value))) == len(value) and _all_text(value)


def _all_text(value: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in value)


def _values(value: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[_Candidate]:
    """An object whose members are all alike is a list by key."""
    members = list(value.values())
    is_dated = bool(value) and all(_DATE.fullmatch(name) for name in value)
    if len(members) < (1 if is_dated else 3) or not all(isinstance(member, dict) and member for member in members):
        return
    common = set.intersection(*(set(member) for member in members))
    if len(common) * 10 < 6 * len(set().union(*members)):
        return
    records = tuple({"key": key, "value": member} for key, member in value.items())
    form = "that are named by dates" if is_dated else "of one form"
    why = f"{jmespath(place)} has {counted(len(members), 'member')} {form}: a list by key"
    yield _ranked(Found(jmespath(place), "entries", records, LIKELY, why, {}, place), 3 if is_dated else 2)
