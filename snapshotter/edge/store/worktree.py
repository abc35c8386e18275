"""Files and index in step with the branch; whatever the user edited is left as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from snapshotter.edge.files import Folder
from snapshotter.edge.store import journal
from snapshotter.edge.store.index import COPY, LockedIndex, Staged
from snapshotter.edge.store.journal import Step
from snapshotter.edge.store.objects import blob_id
from snapshotter.edge.store.repository import Repository
from snapshotter.errors import Damaged
from snapshotter.frozen import dataclass

_EXECUTABLE = b"100755"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file should become, and the ids by which it is known not to be the user's edit."""

    path: str
    known: frozenset[str | None]
    target: str | None
    executable: bool = False
    after_crash: bool = False  # then a missing, empty or cut file is known too


@dataclass(frozen=True, slots=True)
class Settled:
    wanted: Wanted
    status: os.stat_result | None = None  # of a file that has the wanted content
    wrote: bool = False
    theirs: bool = False  # left alone


def settle_file(tree: Folder, wanted: Wanted, content: Callable[[], bytes]) -> Settled:
    """Bring one file to the wanted content, unless it is the user's. Not synced: the journal stands for it."""
    theirs = Settled(wanted, theirs=True)
    try:
        found = tree.look(wanted.path)
    except Damaged:  # a link, or a folder for a file: not ours
        return theirs
    there = blob_id(found[0]) if found else None
    if there == wanted.target:
        return Settled(wanted, found[1] if found else None)
    if there not in wanted.known and not (wanted.after_crash and _is_torn(found and found[0], wanted, content)):
        return theirs
    data = None if wanted.target is None else content()
    try:
        return Settled(wanted, _put(tree, wanted, data), wrote=True)
    except Damaged:  # a file for a folder
        return theirs


def _put(tree: Folder, wanted: Wanted, data: bytes | None) -> os.stat_result | None:
    if data is None:
        tree.remove(wanted.path)
        tree.remove_empty_parents(wanted.path)
        return None
    written = tree.write(wanted.path, data, mode=0o700 if wanted.executable else 0o600, durable=False)
    return _same(tree.status(wanted.path), written)


class Worktree:
    """The files of a run's commits on their way into the working tree."""

    def __init__(self, tree: Folder, git: Folder, repository: Repository) -> None:
        self._tree = tree
        self._git = git
        self._repository = repository
        self._waiting: list[tuple[Wanted, bytes | None]] = []  # None: it stands in the repository
        self._settled: dict[str, Settled] = {}

    def expect(self, steps: tuple[Step, ...], commit: str, contents: Mapping[str, bytes]) -> None:
        """Remember what a commit changed; its steps stand in the journal."""
        for step in sorted(steps, key=lambda step: step.new is not None):  # room first: a file may become a folder
            is_executable = self._is_executable(commit, step.path)
            wanted = Wanted(step.path, frozenset({step.old}), step.new, is_executable)
            self._waiting.append((wanted, contents.get(step.path)))

    def settle(self) -> tuple[str, ...]:
        """Write the files that wait; gives the paths that were left to the user."""
        theirs = []
        while self._waiting:
            wanted, content = self._waiting[0]
            done = settle_file(self._tree, wanted, self._given(wanted, content))
            if done.theirs:
                theirs.append(wanted.path)
            self._remember(done)
            del self._waiting[0]
        return tuple(theirs)

    def _given(self, wanted: Wanted, content: bytes | None) -> Callable[[], bytes]:
        return lambda: self._content(wanted.target) if content is None else content

    def finish(self) -> bool:
        """Write the index once for all settled files, sync both and clear the journal; False: the index is locked."""
        self.settle()
        if not self._settled:
            journal.clear(self._git)  # of a commit that did not land
            return True
        index = LockedIndex(self._git)
        if not index.take():
            return False
        items = tuple(self._settled.values())
        try:
            index.change([_staged(item) for item in items])
            self._tree.sync_files([f".git/{COPY}", *(item.wanted.path for item in items if not item.theirs)])
            index.put()
        finally:
            index.leave()
        self._settled.clear()
        journal.clear(self._git)
        return True

    def complete(self) -> int:
        """After a crash, bring the files that the journal names to what the branch holds; gives how many."""
        steps = journal.noted(self._git)
        tip = self._repository.tip()
        for folder in {path.rpartition("/")[0] for path in steps}:
            self._tree.sweep(folder)
        wanted = [item for path, chain in steps.items() if (item := self._after_crash(path, chain, tip))]
        for item in sorted(wanted, key=lambda item: item.target is not None):
            self._remember(settle_file(self._tree, item, lambda blob=item.target: self._content(blob)))  # type: ignore[misc]
        return sum(item.wrote for item in self._settled.values())

    def _after_crash(self, path: str, chain: tuple[Step, ...], tip: str | None) -> Wanted | None:
        entry = self._repository.entry(tip, path) if tip else None
        target = entry[1].hex() if entry else None
        new = {step.new for step in chain}
        if target == chain[0].old and target not in new:
            return None  # the branch never moved: the file was not touched
        known = frozenset(new | {step.old for step in chain})
        return Wanted(path, known, target, entry is not None and entry[0] == _EXECUTABLE, after_crash=True)

    def _content(self, blob: str | None) -> bytes:
        return self._repository.read("blob", blob) if blob else b""

    def _is_executable(self, commit: str, path: str) -> bool:
        entry = self._repository.entry(commit, path)
        return entry is not None and entry[0] == _EXECUTABLE

    def _remember(self, done: Settled) -> None:
        earlier = self._settled.get(done.wanted.path)
        if earlier is not None:  # the index is behind by all commits of the run
            known = earlier.wanted.known | done.wanted.known
            done = replace(done, wanted=replace(done.wanted, known=known))
        self._settled[done.wanted.path] = done


def _staged(item: Settled) -> Staged:
    wanted = item.wanted
    mode = 0o100755 if wanted.executable else 0o100644
    return Staged(wanted.path, wanted.known, wanted.target, mode, item.status)


def _is_torn(there: bytes | None, wanted: Wanted, content: Callable[[], bytes]) -> bool:
    """Whether a crash can have left this: nothing, zeros, or the beginning of what we wrote."""
    if not there or not there.strip(b"\0"):
        return True
    return wanted.target is not None and content().startswith(there)


def _same(now: os.stat_result | None, written: os.stat_result) -> os.stat_result | None:
    if now and (now.st_ino, now.st_mtime_ns, now.st_size) == (written.st_ino, written.st_mtime_ns, written.st_size):
        return now
    return None  # somebody changed it since; git will look for itself
