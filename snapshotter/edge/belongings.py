"""Files that a person has already: found without following links, read up to a size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass

MOST_FOLDERS = 12  # levels


@dataclass(frozen=True, slots=True)
class Belonging:
    """One file."""

    path: Path
    size: int
    changed: datetime

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its whole path."""
        return self.path.parts


def below(folder: Path) -> Iterator[Belonging]:
    """Every file below a folder, sorted; a link on the way is refused."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    yield from _below(folder.resolve(), 0)


def _below(folder: Path, level: int) -> Iterator[Belonging]:
    if level > MOST_FOLDERS:
        raise UsageError(f"{folder}: folders in folders, {level} deep; name the one with the data")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            raise UsageError(f"{entry.path}: a symbolic link, which is not followed; remove it, nothing was imported")
        if entry.is_dir():
            yield from _below(Path(entry.path), level + 1)
        elif entry.is_file():
            yield one(Path(entry.path))


def one(path: Path) -> Belonging:
    """One file; `UsageError` where it is none."""
    try:
        found = path.lstat()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        what = "a symbolic link, which is not followed" if stat.S_ISLNK(found.st_mode) else "no plain file"
        raise UsageError(f"{path}: {what}; nothing was imported")
    return Belonging(path.absolute(), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def content(file: Belonging, *, most: int) -> bytes:
    """The bytes of a file, unless there are more than `most`, or it is a link by now."""
    try:
        handle = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(f"{file.path}: cannot be read: {error.strerror}; nothing was imported") from error
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{file.path}: no plain file; nothing was imported")
        data = opened.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{file.path}: larger than {most:,} bytes (client.max_body of its source); nothing imported")
    return data
