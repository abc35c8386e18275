"""Files outside the archive that appear whole, or not at all."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from snapshotter.edge.files import disk_error
from snapshotter.errors import UsageError

_PIECE = 1 << 20


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A file beside the target to be filled; then it takes the target's place, or is gone where that failed."""
    try:
        handle, name = mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise disk_error(error, target) from error
    part = Path(name)
    try:
        with suppress(OSError):  # where no lock can be had, nobody can take it for what a killed one left either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sweep(target.parent, f".{glob.escape(target.name[:40])}.*.part")
        yield part
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)


def sweep(folder: Path, pattern: str) -> None:
    """Remove the parts that killed writers left in a folder."""
    for left in folder.glob(pattern):
        with suppress(OSError), left.open("rb") as file:  # on some file systems no lock can be had: then it stays
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def write_lines(part: Path, lines: Iterable[bytes]) -> None:
    """Fill a file."""
    with part.open("wb") as out:
        out.writelines(lines)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    told = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            told.update(piece)
    return told.hexdigest()


def make_folder(path: Path) -> None:
    """A folder for several files."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be made: {error.strerror}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
