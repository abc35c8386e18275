"""How plain git shows documents: a diff driver in the archive's own config, and which files it is for.

git falls back to the bytes of a file wherever the driver is not set up, or the program behind it is gone.
"""

from __future__ import annotations

import shlex
import sys

from snapshotter import _data
from snapshotter.edge.files import Folder
from snapshotter.edge.store.repository import Repository

DRIVER = "diff=snap"
PATTERNS = (
    "/*/*/[0-9][0-9][0-9][0-9]/*/*.json",
    "/*/*/_held/**/*.json",
    "/*/*/undated.json",
    "/*/*/snapshot.json",
)
ATTRIBUTES = "".join(f"{pattern} {DRIVER}\n" for pattern in PATTERNS)
_COMMAND = "diff.snap.textconv"
_OURS = "gitview.py"
_WANTED = "snap.gitview"
_LOCAL = "info/attributes"
_NOTE = "# Documents as `git diff` shows them; made by snap.\n"


def command(python: str = sys.executable or "python3") -> str:
    """What git runs on a document: the view, or where that fails the file as it is."""
    program = shlex.join([python, "-I", "-S", str(_data.gitview_file())])
    return f'f() {{ {program} "$1" 2>/dev/null || cat "$1"; }}; f'


def set_up(git: Folder, repository: Repository, *, anew: bool = False) -> bool:
    """Let plain git show documents readably, unless the user turned it off or has a driver of their own."""
    there = repository.setting(_COMMAND)
    if anew and repository.setting(_WANTED) is not None:
        repository.unset(_WANTED)
    if (there is not None and _OURS not in there) or repository.setting(_WANTED) == "false":
        return False
    wanted = command()
    if there != wanted and not repository.try_configure({_COMMAND: wanted}):
        return False
    if not _is_committed(repository):
        local = git.read(_LOCAL) or b""
        if DRIVER.encode() not in local:
            git.write(_LOCAL, (local + b"\n" if local else b"") + _NOTE.encode() + ATTRIBUTES.encode())
    return True


def turn_off(repository: Repository) -> None:
    """Let plain git show the bytes, also after later runs."""
    there = repository.setting(_COMMAND)
    if there is not None and _OURS in there:
        repository.unset(_COMMAND)
    repository.configure({_WANTED: "false"})


def _is_committed(repository: Repository) -> bool:
    tip = repository.tip()
    entry = repository.entry(tip, ".gitattributes") if tip else None
    return entry is not None and DRIVER.encode() in repository.read("blob", entry[1])
