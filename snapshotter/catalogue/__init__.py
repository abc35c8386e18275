"""Ready-made source files: one TOML each, and nothing else to add.

The first lines of a file have a fixed form:

    #:schema ../schema/source.v1.json
    # What one gets, from whom
    # needs: what a person has to fill in, said with commas, or: nothing
    # checked: recorded answers (events), documentation only (starred)
    # facts: https://where.the/documentation/is, https://another.page
"""

from __future__ import annotations

import re
from importlib.resources import files

from snapshotter.frozen import dataclass

_SUFFIX = ".toml"
_COMMA = re.compile(r",\s+(?![^(]*\))")  # one that stands outside of brackets
_CHECK = re.compile(r"(?P<how>[^()]+?)(?: \((?P<streams>[^()]+)\))?")

RECORDED = "recorded answers"
SPECIFIED = "public specification"
SERVED = "a real server run on loopback"
DOCUMENTED = "documentation only"
WAYS = (RECORDED, SERVED, SPECIFIED, DOCUMENTED)  # of checking a file, the surest first


@dataclass(frozen=True, slots=True)
class Check:
    """How streams of a file were checked; no streams: all, or all the others."""

    how: str
    streams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A file of the catalogue as its first lines describe it."""

    name: str
    title: str
    needs: tuple[str, ...]  # what has to be filled in, in words
    checked: tuple[Check, ...] = ()
    facts: tuple[str, ...] = ()  # the pages of documentation that its facts are from


def names() -> tuple[str, ...]:
    """The names of all files, which are also the names of their sources."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def listing() -> tuple[Listing, ...]:
    """Every file as it is listed."""
    return tuple(listed(name, text(name)) for name in names())


def text(name: str) -> str:
    """The text of one file; `KeyError` for an unknown name."""
    if name not in names():
        raise KeyError(name)
    return (files(__name__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def listed(name: str, text: str) -> Listing:
    """What the first lines of a file say; what is not there stays empty."""
    head = [line[2:] for line in text.partition("\nformat")[0].splitlines() if line.startswith("# ")]
    title = head[0] if head and ": " not in head[0][:10] else ""
    needs = _told(head, "needs")
    return Listing(
        name,
        title,
        () if needs in (("nothing",), ()) else needs,
        tuple(_check(item) for item in _told(head, "checked")),
        _told(head, "facts"),
    )


def _told(head: list[str], word: str) -> tuple[str, ...]:
    """The items of the lines that begin with a word; there may be several such lines."""
    lines = [line.removeprefix(f"{word}: ") for line in head if line.startswith(f"{word}: ")]
    return tuple(item.strip() for line in lines for item in _COMMA.split(line))


def _check(item: str) -> Check:
    found = _CHECK.fullmatch(item)
    if found is None:
        return Check(item)
    return Check(found["how"], tuple(name.strip() for name in (found["streams"] or "").split(",") if name.strip()))
