"""A calendar of days on a terminal, in colour where there is any; the same characters everywhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from snapshotter.core.calendars import LEVELS, Line, Piece, drawing, plain
from snapshotter.model import DayState
from snapshotter.results.calendar import CalendarDay

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {
    DayState.SAVED: "green",
    DayState.EMPTY: "bright_black",
    DayState.OPEN: "cyan",
    DayState.PARTIAL: "yellow",
    DayState.FAILED: "bold red",
    DayState.INVALID: "bold magenta",
    DayState.UNTRIED: "yellow",
    DayState.BEYOND: "",
}
SHADES = dict(zip(LEVELS, ("color(22)", "color(28)", "color(34)", "color(46)"), strict=True))


def draw(days: Sequence[CalendarDay]) -> None:
    """Print the calendar of a stream."""
    lines = drawing(days)
    click.echo("")
    if sys.stdout.isatty():
        _colourful(lines)
    else:
        click.echo(plain(lines))


def _colourful(lines: Sequence[Line]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        text = Text()
        for piece in line:
            _add(text, piece)
        console.print(text)


def _add(text: Text, piece: Piece) -> None:
    if piece.state is DayState.SAVED:
        for letter in piece.text:
            text.append(letter, style=SHADES.get(letter, "green"))
    else:
        text.append(piece.text, style=STYLES[piece.state] if piece.state is not None else "")
