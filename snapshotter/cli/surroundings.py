"""What the command line takes from the process: environment, folders, terminal, signals."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapshotter.edge.world import World
    from snapshotter.results import Progress


def state_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where tokens, budgets and lane times of the user lie: `$XDG_STATE_HOME/snap`, else `~/.local/state/snap`."""
    found = os.environ if env is None else env
    base = found.get("XDG_STATE_HOME")
    return Path(base) / "snap" if base else Path(found.get("HOME") or "~").expanduser() / ".local/state/snap"


def the_world() -> World:
    """The real one."""
    from snapshotter.edge.world import World  # noqa: PLC0415 - `--help` needs none

    os.umask(0o077)
    env = dict(os.environ)
    return World(env=env, state=state_folder(env))


def archive_folder(given: str | None) -> Path:
    """The folder to look for the archive in."""
    return Path(given) if given else Path.cwd()


def own_program() -> str:
    """The whole path of the program that runs, for a timer. The one named `snapshotter` can be no other's `snap`."""
    beside = [Path(sys.executable).parent, Path(sys.argv[0]).absolute().parent]
    for place in beside:
        for name in ("snapshotter", "snap"):
            if os.access(place / name, os.X_OK):
                return str(place / name)
    return str(Path(sys.argv[0]).absolute())


def is_answerable() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def is_terminal() -> bool:
    """Whether a person is looking at what goes to standard error."""
    return sys.stderr.isatty()


@contextmanager
def telling() -> Iterator[Callable[[Progress], None]]:
    """Whom long work is told to: one line of a terminal, written over and wiped at the end; else nobody."""
    if not is_terminal():
        yield lambda step: None
        return
    wrote = False
    width = shutil.get_terminal_size((80, 24)).columns - 2

    def tell(step: Progress) -> None:
        nonlocal wrote
        wrote = True
        sys.stderr.write(f"\r{step.text[:width]:<{width}}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if wrote:
            sys.stderr.write("\r" + " " * width + "\r")
            sys.stderr.flush()


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """Setting the default before the signal comes would lose one that is there already, with a traceback."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM calls `stop`, the second one ends at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first(number: int, frame: FrameType | None) -> None:
        stop()
        for name in before:
            signal.signal(name, _end_at_once)

    for number in before:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
