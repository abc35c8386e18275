"""One repository as libgit2 reads it: its objects, its branch, its settings. This and `index` speak to pygit2."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import pygit2
from pygit2.enums import ConfigLevel, Option, RepositoryInitFlag, RepositoryOpenFlag, RepositoryState, SortMode

from snapshotter.edge.files import Folder
from snapshotter.edge.store.objects import FOLDER, Entry, Made, parse_tree
from snapshotter.errors import Damaged

BRANCH = "main"
REFERENCE = f"refs/heads/{BRANCH}"
_ERRORS = (pygit2.GitError, KeyError, ValueError, OSError)
_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_TREES_KEPT = 512
_UNDER_WAY = {
    RepositoryState.MERGE: "a merge",
    RepositoryState.REVERT: "a revert",
    RepositoryState.CHERRYPICK: "a cherry-pick",
    RepositoryState.BISECT: "a bisect",
}
_T = TypeVar("_T")

pygit2.option(Option.ENABLE_FSYNC_GITDIR, 1)  # what libgit2 writes by itself (`init`, the index) is synced too


class Repository:
    """Reads of one archive. Another process may repack at any time: a look-up that fails looks once more, anew."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self._home, settings = _use_settings_of(env)
        self._attributes = f"{settings}/attributes"
        self.path = path
        self.git = Folder(path / ".git")
        self._trees: OrderedDict[bytes, Mapping[bytes, Entry]] = OrderedDict()
        self._repo: Any = None
        self.reopen()

    @staticmethod
    def init(path: Path, env: Mapping[str, str]) -> None:
        """Make an empty repository, with nothing from the user's templates."""
        _use_settings_of(env)
        try:
            pygit2.init_repository(str(path), flags=RepositoryInitFlag.MKPATH, initial_head=BRANCH)
        except _ERRORS as error:
            raise Damaged(f"{path}: git could not make a repository here: {error}") from error

    def reopen(self) -> None:
        """Forget what libgit2 remembers of packs and references."""
        before, self._repo = self._repo, None
        if before is not None:
            before.free()  # it is part of a cycle: until that is found, each pack that it looked at would stay open
        try:
            self._repo = pygit2.Repository(str(self.path / ".git"), RepositoryOpenFlag.NO_SEARCH)
        except _ERRORS as error:
            raise Damaged(f"{self.path}: git cannot open this repository: {error}") from error

    # --- the branch ---

    def tip(self) -> str | None:
        """The commit that the archive's branch names, or None before the first one."""
        try:
            return str(self._repo.lookup_reference(REFERENCE).target)
        except KeyError:
            return None
        except _ERRORS as error:
            log = self.path / ".git/logs" / REFERENCE
            raise Damaged(
                f"{self.path}: {REFERENCE} cannot be read ({error}); the last line of {log} names it"
            ) from error

    def check_on_branch(self) -> None:
        """`Damaged` unless the branch is checked out and nothing of the user's is half done."""
        head = (self.git.read("HEAD") or b"").decode(errors="replace").strip()
        if head != f"ref: {REFERENCE}":
            where = head.removeprefix("ref: refs/heads/") or "nothing"
            raise Damaged(
                f"{self.path}: {where} is checked out, and an archive is written on {BRANCH} only; "
                f"run `git -C {self.path} switch {BRANCH}`"
            )
        state = RepositoryState(self._repo.state())
        if state is not RepositoryState.NONE:
            what = _UNDER_WAY.get(state, "a rebase or a series of patches")
            raise Damaged(
                f"{self.path}: {what} is under way; finish it or abort it (`git -C {self.path} status` says how)"
            )

    # --- objects ---

    def read(self, kind: str, oid: str | bytes) -> bytes:
        """The content of an object; `Damaged` where it is missing, unreadable or of another kind."""
        key = pygit2.Oid(hex=oid) if isinstance(oid, str) else pygit2.Oid(raw=oid)
        found, data = cast("tuple[int, bytes]", self._twice(lambda: self._repo.odb.read(key), about=f"{kind} {key}"))
        if int(found) != _KINDS[kind]:
            raise Damaged(f"{self.path}: {key} is no {kind}; run `snap verify --full`")
        return data

    def tree(self, raw: bytes) -> Mapping[bytes, Entry]:
        """The entries of a tree; the last used ones are kept."""
        found = self._trees.get(raw)
        if found is None:
            found = self._trees[raw] = parse_tree(self.read("tree", raw))
            if len(self._trees) > _TREES_KEPT:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(raw)
        return found

    def root(self, commit: str) -> bytes:
        """The raw id of a commit's tree."""
        return bytes.fromhex(self.read("commit", commit)[5:45].decode())

    def entry(self, commit: str, path: str) -> Entry | None:
        """What stands at a path of a commit: mode and raw id."""
        entry: Entry | None = (FOLDER, self.root(commit))
        for part in path.encode().split(b"/") if path else ():
            if entry is None or entry[0] != FOLDER:
                return None
            entry = self.tree(entry[1]).get(part)
        return entry

    def has_all(self, objects: tuple[Made, ...]) -> bool:
        """Whether a look that remembers nothing finds each of these objects, and the last one byte for byte."""
        self.reopen()
        last = objects[-1]
        try:
            found = self._repo.odb.read(pygit2.Oid(raw=last.id))[1] == last.data
            return found and all(self._repo.odb.exists(pygit2.Oid(raw=item.id)) for item in objects)
        except _ERRORS:
            return False

    def _twice(self, look: Callable[[], _T], *, about: str) -> _T:
        try:
            return look()
        except _ERRORS:
            self.reopen()
        try:
            return look()
        except _ERRORS as error:
            hint = "run `snap verify --full`; a copy of the archive may still have it"
            raise Damaged(f"{self.path}: {about} cannot be read ({error}); {hint}") from error

    # --- history ---

    def find(self, name: str) -> str | None:
        """The commit that a revision names (an id or its beginning, a branch, a tag, `HEAD~2`), or None."""
        try:
            return str(self._repo.revparse_single(name).peel(pygit2.Commit).id)
        except _ERRORS:
            return None

    def commits(self, *, after: str | None, upto: str) -> Iterator[str]:
        """Commits reachable from `upto` and not from `after`, parents first."""
        try:
            walker = self._repo.walk(pygit2.Oid(hex=upto), SortMode.TOPOLOGICAL | SortMode.REVERSE)
            if after:
                walker.hide(pygit2.Oid(hex=after))
            for commit in walker:
                yield str(commit.id)
        except _ERRORS as error:
            raise Damaged(f"{self.path}: history cannot be walked ({error}); run `snap verify --full`") from error

    def index_problem(self) -> str | None:
        """Why git's index cannot be read, or None."""
        try:
            self._repo.index.read()
        except _ERRORS as error:
            return str(error)
        return None

    # --- settings ---

    def identity(self) -> str:
        """Who commits: the user of git's settings, else `snap <snap@localhost>`."""
        name, mail = (self._setting(key) for key in ("user.name", "user.email"))
        return f"{name or 'snap'} <{mail or 'snap@localhost'}>"

    def filter_of(self, path: str) -> str | None:
        """The filter that git's attributes name for a path; it would be bypassed by us."""
        try:
            found = self._repo.get_attr(path, "filter")
        except _ERRORS as error:
            raise Damaged(f"{self.path}: git's attributes cannot be read ({error})") from error
        return None if found in (None, False) else str(found)

    def attribute_files(self) -> tuple[Path, ...]:
        """Where the user's and the machine's own attributes may stand."""
        chosen = self._setting("core.attributesFile")
        own = Path(chosen.replace("~", self._home, 1) if chosen.startswith("~/") else chosen or self._attributes)
        return own, Path("/etc/gitattributes")

    def _setting(self, key: str) -> str:
        try:
            value = self._repo.config[key] or ""
        except _ERRORS:
            return ""
        return "".join(char for char in value if char.isprintable() and char not in "<>").strip()

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write settings into the repository's own config."""
        for key, value in settings.items():
            self._repo.config[key] = value

    def setting(self, key: str) -> str | None:
        """A setting as it is written, wherever it is set."""
        try:
            return str(self._repo.config[key])
        except _ERRORS:
            return None

    def settings(self, *, beginning: str, ending: str) -> tuple[str, ...]:
        """The values of all settings whose name begins and ends so, wherever they are set."""
        try:
            return tuple(
                entry.value or ""
                for entry in self._repo.config
                if entry.name.startswith(beginning) and entry.name.endswith(ending)
            )
        except _ERRORS:
            return ()

    def unset(self, key: str) -> None:
        """Take a setting out of the repository's own config."""
        try:
            del self._repo.config[key]
        except _ERRORS as error:
            raise Damaged(f"{self.path}: git could not change its config: {error}") from error

    def try_configure(self, settings: Mapping[str, str]) -> bool:
        """Write settings that a run can do without; False where the config is locked or cannot be written."""
        try:
            self.configure(settings)
        except _ERRORS:
            return False
        return True

    def hooks_path(self) -> str | None:
        """`core.hooksPath`, wherever it is set."""
        return self._setting("core.hooksPath") or None


def _use_settings_of(env: Mapping[str, str]) -> tuple[str, str]:
    """Let libgit2 find the user's settings where this environment says; it would remember those of its start."""
    home = env.get("HOME", "")
    settings = env.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    git = f"{settings}/git" if settings else ""
    pygit2.settings.search_path[ConfigLevel.GLOBAL] = home
    pygit2.settings.search_path[ConfigLevel.XDG] = git
    if home and hasattr(pygit2.settings, "homedir"):
        pygit2.settings.homedir = home  # what `~/` in settings means
    return home, git
