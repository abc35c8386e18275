"""An archive, opened: its repository, its settings and sources, its ledger brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from shlex import quote

from snapshotter.core import ledger, paths, records, runs
from snapshotter.core.config import Problem, check_together, load_settings, load_source
from snapshotter.edge.cache import Cache
from snapshotter.edge.files import Folder
from snapshotter.edge.newfolder import remove_folders
from snapshotter.edge.pending import Pending
from snapshotter.edge.state import ArchiveLock, network_file_system, private_folder
from snapshotter.edge.store import Store
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Damaged, DiskRefused, UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import RunRecord
from snapshotter.results import Progress
from snapshotter.spec import Settings, Source, Stream

LOCAL = ".git/snap"
MACHINE = "machine"
SCRATCH = "backup-"  # folders in which a backup is made
TOLD_EVERY = 500  # run records
Tell = Callable[[Progress], None]


def silent(step: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the files of an archive say. A file with a mistake gives no source; the others are not stopped by it."""

    settings: Settings
    sources: Mapping[str, Source]
    files: Mapping[str, str]  # path -> blob id of what was read
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Opened:
    """An archive under one's hands."""

    root: Path
    store: Store
    described: Described
    world: World
    notes: tuple[str, ...] = ()  # what was healed on the way in
    tell: Tell = silent  # what takes long
    _cache: Cache | None = field(default=None)

    @property
    def local(self) -> Path:
        """The folder of what is never committed."""
        return self.root / LOCAL

    @property
    def machine(self) -> str:
        """The random mark of this copy of the archive, made when it is first asked for."""
        folder = private_folder(self.local, disk=self.world.disk)
        mark = (folder.read(MACHINE) or b"").decode("ascii", "replace").strip()
        if not mark:
            mark = f"{self.world.chance.getrandbits(48):012x}"
            folder.write(MACHINE, f"{mark}\n".encode())
        return mark

    @property
    def pending(self) -> Pending:
        """Run records that wait for a commit."""
        return Pending(self.local / "pending", disk=self.world.disk)

    @property
    def cache(self) -> Cache:
        """The ledger, brought up to the archive's head."""
        if self._cache is None:
            self._cache = Cache(self.local / "cache.sqlite", ledger.fold_all)
            catch_up(self._cache, self)
        return self._cache

    @property
    def made_cache(self) -> Cache | None:
        """The same, where it was made before; None: that would take long."""
        if self._cache is None:
            found = Cache(self.local / "cache.sqlite", ledger.fold_all)
            if found.head() is None:
                found.close()
                return None
            self._cache = found
            catch_up(self._cache, self)
        return self._cache

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Let go of the ledger at the end."""
        try:
            yield
        finally:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def streams(self, targets: Collection[str] = ()) -> tuple[tuple[Source, Stream], ...]:
        """The streams that are named, or all; `UsageError` for a name that is not there."""
        everything = [
            (source, stream) for source in self.described.sources.values() for stream in source.streams.values()
        ]
        if not targets:
            return tuple(everything)
        for target in targets:
            self._check_target(target, everything)
        wanted = set(targets)
        return tuple((source, stream) for source, stream in everything if source.name in wanted or stream.key in wanted)

    def stream(self, target: str) -> tuple[Source, Stream]:
        """The one stream of that name."""
        found = self.streams([target])
        if "/" not in target and len(found) > 1:
            names = ", ".join(stream.key for _, stream in found)
            raise UsageError(f"{target} has several streams; name one of {names}")
        return found[0]

    def _check_target(self, target: str, everything: list[tuple[Source, Stream]]) -> None:
        known = {source.name for source, _ in everything} | {stream.key for _, stream in everything}
        if target in known:
            return
        name = target.split("/", maxsplit=1)[0]
        broken = [problem for problem in self.described.problems if problem.file == f"{paths.SOURCES}/{name}.toml"]
        if broken:
            raise ConfigError(f"{target}: its file has mistakes: {broken[0]}; `snap check` lists them all")
        if (why := self._undescribed(target)) is not None:
            raise UsageError(f"{target}: {why}")
        near = get_close_matches(target, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known)) or 'none yet'}"
        if "://" in target or "." in name:
            hint += "; an address begins with https:// or http://"
        raise UsageError(f"no source or stream {target!r}{hint}")

    def _undescribed(self, target: str) -> str | None:
        """Why what the archive holds, or held until it was removed, cannot be chosen; None: it never had it."""
        past = f"`git -C {quote(str(self.root))} log -- {target}` shows what there was"
        keys = [target] if "/" in target else [f"{target}/{name}" for name in self.store.names(target)]
        there = [self.store.names(key) for key in keys]
        if any(runs.FOLDER in names for names in there):
            file = f"{paths.SOURCES}/{target.split('/', maxsplit=1)[0]}.toml"
            return f"it is archived, but no source file describes it; put its description back into {file}. {past}"
        return f"it was removed; {past}" if any(paths.STONE in names for names in there) else None


class _Committed:
    """The files of a commit, read like a folder."""

    def __init__(self, store: Store, commit: str) -> None:
        self._store = store
        self._commit = commit

    def read(self, path: str) -> bytes | None:
        """A file of the commit."""
        return self._store.read(path, self._commit)

    def entries(self, path: str = "") -> tuple[str, ...]:
        """What stands in a folder of the commit."""
        return tuple(found.removeprefix(f"{path}/") for found, _ in self._store.paths(path, self._commit))


def describe(root: Path, store: Store, *, commit: str | None = None) -> Described:
    """Read `snap.toml` and every file in `sources/` as they lie in the working tree, or stand in a commit."""
    folder = Folder(root) if commit is None else _Committed(store, commit)
    text = _text(folder, paths.SETTINGS)
    if text is None:
        raise ConfigError(f"{root}: no {paths.SETTINGS}; is this an archive? `snap init DIR` makes one")
    files = {paths.SETTINGS: store.id_of(text.encode())}
    settings, problems = load_settings(text, file=paths.SETTINGS)
    if settings is None:
        raise ConfigError("\n".join(str(problem) for problem in problems))
    sources: list[Source] = []
    warnings: list[Problem] = []
    found = list(problems)
    for name in sorted(folder.entries(paths.SOURCES)):
        if not name.endswith(".toml") or name.startswith("."):
            continue
        path = f"{paths.SOURCES}/{name}"
        text = _text(folder, path) or ""
        files[path] = store.id_of(text.encode())
        loaded = load_source(text, file=path, settings=settings)
        found += loaded.problems
        warnings += loaded.warnings
        sources += loaded.sources
    twice = check_together(sources)
    wrong = {problem.file for problem in twice}  # the file that came first keeps the name
    named = {source.name: source for source in sources if source.file not in wrong}
    return Described(settings, named, files, (*found, *twice), tuple(warnings))


def _text(folder: Folder | _Committed, path: str) -> str | None:
    data = folder.read(path)
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def open_archive(path: Path, world: World, *, tell: Tell = silent) -> Opened:
    """The archive around a folder, for looking."""
    store = Store.find(path, env=world.env, disk=world.disk)
    return Opened(store.root, store, describe(store.root, store), world, tell=tell)


@contextmanager
def for_writing(path: Path, world: World, *, command: str, wait: float = 0.0) -> Iterator[Opened]:
    """The archive around a folder, locked and healed; `Busy` when another run holds it."""
    store = Store.find(path, env=world.env, disk=world.disk)
    started = world.clock.now()
    lock = ArchiveLock(store.root / LOCAL / "lock", world.clock, command=command, disk=world.disk)
    lock.acquire(wait=wait)
    try:
        notes = [*store.heal(started), *_disk_notes(store.root)]
        store.show_documents()  # of an archive made before there was such a view, and of a clone
        opened = Opened(store.root, store, describe(store.root, store), world, tuple(notes))
        swept = opened.pending.sweep()
        Folder(opened.local, disk=world.disk).sweep()
        remove_folders(opened.local, SCRATCH)
        if swept:
            opened.notes = (*opened.notes, f"removed {swept} half-written run records")
        with opened.closing():
            yield opened
            check_refused(store)
    finally:
        lock.release()


def check_refused(store: Store) -> None:
    """`DiskRefused` where the disk refused something beside commits that are saved, and nobody told it yet."""
    refused = store.refused()
    if refused:
        raise DiskRefused("; ".join(refused))


def _disk_notes(root: Path) -> Iterator[str]:
    kind = network_file_system(root)
    if kind is not None:
        yield f"{root} lies on a network file system ({kind}), where locks may not hold: let one machine only run snap"


# --- the ledger ---


def catch_up(cache: Cache, opened: Opened) -> None:
    """Fold into the cache what was committed since it was written, and what waits for a commit."""
    head, known = opened.store.head(), cache.head()
    if head is None or known == head:
        return
    known = _without_gone(cache, opened, known, head)
    cache.apply(head, _counted(chain(_committed(opened, known, head), waiting(opened)), opened.tell))
    follow(cache, opened.store, head)


def follow(cache: Cache, store: Store, head: str) -> None:
    """Note which documents the commits touched that lead to the head."""
    known = cache.commits.head()
    if known != head:
        after = known if known is not None and store.holds(known) else None
        new = (replace(one, paths=documents_in(one.paths)) for one in store.touched(after, head))
        with suppress(Damaged, UsageError):  # it only spares time: git says the same when it is asked
            cache.commits.follow(head, new, after=known)


def documents_in(touched: Iterable[str]) -> tuple[str, ...]:
    """Those among the paths of a commit whose versions somebody may ask for."""
    return tuple(path for path in touched if paths.has_versions(path))


def _without_gone(cache: Cache, opened: Opened, known: str | None, head: str) -> str | None:
    """Forget streams whose run records went since (renamed, removed, or by hand), so that they are folded anew."""
    if known is None:
        return None
    changed = opened.store.changed(known, head)
    gone = {"/".join(path.split("/")[:2]) for path, blob in changed if blob is None and f"/{runs.FOLDER}/" in path}
    left = [stream for stream in sorted(gone) if opened.store.names(f"{stream}/{runs.FOLDER}", head)]
    for stream in gone:
        cache.forget(stream)
    if not left:
        return known
    cache.clear()  # some of its records stayed: all are read again
    return None


def _committed(opened: Opened, known: str | None, head: str) -> Iterator[RunRecord]:
    """The run records that came between two commits, one after the other: there may be very many."""
    for path, blob in opened.store.changed(known, head):
        if blob is not None and f"/{runs.FOLDER}/" in path:
            yield runs.decode(opened.store.blob(blob), path)


def _counted(records: Iterable[RunRecord], tell: Tell) -> Iterator[RunRecord]:
    """The same, with a word every so many."""
    for number, record in enumerate(records, start=1):
        yield record
        if number % TOLD_EVERY == 0:
            tell(Progress("ledger", "reading", f"{number:,} run records read", done=number))


def waiting(opened: Opened, stream: str | None = None) -> tuple[RunRecord, ...]:
    """The run records that wait for a commit, of one stream or of all."""
    streams = opened.pending.streams() if stream is None else (stream,)
    return tuple(runs.decode(item.data, item.path) for name in streams for item in opened.pending.waiting(name))


def catch_up_places(opened: Opened, stream: Stream, head: str) -> None:
    """Note where the ids of a stream lie, from the documents that changed since that was last done."""
    cache = opened.cache
    known = cache.placed(stream.key)
    if known == head:
        return
    reader = records.Reader(stream)
    for path, blob in opened.store.changed(known, head, stream.key, among=paths.leads_to_documents):
        day = paths.day_of(path, stream.key)
        if day is not None and blob is not None:
            found = reader.document(opened.store.blob(blob), day=day)
            cache.set_places(stream.key, {record.key: day for record in found if record.key is not None})
    cache.set_places(stream.key, {}, at=head)
