"""Options and values that several commands share."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import date
from typing import Any, TextIO, TypeVar

import click

from snapshotter.errors import ConfigError, UsageError

F = TypeVar("F", bound=Callable[..., Any])


class DayType(click.ParamType[date]):
    """A day, like 2018-02-05."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day, or an error that says how one is written."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; write it like 2018-02-05", param, ctx)


class LengthType(click.ParamType[float]):
    """A length of time with its unit, like 10m; in seconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds, or an error that says how a length is written."""
        from snapshotter.core.spans import parse_span  # noqa: PLC0415 - only where it is given

        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_span(value).rough().total_seconds()
        except (ConfigError, UsageError, ValueError) as error:
            self.fail(str(error), param, ctx)


DAY = DayType()
LENGTH = LengthType()


def trace_option(command: F) -> F:
    """`--trace FILE`: each exchange, for whoever looks for a fault."""
    words = "Add each exchange to FILE as one JSON line, secrets masked."
    return click.option("--trace", metavar="FILE", help=words)(command)


def json_option(command: F) -> F:
    """`--json`: the result for a script."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")(command)


def wait_option(command: F) -> F:
    """`--wait T`: how long to wait for another run."""
    words = "Wait this long for another run to end, like 5m."
    return click.option("--wait", type=LENGTH, default=0.0, metavar="T", help=words)(command)


def executor_option(command: F) -> F:
    """`--executor WHERE`: where lanes are asked from."""
    words = (
        "Let others ask: processes:N, dask://HOST:PORT, tls://HOST:PORT or MODULE:FUNCTION that gives an executor "
        "(docs/fleets.md). Also SNAP_EXECUTOR."
    )
    return click.option("--executor", metavar="WHERE", envvar="SNAP_EXECUTOR", help=words)(command)


def limit_options(command: F) -> F:
    """`--max-requests`, `--deadline`, `--wait`, `--trace`, `--executor`: of every command that asks."""
    command = executor_option(trace_option(command))
    command = wait_option(command)
    words = "Ask nothing more after this time, like 10m."
    command = click.option("--deadline", type=LENGTH, metavar="T", help=words)(command)
    return click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Send at most N requests.")(command)


def echo(text: str) -> None:
    """Print a result, if there is something to say; on a terminal no word of it is broken."""
    if text:
        click.echo(fitted(text, sys.stdout))


def remark(text: str) -> None:
    """Print a remark, which is no part of the result."""
    click.echo(fitted(text, sys.stderr), err=True)


def fitted(text: str, stream: TextIO) -> str:
    """A text folded to the terminal it goes to; as it is for a file or a pipe."""
    if not stream.isatty():
        return text
    from snapshotter.core.folding import fold  # noqa: PLC0415 - only a terminal pays for it

    return fold(text, shutil.get_terminal_size((80, 24)).columns)


def echo_json(value: object) -> None:
    """Print a result as JSON, the members named as in the result."""
    from snapshotter.canonical import encode_indented  # noqa: PLC0415 - only where it is asked for
    from snapshotter.codec import to_plain  # noqa: PLC0415

    click.echo(encode_indented(to_plain(value)), nl=False)
