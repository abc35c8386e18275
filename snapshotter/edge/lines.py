"""Files of JSON lines for whoever looks for a fault: traces, and the logs of runs. For their owner only.

They are a help, not a record: nothing depends on them, so they are not synced, and when the disk refuses a line the
run goes on without them and says so at its end.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from snapshotter.canonical import encode_ascii
from snapshotter.edge.files import Folder
from snapshotter.edge.state import private_folder
from snapshotter.errors import SnapError, UsageError

KEPT = 30  # logs of runs
_LOG = re.compile(r"[0-9TZ]+-[0-9a-f]+\.jsonl")


class Lines:
    """One file that is added to, a JSON object a line; threads take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None  # why lines are missing
        self._lock = threading.Lock()
        self._fd: int | None = None

    def open(self) -> None:
        """Open the file, made where it is missing; raises OSError."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not hold us up
        self._fd = os.open(self.path, flags, 0o600)

    def write(self, line: Mapping[str, object]) -> None:
        """Add a line. It must be masked already."""
        data = encode_ascii(line, default=str) + b"\n"
        with self._lock:
            if self._fd is None or self.trouble is not None:
                return
            try:
                if os.write(self._fd, data) < len(data):
                    self.trouble = f"{self.path}: a line was cut; no more were written"
            except OSError as error:
                self.trouble = f"{self.path}: {error.strerror or error}; lines are missing from here on"

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def trace_file(path: Path) -> Lines:
    """The file that `--trace` names, open; `UsageError` where it cannot be written."""
    lines = Lines(path)
    try:
        lines.open()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise UsageError(f"--trace {path}: {reason}; name a file that can be written") from error
    return lines


def run_log(folder: Path, run: str) -> Lines:
    """The log of a run, open; of earlier runs the newest are kept."""
    lines = Lines(folder / f"{run}.jsonl")
    try:
        files = private_folder(folder)
        logs = [name for name in files.entries() if _LOG.fullmatch(name)]
        _remove_oldest(files, logs, keep=KEPT - 1)
        lines.open()
    except (OSError, SnapError) as error:
        lines.trouble = f"the log of this run cannot be written: {error}"
    return lines


def logged_runs(folder: Path) -> tuple[str, ...]:
    """The runs whose logs are here, newest first."""
    names = (name for name in Folder(folder).entries() if _LOG.fullmatch(name))
    return tuple(sorted((name.removesuffix(".jsonl") for name in names), reverse=True))


def read_run_log(folder: Path, run: str) -> tuple[Mapping[str, object], ...] | None:
    """The lines of a run's log, None where there is none; a line that was cut by a crash is left out."""
    name = f"{run}.jsonl"
    data = Folder(folder).read(name) if _LOG.fullmatch(name) else None
    if data is None:
        return None
    return tuple(line for text in data.splitlines() if (line := _parsed(text)) is not None)


def _parsed(text: bytes) -> Mapping[str, object] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _remove_oldest(files: Folder, logs: list[str], *, keep: int) -> None:
    for name in sorted(logs)[: max(0, len(logs) - keep)]:  # a run's name starts with its time
        with suppress(SnapError):
            files.remove(name)
