"""How two versions of a document differ, in counts and in a few lines that a person reads.

Equal records are set aside first, the rest is matched by id, those without one by content, and deepdiff sees only the
pairs that differ, the largest ones. Whether a document changed at all is decided by its bytes, elsewhere.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from snapshotter.canonical import Json, decode_document, encode, plain
from snapshotter.core.escaping import dotted, escape
from snapshotter.core.select import drop, parse_path
from snapshotter.core.similarity import paired
from snapshotter.frozen import dataclass
from snapshotter.model import Change, Edit, FieldEdit, Record

LINES = 20
WIDTH = 160
WHOLE = b"null"  # the key of the one object of an `as = "single"` document; no record has it, null is no id

_NAME_WIDTH = 60
_VALUE_WIDTH = 48
_PAIRING = 0.75  # of the time, before details are looked at: few pairs are
_FIELDS = 24  # of one record
_TEXT = 200  # characters of a value
_ROOM = 6_000  # characters of the edits of a document in a run record
_MOST_FOR_DEEPDIFF = 1_000  # pairs
_MOST_MEASURED = 1_000  # changed records
_DEEPEST_LOOK = 300_000  # bytes of a pair, beyond which only its members are compared


@dataclass(frozen=True, slots=True)
class Sides:
    """What is left of two versions when equal records are set aside; with `cut_short` more might be pairs."""

    added: tuple[Record, ...]
    removed: tuple[Record, ...]
    changed: tuple[tuple[Record, Record], ...]  # (old, new), of one id or much alike
    cut_short: bool = False


def compare(old: Sequence[Record], new: Sequence[Record], *, clock: Callable[[], float], deadline: float) -> Sides:
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
    return _alike(Sides(tuple(added), tuple(gone.values()), tuple(changed)), clock=clock, deadline=deadline)


def _alike(sides: Sides, *, clock: Callable[[], float], deadline: float) -> Sides:
    """The same, with those without an id that are much alike told as changed."""
    removed = [record for record in sides.removed if record.key is None]
    added = [record for record in sides.added if record.key is None]
    found = paired(removed, added, clock=clock, deadline=deadline)
    if not found.pairs:
        return replace(sides, cut_short=found.cut_short)
    pairs = [(removed[one], added[other]) for one, other in found.pairs]
    taken = {id(record) for pair in pairs for record in pair}
    return Sides(
        tuple(record for record in sides.added if id(record) not in taken),
        tuple(record for record in sides.removed if id(record) not in taken),
        (*sides.changed, *pairs),
        found.cut_short,
    )


def summarise(
    old: Sequence[Record],
    new: Sequence[Record],
    *,
    ignore: Sequence[str],
    clock: Callable[[], float],
    seconds: float = 2.0,
    most: int = LINES,
) -> Change:
    """The change from one version to the other; after `seconds` of the clock, lines name records without details."""
    began = clock()
    sides = compare(old, new, clock=clock, deadline=began + seconds * _PAIRING)
    largest = heapq.nsmallest(most, _drafts(sides), key=lambda draft: (-draft.size, draft.new.text))
    edits: list[Edit] = []
    lines: list[str] = []
    cut_short = sides.cut_short
    for draft in largest:
        in_time = draft.old is None or clock() < began + seconds
        cut_short = cut_short or not in_time
        edit = _edit(draft, ignore, with_details=in_time)
        edits.append(edit)
        lines.append(line_of(edit))
    return Change(len(sides.added), len(sides.removed), len(sides.changed), tuple(lines), cut_short, tuple(edits))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A line to be written."""

    verb: Literal["added", "removed", "changed"]
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


# --- edits and lines ---


