"""Refusing paths for which git's attributes name a filter: a commit by us would bypass it, and save plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapshotter.edge.files import Folder
from snapshotter.edge.store.repository import Repository
from snapshotter.errors import Damaged

_FILE = ".gitattributes"


def check_no_filter(repository: Repository, tree: Folder, paths: Iterable[str]) -> None:
    """`Damaged` where a filter is named for one of the paths; the matching is left to libgit2, if it comes to that."""
    named = tuple(paths)
    if not any(b"filter" in text for text in _texts(repository, tree, named)):
        return
    for path in named:
        name = repository.filter_of(path)
        if name:
            raise Damaged(
                f"{tree.root / path}: git's attributes name the filter {name!r} for it, which a commit by snap would "
                "bypass; take it out of .gitattributes, and encrypt the disk or the remote instead"
            )


def _texts(repository: Repository, tree: Folder, paths: tuple[str, ...]) -> Iterator[bytes]:
    tip = repository.tip()
    parts = [path.split("/")[:-1] for path in paths]
    for folder in {"/".join((*part[:depth], _FILE)) for part in parts for depth in range(len(part) + 1)}:
        yield tree.read(folder) or b""
        entry = repository.entry(tip, folder) if tip else None
        if entry is not None:
            yield repository.read("blob", entry[1])
    yield repository.git.read("info/attributes") or b""
    for file in repository.attribute_files():
        yield file.read_bytes() if file.is_file() else b""
