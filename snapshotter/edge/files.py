"""Files that survive a power cut, written without following a link.

`Folder` opens each part of a path by itself, never through a symbolic link; what it writes appears whole or not at all,
readable by its owner only. Every error comes out as `DiskRefused` or `Damaged`, with the path and the next step.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from snapshotter.errors import Damaged, DiskRefused, SnapError

TEMPORARY = ".snap-tmp-"
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _LOOK | os.O_DIRECTORY
_MISSING = (FileNotFoundError, NotADirectoryError)
_counter = itertools.count()

_WORDS = {
    errno.EDQUOT: "your disk quota is used up; make room, then run it again",
    errno.EROFS: "the file system is read-only; find out why (the kernel's log), mount it writable, then run it again",
    errno.EIO: "the disk reported an input/output error; copy the archive away and check the disk before anything else",
    errno.EMFILE: "too many files are open in this process; raise `ulimit -n`, then run it again",
    errno.ENFILE: "too many files are open on this machine; close some programs, then run it again",
    errno.EXDEV: "it lies on another file system than its folder; an archive must be on one",
    errno.EFBIG: "the file would be larger than this file system allows",
}


class Disk:
    """The acts that change a disk, one method each: the place where a test counts, breaks or kills them."""

    def before(self, step: str, path: str) -> None:
        """Called right before each act: mkdir, create, write, sync, rename, sync folder, remove, rmdir, sync all."""

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of the data, as `os.write` does."""
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """Return when the file or folder is on the disk itself, not in a cache."""
        full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's own cache
        if full is not None:
            try:
                fcntl.fcntl(fd, full)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                    raise
            else:
                return
        os.fsync(fd)

    def sync_all(self, fd: int) -> bool:
        """Bring everything on the file system of `fd` to the disk; False where a system cannot do that in one go."""
        import ctypes  # noqa: PLC0415 - costs start-up time, is needed once a run

        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            return False
        if syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return True


