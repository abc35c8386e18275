"""The archive as git sees it: state out, commits in.

A commit lands whole or not at all; `ArchiveMoved` says somebody else was first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from snapshotter.edge.files import Disk, Folder, disk_error
from snapshotter.edge.store import admission, gitview, heal, history, hooks, journal, refs
from snapshotter.edge.store.attributes import check_no_filter
from snapshotter.edge.store.command import Git
from snapshotter.edge.store.examining import Examiner
from snapshotter.edge.store.journal import Step
from snapshotter.edge.store.objects import FOLDER, Entry, Made, blob_id, made, make_commit, rewrite
from snapshotter.edge.store.packs import PACKS, ROLL_AT, roll_up, write_pack
from snapshotter.edge.store.repository import BRANCH, REFERENCE, Repository
from snapshotter.edge.store.rewriting import Rewriting
from snapshotter.edge.store.sideline import SideLine
from snapshotter.edge.store.worktree import Worktree
from snapshotter.errors import Damaged, DiskRefused
from snapshotter.frozen import dataclass
from snapshotter.model import Batch, Touched, Version

_SETTINGS = {
    "core.autocrlf": "false",  # a file is what was committed, byte for byte
    "core.fsync": "all",  # for the user's own git; deprecated names for it make git complain
    "core.logAllRefUpdates": "true",
    "gc.auto": "0",  # tidying up is ours, under our lock
    "maintenance.auto": "false",
    "receive.denyDeletes": "true",
    "receive.denyNonFastForwards": "true",
}


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    loose: int
    packs: int


class Store:
    """One archive. Belongs to one thread; only the holder of the archive's lock may commit, settle, finish or heal."""

    def __init__(self, root: Path, *, env: Mapping[str, str], disk: Disk) -> None:
        self.root = root
        self._tree = Folder(root, disk=disk)
        self._git = Folder(root / ".git", disk=disk)
        self._repository = Repository(root, env)
        self._command = Git(root / ".git", env)
        self._worktree = Worktree(self._tree, self._git, self._repository)
        self._notes: list[str] = []
        self._refused: list[str] = []
        self._packs_written = 0
        self._is_complete = False

    # --- making and finding ---

    @classmethod
    def create(cls, path: Path, *, env: Mapping[str, str], disk: Disk | None = None) -> Store:
        """Make an archive without a commit in a new or empty folder; an `init` that was cut short is taken up."""
        path = path.absolute()
        admission.check_creatable(path)
        umask = os.umask(0o077)
        try:
            path.mkdir(parents=True, exist_ok=True)
            git = Folder(path / ".git", disk=disk)
            if git.root.is_dir():
                for name in git.entries():
                    if name.endswith(".lock"):
                        git.remove(name)
            Repository.init(path, env)
            git.write("HEAD", f"ref: refs/heads/{BRANCH}\n".encode())
            store = cls.open(path, env=env, disk=disk)
            store._repository.configure(_SETTINGS)
        except OSError as error:
            raise disk_error(error, path) from error
        finally:
            os.umask(umask)
        store._tree.sync_files([".git/HEAD", ".git/config"])
        return store

    @classmethod
    def open(cls, path: Path, *, env: Mapping[str, str], disk: Disk | None = None) -> Store:
        """The archive in this folder; `UsageError` with the fix where it cannot be one."""
        path = path.absolute()
        admission.check_openable(path)
        return cls(path, env=env, disk=disk or Disk())

    @classmethod
    def find(cls, start: Path, *, env: Mapping[str, str], disk: Disk | None = None) -> Store:
        """The archive that a folder lies in."""
        return cls.open(admission.find_root(start.absolute()), env=env, disk=disk)

    # --- reading ---

    def head(self) -> str | None:
        """The newest commit of the archive's branch, or None before the first one."""
        return self._repository.tip()

    def read(self, path: str, rev: str | None = None) -> bytes | None:
        """A file as of a commit (of the newest one, if none is named), or None."""
        blob = self.blob_id(path, rev)
        return None if blob is None else self.blob(blob)

    @staticmethod
    def id_of(data: bytes) -> str:
        """The id that a file with this content has."""
        return blob_id(data)

    def blob(self, blob: str) -> bytes:
        """The content with this id."""
        return self._repository.read("blob", blob)

    def blob_id(self, path: str, rev: str | None = None) -> str | None:
        """The id of a file's content as of a commit, or None where there is no file."""
        entry = self._entry(path, rev)
        return entry[1].hex() if entry and entry[0] != FOLDER else None

    def paths(self, prefix: str = "", rev: str | None = None) -> Iterator[tuple[str, str]]:
        """Path and blob id of each file at or below a path, sorted."""
        commit = rev or self.head()
        if commit is not None:
            yield from history.files_below(self._repository, commit, prefix)

    def names(self, folder: str, rev: str | None = None) -> tuple[str, ...]:
        """The names in a folder, sorted; empty where there is none. What lies deeper is not looked at."""
        entry = self._entry(folder, rev)
        if entry is None or entry[0] != FOLDER:
            return ()
        return tuple(sorted(name.decode(errors="surrogateescape") for name in self._repository.tree(entry[1])))

    def resolve(self, text: str) -> str:
        """The commit that a revision, a date (its end, in UTC) or an instant means."""
        return history.resolve(self._repository, self._command, text)

    def versions(
        self,
        path: str,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        also: Collection[str] = (),
        upto: str = REFERENCE,
    ) -> Iterator[Version]:
        """The commits up to one that changed a file, or anything below a folder, newest first; none older than `since`.

        `also`: where the same file lay before.
        """
        return history.versions(self._repository, self._command, path, limit=limit, since=since, also=also, upto=upto)

    def versions_at(self, path: str, commits: Sequence[str]) -> Iterator[Version]:
        """The versions of a file that these commits made; git looks at no other."""
        return history.versions_at(self._repository, self._command, path, commits)

    def touched(self, after: str | None, upto: str) -> Iterator[Touched]:
        """What each commit that `after` has not differs in from its parent, newest first; of a merge nothing."""
        return history.touched(self._command, after=after, upto=upto)

    def places(self, folder: str, name: str) -> Iterator[str]:
        """Every path below a folder at which a file of that name ever lay; git looks at all commits for it."""
        return history.places(self._command, folder, name)

    def writes(self, folder: str, *, after: str | None, upto: str) -> Iterator[tuple[datetime, str]]:
        """When a commit that `after` has not changed which file below a folder, run records left out; newest first."""
        return history.writes(self._command, folder, after=after, upto=upto)

    def holds(self, commit: str) -> bool:
        """Whether a commit is here."""
        return self._repository.find(commit) is not None

    def has_ancestor(self, commit: str, older: str) -> bool:
        """Whether history led from one commit to the other; not where one of them is gone."""
        return self._command.told("merge-base", "--is-ancestor", older, commit)[0] == 0

    def changed(
        self, old: str | None, new: str, prefix: str = "", *, among: Callable[[str], bool] | None = None
    ) -> Iterator[tuple[str, str | None]]:
        """Path and new blob id (None: gone) of each file that differs between two commits.

        `among`: of the names right below the prefix only these.
        """
        return history.differences(self._repository, old, new, prefix=prefix, among=among)

    def commits_between(self, old: str | None, new: str) -> Iterator[str]:
        """Commits that `new` has and `old` has not, parents first."""
        return self._repository.commits(after=old, upto=new)

    def commits_since(self, day: date) -> int:
        """How many commits were made on a day (UTC) or later."""
        return history.commits_since(self._command, day)

    def addresses(self) -> tuple[str, ...]:
        """Where the remotes lie, as git's settings say it; a user and a password may be in it."""
        return self._repository.settings(beginning="remote.", ending=".url")

    def object_counts(self) -> ObjectCounts:
        """How many loose objects and packs there are: what tidying up depends on."""
        shards = [name for name in self._git.entries("objects") if len(name) == 2]
        loose = sum(len(self._git.entries(f"objects/{shard}")) for shard in shards)
        return ObjectCounts(loose, sum(name.endswith(".pack") for name in self._git.entries(PACKS)))

    def examiner(self) -> Examiner:
        """Who looks for damage; nothing is changed."""
        return Examiner(self._repository, self._git, self._command)

    def reopen(self) -> None:
        """Look anew, after another program changed packs or references."""
        self._repository.reopen()

    # --- writing ---

    def commit(self, batch: Batch, parent: str | None, *, placed: Mapping[str, str | None] | None = None) -> str:
        """Save a batch on top of `parent`; when this returns it is on the disk, and the branch names it.

        `placed`: paths that get a content which the archive has already, by its blob id, or None: they go.
        """
        self._ready(parent)
        blobs = self._blobs(batch)
        known = {path: bytes.fromhex(blob) if blob else None for path, blob in (placed or {}).items()}
        ids = {**known, **{path: blob.id if blob else None for path, blob in blobs.items()}}
        root = self._repository.root(parent) if parent else None
        edited = rewrite(root, ids, self._repository.tree)
        who = self._repository.identity()
        commit = make_commit(edited.root, parent, author=who, at=batch.at, message=batch.message)
        self._write((*(blob for blob in blobs.values() if blob), *edited.trees, commit))
        new = commit.id.hex()
        steps = _steps(edited.before, ids)
        journal.note(self._git, steps)
        self._is_complete = False  # if this fails after the branch moved, the journal is to be read again
        refs.move_branch(self._repository, self._git, old=parent, new=new)
        self._log(parent, commit)
        self._worktree.expect(steps, new, {path: blob.data for path, blob in blobs.items() if blob})
        self._is_complete = True
        return new

    def forward(self, new: str, parent: str) -> None:
        """Let the branch name a later commit that is here already, and bring the files along."""
        self._ready(parent)
        ids = {path: bytes.fromhex(blob) if blob else None for path, blob in self.changed(parent, new)}
        before = {path: bytes.fromhex(blob) if (blob := self.blob_id(path, parent)) else None for path in ids}
        self._follow(parent, Made(b"commit", self._repository.read("commit", new), bytes.fromhex(new)), before, ids)

    def join(self, theirs: str, taken: Mapping[str, str | None], *, parent: str, at: datetime, message: str) -> str:
        """Write a merge of another line into ours: our files, with these blobs of theirs (None: removed) in them.

        The branch does not name it yet: `forward` lets it, after somebody has looked at it.
        """
        self._ready(parent)
        ids = {path: bytes.fromhex(blob) if blob else None for path, blob in taken.items()}
        edited = rewrite(self._repository.root(parent), ids, self._repository.tree)
        who = self._repository.identity()
        commit = make_commit(edited.root, parent, author=who, at=at, message=message, also=theirs)
        self._write((*edited.trees, commit))
        return commit.id.hex()

    def side_line(self, base: str) -> SideLine:
        """Who writes commits beside the branch; `join` and `forward` bring them in."""
        self._ready(self.head())
        return SideLine(self._repository, self._git, base=base)

    def settle(self) -> tuple[str, ...]:
        """Bring the files of the commits since the last call to their new content; gives those left to the user."""
        theirs = self._worktree.settle()
        self._notes.extend(f"left your own {path} as it is; the archive has a newer one" for path in theirs)
        return theirs

    def finish(self) -> tuple[str, ...]:
        """Bring git's index up to date, once a run, and tidy up a little; gives notes for people."""
        self.settle()
        if self._is_complete:
            self._bring_index()
        else:
            self._complete()
        if roll_up(self._git):
            self._repository.reopen()
        return self._told()

    def refused(self) -> tuple[str, ...]:
        """What the disk refused beside commits that are saved, since the last call."""
        refused, self._refused = tuple(self._refused), []
        return refused

    def heal(self, started_before: datetime) -> tuple[str, ...]:
        """Clear what a killed run or git left, and complete the files of its last commits; gives notes for people.

        `Damaged` where the user has another branch, a merge or a rebase under way: nothing could be committed then.
        """
        self._notes.extend(heal.clear_leftovers(self._git, started_before))
        completed = heal.complete_packs(self._git, self._command, started_before)
        if completed:
            self._notes.extend(completed)
            self._repository.reopen()
        self._repository.check_on_branch()
        self._complete()
        return self._told()

    def rewriting_of(self, old: Store) -> Rewriting:
        """Who writes the history of another archive into this empty one."""
        return Rewriting(old._repository, self._repository, self._git)

    def configure(self) -> None:
        """Give a clone the settings of an archive."""
        self._repository.configure(_SETTINGS)

    def install_hooks(self) -> tuple[str, ...]:
        """Put the shipped git hooks in place; gives notes where the user's own are kept."""
        return hooks.install(self._git, self._repository)

    def show_documents(self, *, anew: bool = False) -> bool:
        """Let plain git show documents readably; False where the user wants it otherwise. `anew` asks them no more."""
        return gitview.set_up(self._git, self._repository, anew=anew)

    def show_bytes(self) -> None:
        """Let plain git show documents byte for byte."""
        gitview.turn_off(self._repository)

    # --- inside ---

    def _ready(self, parent: str | None) -> None:
        self._repository.check_on_branch()
        refs.check_tip(self._repository, parent)
        self._complete()

    def _follow(
        self, parent: str, commit: Made, before: Mapping[str, bytes | None], ids: Mapping[str, bytes | None]
    ) -> None:
        """Move the branch to a commit whose files are not in our hands, and take them from the repository."""
        steps = _steps(before, ids)
        for step in steps:
            found = self._tree.look(step.path) if self._tree.status(step.path) else None
            if found is not None and blob_id(found[0]) not in (step.old, step.new):
                self._notes.append(f"left your own {step.path} as it is; the archive has a newer one")
        journal.note(self._git, steps)
        self._is_complete = False
        refs.move_branch(self._repository, self._git, old=parent, new=commit.id.hex())
        self._log(parent, commit)
        self._worktree.complete()
        self._bring_index()
        self._is_complete = True

    def _entry(self, path: str, rev: str | None) -> Entry | None:
        commit = rev or self.head()
        return self._repository.entry(commit, path) if commit else None

    def _blobs(self, batch: Batch) -> dict[str, Made | None]:
        blobs: dict[str, Made | None] = {}
        for change in batch.files:
            if change.path in blobs:
                raise ValueError(f"{change.path} stands in one batch twice")
            self._check_path(change.path)
            blobs[change.path] = None if change.data is None else made(b"blob", change.data)
        check_no_filter(self._repository, self._tree, blobs)
        return blobs

    def _check_path(self, path: str) -> None:
        if not path or any(part.lower() in (".git", "git~1") for part in path.split("/")):
            raise ValueError(f"{path!r}: git does not allow this name")
        status = self._tree.status(path)
        if status is not None and stat.S_ISLNK(status.st_mode):
            raise Damaged(f"{self.root / path}: is a symbolic link, and an archive's files are plain; remove it")

    def _write(self, objects: tuple[Made, ...]) -> None:
        if self._packs_written >= ROLL_AT:
            roll_up(self._git)
            self._packs_written = 0
        write_pack(self._git, objects)
        self._packs_written += 1
        if not self._repository.has_all(objects):
            raise DiskRefused(
                f"{self.root}: what was just written cannot be read back; nothing was saved; check the disk"
            )

    def _log(self, parent: str | None, commit: Made) -> None:
        head, _, message = commit.data.decode(errors="replace").partition("\n\n")
        who = next(line.removeprefix("committer ") for line in head.split("\n") if line.startswith("committer "))
        note = refs.log_move(self._git, old=parent, new=commit.id.hex(), who=who, subject=message.split("\n")[0])
        if note:
            self._refused.append(note)

    def _complete(self) -> None:
        """Once, before anything is added to the journal: what an interrupted run noted there."""
        if self._is_complete:
            return
        completed = self._worktree.complete()
        if completed:
            self._notes.append(f"completed {completed} files that an interrupted run left behind its last commit")
        self._bring_index()
        self._is_complete = True

    def _bring_index(self) -> None:
        if not self._worktree.finish():
            self._notes.append("another git command holds the index; the next run brings it up to date")

    def _told(self) -> tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes


def _steps(before: Mapping[str, bytes | None], ids: Mapping[str, bytes | None]) -> tuple[Step, ...]:
    return tuple(
        Step(path, old.hex() if old else None, new.hex() if new else None)
        for path, new in ids.items()
        if (old := before[path]) != new
    )
