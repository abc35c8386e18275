"""How a run notes that a version of a day waits for the user, and how the note is read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

_HELD = "held "
_WHOLE = "the document"


def note(day: date | None, why: str) -> str:
    """What stands in a story of the run; `day` None: of a snapshot, or of records without a day."""
    return f"{_HELD}{_WHOLE if day is None else day.isoformat()}: {why}"


def told(notes: Iterable[str]) -> Iterator[tuple[date | None, str]]:
    """The days of such notes, with why each waits; other notes are left out."""
    for text in notes:
        if not text.startswith(_HELD):
            continue
        name, _, why = text.removeprefix(_HELD).partition(": ")
        try:
            day = None if name == _WHOLE else date.fromisoformat(name)
        except ValueError:  # somebody else's words
            continue
        yield day, why