class Folder:
    """The files below one folder, addressed by relative paths with `/`."""

    def __init__(self, root: Path, *, disk: Disk | None = None) -> None:
        self.root = root
        self.disk = disk or Disk()

    def read(self, path: str) -> bytes | None:
        """The content of a file, or None where there is none."""
        found = self.look(path)
        return None if found is None else found[0]

    def look(self, path: str) -> tuple[bytes, os.stat_result] | None:
        """The content of a file and what the file was when it had this content, or None where there is none."""
        with self._errors(path):
            try:
                with self._parent(path) as (folder, name), _opened(name, _LOOK | os.O_NONBLOCK, folder) as fd:
                    return _content(fd)
            except _MISSING as error:
                self._check_missing(path, error)
                return None

    def status(self, path: str) -> os.stat_result | None:
        """What lies at a path, links not followed, or None where nothing does."""
        with self._errors(path):
            try:
                with self._parent(path) as (folder, name):
                    return os.stat(name, dir_fd=folder, follow_symlinks=False)
            except _MISSING as error:
                self._check_missing(path, error)
                return None

    def entries(self, path: str = "") -> tuple[str, ...]:
        """The names in a folder, sorted; empty where there is none."""
        with self._errors(path):
            try:
                with self._chain(_parts(path), create=False, durable=False) as fd:
                    return tuple(sorted(os.listdir(fd)))  # noqa: PTH208 - pathlib takes no open folder
            except _MISSING as error:
                self._check_missing(path, error)
                return ()

    def write(
        self,
        path: str,
        data: bytes | bytearray,
        *,
        mode: int = 0o600,
        durable: bool = True,
        sync_folder: bool = True,
    ) -> os.stat_result:
        """Put a whole file in place of whatever file was there; gives what it was before it got its name.

        Not durable means: complete for every reader now, but perhaps empty after a power cut. Without
        `sync_folder` the content is durable and its name is when the caller has synced the folder.
        """
        with self._errors(path), self._parent(path, create=True, durable=durable) as (folder, name):
            temporary = _free_name(folder)
            try:
                self._fill(temporary, data, folder=folder, mode=mode, durable=durable, shown=path)
                written = os.stat(temporary, dir_fd=folder, follow_symlinks=False)
                self.disk.before("rename", path)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                _forget(temporary, folder)
                raise
            if durable and sync_folder:
                self._sync_folder(folder, path)
            return written

    def create(self, path: str, data: bytes = b"", *, durable: bool = False) -> bool:
        """Make a file that must not be there yet; False where something is (how git takes its locks)."""
        with self._errors(path), self._parent(path, create=True, durable=durable) as (folder, name):
            try:
                self._fill(name, data, folder=folder, mode=0o600, durable=durable, shown=path)
            except FileExistsError:
                return False
            except OSError:
                _forget(name, folder)
                raise
            return True

    def append(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Add to the end of a file, made where it is missing. A power cut may leave the last piece cut."""
        with self._errors(path), self._parent(path, create=True, durable=durable) as (folder, name):
            is_new = not _exists(name, folder)
            self.disk.before("append", path)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with _opened(name, flags, folder, mode=0o600) as fd:
                self._write_out(fd, data, shown=path, durable=durable)
            if durable and is_new:
                self._sync_folder(folder, path)

    def overwrite(self, path: str, data: bytes) -> None:
        """Write over the beginning of a file that is at least as long: what a full disk still takes. Not atomic."""
        with self._errors(path), self._parent(path) as (folder, name):
            self.disk.before("overwrite", path)
            with _opened(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, folder) as fd:
                if os.fstat(fd).st_size < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._write_out(fd, data, shown=path, durable=False)

    def rename(self, old: str, new: str, *, durable: bool = True) -> None:
        """Move a file within this folder, over whatever file was at the new path."""
        with (
            self._errors(new),
            self._parent(old) as (source, old_name),
            self._parent(new, create=True, durable=durable) as (target, new_name),
        ):
            self.disk.before("rename", new)
            os.rename(old_name, new_name, src_dir_fd=source, dst_dir_fd=target)
            if durable:
                self._sync_folder(target, new)

    def remove(self, path: str) -> bool:
        """Remove a file; False where there was none."""
        with self._errors(path):
            try:
                with self._parent(path) as (folder, name):
                    self.disk.before("remove", path)
                    os.unlink(name, dir_fd=folder)
                    return True
            except _MISSING as error:
                self._check_missing(path, error)
                return False

    def remove_empty_parents(self, path: str) -> None:
        """Remove the folders that a removed file leaves empty, up to this folder."""
        parts = _parts(path)[:-1]
        with self._errors(path):
            for depth in range(len(parts), 0, -1):
                try:
                    with self._parent("/".join(parts[:depth])) as (folder, name):
                        self.disk.before("rmdir", "/".join(parts[:depth]))
                        os.rmdir(name, dir_fd=folder)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return
                    raise

    def sweep(self, path: str = "", *, before: float | None = None) -> int:
        """Remove what killed writers left in one folder; gives how many files that were.

        Where other writers may be at work, `before` leaves what was changed since (seconds since 1970).
        """
        named = [f"{path}/{name}".lstrip("/") for name in self.entries(path) if name.startswith(TEMPORARY)]
        found = ((name, self.status(name)) for name in named)
        old = [name for name, status in found if before is None or (status is not None and status.st_mtime < before)]
        return sum(self.remove(name) for name in old)

    def sync(self, path: str = "") -> None:
        """Bring the names in a folder to the disk."""
        with self._errors(path), self._chain(_parts(path), create=False, durable=False) as fd:
            self._sync_folder(fd, path)

    def sync_files(self, paths: Iterable[str]) -> None:
        """Bring files written before, and the folders that name them, to the disk."""
        with self._errors(""), self._chain((), create=False, durable=False) as fd:
            self.disk.before("sync all", "")
            if self.disk.sync_all(fd):
                return
        named = tuple(paths)
        for path in named:
            self._sync_one(path)
        for folder in sorted(
            {"/".join(_parts(path)[:depth]) for path in named for depth in range(path.count("/") + 1)}
        ):
            with (
                self._errors(folder),
                suppress(FileNotFoundError),
                self._chain(_parts(folder), create=False, durable=False) as fd,
            ):
                self._sync_folder(fd, folder)

    # --- inside ---

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, self.root / path, way=self._way(path)) from error

    def _check_missing(self, path: str, error: OSError) -> None:
        """A file where a folder would be means "not there"; a link there is damage."""
        if isinstance(error, NotADirectoryError) and any(part.is_symlink() for part in self._way(path)):
            raise error

    def _way(self, path: str) -> list[Path]:
        parts = path.split("/")
        return [self.root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]

    @contextmanager
    def _parent(self, path: str, *, create: bool = False, durable: bool = False) -> Iterator[tuple[int, str]]:
        parts = _parts(path)
        with self._chain(parts[:-1], create=create, durable=durable) as fd:
            yield fd, parts[-1]

    @contextmanager
    def _chain(self, parts: tuple[str, ...], *, create: bool, durable: bool) -> Iterator[int]:
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # how the user reaches it is theirs
        try:
            for depth, part in enumerate(parts):
                if create and not _exists(part, fd):
                    self._make(part, fd, shown="/".join(parts[: depth + 1]), durable=durable)
                deeper = os.open(part, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = deeper
            yield fd
        finally:
            os.close(fd)

    def _make(self, name: str, folder: int, *, shown: str, durable: bool) -> None:
        self.disk.before("mkdir", shown)
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            return  # somebody was faster
        if durable:
            self._sync_folder(folder, shown)

    def _fill(self, name: str, data: bytes | bytearray, *, folder: int, mode: int, durable: bool, shown: str) -> None:
        self.disk.before("create", shown)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _opened(name, flags, folder, mode=mode) as fd:
            self._write_out(fd, data, shown=shown, durable=durable)

    def _write_out(self, fd: int, data: bytes | bytearray, *, shown: str, durable: bool) -> None:
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                self.disk.before("write", shown)
                done += self.disk.write(fd, view[done:])
        if durable:
            self.disk.before("sync", shown)
            self.disk.sync(fd)

    def _sync_one(self, path: str) -> None:
        with (
            self._errors(path),
            suppress(FileNotFoundError),
            self._parent(path) as (folder, name),
            _opened(name, _LOOK, folder) as fd,
        ):
            self.disk.before("sync", path)
            self.disk.sync(fd)

    def _sync_folder(self, fd: int, shown: str) -> None:
        self.disk.before("sync folder", shown)
        self.disk.sync(fd)


def disk_error(error: OSError, path: Path, *, way: Iterable[Path] = ()) -> SnapError:
    """An operating system's error as one of ours: what it was about, what is wrong, what to do.

    `way` are the parts of the path that must be plain: folders, and a file at the end.
    """
    number = error.errno or 0
    match number:
        case errno.ELOOP | errno.ENOTDIR | errno.EISDIR | errno.EEXIST | errno.ENOENT:
            return Damaged(f"{path}: {_what_lies_there(path, way)}; move it out of the way, then run it again")
        case errno.ENOSPC:
            return DiskRefused(f"{path}: {full_words(path)}")
        case errno.EACCES | errno.EPERM:
            return DiskRefused(f"{path}: this user may not change it; check the owner and the rights of its folder")
        case _:
            return DiskRefused(f"{path}: {_WORDS.get(number) or error.strerror or error}")


def full_words(path: Path) -> str:
    """What is used up where nothing more can be written: room, or the number of files."""
    there = next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))
    left = os.statvfs(there)
    if left.f_files and not left.f_favail:
        return "the file system has no inodes left (too many files); remove some, then run it again"
    free = left.f_bavail * left.f_frsize // 1024
    return f"the disk is full ({free} KiB free); make room, then run it again"


def _what_lies_there(path: Path, way: Iterable[Path]) -> str:
    for part in way:
        if part.is_symlink():
            return f"{part} is a symbolic link, and snap follows none"
        if part != path and part.exists() and not part.is_dir():
            return f"{part} is not a folder"
    if not path.parent.exists():
        return f"{next(part for part in reversed(path.parents) if not part.exists())} is not there"
    return "a folder is in its place" if path.is_dir() else "something else is in its place"


def _parts(path: str) -> tuple[str, ...]:
    if not path:
        return ()
    parts = tuple(path.split("/"))
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"{path!r} is not a plain relative path")
    return parts


def _content(fd: int) -> tuple[bytes, os.stat_result]:
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EISDIR, "not a plain file")
    while True:
        os.lseek(fd, 0, os.SEEK_SET)
        pieces = []
        while piece := os.read(fd, max(before.st_size + 1, 1 << 16)):
            pieces.append(piece)
        after = os.fstat(fd)
        if (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size):
            return b"".join(pieces), after
        before = after


def _free_name(folder: int) -> str:
    names = (f"{TEMPORARY}{os.getpid()}-{number}" for number in _counter)
    return next(name for name in names if not _exists(name, folder))  # a killed process may have had our number


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _forget(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return  # the first error is the one to tell; `sweep` finds the rest


@contextmanager
def _opened(name: str, flags: int, folder: int, *, mode: int = 0o600) -> Iterator[int]:
    fd = os.open(name, flags, mode, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)
