"""git's command line, asked so that neither the archive's settings nor the environment make it run anything else."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired, run
from tempfile import TemporaryFile
from typing import IO, cast

from snapshotter import _data
from snapshotter._data.guard import MISSING
from snapshotter.errors import Damaged, UsageError

# A folder from elsewhere has a config of its own; each of these could name a program there.
_NOTHING_RUNS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "core.editor": "false",
    "core.sshCommand": "ssh",
    "core.alternateRefsCommand": "true",
    "diff.external": "",
    "gpg.program": "false",
    "log.showSignature": "false",
    "protocol.ext.allow": "never",
    "maintenance.auto": "false",
    "gc.auto": "0",
}

_NO_GIT = "git was not found on PATH; install git, or set PATH for snap"
_SLICE = 0.2  # seconds; how soon a command that takes long sees that it should stop
_LAST = 10.0  # seconds that it may take to end


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would redirect git, in a language we can read."""
    kept = {name: value for name, value in env.items() if not name.startswith("GIT_") and name != "LANGUAGE"}
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }


class Git:
    """One repository, asked through the command line; `git` is found on the PATH of the given environment."""

    def __init__(self, git_dir: Path, env: Mapping[str, str]) -> None:
        self._dir = git_dir
        self._env = clean_environment(env)

    def run(self, *arguments: str) -> bytes:
        """What a command prints; `Damaged` with git's own words where it fails."""
        return b"".join(self._output(arguments))

    def records(self, *arguments: str) -> Iterator[bytes]:
        """The pieces of an output that ends each one with a NUL, as they come; the command ends with its reader."""
        rest = b""
        for piece in self._output(arguments):
            *whole, rest = (rest + piece).split(b"\0")
            yield from whole
        if rest:
            yield rest

    def told(self, *arguments: str) -> tuple[int, tuple[str, ...]]:
        """The exit code of a command, and the lines it prints, its errors among them."""
        try:
            done = run(
                self._command(arguments), env=self._env, cwd="/", stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, check=False
            )
        except FileNotFoundError as error:
            raise UsageError(_NO_GIT) from error
        return done.returncode, tuple(done.stdout.decode(errors="replace").splitlines())

    def patiently(
        self, *arguments: str, stopped: Callable[[], bool], seconds: float | None = None
    ) -> tuple[int, tuple[str, ...]] | None:
        """As `told`, for what may take long; None where it was stopped, or did not end in time.

        It ends with this process, with all that it started, however this process ends.
        """
        guard = [sys.executable or "python3", "-I", "-S", str(_data.guard_file()), *self._command(arguments)]
        far, near = os.pipe()  # no other process has the near end: who gets it is told by name only
        until = None if seconds is None else time.monotonic() + seconds
        try:
            process = Popen(
                guard, env=self._env, cwd="/", stdin=far, stdout=PIPE, stderr=STDOUT, start_new_session=True
            )
        except BaseException:
            os.close(near)
            raise
        finally:
            os.close(far)
        with process:
            try:
                output = _output_until(process, lambda: stopped() or (until is not None and time.monotonic() >= until))
            finally:
                os.close(near)
                _see_the_end(process)
        if output is None:
            return None
        if process.returncode == MISSING:
            raise UsageError(_NO_GIT)
        return process.returncode, tuple(output.decode(errors="replace").splitlines())

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        settings = [part for name, value in _NOTHING_RUNS.items() for part in ("-c", f"{name}={value}")]
        return ["git", f"--git-dir={self._dir}", "--no-pager", *settings, *arguments]

    def _output(self, arguments: tuple[str, ...]) -> Iterator[bytes]:
        command = self._command(arguments)
        with TemporaryFile() as said:
            try:
                process = Popen(command, env=self._env, cwd="/", stdin=DEVNULL, stdout=PIPE, stderr=said)
            except FileNotFoundError as error:
                raise UsageError(_NO_GIT) from error
            with process:
                stream = cast("IO[bytes]", process.stdout)
                try:
                    while piece := os.read(stream.fileno(), 1 << 16):
                        yield piece
                except BaseException:
                    process.kill()  # the reader has enough
                    raise
            if process.returncode:
                said.seek(0)
                words = said.read().decode(errors="replace").split("\n")
                told = next((line for line in reversed(words) if line.strip()), f"exit code {process.returncode}")
                raise Damaged(f"git {arguments[0]}: {told}")


def _output_until(process: Popen[bytes], stopped: Callable[[], bool]) -> bytes | None:
    """What a process said, or None where it was stopped."""
    while True:
        try:
            return process.communicate(timeout=_SLICE)[0]
        except TimeoutExpired:
            if stopped():
                return None


def _see_the_end(process: Popen[bytes]) -> None:
    """Its guard has been told to end it, where it has not ended by itself."""
    if process.poll() is not None:
        return
    try:
        process.communicate(timeout=_LAST)
    except TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
