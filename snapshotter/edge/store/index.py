"""git's index, in step with what was committed; what the user has staged stays staged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pygit2
from pygit2.errors import check_error
from pygit2.ffi import C, ffi

from snapshotter.edge.files import Folder
from snapshotter.errors import Damaged
from snapshotter.frozen import dataclass

COPY = "snap/store/index"
_INDEX = "index"
_LOCK = "index.lock"


@dataclass(frozen=True, slots=True)
class Staged:
    """What the index should say of one path, if it says one of `known` now."""

    path: str
    known: frozenset[str | None]  # hex ids; None: no entry
    target: str | None
    mode: int = 0o100644
    status: os.stat_result | None = None  # of the file that was seen to have this content


class LockedIndex:
    """The index under git's lock. Changes are made in a copy; `put` lets the copy take its place."""

    def __init__(self, git: Folder) -> None:
        self._git = git
        self._changed = False

    def take(self) -> bool:
        """Whether nobody else holds the lock; then read the index."""
        if not self._git.create(_LOCK):
            return False
        try:
            self._git.remove(COPY)
            there = self._git.read(_INDEX)
            if there:
                self._git.write(COPY, there, durable=False)
            self._index: Any = _open(self._git.root / COPY)
        except (pygit2.GitError, OSError, ValueError) as error:
            self.leave()
            raise _unreadable(self._git, error) from error
        except BaseException:
            self.leave()
            raise
        return True

    def change(self, wanted: Sequence[Staged]) -> None:
        """Bring the entries up to date in the copy, and write the copy."""
        try:
            for item in wanted:
                self._one(item)
            if self._changed:
                self._index.write()
        except (pygit2.GitError, OSError, ValueError) as error:
            raise _unreadable(self._git, error) from error

    def put(self) -> None:
        """Let the copy be the index; it must be synced before."""
        if self._changed:
            self._git.rename(COPY, _INDEX)

    def leave(self) -> None:
        """Give the lock back."""
        self._git.remove(COPY)
        self._git.remove(_LOCK)

    def _one(self, item: Staged) -> None:
        there = C.git_index_get_bypath(self._index._index, item.path.encode(), 0)
        staged = None if there == ffi.NULL else bytes(ffi.buffer(ffi.addressof(there, "id"))[:]).hex()
        if staged != item.target and staged not in item.known:
            return
        if staged is None and self._index.conflicts and item.path in self._index.conflicts:
            return
        if item.target is None:
            if staged is not None:
                self._index.remove(item.path)
                self._changed = True
        else:
            self._add(item, item.target)
            self._changed = True

    def _add(self, item: Staged, target: str) -> None:
        """As `Index.add`, with what `lstat` said, so that git need not read the file again."""
        entry = ffi.new("git_index_entry *")
        ffi.buffer(ffi.addressof(entry, "id"))[:] = bytes.fromhex(target)
        path = ffi.new("char[]", item.path.encode())
        entry.path, entry.mode = path, item.mode
        if (status := item.status) is not None:
            for field, time in ((entry.ctime, status.st_ctime_ns), (entry.mtime, status.st_mtime_ns)):
                field.seconds, field.nanoseconds = _narrow(time // 10**9, signed=True), time % 10**9
            for name in ("dev", "ino", "uid", "gid", "size"):
                setattr(entry, {"size": "file_size"}.get(name, name), _narrow(getattr(status, f"st_{name}")))
        check_error(C.git_index_add(self._index._index, entry))


def _open(path: Path) -> Any:
    """As `pygit2.Index(path)`, whose destructor complains on stderr where the file cannot be read."""
    handle = ffi.new("git_index **")
    check_error(C.git_index_open(handle, os.fsencode(path)))
    untyped: Any = pygit2.Index
    return untyped.from_c(None, handle)


def _narrow(number: int, *, signed: bool = False) -> int:
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if signed and low >= 1 << 31 else low


def _unreadable(git: Folder, error: BaseException) -> Damaged:
    root = git.root.parent
    return Damaged(
        f"{git.root / _INDEX}: git's index cannot be used ({error}); `git -C {root} status` says why; "
        f"`rm {git.root / _INDEX} && git -C {root} reset` makes a new one and touches no file"
    )
