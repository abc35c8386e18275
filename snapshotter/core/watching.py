"""A run under way as a person sees it: what each stream does now, how far it is, how long it may still take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from snapshotter.core.wording import counted
from snapshotter.frozen import dataclass
from snapshotter.results import Progress

QUIET = ("waits for its turn", "done")


@dataclass(frozen=True, slots=True)
class Row:
    """One stream of a run."""

    stream: str
    lane: str = ""
    windows: int = 0  # that were planned
    landed: int = 0
    requests: int = 0
    records: int = 0
    days: int = 0  # new or changed
    now: str = QUIET[0]
    budget: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is being asked just now."""
        return self.now not in QUIET


@dataclass(frozen=True, slots=True)
class Board:
    """All streams of a run, in the order in which they were planned."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    reading: str = ""  # what is read before anything is planned

    def after(self, step: Progress) -> Board:
        """The board after one more step."""
        if not step.stream or step.kind == "exchange":
            return self
        if step.kind == "reading" and step.stream not in self.rows:
            return Board(self.rows, step.text)
        row = _after(self.rows.get(step.stream, Row(step.stream)), step)
        return Board({**self.rows, step.stream: row})

    @property
    def windows(self) -> int:
        """Windows that were planned."""
        return sum(row.windows for row in self.rows.values())

    @property
    def landed(self) -> int:
        """Windows that are done."""
        return sum(min(row.landed, row.windows) for row in self.rows.values())

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return sum(row.requests for row in self.rows.values())

    @property
    def days(self) -> int:
        """Days that are new or changed."""
        return sum(row.days for row in self.rows.values())

    def seconds_left(self, elapsed: float) -> float | None:
        """How long it takes if it goes on like this: the slowest lane decides. None as long as nothing is done."""
        lanes: dict[str, list[Row]] = {}
        for row in self.rows.values():
            lanes.setdefault(row.lane, []).append(row)
        left = [_seconds_left(rows, elapsed) for rows in lanes.values()]
        known = [seconds for seconds in left if seconds is not None]
        return max(known) if known and len(known) == len(left) else None

    def budgets(self) -> Mapping[str, str]:
        """What is left of each lane's limits, in words."""
        return {row.lane: row.budget for row in self.rows.values() if row.budget and row.is_active}

    def shown(self, most: int) -> tuple[tuple[Row, ...], int]:
        """The rows to show, those at work first and at most so many, and how many are left out."""
        rows = sorted(self.rows.values(), key=lambda row: (not row.is_active, row.now == QUIET[1]))
        return tuple(rows[:most]), max(0, len(rows) - most)


def _after(row: Row, step: Progress) -> Row:
    match step.kind:
        case "planned":
            return replace(row, windows=row.windows + 1)
        case "lane":
            return replace(row, lane=step.lane, windows=step.total)
        case "page":
            return replace(row, requests=row.requests + 1, now=step.text)
        case "budget":
            return replace(row, budget=step.text)
        case "landed":
            landed = row.landed + 1
            return replace(
                row,
                landed=landed,
                records=row.records + step.records,
                days=row.days + step.days,
                now=QUIET[1] if landed >= row.windows else step.text,
            )
        case _:
            return replace(row, now=step.text)


def _seconds_left(rows: Iterable[Row], elapsed: float) -> float | None:
    windows, landed = 0, 0
    for row in rows:
        windows += row.windows
        landed += min(row.landed, row.windows)
    if landed == windows:
        return 0.0
    return elapsed / landed * (windows - landed) if landed else None


def summary(board: Board, elapsed: float) -> str:
    """How far all of it is, in a line."""
    if not board.rows:
        return board.reading or "looking what is to be asked"
    if board.reading:
        return board.reading
    left = board.seconds_left(elapsed)
    ends = f", about {length(left)} left" if left else ""
    return (
        f"{board.landed} of {counted(board.windows, 'window')}, {counted(board.requests, 'request')},"
        f" {counted(board.days, 'day')} saved, {length(elapsed)}{ends}"
    )


def length(seconds: float) -> str:
    """A rough length of time, for people: 40 s, 5 min, 3 h 20 min, 2 days."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"
