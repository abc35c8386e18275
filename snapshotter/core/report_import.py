"""What an import brought, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snapshotter.core.wording import counted
from snapshotter.results.importing import Imported


def imported(found: Sequence[Imported]) -> str:
    """Each stream in a few lines."""
    return "\n".join(line for item in found for line in _lines(item))


def _lines(item: Imported) -> Iterator[str]:
    before = f", {counted(item.known, 'run')} imported before" if item.known else ""
    if not item.runs:
        yield f"{item.stream}: nothing new in {counted(item.files, 'file')}{before}"
        return
    would = "would import " if item.is_dry else ""
    yield f"{item.stream}: {would}{counted(item.runs, 'run')}, {counted(item.records, 'record')}{before}"
    if item.first_run is not None and item.last_run is not None:
        yield f"  observed {item.first_run:%Y-%m-%d %H:%M} to {item.last_run:%Y-%m-%d %H:%M} UTC"
    if item.first is not None:
        yield f"  days {item.first} to {item.last}"
    if not item.is_dry:
        kept = f", {item.kept:,} stay since the archive knows later" if item.kept else ""
        yield f"  {counted(item.taken, 'document')} taken{kept}"
    if item.ignored:
        yield f"  {counted(item.ignored, 'file')} named otherwise left out"
    words = f"{item.proves} vouched for" if item.proves else "nothing is proved by it: `snap fetch` asks these days"
    yield f"  {words}"
    yield from (f"  {note}" for note in item.notes)
