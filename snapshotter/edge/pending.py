"""Run records that changed nothing wait here, safe from a power cut, for the next commit of their stream.

One file a record, `<source>/<stream>/<name>`; it goes when the commit that holds it is durable.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from snapshotter.edge.files import TEMPORARY, Disk, Folder
from snapshotter.edge.state import private_folder
from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record that waits, as bytes."""

    stream: str  # `source/stream`
    name: str  # its file name
    data: bytes

    @property
    def path(self) -> str:
        """Its path below the folder, for messages."""
        return f"{self.stream}/{self.name}"


class Pending:
    """The run records that wait, of all streams."""

    def __init__(self, folder: Path, *, disk: Disk | None = None) -> None:
        self._path = folder
        self._disk = disk
        self._folder = Folder(folder, disk=disk)

    def put(self, stream: str, name: str, *, data: bytes) -> None:
        """Keep a record; when this returns, it is on the disk, with all folders on the way to it."""
        private_folder(self._path, disk=self._disk)
        self._folder.write(f"{stream}/{name}", data)

    def streams(self) -> tuple[str, ...]:
        """The streams that have records waiting."""
        return tuple(
            f"{source}/{stream}"
            for source in self._entries()
            for stream in self._entries(source)
            if self._names(f"{source}/{stream}")
        )

    def waiting(self, stream: str) -> tuple[Waiting, ...]:
        """The records of a stream that wait, by name, which is the order of their runs."""
        found = ((name, self._folder.read(f"{stream}/{name}")) for name in self._names(stream))
        return tuple(Waiting(stream, name, data) for name, data in found if data is not None)

    def remove(self, stream: str, names: Iterable[str]) -> None:
        """Let go of records that are committed now; those that went before do not matter."""
        for name in names:
            self._folder.remove(f"{stream}/{name}")
        self._folder.remove_empty_parents(f"{stream}/-")

    def sweep(self) -> int:
        """Remove what killed writers left half done; gives how many files that were."""
        return sum(
            self._folder.sweep(f"{source}/{stream}") for source in self._entries() for stream in self._entries(source)
        )

    def _entries(self, folder: str = "") -> tuple[str, ...]:
        return self._folder.entries(folder) if self._path.is_dir() else ()

    def _names(self, stream: str) -> tuple[str, ...]:
        return tuple(name for name in self._entries(stream) if not name.startswith(TEMPORARY))
