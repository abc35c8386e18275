"""Looking for damage in a repository, without changing anything in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from snapshotter.edge.files import Folder
from snapshotter.edge.store import heal
from snapshotter.edge.store.command import Git
from snapshotter.edge.store.repository import REFERENCE, Repository
from snapshotter.errors import Damaged

_PLAIN = (b"100644", b"100755")
_ID = re.compile(r"[0-9a-f]{40}")


class Examiner:
    """What can be found out about one repository; everything it says is for people, or the name of something."""

    def __init__(self, repository: Repository, git: Folder, command: Git) -> None:
        self._repository = repository
        self._git = git
        self._command = command

    def head_problem(self) -> str | None:
        """Why nothing could be committed as HEAD stands, or None."""
        try:
            self._repository.check_on_branch()
        except Damaged as error:
            return str(error)
        return None

    def commit_problem(self, commit: str) -> str | None:
        """Why a commit cannot be read with its first folder, or None."""
        try:
            self._repository.tree(self._repository.root(commit))
        except Damaged as error:
            return str(error)
        return None

    def last_logged(self) -> str | None:
        """The commit that the branch named last by git's own log of it."""
        lines = (self._git.read(f"logs/{REFERENCE}") or b"").decode(errors="replace").splitlines()
        words = lines[-1].split(" ", 2) if lines else []
        return words[1] if len(words) == 3 and _ID.fullmatch(words[1]) else None

    def holds(self, commit: str, earlier: str) -> bool:
        """Whether a commit has an earlier one in its history."""
        try:
            return next(self._repository.commits(after=commit, upto=earlier), None) is None
        except Damaged:
            return False

    def leftovers(self, now: datetime) -> tuple[str, ...]:
        """What a killed git or snap left in `.git`; only under the archive's lock."""
        return heal.leftovers(self._git, now)

    def fsck(self, *, contents: bool) -> tuple[int, tuple[str, ...]]:
        """What git finds wrong: its exit code and its lines; without `contents`, whether all objects are there only."""
        how = ("--full", "--strict") if contents else ("--connectivity-only",)
        return self._command.told("fsck", *how, "--no-dangling", "--no-progress")

    def index_problem(self) -> str | None:
        """Why git's index cannot be read, or None."""
        return self._repository.index_problem()

    def uncommitted(self, root: Path) -> Iterator[tuple[str, str]]:
        """Files that differ from the last commit, and how: edited, new, gone."""
        how = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
        for piece in self._command.records(f"--work-tree={root}", *how):
            state, path = piece[:2], piece[3:].decode(errors="surrogateescape")
            yield path, "new" if state == b"??" else "gone" if b"D" in state else "edited"

    def filter_of(self, path: str) -> str | None:
        """The filter that git's attributes name for a path."""
        return self._repository.filter_of(path)

    def links(self, commit: str) -> Iterator[tuple[str, str]]:
        """Paths of a commit that are no plain files, with what they are."""
        for line in self._command.records("ls-tree", "-r", "-z", "--full-tree", commit):
            head, _, path = line.partition(b"\t")
            mode = head.split(b" ", 1)[0]
            if mode not in _PLAIN:
                yield path.decode(errors="surrogateescape"), "a symbolic link" if mode == b"120000" else "a submodule"

    def edited(self, pattern: str, commit: str) -> Iterator[str]:
        """The paths below a glob that some commit changed or removed after they were made, renames apart."""
        seen: set[str] = set()
        wanted = ("--diff-filter=DMT", "--find-renames=100%", "--name-only", "--format=", "-z", "--no-ext-diff")
        for piece in self._command.records("log", *wanted, commit, "--", f":(top,glob){pattern}"):
            path = piece.decode(errors="surrogateescape").strip("\n")
            if path and path not in seen:
                seen.add(path)
                yield path
