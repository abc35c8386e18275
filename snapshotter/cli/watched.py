"""A run as the command line has it: told while it is under way, stopped by a signal, summed up at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from snapshotter.archive.stopping import Stops, Tell
from snapshotter.cli.options import echo, echo_json, remark
from snapshotter.cli.surroundings import is_terminal, on_signals
from snapshotter.core import report
from snapshotter.edge.world import World
from snapshotter.frozen import dataclass
from snapshotter.results import Exit, Progress, Ran

STEPS = ("asking", "page", "waiting", "landed", "reading")  # what -v tells
EXCHANGES = (*STEPS, "budget", "exchange")  # and -vv


@dataclass(frozen=True, slots=True)
class Loudness:
    """How much a run tells."""

    verbose: int = 0
    quiet: bool = False
    as_json: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether a person is told everything, and not only what is wrong."""
        return not self.quiet and (self.verbose > 0 or is_terminal())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The steps that get a line of their own."""
        return ((), STEPS, EXCHANGES)[min(self.verbose, 2)]


def loudness_options(command: Any) -> Any:
    """-v, -vv, -q and --json of a command that runs."""
    words = "Tell every step, also where there is no terminal; -vv every request too."
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="Tell nothing but problems.")(command)
    return click.option("-v", "--verbose", count=True, help=words)(command)


def run_watched(do: Callable[[Tell, Stops], Ran], world: World, loudness: Loudness) -> Exit:
    """Do a run and tell of it; gives its exit code."""
    result = watched(do, world, loudness)
    echo_json(result) if loudness.as_json else show(result, loudness)
    return result.exit


def watched(do: Callable[[Tell, Stops], Ran], world: World, loudness: Loudness) -> Ran:
    """Do a run, told while it is under way."""
    stops = Stops(world.clock)
    with on_signals(stops.interrupt), _teller(world, loudness) as tell:
        return do(tell, stops)


def show(result: Ran, loudness: Loudness) -> None:
    """Sum a run up for a person; for a log only what is wrong."""
    if loudness.is_watched:
        echo(report.ran(result))
        return
    for line in report.wrong(result):
        remark(line)


@contextmanager
def _teller(world: World, loudness: Loudness) -> Iterator[Tell]:
    if not loudness.is_watched:
        yield _silent
    elif is_terminal():
        from snapshotter.cli.live import live  # noqa: PLC0415 - only a terminal pays for it

        began = world.clock.monotonic()
        with live(lambda: world.clock.monotonic() - began, kinds=loudness.kinds) as tell:
            yield tell
    else:
        yield lambda step: _print(step) if step.kind in loudness.kinds else None


def _print(step: Progress) -> None:
    remark(f"{step.stream}: {report.step(step)}" if step.stream else report.step(step))


def _silent(step: Progress) -> None:
    """Say nothing."""
