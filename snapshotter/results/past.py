"""What looking at past runs gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from snapshotter.frozen import dataclass
from snapshotter.model import RunRecord


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a line."""

    run: str
    started: datetime
    at: datetime
    command: str
    streams: tuple[str, ...]
    requests: int
    days_new: int
    days_changed: int
    problems: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event of a run, as its local log tells it. `level`: problems, steps, all."""

    at: datetime
    event: str
    level: str
    about: str  # a source or stream; may be ""
    text: str
    facts: Mapping[str, str] = field(default_factory=dict)  # the rest of the line


@dataclass(frozen=True, slots=True)
class RunLog:
    """`runs log`: the events of one run, as far as they were asked for."""

    run: str
    lines: tuple[LogLine, ...]
    hidden: int = 0  # of finer levels


@dataclass(frozen=True, slots=True)
class RunStory:
    """`runs show`: its records, oldest first, and what only the local log knows."""

    run: str
    records: tuple[RunRecord, ...]
    logged: bool = False  # this machine has its log
    planned: Mapping[str, int] = field(default_factory=dict)  # stream -> windows
    finished: datetime | None = None
    exit: int | None = None
    told: tuple[LogLine, ...] = ()  # warnings, errors and what was held back
