"""How much memory a process may have here: that of the machine, of its container, or what its user was granted."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")


def memory() -> int | None:
    """The least of what bounds it, in bytes; None where nothing tells."""
    return min((*_of_machine(), *_of_limits(), *_of_groups()), default=None)


def _of_machine() -> Iterator[int]:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # a system that does not know these names
        return
    if size > 0:
        yield size


def _of_limits() -> Iterator[int]:
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            yield soft


def _of_groups() -> Iterator[int]:
    """The limits of the control groups that this process is in; within a container it sees its own as the topmost."""
    for line in _text(_MINE).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, name = (_GROUPS / "memory", "memory.limit_in_bytes") if controllers else (_GROUPS, "memory.max")
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(base) and (text := _text(folder / name).strip()).isdecimal():
                yield int(text)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
