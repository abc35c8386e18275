"""A line of commits beside the branch: written in few packs, seen by nobody before a merge brings it in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from snapshotter.edge.files import Folder
from snapshotter.edge.store.objects import FOLDER, Entries, Made, made, make_commit, parse_tree, rewrite
from snapshotter.edge.store.packs import write_pack
from snapshotter.edge.store.repository import Repository
from snapshotter.errors import DiskRefused
from snapshotter.model import FileChange

_AT_ONCE = 1 << 24  # bytes of one pack


class SideLine:
    """Commits on top of `base`; what is not merged at the end is left to git's tidying up."""

    def __init__(self, repository: Repository, git: Folder, *, base: str) -> None:
        self._repository = repository
        self._git = git
        self._author = repository.identity()
        self.tip = base
        self._root = repository.root(base)
        self._waiting: dict[bytes, Made] = {}
        self._size = 0
        self._trees: dict[bytes, Entries] = {}  # of those that wait

    def blob_id(self, path: str) -> str | None:
        """The id of a file of the newest commit, or None."""
        entry: tuple[bytes, bytes] | None = (FOLDER, self._root)
        for part in path.encode().split(b"/"):
            if entry is None or entry[0] != FOLDER:
                return None
            entry = self._tree(entry[1]).get(part)
        return None if entry is None or entry[0] == FOLDER else entry[1].hex()

    def read(self, path: str) -> bytes | None:
        """A file of the newest commit, or None."""
        blob = self.blob_id(path)
        if blob is None:
            return None
        waiting = self._waiting.get(bytes.fromhex(blob))
        return self._repository.read("blob", blob) if waiting is None else waiting.data

    def put(self, data: bytes) -> str:
        """Keep a content for the merge; gives its blob id."""
        blob = made(b"blob", data)
        self._keep([blob])
        return blob.id.hex()

    def commit(self, files: Iterable[FileChange], message: str, *, at: datetime) -> str:
        """Put one more commit on top."""
        blobs = {change.path: None if change.data is None else made(b"blob", change.data) for change in files}
        edited = rewrite(self._root, {path: blob.id if blob else None for path, blob in blobs.items()}, self._tree)
        for tree in edited.trees:
            self._trees[tree.id] = parse_tree(tree.data)
        item = make_commit(edited.root, self.tip, author=self._author, at=at, message=message)
        self._root, self.tip = edited.root, item.id.hex()
        self._keep([*(blob for blob in blobs.values() if blob), *edited.trees, item])
        return self.tip

    def finish(self) -> str:
        """Write what waits; gives the newest commit."""
        if self._waiting:
            objects = tuple(self._waiting.values())
            write_pack(self._git, objects)
            if not self._repository.has_all(objects):
                raise DiskRefused(f"{self._git.root}: what was just written cannot be read back; nothing was imported")
        self._waiting, self._size, self._trees = {}, 0, {}
        return self.tip

    def _tree(self, raw: bytes) -> Entries:
        found = self._trees.get(raw)
        return self._repository.tree(raw) if found is None else found

    def _keep(self, objects: Iterable[Made]) -> None:
        for item in objects:
            self._waiting[item.id] = item
            self._size += len(item.data)
        if self._size > _AT_ONCE:
            self.finish()
