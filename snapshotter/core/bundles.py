"""A folder of backups: what its files are called, which one follows, and which of them make up the whole.

`0003-3f9a2c41d07b-9ab04c7712e5.bundle.age` holds what came between two commits; `0001-full-…` holds everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from snapshotter.frozen import dataclass

_NAME = re.compile(
    r"(?P<number>\d{4,})-(?P<base>full|[0-9a-f]{12})-(?P<tip>[0-9a-f]{12})\.bundle(?:\.(?P<form>gpg|age))?", re.ASCII
)
_SHORT = 12
PART = ".[0-9][0-9][0-9][0-9]*-*.part"  # of one that was being written


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file of a folder of backups, by its name."""

    name: str
    number: int
    base: str | None  # the commit it continues from; None: it is full
    tip: str
    form: str  # gpg, age or nothing


def _read(name: str) -> Bundle | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    base = None if found["base"] == "full" else found["base"]
    return Bundle(name, int(found["number"]), base, found["tip"], found["form"] or "")


def _all(names: Iterable[str]) -> list[Bundle]:
    read = (_read(name) for name in names)
    return sorted((one for one in read if one is not None), key=lambda one: one.number)


def is_one(name: str) -> bool:
    """Whether a file is called as one in a folder of backups."""
    return _read(name) is not None


def newest(names: Iterable[str]) -> Bundle | None:
    """The last backup of a folder."""
    found = _all(names)
    return found[-1] if found else None


def following(before: Bundle | None, *, after: str | None, tip: str, form: str) -> Bundle:
    """What the next file of a folder is called; `after` None: it is full."""
    number = 1 if before is None else before.number + 1
    base = None if after is None else after[:_SHORT]
    name = f"{number:04}-{base or 'full'}-{tip[:_SHORT]}.bundle" + (f".{form}" if form else "")
    return Bundle(name, number, base, tip[:_SHORT], form)


def row(names: Iterable[str]) -> tuple[Bundle, ...] | str:
    """The files that make up the archive, from the last full one on; in words where one is lacking."""
    found = _all(names)
    full = [place for place, one in enumerate(found) if one.base is None]
    if not full:
        return (
            "no backup that `snap backup` made here" if not found else "the full backup is gone, and the others need it"
        )
    made = found[full[-1] :]
    for before, one in pairwise(made):
        if one.base != before.tip:
            return f"{one.name} continues from {one.base}; a file between {before.name} and it is gone"
    return tuple(made)
