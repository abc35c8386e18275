"""Processes that are measured: how to start ours, and what one of them used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

SNAP = [sys.executable, "-m", "snapshotter"]


class Used(NamedTuple):
    cpu: float  # seconds, user and system: what a busy machine does not change much
    megabytes: float  # MiB at most


def ended(process: subprocess.Popen[bytes]) -> Used:
    """Wait for the end of a process, which then has its exit code; what it used."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss / scale)
