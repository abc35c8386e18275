"""Differences and versions in words for a terminal of 80 columns; a line is pieces, each with a style or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from snapshotter.core.diff import name_of
from snapshotter.core.escaping import escape
from snapshotter.model import Change, Edit
from snapshotter.results.differences import DayVersion, DayVersions, Difference, Side

Piece = tuple[str, str]  # style, text
Line = tuple[Piece, ...]
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
VALUE = 200
MOST_FIELDS = 12  # of `--stat`


def difference(result: Difference, *, stat: bool = False) -> Iterator[Line]:
    """`diff`: the two versions, the counts, then each record that differs."""
    yield (("bold", result.name),)
    if result.old is None:
        yield (("", f"one version only, {_side(result.new)}: nothing to compare"),)
        return
    yield (("removed", f"--- {_side(result.old)}"),)
    yield (("added", f"+++ {_side(result.new)}"),)
    change = result.change
    yield (("", counts(change) or "the same records"),)
    if stat:
        yield from _stat(change)
        return
    for edit in change.edits:
        yield from _edit(edit)
    more = change.added + change.removed + change.changed - len(change.edits)
    if more > 0:
        yield (("dim", f"… and {more:,} more; -n N shows more of them"),)
    if change.cut_short:
        yield (("dim", "… cut short: describing all of it would take too long"),)


def counts(change: Change) -> str:
    """`1 added, 2 changed`; nothing for none."""
    parts = ((change.added, "added"), (change.changed, "changed"), (change.removed, "removed"))
    return ", ".join(f"{number:,} {word}" for number, word in parts if number)


def _side(side: Side) -> str:
    records = f"{side.records:,} record{'' if side.records == 1 else 's'}"
    return f"{side.commit[:8]} {side.at:%Y-%m-%d %H:%M} UTC, {records}{', held' if side.held else ''}"


def _stat(change: Change) -> Iterator[Line]:
    places = Counter(field.path for edit in change.edits for field in edit.fields)
    for path, number in places.most_common(MOST_FIELDS):
        yield (("", f"  {escape(path, 60) or '(the record)'}: {number:,}"),)
    if len(places) > MOST_FIELDS:
        yield (("dim", f"  … and {len(places) - MOST_FIELDS:,} more fields"),)
    if change.cut_short:
        yield (("dim", "… cut short: describing all of it would take too long"),)


def _edit(edit: Edit) -> Iterator[Line]:
    yield ((edit.kind, f"{SIGNS[edit.kind]} {name_of(edit)}".rstrip()),)
    for field in edit.fields:
        name = f"    {escape(field.path, VALUE)}: " if field.path else "    "
        yield (("", name), ("removed", _value(field.old)), ("", " → "), ("added", _value(field.new)))
    if edit.more:
        yield (("dim", f"    … and {edit.more:,} more fields"),)
    if edit.note:
        yield (("", f"    {escape(edit.note, VALUE)}"),)


def _value(text: str | None) -> str:
    return "(none)" if text is None else escape(text, VALUE)


def versions(lines: Sequence[DayVersion]) -> str:
    """`versions SOURCE/STREAM DAY`: newest first, with the number by which `diff` and `show --at` know each."""
    return "\n".join(
        f"{line.back:>3}  {line.commit[:8]}  {line.at:%Y-%m-%d %H:%M}  {_records(line.records)}  {_what(line)}"
        for line in lines
    )


def _records(count: int) -> str:
    return f"{count:>7,} {'record' if count == 1 else 'records':<7}"


def _what(line: DayVersion) -> str:
    if line.change is None:
        return "first"
    return counts(line.change) or "the same records"


def written(lines: Sequence[DayVersions]) -> str:
    """`versions`: the documents that were written more than once."""
    told = [f"{line.versions:>4} versions  {_name(line):<44}  last {line.last:%Y-%m-%d %H:%M}" for line in lines]
    return "\n".join(told or ["every document has one version"])


def _name(line: DayVersions) -> str:
    if line.day is not None:
        return f"{line.stream} {line.day}"
    return f"{line.stream} undated" if line.path.endswith("/undated.json") else line.stream


def shown(commit: str, when: str, subject: str) -> str:
    """Which version `show --at` prints."""
    return f"version {commit[:8]} of {when}: {escape(subject, 120)}"
