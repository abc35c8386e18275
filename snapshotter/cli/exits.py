"""The one place where errors become words and exit codes."""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from snapshotter.cli.options import remark
from snapshotter.cli.surroundings import state_folder
from snapshotter.errors import (
    Busy,
    ConfigError,
    CouldNotTell,
    Damaged,
    DiskRefused,
    Refused,
    SnapError,
    Unreadable,
    UsageError,
)
from snapshotter.exits import Exit

T = TypeVar("T")
_SORRY = "this is a bug in snap, sorry; what happened stands in"
CODES: tuple[tuple[type[SnapError], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (UsageError, Exit.CONFIG),
    (Refused, Exit.SOME_DAYS),
    (Unreadable, Exit.SOME_DAYS),
    (Busy, Exit.BUSY),
    (Damaged, Exit.DAMAGED),
    (DiskRefused, Exit.DISK),
    (CouldNotTell, Exit.NOT_TOLD),
)

HELP = """\b
Exit codes:
  0    all done, or held back and named
  2    usage or configuration
  3    saved, but some days failed, are invalid or held
  4    saved, but a remote or a message lacks it
  5    the archive is damaged, or moved while we looked
  74   the disk refused
  75   another run holds the archive
  130  interrupted; what was saved is named"""


def code_of(error: SnapError) -> Exit:
    """The exit code of an error."""
    return next((code for kind, code in CODES if isinstance(error, kind)), Exit.BUG)


def attempt(act: Callable[[], T]) -> tuple[T | None, Exit, str]:
    """What one of several acts gives, or the code and the words of what went wrong: it must not stop the others."""
    try:
        return _with_a_good_cache(act), Exit.DONE, ""
    except SnapError as error:
        return None, code_of(error), str(error)
    except (click.Abort, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception:  # noqa: BLE001 - a bug, as below
        return None, Exit.BUG, f"{_SORRY} {_kept()}"


def run(command: click.Command, arguments: list[str] | None) -> int:
    """Run a command; gives its exit code."""
    gc.set_threshold(20_000, 20, 50)  # a run makes many values and next to no cycles: looking for them took 5 % of it
    try:
        result = _with_a_good_cache(lambda: command.main(args=arguments, prog_name="snap", standalone_mode=False))
    except SnapError as error:
        remark(f"snap: {error}")
        return int(code_of(error))
    except click.ClickException as error:
        words = io.StringIO()
        error.show(words)
        remark(words.getvalue().rstrip("\n"))
        return int(Exit.CONFIG)
    except (click.Abort, KeyboardInterrupt):
        remark("snap: interrupted")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:  # `snap log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at its end
        return int(Exit.DONE)
    except Exception:  # noqa: BLE001 - the last door: a bug is told in one line, its traceback kept in a file
        remark(f"snap: {_SORRY} {_kept()}")
        return int(Exit.BUG)
    return int(result) if isinstance(result, int) else int(Exit.DONE)


def _with_a_good_cache(act: Callable[[], T]) -> T:
    try:
        return act()
    except SnapError as error:
        from snapshotter.edge.cache import CacheLost  # noqa: PLC0415 - only after an error: `--help` pays nothing

        if not isinstance(error, CacheLost):
            raise
    # The cache was thrown away; it is made again from the run records.
    return act()


def _kept() -> str:
    """Where the traceback was written: source lines without values, so that no secret gets there."""
    path = state_folder() / "last-bug.txt"
    text = traceback.format_exc()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)
        Path(path).chmod(0o600)
    except OSError:
        click.echo(text, err=True)
        return "the lines above"
    return str(path)
