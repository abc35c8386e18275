"""A small JSON object that several processes read and change many times a second.

It is written in place, over bytes that are allocated already: one call, which a kill does not cut and a full disk does
not refuse. Where it must grow, it is put in place whole instead. It is not synced: a power cut may leave it spoiled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snapshotter.canonical import encode_ascii
from snapshotter.edge.files import Disk, disk_error
from snapshotter.edge.state import FileLock, JsonObject, private_folder

_ROOM = 512  # bytes; a file is a multiple of this long, so that it seldom has to grow
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class SharedJson:
    """One such object. Everything but `close` is for whoever is inside `locked`."""

    def __init__(self, path: Path, *, disk: Disk | None = None) -> None:
        self.path = path
        self.disk = disk or Disk()
        self._lock_path = path.with_name(path.name + ".lock")
        self._fd: int | None = None
        self._known: tuple[bytes, JsonObject] | None = None  # what stands there, as bytes and as an object

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else out, in all processes."""
        lock = FileLock(self._lock_path)
        lock.wait()
        try:
            yield
        finally:
            lock.release()

    def read(self) -> JsonObject:
        """What is stored; empty if that is nothing, or nothing that can be read."""
        try:
            data = self._content()
        except OSError as error:
            raise disk_error(error, self.path, way=(self.path,)) from error
        if self._known is None or self._known[0] != data:
            self._known = (data, _object(data))
        return dict(self._known[1])

    def write(self, value: JsonObject) -> None:
        """Replace what is stored."""
        text = encode_ascii(value)
        size = 0 if self._known is None else len(self._known[0])
        if self._fd is None or len(text) >= size:
            self._put_whole(text, size=-(-(len(text) + 1) // _ROOM) * _ROOM)
        else:
            self._put_over(text, size=size)
        self._known = (_padded(text, size), dict(value)) if self._fd is not None else None

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    # --- inside ---

    def _content(self) -> bytes:
        try:
            there = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116 - called for every request
        except FileNotFoundError:
            self.close()
            return b""
        if self._fd is not None and not os.path.samestat(os.fstat(self._fd), there):
            self.close()  # somebody made it anew
        if self._fd is None:
            self._fd = os.open(self.path, _OPEN)
        return os.pread(self._fd, there.st_size, 0)

    def _put_over(self, text: bytes, *, size: int) -> None:
        assert self._fd is not None  # noqa: S101 - its size is known from reading it
        try:
            self.disk.before("write", self.path.name)
            os.lseek(self._fd, 0, os.SEEK_SET)
            self.disk.write(self._fd, memoryview(_padded(text, size)))
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _put_whole(self, text: bytes, *, size: int) -> None:
        self.close()
        private_folder(self.path.parent, disk=self.disk).write(self.path.name, _padded(text, size), durable=False)


def _padded(text: bytes, size: int) -> bytes:
    return text.ljust(size - 1) + b"\n"


def _object(data: bytes) -> JsonObject:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
