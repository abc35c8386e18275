"""Which files a commit is about to change in the working tree, on the disk before the branch moves.

After a kill or a power cut the next run reads here which files may be old, empty or cut, and by which ids to know them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from snapshotter.edge.files import Folder
from snapshotter.frozen import dataclass

JOURNAL = "snap/store/journal"


@dataclass(frozen=True, slots=True)
class Step:
    """One file of one commit: hex blob ids, None for no file."""

    path: str
    old: str | None
    new: str | None


def note(git: Folder, steps: tuple[Step, ...]) -> None:
    """Add the files of one commit, durably."""
    lines = [json.dumps([step.path, step.old, step.new]) for step in steps]
    git.append(JOURNAL, "\n".join(("", *lines, "")).encode())  # the first newline ends a line that a crash cut


def noted(git: Folder) -> Mapping[str, tuple[Step, ...]]:
    """All noted steps by path, oldest first; a last line that was cut is left out."""
    found: dict[str, tuple[Step, ...]] = {}
    for line in (git.read(JOURNAL) or b"").splitlines():
        step = _step(line)
        if step is not None:
            found[step.path] = (*found.get(step.path, ()), step)
    return found


def clear(git: Folder) -> None:
    """Forget: every noted file is on the disk as committed, or is the user's."""
    if git.status(JOURNAL) is not None:
        git.remove(JOURNAL)


def _step(line: bytes) -> Step | None:
    try:
        path, old, new = json.loads(line)
    except ValueError:
        return None  # cut by a crash before its commit was named by the branch
    return Step(path, old, new)
