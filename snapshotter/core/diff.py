"""How two versions of a document differ, in counts and in a few lines that a person reads.

Equal records are set aside first, the rest is matched by id, and deepdiff sees only the pairs that differ, the largest
ones. Whether a document changed at all is decided by its bytes, elsewhere.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from snapshotter.canonical import Json, decode_document, encode
from snapshotter.core.escaping import dotted, escape
from snapshotter.core.select import drop, parse_path
from snapshotter.model import Change, Record

LINES = 20
WIDTH = 160
WHOLE = b"null"  # the key of the one object of an `as = "single"` document; no record has it, null is no id

_NAME_WIDTH = 60
_VALUE_WIDTH = 48
_MOST_MEASURED = 1_000  # changed records
_DEEPEST_LOOK = 300_000  # bytes of a pair, beyond which only its members are compared


@dataclass(frozen=True, slots=True)
class Sides:
    """What is left of two versions when equal records are set aside."""

    added: tuple[Record, ...]
    removed: tuple[Record, ...]
    changed: tuple[tuple[Record, Record], ...]  # (old, new), of one id


def compare(old: Sequence[Record], new: Sequence[Record]) -> Sides:
    """What came, went and changed; records without an id are matched by content, each copy for itself."""
    waiting = Counter(record.text for record in old)
    fresh: list[Record] = []
    for record in new:
        if waiting[record.text] > 0:
            waiting[record.text] -= 1
        else:
            fresh.append(record)
    gone: dict[bytes | int, Record] = {}
    for place, record in enumerate(old):
        if waiting[record.text] > 0:
            waiting[record.text] -= 1
            gone[place if record.key is None or record.key in gone else record.key] = record
    added: list[Record] = []
    changed: list[tuple[Record, Record]] = []
    for record in fresh:
        before = None if record.key is None else gone.pop(record.key, None)
        if before is None:
            added.append(record)
        else:
            changed.append((before, record))
    return Sides(tuple(added), tuple(gone.values()), tuple(changed))


def summarise(
    old: Sequence[Record],
    new: Sequence[Record],
    *,
    ignore: Sequence[str],
    clock: Callable[[], float],
    seconds: float = 2.0,
) -> Change:
    """The change from one version to the other; after `seconds` of the clock, lines name records without details."""
    sides = compare(old, new)
    largest = heapq.nsmallest(LINES, _drafts(sides), key=lambda draft: (-draft.size, draft.new.text))
    deadline = clock() + seconds
    lines: list[str] = []
    cut_short = False
    for draft in largest:
        in_time = draft.old is None or clock() < deadline
        cut_short = cut_short or not in_time
        lines.append(_line(draft, ignore, with_details=in_time))
    return Change(len(sides.added), len(sides.removed), len(sides.changed), tuple(lines), cut_short)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A line to be written."""

    verb: str
    size: int  # bytes that differ
    new: Record
    old: Record | None = None  # only of a changed record


def _drafts(sides: Sides) -> Iterator[_Draft]:
    measure = _spread if len(sides.changed) <= _MOST_MEASURED else _growth
    for before, after in sides.changed:
        yield _Draft("changed", measure(before.text, after.text), after, before)
    for record in sides.added:
        yield _Draft("added", len(record.text), record)
    for record in sides.removed:
        yield _Draft("removed", len(record.text), record)


def _spread(old: bytes, new: bytes) -> int:
    """How many bytes lie between the first and the last that differ."""
    shorter = min(len(old), len(new))
    before = _longest(lambda length: old[:length] == new[:length], shorter)
    after = _longest(lambda length: old[len(old) - length :] == new[len(new) - length :], shorter - before)
    return max(len(old), len(new)) - before - after


def _growth(old: bytes, new: bytes) -> int:
    """A rough measure, for when so many records changed that which of them are named hardly matters."""
    return abs(len(old) - len(new))


def _longest(holds: Callable[[int], bool], limit: int) -> int:
    """The greatest length up to the limit for which something holds that holds for all shorter ones."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


# --- lines ---


def _line(draft: _Draft, ignore: Sequence[str], *, with_details: bool) -> str:
    head = f"{draft.verb} {_name(draft.new)}".rstrip()
    if draft.old is None or not with_details:
        return escape(head, WIDTH)
    details = ", ".join(_details(draft.old.text, draft.new.text, ignore))
    return escape(f"{head}: {details}", WIDTH)


def _name(record: Record) -> str:
    """The id of a record as people write it, or the beginning of a record without one."""
    if record.key is None:
        return escape(record.text.decode(), _NAME_WIDTH)
    if record.key == WHOLE:
        return ""
    value = decode_document(record.key).value
    return escape(value if isinstance(value, str) else record.key.decode(), _NAME_WIDTH)


def _details(old: bytes, new: bytes, ignore: Sequence[str]) -> list[str]:
    """`properties.mag 2 → 2.1` for each place that differs, in the order of the document."""
    before, after = (_without(decode_document(text).value, ignore) for text in (old, new))
    if len(old) + len(new) > _DEEPEST_LOOK:
        return _members(before, after) or ["only ignored fields"]
    places = _deep_differences(_leaves(before), _leaves(after))
    return [f"{dotted(place)} {old} → {new}".lstrip() for place, old, new in places] or ["only ignored fields"]


def _without(value: Json, ignore: Sequence[str]) -> Json:
    for path in ignore:
        value, _ = drop(parse_path(path), value)
    return value


def _members(before: Json, after: Json) -> list[str]:
    """The members that differ, of a pair too large for a closer look."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return ["differs in many places"]
    names = sorted(before.keys() | after.keys())
    return [f"{dotted([name])} differs" for name in names if encode(before.get(name)) != encode(after.get(name))]


def _leaves(value: Json) -> Json:
    """The value with every leaf as its JSON text, so that 1, 1.0, 1.10 and "1" are all told apart."""
    if isinstance(value, dict):
        return {name: _leaves(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_leaves(item) for item in value]
    return encode(value).decode()


def _deep_differences(before: Json, after: Json) -> list[tuple[list[str | int], str, str]]:
    """Where two trees of leaves differ, and what stands there in each."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - costs 100 ms, and most runs have nothing to describe

    found: Any = DeepDiff(before, after, view="tree", ignore_order=False)
    levels = [(level.path(output_format="list"), level.t1, level.t2) for kind in found.values() for level in kind]
    levels.sort(key=lambda level: [(isinstance(step, str), str(step).zfill(9)) for step in level[0]])
    return [(place, _shown(old), _shown(new)) for place, old, new in levels]


def _shown(leaves: Json) -> str:
    return escape(_written(leaves), _VALUE_WIDTH)


def _written(leaves: Json) -> str:
    """The JSON text of a tree of leaves, as much of it as is shown."""
    if isinstance(leaves, dict):
        return "{" + ",".join(f'"{name}":{_written(member)}' for name, member in islice(leaves.items(), 9)) + "}"
    if isinstance(leaves, list):
        return "[" + ",".join(map(_written, leaves[:_VALUE_WIDTH])) + "]"
    return leaves if isinstance(leaves, str) else "(none)"
