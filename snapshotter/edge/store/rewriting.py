"""The history of one archive written anew into an empty one, commit by commit, with files otherwise or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from snapshotter.edge.files import Folder
from snapshotter.edge.store import refs
from snapshotter.edge.store.history import differences
from snapshotter.edge.store.objects import Entries, Made, made, make_tree, parse_tree, rewrite
from snapshotter.edge.store.packs import write_pack
from snapshotter.edge.store.repository import Repository

_AT_ONCE = 1 << 24  # bytes of one pack
_KEPT = (b"author ", b"committer ", b"encoding ")


class Rewriting:
    """Commits are given parents first; `finish` lets the new branch name the last one."""

    def __init__(self, old: Repository, new: Repository, git: Folder) -> None:
        self._old = old
        self._new = new
        self._git = git
        self._waiting: list[Made] = []
        self._size = 0
        self._made_trees: dict[bytes, Entries] = {}
        self._ids: dict[str, str | None] = {}  # commit of the old history -> of the new one
        self._roots: dict[str, bytes] = {}  # commit of the new history -> its tree
        self.kept = 0

    def changes(self, commit: str) -> Iterator[tuple[str, str | None]]:
        """The files that a commit changed against its first parent: path and blob, None for one that went."""
        parents = self._parents(commit)
        yield from differences(self._old, parents[0] if parents else None, commit, prefix="")

    def put(
        self, commit: str, files: Mapping[str, bytes | None], *, told: Callable[[bytes], bytes], is_empty: bool
    ) -> None:
        """Write a commit with these changes; one that changes nothing any more is left out.

        `told`: what becomes of its message and names. `is_empty`: it never changed anything.
        """
        head, _, message = self._old.read("commit", commit).partition(b"\n\n")
        parents = [new for old in self._parents(commit) if (new := self._ids[old]) is not None]
        first = self._ids[self._parents(commit)[0]] if self._parents(commit) else None
        blobs = {path: None if data is None else made(b"blob", data) for path, data in files.items()}
        root = self._roots[first] if first else None
        edited = rewrite(root, {path: blob.id if blob else None for path, blob in blobs.items()}, self._tree)
        if not is_empty and len(self._parents(commit)) < 2 and edited.root == (root or make_tree({}).id):
            self._ids[commit] = first
            return
        kept = [told(line) for line in head.split(b"\n") if line.startswith(_KEPT)]
        lines = [b"tree " + edited.root.hex().encode(), *(b"parent " + new.encode() for new in dict.fromkeys(parents))]
        item = made(b"commit", b"\n".join([*lines, *kept]) + b"\n\n" + told(message))
        for tree in edited.trees:
            self._made_trees[tree.id] = parse_tree(tree.data)
        self._roots[item.id.hex()] = edited.root
        self._keep([blob for blob in blobs.values() if blob is not None] + edited.trees + [item])
        self._ids[commit] = item.id.hex()
        self.kept += 1

    def finish(self, last: str) -> str | None:
        """Write what waits, and let the branch name the commit that the last one became."""
        self._flush()
        new = self._ids[last]
        if new is not None:
            self._new.reopen()
            refs.move_branch(self._new, self._git, old=None, new=new)
        return new

    # --- inside ---

    def _parents(self, commit: str) -> list[str]:
        head = self._old.read("commit", commit).partition(b"\n\n")[0]
        return [line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent ")]

    def _tree(self, raw: bytes) -> Entries:
        found = self._made_trees.get(raw)
        return self._new.tree(raw) if found is None else found

    def _keep(self, objects: list[Made]) -> None:
        self._waiting += objects
        self._size += sum(len(item.data) for item in objects)
        if self._size > _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            write_pack(self._git, self._waiting)
            self._new.reopen()
        self._waiting, self._size, self._made_trees = [], 0, {}
