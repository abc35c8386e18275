"""A run on a terminal, drawn over and over in place; what is said meanwhile is printed above it, never into it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from snapshotter.core.escaping import escape
from snapshotter.core.folding import fold
from snapshotter.core.watching import Board, Row, summary
from snapshotter.core.wording import counted
from snapshotter.results import Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

FRAMES = 4  # a second
REST = 6  # lines of a terminal that are not ours
WIDEST = 40  # characters of a stream's name that are always shown
JUSTIFIED: tuple[Literal["left", "right"], ...] = ("left", "right", "right", "right")


class Watch:
    """What is drawn. Lanes tell it things from threads of their own."""

    def __init__(self, console: Console, elapsed: Callable[[], float], *, kinds: Collection[str]) -> None:
        self.console = console
        self.elapsed = elapsed
        self.kinds = kinds
        self.paper = threading.RLock()  # one draws at a time: rich reckons how far to go up before it writes
        self._lock = threading.Lock()
        self._board = Board()

    def tell(self, step: Progress) -> None:
        """Note one step, and print it above if it is of a kind that is to stay."""
        with self._lock:
            self._board = self._board.after(step)
        if step.kind in self.kinds:
            told = fold(f"{step.stream}: {escape(step.text, 500)}", self.console.width)
            with self.paper:
                self.console.print(told, markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        """The board as it stands now."""
        from rich.console import Group  # noqa: PLC0415 - only a terminal pays for it
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        with self._lock:
            board = self._board
        rows, hidden = board.shown(max(3, self.console.height - REST))
        table = Table.grid(padding=(0, 2))
        cells = [_cells(row) for row in rows]
        for place, justify in enumerate(JUSTIFIED):
            width = max((len(row[place]) for row in cells), default=1)
            table.add_column(justify=justify, no_wrap=True, min_width=min(width, WIDEST))
        table.add_column(no_wrap=True, overflow="ellipsis")
        for row, texts in zip(rows, cells, strict=True):
            table.add_row(*map(Text, texts), style="bold" if row.is_active else "dim")
        lines = [Text(f"… and {hidden} more streams", style="dim")] if hidden else []
        lines += [Text(f"{lane}: {words}", style="dim") for lane, words in board.budgets().items()]
        return Group(table, *lines, Text(summary(board, self.elapsed()), style="cyan"))


def _cells(row: Row) -> tuple[str, ...]:
    requests, days = counted(row.requests, "request"), counted(row.days, "day")
    return row.stream, f"{row.landed}/{row.windows}", requests, days, escape(row.now, 200)


@contextmanager
def live(elapsed: Callable[[], float], *, kinds: Collection[str] = ()) -> Iterator[Callable[[Progress], None]]:
    """Draw on standard error while a run is under way; gives whom to tell."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.live import Live  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    watch = Watch(console, elapsed, kinds=kinds)
    with Live(watch, console=console, auto_refresh=False, transient=True) as drawing:
        ended = threading.Event()
        painter = threading.Thread(target=_paint, args=(watch, drawing, ended), daemon=True)
        painter.start()
        try:
            yield watch.tell
        finally:
            ended.set()
            painter.join()


def _paint(watch: Watch, drawing: Live, ended: threading.Event) -> None:
    """Draw the board over and over until the end."""
    while not ended.wait(1 / FRAMES):
        with watch.paper:
            drawing.refresh()
