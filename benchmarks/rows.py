"""One form for every measured figure, so that all benchmarks end in one table.

A script calls `put` for each of its figures. Alone it prints as it likes; under `benchmarks/all.py` the rows are
gathered, too.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

GATHERED = "BENCH_ROWS"  # the file that all.py gathers from, a JSON object a line


@dataclass(frozen=True)
class Row:
    """Our figure beside a peer's or a limit's on the same data in the same run."""

    topic: str
    what: str
    ours: float
    unit: str
    against: str  # the peer, or the limit
    theirs: float
    ratio: float  # ours to theirs, the way round in which the goal is told
    goal: float | None = None  # for the ratio; None: told, not aimed at
    more: bool = True  # whether a greater ratio is better
    cpu: float | None = None  # the ratio by processor time, which a busy machine changes less

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached."""
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.more else self.ratio <= self.goal


def share(topic: str, what: str, ours: float, unit: str, *, limit: float, against: str = "the limit") -> Row:
    """A figure that must not go above a limit."""
    return Row(topic, what, ours, unit, against, limit, ours / limit, 1.0, more=False)


def put(*rows: Row) -> None:
    """Hand the rows to whoever gathers them."""
    if name := os.environ.get(GATHERED):
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def taken(file: Path) -> list[Row]:
    """The rows that were put."""
    return [Row(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
