"""`snap verify`: look at everything, change nothing, name each damage with what to do about it.

Needs neither `snap.toml` nor source files to be right: what is committed is judged by the run records alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

from snapshotter.archive.opening import LOCAL
from snapshotter.core import details, ledger, paths, runs, verifying
from snapshotter.core.verifying import Part, Scope
from snapshotter.edge.cache import Cache, CacheLost
from snapshotter.edge.pending import Pending
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.spool import Spool
from snapshotter.edge.state import ArchiveLock
from snapshotter.edge.store import BRANCH, Store
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Damaged
from snapshotter.evidence import Document, StreamLedger
from snapshotter.model import RunRecord
from snapshotter.results import Damage, Progress, Verified

Tell = Callable[[Progress], None]

CACHE = "cache.sqlite"
RECORDS = "*/*/_runs/**"
STEP = 200  # files from one word of progress to the next
VERSIONS = 50  # versions of a document that are searched for the recorded one
SEARCHED = 20  # documents for which that is done


def verify(path: Path, world: World, *, scope: Scope, tell: Tell, wait: float = 0.0) -> Verified:
    """What is wrong with an archive; `Busy` while a run is at work, whose half-done things would look broken."""
    store = Store.find(path, env=world.env, disk=world.disk)
    lock = ArchiveLock(store.root / LOCAL / "lock", world.clock, command="snap verify", disk=world.disk)
    with lock.held(wait=wait):
        return _Verifier(store, world, scope=scope, tell=tell).go()


class _Verifier:
    """One look at an archive."""

    def __init__(self, store: Store, world: World, *, scope: Scope, tell: Tell) -> None:
        self.store = store
        self.world = world
        self.scope = scope
        self._tell = tell
        self.local = store.root / LOCAL
        self.examiner = store.examiner()
        self.damage: list[Damage] = []
        self.counts: Counter[str] = Counter()
        self.names: dict[str, str] = {}  # blob -> path
        self.broken: set[str] = set()  # streams with a run record that cannot be read
        self.is_whole = True  # every folder of the last commit could be read
        self.searched = 0
        self.uncommitted: tuple[tuple[str, str], ...] = ()

    def go(self) -> Verified:
        """Everything that the scope holds."""
        head = self._head()
        parts = self._parts(head) if head is not None else {}
        self._locks()
        self._index()
        committed = self._records(parts)
        pending = self._pending()
        folded = _folded([*committed.values(), *pending])
        if head is not None and self.is_whole:
            self._ledger(head, committed, pending, folded)
        self._spool()
        if self.scope.contents:
            self._git()
            self._deep(head, parts, folded)
            self._details(parts, [*committed.values(), *pending])
        return Verified(
            path=str(self.store.root),
            head=head,
            scope=self.scope.name,
            counts=dict(self.counts),
            damage=tuple(self.damage),
            uncommitted=self.uncommitted,
        )

    # --- references ---

    def _head(self) -> str | None:
        """The commit of the archive, if it can be read."""
        self._step("references")
        problem = self.examiner.head_problem()
        if problem is not None:
            self._found("head", ".git/HEAD", problem, f"put HEAD back on {BRANCH}: `git symbolic-ref HEAD {_REF}`")
        back = self.examiner.last_logged()
        to_last = f"; git's log of it names {back} last" if back else ""
        try:
            head = self.store.head()
        except Damaged as error:
            self._found("reference", _REF, f"it cannot be read: {error}", _way_back(back))
            return None
        if head is None:
            self._found("reference", _REF, f"it is not there{to_last}", _way_back(back))
            return None
        problem = self.examiner.commit_problem(head)
        if problem is not None:
            what = f"it names {head[:12]}, which cannot be read: {problem}"
            hint = "take the commit from a clone or a backup, or see `git reflog` for the last one that is whole"
            self._found("reference", _REF, what, hint)
            return None
        self.counts["references"] += 1
        return head

    def _parts(self, head: str) -> Mapping[str, tuple[Part, str]]:
        """The data files of the last commit: what each is, and its blob."""
        parts: dict[str, tuple[Part, str]] = {}
        try:
            for path, blob in self.store.paths("", head):
                self.names.setdefault(blob, path)
                part = verifying.part_of(path)
                if part.kind != "other":
                    parts[path] = part, blob
        except Damaged as error:
            self.is_whole = False
            self._found("object", head, f"not all folders of the last commit can be read: {error}", _FULL)
        return parts

    def _locks(self) -> None:
        for name in self.examiner.leftovers(self.world.clock.now()):
            what = "a program that was killed left it behind"
            self._found("lock", f".git/{name}", what, "the next `snap fetch` moves it out of the way by itself")

    def _index(self) -> None:
        problem = self.examiner.index_problem()
        if problem is not None:
            hint = "nothing is lost: delete .git/index, then `git reset` makes it again from the last commit"
            self._found("index", ".git/index", problem, hint)

    # --- run records and what is derived from them ---

    def _records(self, parts: Mapping[str, tuple[Part, str]]) -> Mapping[str, RunRecord]:
        """The committed run records, by path."""
        found: dict[str, RunRecord] = {}
        listed = [(path, part.stream, blob) for path, (part, blob) in parts.items() if part.kind == "record"]
        for number, (path, stream, blob) in enumerate(listed):
            self._step("run records", number, len(listed))
            data = self._blob(blob, path)
            if data is None:
                self.broken.add(stream)
                continue
            try:
                found[path] = runs.decode(data, path)
            except (Damaged, ConfigError) as error:
                self.broken.add(stream)
                hint = f"`git log -p -- {path}` shows who changed it; bring its first version back and commit"
                self._found("record", path, str(error), hint)
        self.counts["run records"] = len(listed)
        return found

    def _pending(self) -> list[RunRecord]:
        found = []
        pending = Pending(self.local / "pending")
        for item in [item for stream in pending.streams() for item in pending.waiting(stream)]:
            try:
                found.append(runs.decode(item.data, item.path))
            except (Damaged, ConfigError) as error:
                hint = "move it away: it told of a run that changed nothing, and days are at worst asked once more"
                self._found("pending", f"{LOCAL}/pending/{item.path}", str(error), hint)
            self.counts["waiting run records"] += 1
        return found

    def _ledger(
        self,
        head: str,
        committed: Mapping[str, RunRecord],
        pending: Iterable[RunRecord],
        folded: Mapping[str, StreamLedger],
    ) -> None:
        where = f"{LOCAL}/{CACHE}"
        if not (self.local / CACHE).exists():
            return
        self._step("ledger")
        try:
            with Cache(self.local / CACHE, ledger.fold_all) as cache:
                if cache.lost is not None:
                    self._found("ledger", where, f"the file was damaged ({cache.lost})", verifying.again(where))
                    return
                known = cache.head()
                cached = {stream: cache.ledger(stream) for stream in {*cache.streams(), *folded}}
        except CacheLost as error:
            self._found("ledger", where, str(error), verifying.again(where))
            return
        if known is not None and self._is_in_history(head, known) and not self.broken:
            newer, gone = self._newer(known, head, committed)
            for stream, before in sorted(cached.items()):
                if stream in gone:
                    continue
                mine = [record for record in (*newer, *pending) if _key(record) == stream]
                now = ledger.fold_all(before, mine)
                damage = verifying.ledger_damage(now, folded.get(stream, StreamLedger(stream)), where=where)
                self.damage += [damage] if damage is not None else []
                self.counts["ledgers"] += 1

    def _is_in_history(self, head: str, known: str) -> bool:
        if self.examiner.holds(head, known):
            return True
        what = f"the archive was at {known[:12]}, which {BRANCH} does not hold any more: history was cut or rewritten"
        hint = f"`git log {known[:12]}` shows what was there; `git reset --keep {known[:12]}` goes back to it"
        self._found("history", _REF, what, hint)
        return False

    def _newer(
        self, known: str, head: str, committed: Mapping[str, RunRecord]
    ) -> tuple[list[RunRecord], frozenset[str]]:
        """The run records since a commit, and the streams that lost some: the next command folds those anew."""
        changed = [] if known == head else list(self.store.changed(known, head))
        records = [committed[path] for path, _ in changed if path in committed]
        lost = {
            part.stream for path, blob in changed if blob is None and (part := verifying.part_of(path)).kind == "record"
        }
        return records, frozenset(lost)

    def _spool(self) -> None:
        self._step("spool")
        spool = Spool(self.local / "spool", self.world.clock)
        try:
            for job in spool.jobs():
                self.counts["waiting responses"] += sum(spool.read(job, page) is not None for page in spool.pages(job))
        except Damaged as error:
            self._found("spool", f"{LOCAL}/spool", str(error), "use the snap that wrote it, or move the file away")
        for damage in spool.damage():
            what = f"{damage.size} bytes are no whole response: {damage.why}"
            self._found("spool", f"{LOCAL}/spool", what, "the next `snap fetch` sets it aside and asks again")

    # --- contents ---

    def _git(self) -> None:
        """Let git look at its objects; in a share, whether all are there, and the share's contents are read below."""
        self._step("objects of git")
        code, lines = self.examiner.fsck(contents=self.scope.share is None)
        known = {(item.kind, item.where) for item in self.damage}
        found = verifying.git_damage(code, lines, self.names)
        self.damage += [item for item in found if (item.kind, item.where) not in known]

    def _deep(
        self, head: str | None, parts: Mapping[str, tuple[Part, str]], folded: Mapping[str, StreamLedger]
    ) -> None:
        if head is not None and self.is_whole:
            try:
                self._links(head)
                self._changed_records(head, parts)
            except Damaged as error:  # git's own look has named what is broken, as a rule
                if not any(item.kind in ("object", "pack") for item in self.damage):
                    self._found("git", head, str(error), "run `git fsck --full` to see all of it")
        self._documents(parts, folded)
        if self.is_whole:
            self._lacking(parts, folded)
            self._filters(parts)
        self._quarantine()
        self._uncommitted(head)

    def _filters(self, parts: Mapping[str, tuple[Part, str]]) -> None:
        """One file of each stream is asked about: a filter would change what git stores."""
        if any(item.kind == "index" for item in self.damage):  # git looks for attributes there too
            return
        first: dict[str, str] = {}
        for path, (part, _) in parts.items():
            if part.kind == "document":
                first.setdefault(part.stream, path)
        for path in first.values():
            name = self.examiner.filter_of(path)
            if name is not None:
                what = f"git's attributes name the filter {name!r} for it, so git would store other bytes"
                self._found(
                    "filter", path, what, "take it out of .gitattributes; encrypt the disk or the remote instead"
                )

    def _uncommitted(self, head: str | None) -> None:
        """What lies in the working tree and is not what is committed: the user's to decide, and no damage."""
        if head is None or any(item.kind in ("index", "head", "object", "pack") for item in self.damage):
            return
        self._step("files that are not committed")
        listed = self.examiner.uncommitted(self.store.root)
        data = [(path, how) for path, how in listed if verifying.part_of(path).kind != "other"]
        self.uncommitted = tuple(data)

    def _links(self, head: str) -> None:
        for path, what in self.examiner.links(head):
            hint = f"`git log -- {path}` shows who put it there; remove it and commit"
            self._found("link", path, f"it is {what}, where an archive holds plain files", hint)

    def _changed_records(self, head: str, parts: Mapping[str, tuple[Part, str]]) -> None:
        """Run records are written once: whatever touched one since is damage, unless it is as it was."""
        self._step("history of run records")
        here = {(path.rsplit("/", 1)[-1], blob) for path, (part, blob) in parts.items() if part.kind == "record"}
        for path in self.examiner.edited(RECORDS, head):
            if path not in parts and self._was_removed(path, head):
                continue
            versions = [version for version in self.store.versions(path) if version.blob is not None]
            first = versions[-1] if versions else None
            if first is not None and (path.rsplit("/", 1)[-1], first.blob) in here:
                continue  # it was put back, or lies elsewhere since its source was renamed
            commit = first.commit if first is not None else None
            self.broken.add("/".join(path.split("/")[:2]))
            self.damage = [item for item in self.damage if (item.kind, item.where) != ("record", path)]
            self.damage.append(verifying.rewritten(path, gone=path not in parts, first=commit))

    def _was_removed(self, path: str, head: str) -> bool:
        """Whether a run record went with its stream, on purpose (`snap remove`)."""
        stone = self.store.read(paths.tombstone("/".join(path.split("/")[:2])), head)
        return stone is not None and verifying.is_buried(path, stone)

    def _documents(self, parts: Mapping[str, tuple[Part, str]], folded: Mapping[str, StreamLedger]) -> None:
        listed = [(path, part, blob) for path, (part, blob) in parts.items() if part.kind in ("document", "held")]
        for number, (path, part, blob) in enumerate(listed):
            self._step("documents", number, len(listed))
            is_judged = part.kind == "document" and part.stream not in self.broken and self.is_whole
            recorded = verifying.known(folded.get(part.stream, StreamLedger(part.stream)), part.day)
            if is_judged and recorded is None:
                self.damage.append(verifying.orphan(path))
            if self.scope.holds(path):
                self._document(path, blob, recorded if is_judged else None)
        self.damage += [verifying.misplaced(path) for path, (part, _) in parts.items() if part.kind == "misplaced"]

    def _document(self, path: str, blob: str, recorded: Document | None) -> None:
        data = self._blob(blob, path)
        if data is None:
            return
        self.counts["documents"] += 1
        damage = verifying.document_damage(path, data, recorded)
        if damage is not None:
            commit = self._with(path, recorded.sha256) if recorded is not None else None
            self.damage.append(verifying.with_way_back(damage, commit))

    def _details(self, parts: Mapping[str, tuple[Part, str]], records: Iterable[RunRecord]) -> None:
        """The files of details, by what run records say of them."""
        recorded: dict[str, str | None] = {}
        for stream, told in _by_stream(records).items():
            for fact in details.fold(told).values():
                if fact.file is not None:
                    recorded[f"{stream}/{fact.detail}/{fact.file}"] = fact.sha256
        there = {path: (part, blob) for path, (part, blob) in parts.items() if part.kind == "detail"}
        for path, (part, blob) in there.items():
            is_judged = part.stream not in self.broken and self.is_whole
            if is_judged and path not in recorded:
                self.damage.append(verifying.orphan(path))
            data = self._blob(blob, path) if self.scope.holds(path) else None
            if data is None:
                continue
            self.counts["details"] += 1
            damage = verifying.detail_damage(path, data, recorded.get(path) if is_judged else None)
            self.damage += [damage] if damage is not None else []
        if self.is_whole and parts:
            self.damage += [verifying.lost_detail(path) for path in sorted(recorded.keys() - there.keys())]

    def _lacking(self, parts: Mapping[str, tuple[Part, str]], folded: Mapping[str, StreamLedger]) -> None:
        if not parts:
            return
        there: dict[str, list[str]] = {}
        for path, (part, _) in parts.items():
            if part.kind == "document":
                there.setdefault(part.stream, []).append(path)
        for stream, known in sorted(folded.items()):
            for path, recorded in verifying.lacking(known, there.get(stream, ())):
                damage = verifying.deleted(path, recorded)
                self.damage.append(verifying.with_way_back(damage, self._with(path, recorded.sha256)))

    def _with(self, path: str, sha256: str) -> str | None:
        """The newest commit in which a document is as recorded."""
        self.searched += 1
        if self.searched > SEARCHED:
            return None
        try:
            for version in islice(self.store.versions(path), VERSIONS):
                data = self.store.blob(version.blob) if version.blob is not None else b""
                if hashlib.sha256(data).hexdigest() == sha256:
                    return version.commit
        except Damaged:  # the way back is lost there too; what is broken is told elsewhere
            return None
        return None

    def _quarantine(self) -> None:
        quarantine = Quarantine(self.local / "quarantine", self.world.clock)
        for entry in quarantine.entries():
            self.counts["unusable answers"] += 1
            try:
                quarantine.get(entry.name)
            except Damaged as error:
                self._found("quarantine", entry.name, str(error), f"`snap quarantine drop {entry.name}`")

    # --- words ---

    def _blob(self, blob: str, path: str) -> bytes | None:
        """The content of a file; what cannot be read is damage, told once."""
        try:
            return self.store.blob(blob)
        except Damaged:
            damage = verifying.object_damage(blob, path, is_missing=False)
            if all(item.where != damage.where for item in self.damage):
                self.damage.append(damage)
            return None

    def _found(self, kind: str, where: str, what: str, hint: str) -> None:
        self.damage.append(Damage(kind, where, what, hint))

    def _step(self, what: str, done: int = 0, total: int = 0) -> None:
        if done % STEP == 0:
            text = f"{what}: {done} of {total}" if total else what
            self._tell(Progress("", "verifying", text, done=done, total=total))


_REF = f"refs/heads/{BRANCH}"
_FULL = "`snap verify --full` names the objects; take them from a clone or a backup"


def _way_back(commit: str | None) -> str:
    if commit is None:
        return "take it from a clone or a backup"
    return f"`git update-ref {_REF} {commit}` lets it name that commit again, if `git fsck` finds it whole"


def _key(record: RunRecord) -> str:
    return f"{record.source}/{record.stream}"


def _folded(records: Iterable[RunRecord]) -> Mapping[str, StreamLedger]:
    return {stream: ledger.fold_all(StreamLedger(stream), told) for stream, told in _by_stream(records).items()}


def _by_stream(records: Iterable[RunRecord]) -> Mapping[str, list[RunRecord]]:
    by_stream: dict[str, list[RunRecord]] = {}
    for record in records:
        by_stream.setdefault(_key(record), []).append(record)
    return by_stream
