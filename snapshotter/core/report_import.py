"""What an import brought, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snapshotter.core.escaping import escape
from snapshotter.core.wording import counted
from snapshotter.results.importing import Imported


def imported(found: Sequence[Imported]) -> str:
    """Each stream in a few lines."""
    return "\n".join(line for item in found for line in _lines(item))


def _lines(item: Imported) -> Iterator[str]:
    before = f", {counted(item.known, 'run')} imported before" if item.known else ""
    if not item.runs:
        yield f"{item.stream}: nothing new in {counted(item.files, 'file')}{before}"
        yield from _ignored(item)
        return
    would = "would import " if item.is_dry else ""
    yield f"{item.stream}: {would}{counted(item.runs, 'run')}, {counted(item.records, 'record')}{before}"
    if item.first_run is not None and item.last_run is not None:
        first, last = (f"{run:%Y-%m-%d %H:%M}" for run in (item.first_run, item.last_run))
        yield f"  observed {first} UTC" if first == last else f"  observed {first} to {last} UTC"
    if item.first is not None:
        yield f"  day {item.first}" if item.first == item.last else f"  days {item.first} to {item.last}"
    if not item.is_dry:
        kept = f", {item.kept:,} stay since the archive knows later" if item.kept else ""
        yield f"  {counted(item.taken, 'document')} taken{kept}"
    yield from _ignored(item)
    words = f"{item.proves} vouched for" if item.proves else "nothing is proved by it: `snap fetch` asks these days"
    yield f"  {words}"
    yield from (f"  {note}" for note in item.notes)


def _ignored(item: Imported) -> Iterator[str]:
    if item.ignored:
        like = f", like {escape(item.ignored_like, 60)}" if item.ignored_like else ""
        yield f"  left out, since the name is no day and run: {counted(item.ignored, 'file')}{like}"
