"""A folder that appears whole, or not at all; and content that is never seen under a name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

from snapshotter.edge.files import Disk, Folder, disk_error
from snapshotter.edge.state import FileLock, private_folder
from snapshotter.errors import Busy, UsageError

_LOCK = "lock"
_OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def appearing_folder(target: Path, *, disk: Disk) -> Iterator[Path]:
    """A path beside the target for a new folder; then that takes the target's place, or is gone where it failed.

    What was killed is cleared by the next one that makes the same. The target is not there, or an empty folder.
    """
    place = target.resolve()
    _check_free(place)
    room = place.with_name(f".{place.name[:80]}.snap-making")
    lock = FileLock(private_folder(room, disk=disk).root / _LOCK)
    if not lock.take():
        raise Busy(f"{target}: another snap is making it just now; wait for it")
    made = room / f"made-{os.getpid()}"
    try:
        for left in room.glob("made-*"):  # a git that outlived who started it may still be writing there
            shutil.rmtree(left, ignore_errors=True)
        yield made
        Folder(made, disk=disk).sync_files([])
        disk.before("rename", place.name)
        made.rename(place)
        Folder(place.parent, disk=disk).sync()
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
        lock.release()


@contextmanager
def nameless_file(folder: Path) -> Iterator[tuple[int, Path]]:
    """An open file and a path by which other programs find it as long as it is open; nobody finds it later.

    Where a system shows no open files, it has a name in a folder that its caller removes.
    """
    if _OPEN_FILES.is_dir():
        with TemporaryFile(dir=folder) as file:
            yield file.fileno(), Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    else:
        with NamedTemporaryFile(dir=folder) as named:
            yield named.fileno(), Path(named.name)


def remove_folders(root: Path, prefix: str) -> None:
    """Remove what killed makers left in a folder; the caller knows that nobody makes anything there now."""
    for left in root.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)


def _check_free(place: Path) -> None:
    if not place.exists():
        return
    if place.is_mount():
        raise UsageError(f"{place}: another disk is mounted here; name a new folder in it")
    if not place.is_dir() or next(place.iterdir(), None) is not None:
        raise UsageError(f"{place}: is not empty; name a new or an empty folder")
