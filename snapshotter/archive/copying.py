"""`snap copy`: a new archive with the same history, without a stream, a source, a leaked secret or any other text.

The old archive is not touched. Each commit is written anew with its message and its date; one that changed only what is
left out is not in the copy. Run records speak of the documents of the copy, so that it can be verified as a whole.
"""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path

from snapshotter.archive import verifying
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.trust import remember_made, secrets_of, trust_of
from snapshotter.core import copying, paths, runs
from snapshotter.core import verifying as judging
from snapshotter.core.changing import RENAME
from snapshotter.core.copying import Replaced, Wanted
from snapshotter.core.verifying import FULL
from snapshotter.edge.newfolder import appearing_folder
from snapshotter.edge.store import Clone, Store
from snapshotter.edge.store.admission import check_creatable
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.masking import SHORTEST, Masker
from snapshotter.results import Progress
from snapshotter.results.housekeeping import Copied

_STEP = 100  # commits from one word of progress to the next


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """What is not to be in the copy."""

    without: tuple[str, ...] = ()  # SOURCE or SOURCE/STREAM
    secrets: tuple[str, ...] = ()  # names
    texts: tuple[str, ...] = ()
    drops_records: bool = False


@dataclass(slots=True)
class _History:
    """The commits of the old archive, and what each changed."""

    head: str
    commits: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # renamed streams: new -> old


def copy(path: Path, target: Path, options: CopyOptions, world: World, *, tell: verifying.Tell) -> Copied:
    """Write the copy, and look at all of it."""
    if not (options.without or options.secrets or options.texts):
        raise UsageError("say what is not to be in it: --without, --without-value-of or --without-text")
    opened = open_archive(path, world)
    masker = _masker(opened, options)
    history = _history(opened.store)
    known = copying.streams_in({name for _, changed in history.commits for name in changed})
    known |= {stream.key for _, stream in opened.streams()}
    wanted = replace(
        copying.chosen(options.without, known, history.names), masker=masker, drops_records=options.drops_records
    )
    target = target.resolve()  # it is shown, and remembered as made here
    check_creatable(target)
    with appearing_folder(target, disk=world.disk) as made:
        return _written(made, opened, wanted, history, target=target, tell=tell)


def _written(
    made: Path, opened: Opened, wanted: Wanted, history: _History, *, target: Path, tell: verifying.Tell
) -> Copied:
    """The copy in a folder that takes the target's place when it was looked at."""
    world = opened.world
    store = Store.create(made, env=world.env, disk=world.disk)
    made_here = trust_of(opened).made_here
    if made_here:
        remember_made(store.root, world, place=target)
    copied = _Copying(opened, store, wanted, history, tell=tell)
    head = copied.go()
    Clone(store.root, world.env).put_files()
    notes = list(store.install_hooks())
    notes += _left_behind(opened)
    if not made_here:
        notes.append("like the archive it comes from, the copy asks nothing until you say `snap trust`")
    looked = verifying.verify(store.root, world, scope=FULL, tell=tell)
    return Copied(
        path=str(target),
        head=head,
        commits=len(history.commits),
        kept=copied.rewriting.kept,
        left_out=tuple(sorted(wanted.streams)),
        masked=copied.masked,
        records=copied.records,
        verified=looked,
        notes=tuple(notes),
    )


def _masker(opened: Opened, options: CopyOptions) -> Masker:
    values: list[tuple[str, str]] = [("removed", text) for text in options.texts]
    trust = trust_of(opened)
    for name in options.secrets:
        found = [
            value
            for source in opened.described.sources.values()
            if name in source.secrets and (value := secrets_of(source, opened, trust).values.get(name))
        ]
        if not found:
            raise UsageError(f"--without-value-of {name}: no source has a secret of that name with a value here")
        values += [(name, value) for value in found]
    masker = Masker()
    for name, value in values:
        if len(value) < SHORTEST:
            raise UsageError(
                f"{name}: a text under {SHORTEST} characters stands in others by chance; leave the stream out instead"
            )
        masker.add(name, value)
    return masker


