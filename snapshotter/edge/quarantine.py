"""Bytes that could not become records: kept as they came, with the reason, until a person or a better source file acts.

Bodies are named by their SHA-256 and stored once; every (body, job) has a label beside them. Whoever changes something
holds the archive's lock.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from snapshotter.edge.files import Disk, Folder
from snapshotter.edge.state import private_folder
from snapshotter.edge.world import Clock, SystemClock
from snapshotter.errors import Damaged, DiskRefused, UsageError
from snapshotter.model import QuarantineEntry

LIMIT = 1024**3
_BODY = ".body"
_LABEL = ".json"
_SHA = re.compile(r"[0-9a-f]{64}")


class Quarantine:
    """The quarantine of one archive, bounded as a whole: it refuses what is too much, and never drops by itself."""

    def __init__(
        self, folder: Path, clock: Clock | None = None, *, limit: int = LIMIT, disk: Disk | None = None
    ) -> None:
        self.path = folder
        self.clock = clock or SystemClock()
        self.limit = limit
        self.disk = disk
        self.has_grown = False  # since it was opened here
        self._files = Folder(folder, disk=disk)
        self._size: int | None = None

    def put(
        self,
        body: bytes,
        *,
        source: str,
        stream: str,
        job: str,
        reason: str,
        message: str,
        facts: Mapping[str, str] | None = None,
    ) -> QuarantineEntry:
        """Keep bytes durably; the same bytes of the same job are kept once, with the latest reason."""
        sha256 = hashlib.sha256(body).hexdigest()
        entry = QuarantineEntry(
            name=hashlib.sha256(f"{sha256}\n{job}".encode("utf-8", "surrogatepass")).hexdigest()[:24],
            source=source,
            stream=stream,
            job=job,
            reason=reason,
            message=message,
            at=self.clock.now(),
            sha256=sha256,
            size=len(body),
            facts=dict(facts or {}),
        )
        self._store(entry, body)
        return entry

    def entries(self) -> tuple[QuarantineEntry, ...]:
        """Everything that is kept, oldest first. A body whose label was lost has the reason `unlabelled`."""
        labelled = tuple(self._labelled())
        known = {entry.sha256 for entry in labelled}
        lost = (self._unlabelled(sha256) for sha256 in self._bodies() if sha256 not in known)
        return tuple(sorted((*labelled, *lost), key=lambda entry: (entry.at, entry.name)))

    def entry(self, name: str) -> QuarantineEntry:
        """The entry of that name."""
        found = next((entry for entry in self.entries() if entry.name == name), None)
        if found is None:
            raise UsageError(f"nothing in the quarantine is called {name!r}; `snap quarantine` lists what there is")
        return found

    def get(self, name: str) -> bytes:
        """The bytes of an entry, as they came."""
        entry = self.entry(name)
        body = self._files.read(entry.sha256 + _BODY)
        if body is None or hashlib.sha256(body).hexdigest() != entry.sha256:
            what = "are gone" if body is None else "changed on the disk"
            raise Damaged(f"{self.path}: the bytes of {name} {what}; drop it with `snap quarantine drop {name}`")
        return body

    def drop(self, name: str) -> None:
        """Throw an entry away, and its bytes if no other entry speaks of them."""
        entry = self.entry(name)
        self._files.remove(name + _LABEL)
        if all(other.sha256 != entry.sha256 for other in self._labelled()):
            self._files.remove(entry.sha256 + _BODY)
        self._files.sync()
        self._size = None

    def size(self) -> int:
        """How many bytes are kept."""
        if self._size is None:
            found = (self._files.status(name) for name in self._names())
            self._size = sum(status.st_size for status in found if status is not None)
        return self._size

    def warning(self) -> str | None:
        """What to tell the user when more than half of the room is used."""
        if self.size() * 2 < self.limit:
            return None
        return (
            f"the quarantine holds {_mib(self.size())} of at most {_mib(self.limit)}; mend the source files and "
            "`snap quarantine retry`, or drop what is of no use with `snap quarantine drop`"
        )

    # --- inside ---

    def _store(self, entry: QuarantineEntry, body: bytes) -> None:
        label = _encoded(entry)
        is_kept = self._files.status(entry.sha256 + _BODY) is not None if self.path.is_dir() else False
        added = len(label) + (0 if is_kept else len(body))
        if self.size() + added > self.limit:
            raise DiskRefused(
                f"{self.path}: the quarantine is full ({_mib(self.size())} of {_mib(self.limit)}), and the answer for "
                f"{entry.job} cannot be used either ({entry.reason}); it stays in the spool. See `snap quarantine`, "
                "retry or drop what is there, then run it again"
            )
        self._files = private_folder(self.path, disk=self.disk)
        self._files.sweep()
        if not is_kept or hashlib.sha256(self._files.read(entry.sha256 + _BODY) or b"").hexdigest() != entry.sha256:
            self._files.write(entry.sha256 + _BODY, body)
        self._files.write(entry.name + _LABEL, label)
        self._size = None
        self.has_grown = True

    def _names(self) -> tuple[str, ...]:
        return self._files.entries() if self.path.is_dir() else ()

    def _bodies(self) -> Iterator[str]:
        names = (name.removesuffix(_BODY) for name in self._names() if name.endswith(_BODY))
        return (name for name in names if _SHA.fullmatch(name))

    def _labelled(self) -> Iterator[QuarantineEntry]:
        for name in self._names():
            if name.endswith(_LABEL):
                entry = _decoded(name.removesuffix(_LABEL), self._files.read(name))
                if entry is not None:
                    yield entry

    def _unlabelled(self, sha256: str) -> QuarantineEntry:
        status = self._files.status(sha256 + _BODY)
        changed, size = (status.st_mtime, status.st_size) if status else (0.0, 0)
        return QuarantineEntry(
            name=sha256[:24],
            source="",
            stream="",
            job="",
            reason="unlabelled",
            message="a crash or a disk lost what was known about these bytes",
            at=datetime.fromtimestamp(changed, UTC),
            sha256=sha256,
            size=size,
        )


def _encoded(entry: QuarantineEntry) -> bytes:
    told = {name: getattr(entry, name) for name in ("source", "stream", "job", "reason", "message", "sha256", "size")}
    label = {"format": 1, **told, "at": entry.at.isoformat(), "facts": dict(entry.facts)}
    return json.dumps(label, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _decoded(name: str, data: bytes | None) -> QuarantineEntry | None:
    """The entry that a label speaks of, or None if it cannot be read."""
    try:
        label = json.loads(data or b"")
        texts = {key: str(label[key]) for key in ("source", "stream", "job", "reason", "message", "sha256")}
        at, size = datetime.fromisoformat(label["at"]), int(label["size"])
        facts = {str(key): str(value) for key, value in label["facts"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not _SHA.fullmatch(texts["sha256"]) or at.tzinfo is None:
        return None
    return QuarantineEntry(name=name, **texts, at=at, size=size, facts=facts)


def _mib(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
