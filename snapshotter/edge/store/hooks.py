"""git's hooks of an archive: the shipped ones are put in place, the user's own are never overwritten."""

from __future__ import annotations

import shlex
import sys

from snapshotter import _data
from snapshotter.edge.files import Folder
from snapshotter.edge.store.repository import Repository

MARK = b"# shipped with snapshotter"
_OURS = ".git/hooks"


def install(git: Folder, repository: Repository) -> tuple[str, ...]:
    """Put the shipped hooks in place and make them executable; gives notes on what stands in their way."""
    notes = []
    elsewhere = repository.hooks_path()
    if elsewhere not in (None, _OURS):
        repository.configure({"core.hooksPath": _OURS})
        notes.append(f"core.hooksPath was {elsewhere!r}; this archive now uses its own {_OURS}, so that its guard runs")
    for name, shipped in _data.hooks().items():
        content = with_interpreter(shipped)
        there = git.read(f"hooks/{name}")
        if there is None or MARK in there:
            if there != content:
                git.write(f"hooks/{name}", content, mode=0o700)
            continue
        git.write(f"hooks/{name}.snap", content, mode=0o700)
        notes.append(
            f"kept your own .git/hooks/{name}; the guard of this archive is beside it: "
            f'let yours run `.git/hooks/{name}.snap "$@"` with the same input'
        )
    return tuple(notes)


def with_interpreter(shipped: bytes) -> bytes:
    """A shipped hook that knows by its absolute path the interpreter that snap runs in."""
    return shipped.replace(b"\npython=''", f"\npython={shlex.quote(sys.executable)}".encode(), 1)
