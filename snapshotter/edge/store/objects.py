"""git's objects as bytes: ids, trees and commits, read and made without touching a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from snapshotter.errors import Damaged
from snapshotter.frozen import dataclass

FILE = b"100644"
FOLDER = b"40000"
_NAMES = {b"120000": "a symbolic link", b"160000": "a submodule"}

Entry = tuple[bytes, bytes]  # mode, raw id
Entries = Mapping[bytes, Entry]
TreeReader = Callable[[bytes], Entries]


@dataclass(frozen=True, slots=True)
class Made:
    """One object that is to be written."""

    kind: bytes  # blob, tree, commit
    data: bytes
    id: bytes  # raw


def made(kind: bytes, data: bytes) -> Made:
    """An object with its id."""
    digest = hashlib.sha1(b"%s %d\0" % (kind, len(data)), usedforsecurity=False)
    digest.update(data)
    return Made(kind, data, digest.digest())


def blob_id(data: bytes) -> str:
    """The id that git gives to this content."""
    return made(b"blob", data).id.hex()


def parse_tree(data: bytes) -> dict[bytes, Entry]:
    """The entries of a tree object, in git's order."""
    entries = {}
    at = 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        entries[data[space + 1 : end]] = (data[at:space], data[end + 1 : end + 21])
        at = end + 21
    return entries


def tree_order(entry: tuple[bytes, Entry]) -> bytes:
    """What git sorts the entries of a tree by: as if a folder's name ended in a slash."""
    name, (mode, _) = entry
    return name + b"/" if mode == FOLDER else name


def make_tree(entries: Entries) -> Made:
    """A tree object."""
    ordered = sorted(entries.items(), key=tree_order)
    return made(b"tree", b"".join(b"%s %s\0%s" % (mode, name, raw) for name, (mode, raw) in ordered))


@dataclass(slots=True)
class _Edit:
    """What becomes of one name: `leaf` is unset (not touched), None (removed) or a blob's id."""

    touched: bool = False
    leaf: bytes | None = None
    inside: dict[bytes, _Edit] = field(default_factory=dict)


@dataclass(slots=True)
class Rewritten:
    """A tree after an edit: only the folders on the way to a changed path are new."""

    root: bytes  # raw id
    trees: list[Made]
    before: dict[str, bytes | None]  # path -> raw blob id that stood there


def rewrite(root: bytes | None, changes: Mapping[str, bytes | None], read_tree: TreeReader) -> Rewritten:
    """Put blobs at paths and remove others (None); `Damaged` where something that is no plain file is in the way."""
    top = _Edit()
    for path, leaf in changes.items():
        at = top
        for part in path.encode().split(b"/"):
            at = at.inside.setdefault(part, _Edit())
        at.touched, at.leaf = True, leaf
    done = Rewritten(make_tree({}).id, [], {})
    new = _rewrite_folder(root, top, where="", read_tree=read_tree, done=done)
    if new is None:
        done.trees.append(make_tree({}))
    else:
        done.root = new
    return done


def _rewrite_folder(
    raw: bytes | None, edit: _Edit, *, where: str, read_tree: TreeReader, done: Rewritten
) -> bytes | None:
    old = read_tree(raw) if raw else {}
    new = dict(old)
    for name, child in edit.inside.items():
        path = f"{where}{name.decode()}"
        entry = _rewrite_entry(old.get(name), child, path=path, read_tree=read_tree, done=done)
        if entry is None:
            new.pop(name, None)
        else:
            new[name] = entry
    if new == old:
        return raw
    if not new:
        return None
    tree = make_tree(new)
    done.trees.append(tree)
    return tree.id


def _rewrite_entry(
    old: Entry | None, edit: _Edit, *, path: str, read_tree: TreeReader, done: Rewritten
) -> Entry | None:
    if old and old[0] in _NAMES:
        raise Damaged(f"{path}: is {_NAMES[old[0]]}, where an archive holds plain files; remove it and commit that")
    file = old if old and old[0] != FOLDER else None
    folder = old[1] if old and old[0] == FOLDER else None
    if edit.touched:
        done.before[path] = file[1] if file else None
        file = (file[0] if file else FILE, edit.leaf) if edit.leaf is not None else None
    if edit.inside:
        folder = _rewrite_folder(folder, edit, where=f"{path}/", read_tree=read_tree, done=done)
    if file and folder:
        raise Damaged(f"{path}: a file and a folder cannot both stand here; move one of them away and commit that")
    return file or ((FOLDER, folder) if folder else None)


def make_commit(
    tree: bytes, parent: str | None, *, author: str, at: datetime, message: str, also: str | None = None
) -> Made:
    """A commit object, of a merge where there is `also` another parent; `author` is `Name <mail>`, the time in UTC."""
    who = f"{author} {max(0, int(at.timestamp()))} +0000"
    parents = "".join(f"parent {one}\n" for one in (parent, also) if one)
    text = message.replace("\0", "\\x00").rstrip("\n") + "\n"
    head = f"tree {tree.hex()}\n{parents}author {who}\ncommitter {who}\n\n"
    return made(b"commit", (head + text).encode(errors="backslashreplace"))
