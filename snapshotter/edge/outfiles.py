"""Files outside the archive that appear whole, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        part.unlink(missing_ok=True)


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