def bounded(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """As many edits, the largest first, as a run record has room for: of one day a few thousand characters."""
    kept: list[Edit] = []
    room = _ROOM
    for edit in edits:
        room -= 80 + len(edit.text) + sum(40 + len(f.path) + len(f.old or "") + len(f.new or "") for f in edit.fields)
        if room < 0 and kept:
            break
        kept.append(edit)
    return tuple(kept)


def line_of(edit: Edit) -> str:
    """An edit in one line: `changed ci37868143: properties.mag 2 → 2.1`."""
    head = f"{edit.kind} {name_of(edit)}".rstrip()
    details = ", ".join(f"{field.path} {_shown(field.old)} → {_shown(field.new)}".lstrip() for field in edit.fields)
    details = details or edit.note
    return escape(f"{head}: {details}" if details else head, WIDTH)


def name_of(edit: Edit) -> str:
    """The id of a record as people write it, or the beginning of a record without one."""
    if edit.id is None:
        return escape(edit.text, _NAME_WIDTH)
    if edit.id == WHOLE.decode():
        return ""
    if edit.id.endswith("…"):
        return escape(edit.id, _NAME_WIDTH)
    value = decode_document(edit.id.encode()).value
    return escape(value if isinstance(value, str) else edit.id, _NAME_WIDTH)


def _edit(draft: _Draft, ignore: Sequence[str], *, with_details: bool) -> Edit:
    record = draft.new
    key = None if record.key is None else _cut(record.key.decode())
    text = _cut(record.text.decode()) if key is None else ""
    if draft.old is None or not with_details:
        return Edit(draft.verb, key, text)
    fields, note = _fields(draft.old.text, draft.new.text, ignore)
    more = max(0, len(fields) - _FIELDS)
    return Edit(draft.verb, key, text, tuple(fields[:_FIELDS]), more, note)


def _fields(old: bytes, new: bytes, ignore: Sequence[str]) -> tuple[list[FieldEdit], str]:
    """Each place that differs, in the order of the document, or words where no place is told."""
    before, after = (_without(decode_document(text).value, ignore) for text in (old, new))
    if len(old) + len(new) > _DEEPEST_LOOK:
        return [], ", ".join(_members(before, after)) or "only ignored fields"
    places = _deep_differences(_leaves(before), _leaves(after))
    return places, "" if places else "only ignored fields"


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


def _deep_differences(before: Json, after: Json) -> list[FieldEdit]:
    """Where two trees of leaves differ, and what stands there in each."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - costs 100 ms, and most runs have nothing to describe

    found: Any = DeepDiff(before, after, view="tree", ignore_order=False)
    levels = [(level.path(output_format="list"), level.t1, level.t2) for kind in found.values() for level in kind]
    levels.sort(key=lambda level: [(isinstance(step, str), str(step).zfill(9)) for step in level[0]])
    return [FieldEdit(_cut(dotted(place)), _text_of(old), _text_of(new)) for place, old, new in levels]


def _shown(text: str | None) -> str:
    return "(none)" if text is None else escape(text, _VALUE_WIDTH)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _text_of(leaves: Json) -> str | None:
    """The JSON text of a tree of leaves, cut; None where deepdiff says that nothing is there."""
    return _cut(_written(leaves)) if isinstance(leaves, dict | list | str) else None


def _written(leaves: Json) -> str:
    """The JSON text of a tree of leaves, as much of it as is shown."""
    if isinstance(leaves, dict):
        return "{" + ",".join(f'"{name}":{_written(member)}' for name, member in islice(leaves.items(), 40)) + "}"
    if isinstance(leaves, list):
        return "[" + ",".join(map(_written, leaves[:_TEXT])) + "]"
    return str(leaves)


# --- deepdiff's own form ---


def as_deepdiff(sides: Sides) -> str:
    """What differs as deepdiff writes it in JSON, records by their id; the first thousand pairs."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - as above

    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for old, new in sides.changed[:_MOST_FOR_DEEPDIFF]:
        name = _key(new)
        before[name], after[name] = _value(old), _value(new)
    before |= {_key(record): _value(record) for record in sides.removed[:_MOST_FOR_DEEPDIFF]}
    after |= {_key(record): _value(record) for record in sides.added[:_MOST_FOR_DEEPDIFF]}
    found: Any = DeepDiff(before, after, verbose_level=2)
    return str(found.to_json())


def _key(record: Record) -> str:
    if record.key is None:
        return record.text.decode()
    value = decode_document(record.key).value
    return value if isinstance(value, str) else record.key.decode()


def _value(record: Record) -> Any:
    return plain(decode_document(record.text).value)
