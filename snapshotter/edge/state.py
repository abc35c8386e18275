"""Small facts that outlive a process: locks that die with it, and JSON files that are never half written."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from snapshotter.edge.files import Disk, Folder, disk_error
from snapshotter.edge.world import Clock
from snapshotter.errors import Busy, Damaged

JsonObject = dict[str, Any]

MOUNTS = Path("/proc/self/mounts")
_POLL = 0.2
_LOOK, _LOOKS = 0.005, 20  # seconds that somebody looks at a lock, at most, and how often that is waited for
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_OCTAL = re.compile(r"\\([0-7]{3})")
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
}  # fmt: skip

_held: set[int] = set()


def _let_go_in_child() -> None:
    """A forked child shares its parent's locks; it must not keep them after the parent died."""
    for fd in _held:
        with suppress(OSError):
            os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


def private_folder(path: Path, *, disk: Disk | None = None) -> Folder:
    """The folder at a path, made with what is missing above it: durably, and for its owner only."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    for part in reversed([path, *path.parents]):
        if part.is_relative_to(there) and part != there:
            _make(part, disk or Disk())
    return Folder(path, disk=disk)


def _make(path: Path, disk: Disk) -> None:
    try:
        disk.before("mkdir", path.name)
        with suppress(FileExistsError):  # somebody was faster
            path.mkdir(0o700)
    except OSError as error:
        raise disk_error(error, path) from error
    Folder(path.parent, disk=disk).sync()


class FileLock:
    """An `flock` on one file. The kernel frees it when its process ends, however that happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd: int | None = None

    def take(self, *, pause: Callable[[float], None] = time.sleep) -> bool:
        """Take it if nobody else has it; whether it is ours now. Whoever only looks is gone in a moment."""
        for _ in range(_LOOKS):
            if self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
                return True
            if is_locked(self.path):
                return False
            pause(_LOOK)
        return False

    def wait(self) -> None:
        """Take it as soon as nobody else has it."""
        self._lock(fcntl.LOCK_EX)

    def release(self) -> None:
        """Let it go. The file stays: removing it would let two processes lock two files of one name."""
        if self.fd is not None:
            _held.discard(self.fd)
            os.close(self.fd)
            self.fd = None

    def write(self, data: bytes, *, disk: Disk, durable: bool = False) -> None:
        """Say in the file who holds it."""
        if self.fd is None:
            raise ValueError(f"{self.path} is not locked")
        try:
            disk.before("write", self.path.name)
            os.ftruncate(self.fd, 0)
            os.lseek(self.fd, 0, os.SEEK_SET)
            disk.write(self.fd, memoryview(data))
            if durable:
                disk.before("sync", self.path.name)
                disk.sync(self.fd)
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _lock(self, how: int) -> bool:
        fd = None
        try:
            fd = os.open(self.path, _OPEN, 0o600)
            fcntl.flock(fd, how)
        except OSError as error:
            if fd is not None:
                os.close(fd)
            if isinstance(error, BlockingIOError):
                return False
            raise disk_error(error, self.path) from error
        _held.add(fd)
        self.fd = fd
        return True


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock on a file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise disk_error(error, path) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _never() -> bool:
    return False


class ArchiveLock:
    """Only one run works on an archive. Who holds it stands in the file for messages, never for a decision."""

    def __init__(self, path: Path, clock: Clock, *, command: str = "", disk: Disk | None = None) -> None:
        self.path = path
        self.clock = clock
        self.command = command
        self.disk = disk or Disk()
        self._lock = FileLock(path)

    @contextmanager
    def held(self, *, wait: float = 0.0, stopped: Callable[[], bool] = _never) -> Iterator[None]:
        """Hold it for a while, as `acquire` takes it."""
        self.acquire(wait=wait, stopped=stopped)
        try:
            yield
        finally:
            self.release()

    def acquire(self, *, wait: float = 0.0, stopped: Callable[[], bool] = _never) -> None:
        """Take the lock, waiting for at most so many seconds; `Busy` says who holds it and since when."""
        private_folder(self.path.parent, disk=self.disk)
        until = self.clock.monotonic() + wait
        while not self._lock.take():
            left = until - self.clock.monotonic()
            if left <= 0 or stopped():
                raise Busy(f"another snap is at work here: {self.holder()}; wait for it with --wait, e.g. --wait 10m")
            self.clock.sleep(min(left, _POLL))
        told = {"pid": os.getpid(), "host": socket.gethostname(), "command": self.command}
        started = self.clock.now().isoformat(timespec="seconds")
        try:
            self._lock.write(json.dumps({**told, "started": started}).encode("ascii"), disk=self.disk)
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Let the next one in."""
        self._lock.release()

    def is_held(self) -> bool:
        """Whether any run holds the archive now."""
        return is_locked(self.path)

    def holder(self) -> str:
        """Who holds the lock, or held it last, in words."""
        told = self._told()
        command = f"`{told['command']}`, " if told.get("command") else ""
        if "pid" not in told:
            return "it has not said who it is yet"
        return f"{command}process {told['pid']} on {told.get('host', '?')}, since {told.get('started', '?')}"

    def _told(self) -> Mapping[str, str]:
        try:
            told = json.loads(Folder(self.path.parent).read(self.path.name) or b"{}")
        except ValueError:  # it is being written just now
            return {}
        pairs = told.items() if isinstance(told, dict) else ()
        return {str(name): "".join(c for c in str(value)[:200] if c.isprintable()) for name, value in pairs}


class JsonFile:
    """One JSON object in a file of its owner's, written whole or not at all; writers take turns.

    `room`: so many bytes more than it needs, so that something can be written over it on a full disk.
    """

    def __init__(self, path: Path, *, durable: bool = True, disk: Disk | None = None, room: int = 0) -> None:
        self.path = path
        self.durable = durable
        self.disk = disk
        self.room = room

    def read(self) -> JsonObject:
        """What is stored; empty if nothing is."""
        data = Folder(self.path.parent).read(self.path.name) if self.path.parent.is_dir() else None
        if data is None:
            return {}
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Damaged(f"{self.path} holds no JSON object; look at it, then move it away")
        return value

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace what is stored."""
        text = _text(value)
        padded = text.ljust(len(text) + self.room)
        private_folder(self.path.parent, disk=self.disk).write(self.path.name, padded, durable=self.durable)

    def write_over(self, value: Mapping[str, Any]) -> None:
        """Replace what is stored within the room that the file has; one that dies meanwhile leaves no JSON."""
        before = Folder(self.path.parent).read(self.path.name) or b""
        Folder(self.path.parent, disk=self.disk).overwrite(self.path.name, _text(value).ljust(len(before)))

    def update(self, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
        """Read, change and write while no other writer may; gives what is stored now."""
        with self.locked():
            before = self.read()
            after = change(before)
            self.write(after)
            return after

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other writer of this file out, in all processes."""
        private_folder(self.path.parent, disk=self.disk)
        lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        lock.wait()
        try:
            yield
        finally:
            lock.release()


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode("ascii") + b"\n"


def network_file_system(path: Path, *, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that a path lies on, where the system tells; locks may not hold there."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    where = path.resolve()
    deepest, kind = Path("/"), ""
    for line in lines:
        _, mounted, found, *_ = line.split(" ")
        at = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), mounted))
        if where.is_relative_to(at) and at.is_relative_to(deepest):  # of two mounts on one place the later one counts
            deepest, kind = at, found
    return kind if kind in _NETWORK else None
