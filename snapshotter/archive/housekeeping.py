"""`snap rename` and `snap remove`: source file, data and run records together, in one commit; history keeps all."""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from shlex import quote

from snapshotter import __version__
from snapshotter.archive.changing import all_changed
from snapshotter.archive.opening import Opened, catch_up, for_writing, waiting
from snapshotter.canonical import encode_indented
from snapshotter.codec import instant_text
from snapshotter.core import paths, reshaping, resuming, runs
from snapshotter.core.changing import RENAME
from snapshotter.core.config import load_source
from snapshotter.core.wording import counted
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import Batch, FileChange, RunRecord
from snapshotter.results.housekeeping import Reshaped
from snapshotter.spec import OAuth2Auth, Source, Stream


def rename(path: Path, target: str, new: str, world: World, *, dry_run: bool = False, wait: float = 0.0) -> Reshaped:
    """Give a source or a stream another name, with everything that it has."""
    with for_writing(path, world, command="snap rename", wait=wait) as opened:
        return _Reshaping(opened, target).rename(new, only_looks=dry_run)


def remove(path: Path, target: str, world: World, *, dry_run: bool = False, wait: float = 0.0) -> Reshaped:
    """Take a source or a stream out of the archive; its history stays."""
    with for_writing(path, world, command="snap remove", wait=wait) as opened:
        return _Reshaping(opened, target).remove(only_looks=dry_run)


@dataclass(slots=True)
class _Plan:
    """One commit."""

    names: dict[str, str | None]  # stream -> its new name, None: it goes
    placed: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, bytes | None] = field(default_factory=dict)
    documents: int = 0
    run_records: int = 0


