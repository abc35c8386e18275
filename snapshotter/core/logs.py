"""The local log of a run, read back: plain JSON objects to events with a level, so that looking back is easy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from snapshotter.results.past import LogLine

LEVELS = ("problems", "steps", "all")  # each one tells what those before it do, and more
TOLD = ("error", "warning", "problem", "held_back")  # what `runs show` adds to the run records
_LEVEL = dict.fromkeys(TOLD, "problems") | dict.fromkeys(("exchange", "page"), "all")
_KNOWN = {"at", "event", "text", "stream", "about", "source"}


def read(lines: Iterable[Mapping[str, object]]) -> tuple[LogLine, ...]:
    """The events of a log; what is no event is left out."""
    return tuple(event for line in lines if (event := _event(line)) is not None)


def at_level(lines: Sequence[LogLine], level: str) -> tuple[LogLine, ...]:
    """The events that a reader of this level wants to see."""
    shown = LEVELS[: LEVELS.index(level) + 1]
    return tuple(line for line in lines if line.level in shown)


def planned(lines: Iterable[LogLine]) -> Mapping[str, int]:
    """How many windows were planned of each stream."""
    return dict(Counter(line.about for line in lines if line.event == "planned"))


def once(lines: Iterable[LogLine]) -> tuple[LogLine, ...]:
    """Events that say the same of the same, once."""
    return tuple({(line.event, line.about, line.text): line for line in lines}.values())


def _event(line: Mapping[str, object]) -> LogLine | None:
    at, event = _instant(line.get("at")), line.get("event")
    if at is None or not isinstance(event, str):
        return None
    facts = {key: str(value) for key, value in line.items() if key not in _KNOWN and value is not None}
    about = str(line.get("stream") or line.get("about") or line.get("source") or "")
    return LogLine(at, event, _level(event, facts), about, str(line.get("text") or ""), facts)


def _level(event: str, facts: Mapping[str, str]) -> str:
    if event == "exchange" and (facts.get("problem") or facts.get("status", "")[:1] in ("4", "5")):
        return "steps"  # an answer that was none is a step of its own
    return _LEVEL.get(event, "steps")


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
