"""Raw responses on disk before anything looks at them, until their commit is durable.

Every run appends to one file a stream (and a new one when that is large). What was appended survives a kill at once and
a power cut after `sync`, at the latest `sync_every` seconds later. Whoever calls a method that changes something holds
the archive's lock; reading needs none.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from snapshotter.edge.files import Disk, Folder
from snapshotter.edge.shelf import DAMAGED, SUFFIX, Damage, Shelf, stem_of
from snapshotter.edge.state import FileLock, is_locked, private_folder
from snapshotter.edge.world import Clock
from snapshotter.errors import Busy, SnapError
from snapshotter.frozen import dataclass
from snapshotter.model import SpoolEntry

_RUN = ".run"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run that was opened and not ended. `waiting` tells how many pages of which jobs it left in the spool."""

    run: str
    info: Mapping[str, str] = field(default_factory=dict)  # started, pid, and what the caller told
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpoolSize:
    """How much waits, and how much was set aside as damaged."""

    bytes: int
    entries: int
    damaged_bytes: int
    damaged_files: int


class Spool:
    """The spool of one archive. Opening it reads nothing; several lanes may append at once."""

    def __init__(self, folder: Path, clock: Clock, *, sync_every: float = 1.0, disk: Disk | None = None) -> None:
        self.path = folder
        self.clock = clock
        self.sync_every = sync_every
        self.disk = disk or Disk()
        self._files = Folder(folder, disk=self.disk)
        self._lock = threading.Lock()  # of the dictionaries, the set and the timer
        self._shelves: dict[str, Shelf] = {}
        self._touched: set[Shelf] = set()  # since the last sync
        self._names: dict[str, list[str]] | None = None  # stem -> its files, as found when first looked at
        self._syncing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._failed: SnapError | None = None
        self._run: str | None = None
        self._sequence = 0
        self._run_lock: FileLock | None = None
        self._set_aside = False

    # --- runs ---

    def begin_run(self, run_id: str, info: Mapping[str, str]) -> None:
        """Open a run: durably, so that it is known to have been there if it dies. Damaged entries are set aside."""
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"{run_id!r} is no run id")
        self._files = private_folder(self.path, disk=self.disk)
        self._files.sweep()
        self._files.sweep(DAMAGED)
        self._set_aside = True
        shelves = self._all()
        for shelf in shelves:
            shelf.set_damage_aside()
        self._touch(*shelves)
        told = [self._run_info(name).get("sequence", "") for name in self._run_files()]
        known = [int(text) for text in told if text.isascii() and text.isdigit()]
        self._sequence = 1 + max([*known, *(shelf.last_sequence() for shelf in shelves)], default=0)
        opened = {"started": self.clock.now().isoformat(), "pid": str(os.getpid()), **info}
        self._run_lock = self._open_run(run_id + _RUN, {**opened, "sequence": str(self._sequence)})
        self._run = run_id

    def end_run(self, run_id: str) -> None:
        """Close a run: this one, or a dead one that was reported. What it left in the spool stays."""
        if run_id == self._run:
            self.sync()
            for shelf in self._all():
                shelf.close()
        if self._files.remove(run_id + _RUN):
            self._files.sync()
        if run_id == self._run and self._run_lock is not None:
            self._run_lock.release()  # not before its file is gone, or a reader would take it for dead
            self._run = self._run_lock = None

    def dead_runs(self) -> tuple[DeadRun, ...]:
        """The runs that were opened, not ended, and are not under way; oldest first."""
        found = []
        for name in self._run_files():
            run = name.removesuffix(_RUN)
            if run != self._run and not is_locked(self.path / name):
                found.append((self._run_info(name), run))
        found.sort(key=lambda pair: (pair[0].get("sequence", "").zfill(20), pair[1]))
        return tuple(DeadRun(run, _without_sequence(info), self._waiting(run)) for info, run in found)

    # --- entries ---

    def append(self, entry: SpoolEntry) -> None:
        """Put a response on disk: whole in its file when this returns, synced within a second."""
        if entry.run != self._run:
            raise ValueError(f"run {entry.run!r} is not open")
        self._raise_failure()
        shelf = self._shelf(stem_of(entry.job))
        shelf.append(entry, sequence=self._sequence)
        self._touch(shelf)
        if self.sync_every <= 0:
            self.sync()
        else:
            self._sync_later()

    def rest(self, stream: str) -> None:
        """Close what is open for a stream and holds nothing: a run may have thousands, and files are counted."""
        self._shelf(stem_of(stream)).rest()

    def sync(self) -> None:
        """Return when everything appended before is on the disk itself."""
        self._raise_failure()
        self._sync_all()
        self._raise_failure()

    def pages(self, job: str) -> tuple[int, ...]:
        """The pages of a job that wait, without reading them."""
        return self._shelf(stem_of(job)).pages(job)

    def read(self, job: str, page: int) -> SpoolEntry | None:
        """The latest response for one page, or None if there is none or it is damaged (then it is set aside)."""
        shelf = self._shelf(stem_of(job))
        found = shelf.read(job, page, set_aside=self._set_aside)
        if found is None and self._set_aside:
            self._touch(shelf)
        return found

    def find(self, job: str) -> tuple[SpoolEntry, ...]:
        """The responses of a job, by page, of this run and all earlier ones; the latest of each page."""
        entries = (self.read(job, page) for page in self.pages(job))
        return tuple(entry for entry in entries if entry is not None)

    def jobs(self) -> tuple[str, ...]:
        """The jobs that have responses waiting."""
        return tuple(sorted(job for shelf in self._all() for job in shelf.jobs()))

    def done(self, job: str) -> None:
        """Let the responses of a job go. If a crash loses this they are found again, so call it after the commit."""
        shelf = self._shelf(stem_of(job))
        shelf.done(job)
        self._touch(shelf)

    # --- what there is ---

    def damage(self) -> tuple[Damage, ...]:
        """What was found damaged so far. Nothing of it is used; what it held is asked again."""
        return tuple(damage for shelf in self._all() for damage in shelf.damage)

    def size(self) -> SpoolSize:
        """How large the spool is."""
        entries = sum(len(shelf.pages(job)) for shelf in self._all() for job in shelf.jobs())
        damaged = [f"{DAMAGED}/{name}" for name in self._files.entries(DAMAGED)] if self.path.is_dir() else []
        names = [name for name in self._listed() if name.endswith(SUFFIX)]
        return SpoolSize(self._bytes(names), entries, self._bytes(damaged), len(damaged))

    # --- inside ---

    def _listed(self) -> tuple[str, ...]:
        return self._files.entries() if self.path.is_dir() else ()

    def _bytes(self, names: list[str]) -> int:
        return sum(found.st_size for name in names if (found := self._files.status(name)))

    def _run_files(self) -> list[str]:
        return [name for name in self._listed() if name.endswith(_RUN)]

    def _shelf(self, stem: str) -> Shelf:
        with self._lock:
            if stem not in self._shelves:
                names = self._names_found().get(stem, ())
                self._shelves[stem] = Shelf(stem, self._files, names=names)
            return self._shelves[stem]

    def _names_found(self) -> dict[str, list[str]]:
        if self._names is None:
            self._names = {}
            for name in self._listed():
                if name.endswith(SUFFIX) and name.count("+") == 2:
                    self._names.setdefault(name.split("+")[1], []).append(name)
        return self._names

    def _all(self) -> list[Shelf]:
        with self._lock:
            stems = sorted({*self._names_found(), *self._shelves})
        return [self._shelf(stem) for stem in stems]

    def _waiting(self, run: str) -> Mapping[str, int]:
        counts = [(job, shelf.pages_of(job, run=run)) for shelf in self._all() for job in shelf.jobs()]
        return {job: count for job, count in counts if count}

    # --- the file of a run: it is locked while its run lives ---

    def _open_run(self, name: str, info: Mapping[str, str]) -> FileLock:
        lock = FileLock(self.path / name)
        if not lock.take():
            raise Busy(f"the run {name.removesuffix(_RUN)} is under way already")
        try:
            lock.write(json.dumps(dict(info)).encode("ascii"), disk=self.disk, durable=True)
            self._files.sync()
        except SnapError:
            lock.release()
            raise
        return lock

    def _run_info(self, name: str) -> dict[str, str]:
        try:
            info = json.loads(self._files.read(name) or b"{}")
        except ValueError:  # cut by a power failure: that it was there is all we know
            return {}
        return {str(key): str(value) for key, value in info.items()} if isinstance(info, dict) else {}

    # --- syncing beside the next request ---

    def _sync_later(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self.sync_every, self._sync_all)
                self._timer.daemon = True
                self._timer.start()

    def _sync_all(self) -> None:
        """A failed sync is never repeated: the kernel may have thrown the bytes away, and the second try succeeds."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()  # nothing to a timer that is what runs here
                self._timer = None
        with self._syncing:
            with self._lock:
                touched, self._touched = self._touched, set()
            try:
                for shelf in sorted(touched, key=lambda one: one.stem):
                    shelf.sync()
            except SnapError as error:
                self._failed = self._failed or error

    def _touch(self, *shelves: Shelf) -> None:
        with self._lock:
            self._touched.update(shelves)

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed


def _without_sequence(info: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in info.items() if name != "sequence"}