class _Reshaping:
    """One source or stream on its way."""

    def __init__(self, opened: Opened, target: str) -> None:
        self.opened = opened
        self.store = opened.store
        self.head = self.store.head()
        self.chosen = opened.streams([target])
        self.source: Source = self.chosen[0][0]
        self.stream: Stream | None = self.chosen[0][1] if "/" in target else None
        self.notes: list[str] = []
        if self.store.blob_id(self.source.file, self.head) != opened.described.files[self.source.file]:
            git = f"git -C {quote(str(opened.root))}"  # `add` as well: git does not commit a file that is new to it
            raise UsageError(
                f"{self.source.file} has edits that are not committed; commit them first:"
                f" `{git} add {self.source.file} && {git} commit -m 'My edits' {self.source.file}`"
            )

    # --- the two commands ---

    def rename(self, new: str, *, only_looks: bool) -> Reshaped:
        """Everything under another name."""
        name = self._new_name(new)
        self._refuse_unsettled()
        if self.stream is not None:
            plan = _Plan({self.stream.key: f"{self.source.name}/{name}"})
            self._edit(plan, reshaping.renamed_table(self._text(), "streams", self.stream.name, new=name))
        else:
            plan = _Plan({stream.key: f"{name}/{stream.name}" for _, stream in self.chosen})
            self._rename_source(plan, name)
        for old, now in plan.names.items():
            self._move(plan, old, now or "")
        if isinstance(self.source.auth, OAuth2Auth) and self.stream is None:
            self.notes.append(f"its sign-in is kept under the old name: run `snap auth {name}` once")
        what = f"{self.source.name if self.stream is None else self.stream.key}"
        subject = f"Rename {what} to {name if self.stream is None else plan.names[self.stream.key]}"
        return self._done(plan, subject, only_looks=only_looks)

    def remove(self, *, only_looks: bool) -> Reshaped:
        """Everything gone, with a stone that says so."""
        gone = [self.stream] if self.stream is not None else [stream for _, stream in self.chosen]
        plan = _Plan(dict.fromkeys([stream.key for stream in gone]))
        if self.stream is not None:
            text = reshaping.without_table(self._text(), "streams", self.stream.name)
            whole = f"remove the whole source: `snap remove {self.source.name}`"
            self._edit(plan, text, only=f"{self.stream.key} is the only stream of its source; {whole}")
        elif self.source.account is not None and len(self._sources_of_file()) > 1:
            self._edit(plan, reshaping.without_table(self._text(), "accounts", self.source.account))
        else:
            plan.files[self.source.file] = None
        now = self.opened.world.clock.now()
        stone = encode_indented({"format": 1, "at": instant_text(now), "snap": __version__})
        for key in plan.names:
            self._take_out(plan, key)
            plan.files[paths.tombstone(key)] = stone
        kept = [entry for entry in self._quarantine().entries() if f"{entry.source}/{entry.stream}" in plan.names]
        if kept:
            self.notes.append(
                f"{counted(len(kept), 'unusable answer')} of it left in the quarantine;"
                " `snap quarantine` lists what is there"
            )
        what = self.source.name if self.stream is None else self.stream.key
        return self._done(plan, f"Remove {what}", only_looks=only_looks)

    # --- what stands in the way ---

    def _new_name(self, new: str) -> str:
        before, slash, name = new.rpartition("/")
        if slash and (self.stream is None or before != self.source.name):
            raise UsageError(f"{new}: a stream stays in its source; write {self.source.name}/NAME, or NAME alone")
        if not reshaping.NAME.fullmatch(name) or name in reshaping.TAKEN:
            raise UsageError(f"{name!r} is no name; write it with small letters, digits, - and _, a letter first")
        where = name if self.stream is None else f"{self.source.name}/{name}"
        known = {key for source, stream in self.opened.streams() for key in (source.name, stream.key)}
        if where in known or self.store.names(where, self.head):
            raise UsageError(f"{where} is there already; choose another name")
        return name

    def _refuse_unsettled(self) -> None:
        keys = {stream.key for _, stream in self.chosen} if self.stream is None else {self.stream.key}
        for found in all_changed(self.opened, self.chosen):
            if found.stream.key in keys and found.why_stopped is not None:
                raise ConfigError(f"{found.stream.key}: {found.why_stopped}")
        waits = {key for name in self._spool().jobs() if (key := _stream_of(name)) in keys}
        if waits:
            raise UsageError(f"{min(waits)}: answers of it wait to be stored; run `snap fetch` first")
        kept = [entry.name for entry in self._quarantine().entries() if f"{entry.source}/{entry.stream}" in keys]
        if kept:
            raise UsageError(
                f"{len(kept)} unusable answers of it are kept under its name; settle them first with"
                " `snap quarantine retry` or `snap quarantine drop`"
            )

    def _spool(self) -> Spool:
        return Spool(self.opened.local / "spool", self.opened.world.clock, disk=self.opened.world.disk)

    def _quarantine(self) -> Quarantine:
        return Quarantine(self.opened.local / "quarantine", self.opened.world.clock, disk=self.opened.world.disk)

    # --- the source file ---

    def _text(self) -> str:
        return (self.store.read(self.source.file, self.head) or b"").decode()

    def _sources_of_file(self) -> list[Source]:
        return [source for source in self.opened.described.sources.values() if source.file == self.source.file]

    def _rename_source(self, plan: _Plan, name: str) -> None:
        if self.source.account is None:
            file = f"{paths.SOURCES}/{name}.toml"
            self._edit(plan, reshaping.renamed_source(self._text(), new=name), file=file)
            return
        begins = f"{self.source.api}-"
        if not name.startswith(begins):
            raise UsageError(f"{name}: an account of {self.source.api} is called {begins}NAME")
        account = name.removeprefix(begins)
        self._edit(plan, reshaping.renamed_table(self._text(), "accounts", self.source.account, new=account))

    def _edit(self, plan: _Plan, text: str, *, file: str | None = None, only: str = "") -> None:
        """Put an edited source file into the plan, if it says just what it should."""
        loaded = load_source(text, file=file or self.source.file, settings=self.opened.described.settings)
        if loaded.problems or not reshaping.same_but(self._sources_of_file(), loaded.sources, plan.names):
            by_hand = f"{self.source.file} is written in a way that snap does not edit; edit it by hand"
            raise UsageError(
                only if only and not loaded.sources else f"{by_hand}, or write its tables as [streams.NAME]"
            )
        plan.files[self.source.file] = text.encode()
        if file is not None and file != self.source.file:
            if self.store.blob_id(file, self.head) is not None:
                raise UsageError(f"{file} is there already; choose another name")
            plan.files[self.source.file] = None
            plan.files[file] = text.encode()

    # --- data and run records ---

    def _take_out(self, plan: _Plan, key: str) -> dict[str, str]:
        """All files of a stream: path -> blob."""
        found = dict(self.store.paths(key, self.head))
        for name in found:
            plan.placed[name] = None
            is_record = f"/{runs.FOLDER}/" in name
            plan.run_records += is_record
            plan.documents += not is_record
        return found

    def _move(self, plan: _Plan, old: str, new: str) -> None:
        for name, blob in self._take_out(plan, old).items():
            plan.placed[f"{new}{name.removeprefix(old)}"] = blob
        source, _, stream = new.partition("/")
        for record in waiting(self.opened, old):
            placed = replace(record, source=source, stream=stream)
            plan.files[runs.path_of(placed)] = runs.encode(placed)
        told = self._told(plan, old, source=source, stream=stream)
        plan.files[runs.path_of(told)] = runs.encode(told)

    def _told(self, plan: _Plan, old: str, *, source: str, stream: str) -> RunRecord:
        """The record that says so; from here on the new file is what the stream's last run worked from."""
        now = self.opened.world.clock.now()
        described = self.opened.described.files
        file = next(name for name, data in plan.files.items() if name.startswith(paths.SOURCES) and data is not None)
        settings = {paths.SETTINGS: described[paths.SETTINGS], file: self.store.id_of(plan.files[file] or b"")}
        return RunRecord(
            run=runs.run_id(now, self.opened.world.chance.getrandbits(24)),
            sequence=1,
            closes=True,
            snap=__version__,
            command=RENAME,
            started=now,
            at=now,
            source=source,
            stream=stream,
            settings=settings,
            stories=(),
            notes=(f"renamed from {old}",),
            turn=self.opened.cache.ledger(old, days=()).turn + 1,
        )

    # --- doing it ---

    def _done(self, plan: _Plan, subject: str, *, only_looks: bool) -> Reshaped:
        commit = None if only_looks else self._commit(plan, subject)
        edited = tuple(name for name in plan.files if name.startswith(f"{paths.SOURCES}/"))
        pairs = tuple((old, new or "") for old, new in plan.names.items())
        return Reshaped(pairs, plan.documents, plan.run_records, edited, commit, tuple(self.notes))

    def _commit(self, plan: _Plan, subject: str) -> str:
        opened, store = self.opened, self.store
        files = tuple(FileChange(name, data) for name, data in plan.files.items())
        counts = f"{counted(plan.documents, 'document')} and {counted(plan.run_records, 'run record')}"
        message = f"{subject}\n\n{counts}.\n\nSnap: {__version__}\n"
        _ = opened.cache  # brought up to the commit before, so that what goes is forgotten
        commit = store.commit(Batch(files, message, opened.world.clock.now()), self.head, placed=plan.placed)
        for key in plan.names:
            opened.pending.remove(key, [item.name for item in opened.pending.waiting(key)])
            for name in self._spool().jobs():
                if _stream_of(name) == key:
                    self._spool().done(name)
        catch_up(opened.cache, opened)
        store.settle()
        self.notes += store.finish()
        return commit


def _stream_of(job: str) -> str | None:
    found = resuming.job_named(job, pages=0)
    return None if found is None else f"{found.source}/{found.stream}"
