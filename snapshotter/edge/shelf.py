"""The part of the spool that belongs to one stream: its files, and where in them the responses of each job lie."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import field
from datetime import datetime
from typing import Any

from snapshotter.edge import frames
from snapshotter.edge.files import Folder, disk_error
from snapshotter.edge.frames import Bad, Frame
from snapshotter.errors import Damaged, SnapError
from snapshotter.frozen import dataclass
from snapshotter.model import Response, SpoolEntry

SUFFIX = ".spool"
DAMAGED = "damaged"
_FORMAT = 1
_FULL = 32 * 1024 * 1024  # a file of this size is followed by a new one, so that one waiting job keeps little else
_STEM = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no whole response: a tail cut by a kill, or what a bad disk made of one."""

    file: str  # in `damaged/`; "" while nobody who may change the spool has looked
    size: int
    why: str


@dataclass(slots=True)
class _File:
    name: str
    run: str
    number: int
    sequence: int = 0  # of its run
    head: int = 0  # where its first frame ends
    size: int = 0
    marker: bytes = b""
    fd: int | None = None  # open for appending, in its own run only
    is_dirty: bool = False
    is_new: bool = False  # its name is not synced yet
    live: int = 0  # responses here that are the latest of their page
    jobs: set[str] = field(default_factory=set)  # with responses here, superseded ones too


@dataclass(frozen=True, slots=True)
class _Place:
    file: _File
    at: int