def _history(store: Store) -> _History:
    head = store.head()
    if head is None:
        raise UsageError(f"{store.root}: there is nothing to copy yet")
    found = _History(head)
    looker = store.rewriting_of(store)
    for commit in store.commits_between(None, head):
        changed = dict(looker.changes(commit))
        found.commits.append((commit, changed))
        for path, blob in changed.items():
            if blob is not None and judging.part_of(path).kind == "record":
                record = runs.decode(store.blob(blob), path)
                if record.command == RENAME:
                    old = next((note.removeprefix("renamed from ") for note in record.notes), "")
                    found.names[f"{record.source}/{record.stream}"] = old
    return found


def _left_behind(opened: Opened) -> list[str]:
    notes = []
    waiting = [name for name in ("pending", "spool", "quarantine") if any((opened.local / name).glob("**/*.*"))]
    if waiting:
        notes.append(f"what waits beside the archive is not in the copy ({', '.join(waiting)}); run `snap fetch` first")
    return notes


class _Copying:
    """One history on its way."""

    def __init__(self, opened: Opened, new: Store, wanted: Wanted, history: _History, *, tell: verifying.Tell) -> None:
        self.opened = opened
        self.old = opened.store
        self.wanted = wanted
        self.history = history
        self.rewriting = new.rewriting_of(opened.store)
        self.replaced = Replaced()
        self._tell = tell
        self.masked = self.records = 0
        self._made: dict[tuple[str, str], bytes | None] = {}  # kind and blob -> what becomes of it

    def go(self) -> str | None:
        """All commits, the oldest first."""
        if self.wanted.masker.is_empty:
            self._settings_only()
        else:
            self._contents()
        self.masked, self.records = self.replaced.masked, self.replaced.records  # each version is counted once
        for number, (commit, changed) in enumerate(self.history.commits):
            if number % _STEP == 0:
                total = len(self.history.commits)
                self._tell(Progress("", "copying", f"commits: {number} of {total}", done=number, total=total))
            self._put(commit, changed)
        return self.rewriting.finish(self.history.head)

    def _put(self, commit: str, changed: dict[str, str | None]) -> None:
        files: dict[str, bytes | None] = {}
        for path, blob in changed.items():
            if self.wanted.leaves_out(path):
                continue
            if self.wanted.masker.hide(path) != path:
                raise UsageError("the text stands in the name of a file; leave its stream out instead")
            files[path] = None if blob is None else self._content(path, blob)
        self.rewriting.put(commit, files, told=self.wanted.masker.hide_bytes, is_empty=not changed)

    # --- contents ---

    def _settings_only(self) -> None:
        for _, changed in self.history.commits:
            for path, blob in changed.items():
                if blob is not None and path.startswith(f"{paths.SOURCES}/"):
                    self._content(path, blob)

    def _contents(self) -> None:
        """Every version once, before any run record is written: records come before some of what they speak of."""
        seen: set[str] = set()
        for _, changed in self.history.commits:
            for path, blob in changed.items():
                if blob is None or self.wanted.leaves_out(path) or blob in seen:
                    continue
                if judging.part_of(path).kind != "record":
                    seen.add(blob)
                    self._content(path, blob)

    def _content(self, path: str, blob: str) -> bytes | None:
        key = (path, blob)
        if path.startswith(f"{paths.SOURCES}/") or path == paths.SETTINGS:
            if key not in self._made:
                self._made[key] = self._settings(path, blob)
            return self._made[key]
        data = copying.without_text(path, self.old.blob(blob), self.wanted, self.replaced)
        if judging.part_of(path).kind == "record":
            return copying.run_record(data, self.replaced)
        return data

    def _settings(self, path: str, blob: str) -> bytes | None:
        data = self.old.blob(blob)
        if path.endswith(".toml") and path.startswith(f"{paths.SOURCES}/"):
            text = copying.source_file(path, data.decode(), self.wanted, self.opened.described.settings)
            if text is None:
                return None
            data = text.encode()
        new = copying.without_text(path, data, self.wanted, self.replaced)
        self.replaced.blobs[blob] = self.old.id_of(new)
        return new
