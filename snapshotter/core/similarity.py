"""Which record without an id became which: pairs that share most of their leaves, found in bounded time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from snapshotter.canonical import Json, decode_document, encode
from snapshotter.frozen import dataclass
from snapshotter.model import Record

SHARE = 0.5  # of the leaves of the larger one, from which two records are told as one that changed
COMMON = 40  # a leaf that more records of a side have says nothing about which is which
_LOOK = 32  # records between two looks at the clock


@dataclass(frozen=True, slots=True)
class Paired:
    """Places of the old and the new record of each pair; with `cut_short` there may be more."""

    pairs: tuple[tuple[int, int], ...]
    cut_short: bool = False


def paired(old: Sequence[Record], new: Sequence[Record], *, clock: Callable[[], float], deadline: float) -> Paired:
    """The most similar pairs first, each record in one at most; equal ones are expected to be set aside."""
    if not old or not new:
        return Paired(())
    shapes: list[list[frozenset[bytes]]] = []
    for side in (old, new):
        shape: list[frozenset[bytes]] = []
        for place, record in enumerate(side):
            if place % _LOOK == 0 and place and clock() >= deadline:
                return Paired((), cut_short=True)
            shape.append(frozenset(_leaves(decode_document(record.text).value, b"")))
        shapes.append(shape)
    scores: list[tuple[float, tuple[bytes, ...], int, int]] = []
    cut_short = False
    holders = _holders(shapes[0], shapes[1])
    for place, leaves in enumerate(shapes[1]):
        if place % _LOOK == 0 and place and clock() >= deadline:
            cut_short = True
            break
        met = Counter(other for leaf in leaves for other in holders.get(leaf, ()))
        for other in met:
            share = len(leaves & shapes[0][other]) / max(len(leaves), len(shapes[0][other]))
            if share >= SHARE:
                order = tuple(sorted((old[other].text, new[place].text)))  # the same whichever side is the old one
                scores.append((-share, order, other, place))
    return Paired(tuple(_greedy(scores)), cut_short)


def _greedy(scores: list[tuple[float, tuple[bytes, ...], int, int]]) -> Iterator[tuple[int, int]]:
    left: set[int] = set()
    right: set[int] = set()
    for _, _, one, other in sorted(scores):
        if one not in left and other not in right:
            left.add(one)
            right.add(other)
            yield one, other


def _holders(old: list[frozenset[bytes]], new: list[frozenset[bytes]]) -> dict[bytes, list[int]]:
    """Which old records have a leaf, for those leaves that are rare on both sides."""
    seen = Counter(leaf for leaves in new for leaf in leaves)
    holders: dict[bytes, list[int]] = defaultdict(list)
    for place, leaves in enumerate(old):
        for leaf in leaves:
            if 0 < seen[leaf] <= COMMON:
                holders[leaf].append(place)
    return {leaf: places for leaf, places in holders.items() if len(places) <= COMMON}


def _leaves(value: Json, where: bytes) -> Iterator[bytes]:
    """Every leaf with the members it stands in; a place in a list says nothing, because lists shift."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(member, where + b"\0" + name.encode(errors="surrogatepass"))
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, where + b"\0*")
    else:
        yield where + b"\0=" + encode(value)