def stem_of(job: str) -> str:
    """The part of a file name that stands for the stream of a job."""
    stream = job.split(" ", 1)[0]
    if _STEM.fullmatch(stream) and len(stream) <= 130:
        return stream.replace("/", ".")
    return "~" + hashlib.sha256(stream.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Shelf:
    """All responses of one stream that wait."""

    def __init__(self, stem: str, folder: Folder, *, names: Iterable[str]) -> None:
        self.stem = stem
        self.folder = folder
        self.damage: list[Damage] = []
        self._bad: list[tuple[_File, Bad, str]] = []
        self._lock = threading.RLock()
        self._index: dict[str, dict[int, _Place]] = {}
        self._number = 0
        self._files = self._look(names)

    # --- looking ---

    def jobs(self) -> tuple[str, ...]:
        """The jobs that have responses here."""
        with self._lock:
            return tuple(self._index)

    def pages(self, job: str) -> tuple[int, ...]:
        """The pages of a job that are here, in order."""
        with self._lock:
            return tuple(sorted(self._index.get(job, ())))

    def pages_of(self, job: str, *, run: str) -> int:
        """How many pages of a job one run left here."""
        with self._lock:
            return sum(place.file.run == run for place in self._index.get(job, {}).values())

    def last_sequence(self) -> int:
        """The number of the latest run that left something here."""
        return max((file.sequence for file in self._files), default=0)

    def read(self, job: str, page: int, *, set_aside: bool) -> SpoolEntry | None:
        """The latest response for one page, or None."""
        with self._lock:
            place = self._index.get(job, {}).get(page)
            if place is None:
                return None
            with self._opened(place.file, _READ) as fd:
                if fd is None:
                    return None  # a run that ended meanwhile let it go
                found = frames.stretch(fd, place.at)
                body = frames.body(fd, found) if isinstance(found, Frame) else None
            if isinstance(found, Frame) and body is not None:
                return _entry(found.header, body)
            self._forget(job, page)
            self._note(place.file, Bad(place.at, found.end), f"page {page} of {job} does not match its checksum")
            if set_aside:
                self.set_damage_aside()
            return None

    # --- changing ---

    def append(self, entry: SpoolEntry, *, sequence: int) -> None:
        """Write one response at the end of the run's file."""
        body = entry.response.body
        with self._lock:
            file = self._current(entry.run, sequence)
            at = self._write(file, frames.head(file.marker, _header(entry), body, sha256=entry.sha256), body)
            self._remember(entry.job, entry.page, _Place(file, at))

    def done(self, job: str) -> None:
        """Let all responses of a job go: the latest first, so that a crash in between leaves the first pages."""
        with self._lock:
            for place in self._index.pop(job, {}).values():
                place.file.live -= 1
            for file in reversed(self._files):
                if job in file.jobs:
                    file.jobs.discard(job)
                    if file.live:
                        self._write(file, frames.head(file.marker, {"kind": "done", "job": job}))
                    elif file.fd is not None:
                        self._cut(file, file.head)  # the run goes on writing here
                        file.jobs.clear()
            self._tidy()

    def sync(self) -> None:
        """Bring what was appended to the disk itself; other threads may append meanwhile."""
        with self._lock, ExitStack() as closing:
            dirty = [file for file in self._files if file.is_dirty and file.fd is not None]
            taken = [(file.name, os.dup(file.fd)) for file in dirty if file.fd is not None]
            for _, fd in taken:
                closing.callback(os.close, fd)
            has_new = any(file.is_new for file in dirty)
            for file in dirty:
                file.is_dirty = file.is_new = False
                if file.size >= _FULL:
                    _close(file)
            closed_later = closing.pop_all()
        with closed_later:
            for name, fd in taken:
                self._sync_one(name, fd)
        if has_new:
            self.folder.sync()

    def rest(self) -> None:
        """Close the files in which nothing waits: nobody writes here for now."""
        with self._lock:
            for file in self._files:
                if not file.live:
                    _close(file)
            self._tidy()

    def close(self) -> None:
        """End the run's files; those without a response are removed."""
        with self._lock:
            for file in self._files:
                _close(file)
            self._tidy()

    def set_damage_aside(self) -> None:
        """Move what is damaged into a folder of its own, and say so in `damage`."""
        with self._lock:
            while self._bad:
                file, bad, why = self._bad[-1]
                target = f"{DAMAGED}/{file.name}@{bad.at}"
                with self._opened(file, _READ) as fd:
                    self.folder.write(target, b"" if fd is None else frames.read_span(fd, bad.at, bad.end))
                if not file.head:
                    self._remove(file)
                elif bad.end >= file.size and file.fd is None:
                    self._cut(file, bad.at)
                else:
                    self._write(file, frames.head(file.marker, {"kind": "bad", "at": bad.at}))
                self._bad.pop()
                self.damage.remove(Damage("", bad.end - bad.at, why))
                self.damage.append(Damage(target, bad.end - bad.at, why))
            self._tidy()

    # --- the index ---

    def _look(self, names: Iterable[str]) -> list[_File]:
        found = []
        for name in names:
            run, _, number = name.removesuffix(SUFFIX).split("+")
            file = _File(name, run, int(number) if number.isdigit() else 0)
            with self._opened(file, _READ) as fd:
                if fd is not None:
                    found.append((file, self._scan(file, fd)))
        found.sort(key=lambda pair: (pair[0].sequence, pair[0].run, pair[0].number))
        for file, entries in found:
            for job, page, at in entries:
                self._remember(job, page, _Place(file, at))
        return [file for file, _ in found]

    def _scan(self, file: _File, fd: int) -> list[tuple[str, int, int]]:
        """Where the responses of a file lie: those that are neither done nor known to be damaged."""
        entries: list[tuple[str, int, int]] = []
        bad: list[Bad] = []
        file.size = os.fstat(fd).st_size
        for frame in frames.frames(fd, file.size):
            match frame:
                case Bad():
                    bad.append(frame)
                case Frame(at=0, header=header, end=end):
                    _check_format(header, file.name)
                    file.head, file.sequence = end, header["sequence"]
                    file.marker = os.pread(fd, frames.MARKER, 0)
                case Frame(header={"kind": "done", "job": job}):
                    entries = [entry for entry in entries if entry[0] != job]
                case Frame(header={"kind": "bad", "at": at}):
                    entries = [entry for entry in entries if entry[2] != at]
                    bad = [known for known in bad if known.at != at]
                case Frame(at=at, header=header):
                    entries.append((header["job"], header["page"], at))
        if not file.head:  # nothing tells whose it is
            entries, bad = [], [Bad(0, file.size)] if file.size else []
        for one in bad:
            self._note(file, one, "it is cut" if one.end == file.size else "it does not match its checksum")
        return entries

    def _note(self, file: _File, bad: Bad, why: str) -> None:
        why = f"{file.name} from byte {bad.at}: {why}"
        self._bad.append((file, bad, why))
        self.damage.append(Damage("", bad.end - bad.at, why))

    def _remember(self, job: str, page: int, place: _Place) -> None:
        pages = self._index.setdefault(job, {})
        if page in pages:
            pages[page].file.live -= 1
        pages[page] = place
        place.file.live += 1
        place.file.jobs.add(job)

    def _forget(self, job: str, page: int) -> None:
        pages = self._index[job]
        pages.pop(page).file.live -= 1
        if not pages:
            del self._index[job]

    # --- the files ---

    def _current(self, run: str, sequence: int) -> _File:
        last = self._files[-1] if self._files else None
        if last is not None and last.fd is not None and last.size < _FULL:
            return last
        self._number += 1
        name = f"{run}+{self.stem}+{self._number:03d}{SUFFIX}"
        file = _File(name, run, self._number, sequence, marker=frames.new_marker(), fd=self._create(name), is_new=True)
        try:
            first = {"kind": "file", "format": _FORMAT, "run": run, "sequence": sequence}
            self._write(file, frames.head(file.marker, first))
        except SnapError:
            _close(file)
            self._remove(file)
            raise
        file.head = file.size
        self._files.append(file)
        return file

    def _remove(self, file: _File) -> None:
        self.folder.remove(file.name)
        file.size = file.head = 0

    def _tidy(self) -> None:
        """Remove the files in which nothing waits, the latest first."""
        for file in reversed(self._files):
            if file.fd is None and not file.live:
                self._remove(file)
        self._files = [file for file in self._files if file.head]

    def _create(self, name: str) -> int:
        path = self.folder.root / name
        try:
            self.folder.disk.before("create", name)
            return os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise disk_error(error, path) from error

    def _write(self, file: _File, head: bytes, body: bytes = b"") -> int:
        """Append a frame; gives where it begins. What cannot be written whole is taken back."""
        with self._opened(file, _APPEND) as fd:
            if fd is None:
                return file.size  # somebody removed it by hand: there is nothing to mark
            try:
                self.folder.disk.before("append", file.name)
                for data in (head, body) if len(body) > 65_536 else (head + body,):
                    self._write_out(fd, data)
                file.is_dirty = True
            except OSError as error:
                self._take_back(file, fd)
                raise disk_error(error, self.folder.root / file.name) from error
        at = file.size
        file.size += len(head) + len(body)
        return at

    def _write_out(self, fd: int, data: bytes) -> None:
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                done += self.folder.disk.write(fd, view[done:])

    def _take_back(self, file: _File, fd: int) -> None:
        try:
            os.ftruncate(fd, file.size)
        except OSError:  # the tail stays, to be set aside later; nothing may follow it
            _close(file)

    def _cut(self, file: _File, size: int) -> None:
        with self._opened(file, _APPEND) as fd:
            if fd is not None:
                try:
                    self.folder.disk.before("truncate", file.name)
                    os.ftruncate(fd, size)
                except OSError as error:
                    raise disk_error(error, self.folder.root / file.name) from error
        file.size = size

    def _sync_one(self, name: str, fd: int) -> None:
        try:
            self.folder.disk.before("sync", name)
            self.folder.disk.sync(fd)
        except OSError as error:
            raise disk_error(error, self.folder.root / name) from error

    @contextmanager
    def _opened(self, file: _File, flags: int) -> Iterator[int | None]:
        """The file, open; None where it is gone. The one open for appending is used for that."""
        if file.fd is not None and flags == _APPEND:
            yield file.fd
            return
        path = self.folder.root / file.name
        try:
            fd = os.open(path, flags)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise disk_error(error, path) from error
        try:
            yield fd
        finally:
            os.close(fd)


def _close(file: _File) -> None:
    if file.fd is not None:
        os.close(file.fd)
        file.fd = None


def _check_format(header: Mapping[str, Any], name: str) -> None:
    if header.get("kind") != "file" or header.get("format") != _FORMAT:
        raise Damaged(f"the spool file {name} was written by a newer snap; use that one, or move the file away")


def _header(entry: SpoolEntry) -> dict[str, Any]:
    response = entry.response
    return {
        "kind": "response",
        "job": entry.job,
        "page": entry.page,
        "run": entry.run,
        "identity": entry.identity,
        "shown": entry.shown,
        "status": response.status,
        "headers": response.headers,
        "received": response.received.isoformat(),
        "url": response.url,
        "seconds": response.seconds,
        **({"picked": entry.picked, "expected_ppm": entry.expected_ppm} if entry.picked else {}),
    }


def _entry(header: Mapping[str, Any], body: bytes) -> SpoolEntry:
    return SpoolEntry(
        run=header["run"],
        job=header["job"],
        page=header["page"],
        identity=header["identity"],
        response=Response(
            status=header["status"],
            headers=tuple((name, value) for name, value in header["headers"]),
            body=body,
            received=datetime.fromisoformat(header["received"]),
            url=header["url"],
            seconds=header["seconds"],
        ),
        shown=header["shown"],
        picked=header.get("picked", ""),
        expected_ppm=header.get("expected_ppm"),
        sha256=header["sha256"],
    )
