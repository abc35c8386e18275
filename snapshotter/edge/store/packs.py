"""Packs: all objects of a commit in one file and its index, with three syncs, however many objects there are.

Measured on one machine, durable 30-day windows: loose objects 526 days/s, libgit2's pack builder 343, this 2,465,
and `git fast-import`, which syncs nothing, 1,135 (`benchmarks/store.py`). Small packs are rolled together by copying
their bytes, so that a look-up stays cheap; deltas are left to git's own repack.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate

from snapshotter.edge.files import Folder
from snapshotter.edge.store.objects import Made
from snapshotter.errors import DiskRefused
from snapshotter.frozen import dataclass

PACKS = "objects/pack"
ROLL_AT = 16  # small packs
SMALL = 1 << 20  # bytes; larger ones join in when those smaller than them weigh as much
LARGEST = 1 << 25
WORTH_TWO = 1 << 18  # bytes to compress, from which on two threads are faster than one
_HEAD = struct.Struct(">4sII")
_INDEX_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_TYPES = {b"commit": 1, b"tree": 2, b"blob": 3}
_SMALLEST_INDEX = 8 + 256 * 4 + 2 * 20
_FAR = 1 << 31  # offsets from here on stand in a table of their own


@dataclass(frozen=True, slots=True)
class _Row:
    id: bytes
    crc: int
    offset: int


def write_pack(git: Folder, objects: Iterable[Made]) -> None:
    """Write objects as one pack below a `.git` folder; when this returns they are on the disk and can be found."""
    unique = {item.id: item for item in objects}
    with _hands(sum(len(item.data) for item in unique.values())) as each:
        _write(git, zip(unique, each(_entry, unique.values()), strict=True), count=len(unique))


@contextmanager
def _hands(size: int) -> Iterator[Callable[..., Iterator[bytes]]]:
    """`map`; by two threads where much is to be packed, since zlib keeps nobody else from running."""
    if size < WORTH_TWO:
        yield map
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - small commits do without

    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="pack") as pool:
        yield pool.map


def roll_up(git: Folder) -> int:
    """Join small packs into one where there are many; gives how many went into it.

    A reader that had one of them open looks again, as git and libgit2 do after any repack.
    """
    found = {name: entries for name in _small_packs(git) if (entries := _whole_entries(git, name))}
    if len(found) < ROLL_AT:
        return 0
    joined = {raw: entry for entries in found.values() for raw, entry in entries.items()}
    whole = _write(git, iter(joined.items()), count=len(joined))
    if _whole_entries(git, whole).keys() != joined.keys():
        raise DiskRefused(f"{git.root}: packs that were just joined cannot be read back; all are kept; check the disk")
    for name in found:
        if name != whole:  # packs are named by what they hold: a killed run may have written the very same one
            git.remove(f"{PACKS}/{name}.idx")
            git.remove(f"{PACKS}/{name}.pack")
    return len(found)


def _entry(item: Made) -> bytes:
    size = len(item.data)
    byte = (_TYPES[item.kind] << 4) | (size & 15)
    size >>= 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    head.append(byte)
    return bytes(head) + zlib.compress(item.data)


def _write(git: Folder, entries: Iterator[tuple[bytes, bytes]], *, count: int) -> str:
    pack = bytearray(_HEAD.pack(b"PACK", 2, count))
    rows = []
    for raw, entry in entries:
        rows.append(_Row(raw, zlib.crc32(entry), len(pack)))
        pack += entry
    checksum = _sha1(pack)
    pack += checksum
    name = f"pack-{checksum.hex()}"
    git.write(f"{PACKS}/{name}.pack", pack, mode=0o400, sync_folder=False)
    git.write(f"{PACKS}/{name}.idx", make_index(rows, checksum), mode=0o400)
    return name


def make_index(rows: Sequence[_Row], checksum: bytes, *, far: int = _FAR) -> bytes:
    """The index (version 2) of a pack; offsets from `far` on are written in eight bytes."""
    ordered = sorted(rows, key=lambda row: row.id)
    counts = [0] * 256
    for row in ordered:
        counts[row.id[0]] += 1
    near: list[int] = []
    large: list[int] = []
    for row in ordered:
        if row.offset < far:
            near.append(row.offset)
        else:
            near.append(_FAR | len(large))
            large.append(row.offset)
    count = len(ordered)
    body = b"".join(
        (
            _INDEX_MAGIC,
            struct.pack(">256I", *accumulate(counts)),
            *(row.id for row in ordered),
            struct.pack(f">{count}I", *(row.crc for row in ordered)),
            struct.pack(f">{count}I", *near),
            struct.pack(f">{len(large)}Q", *large),
            checksum,
        )
    )
    return body + _sha1(body)


def _small_packs(git: Folder) -> list[str]:
    sizes: dict[str, int] = {}
    parts: dict[str, set[str]] = {}
    for name in git.entries(PACKS):
        stem, _, ending = name.partition(".")
        parts.setdefault(stem, set()).add(ending)
    if len(parts) < ROLL_AT:
        return []
    listed = git.read(f"{PACKS}/multi-pack-index") or b""
    for stem, endings in parts.items():
        if endings == {"pack", "idx"} and stem.encode() not in listed:
            status = git.status(f"{PACKS}/{stem}.pack")
            sizes[stem] = status.st_size if status else 0
    chosen: list[str] = []
    weight = 0
    for stem in sorted(sizes, key=lambda stem: sizes[stem]):
        if sizes[stem] > min(LARGEST, max(SMALL, weight)):
            break
        chosen.append(stem)
        weight += sizes[stem]
    return chosen if len(chosen) >= ROLL_AT else []


def _whole_entries(git: Folder, name: str) -> Mapping[bytes, bytes]:
    """The packed bytes of each object; empty where one is a delta, too far or not as its index says."""
    pack, index = git.read(f"{PACKS}/{name}.pack"), git.read(f"{PACKS}/{name}.idx")
    if pack is None or index is None or not index.startswith(_INDEX_MAGIC):
        return {}
    if len(index) < _SMALLEST_INDEX:
        return {}
    count = struct.unpack_from(">I", index, 8 + 255 * 4)[0]
    if len(index) < _SMALLEST_INDEX + 28 * count:
        return {}
    ids, crcs = 8 + 256 * 4, 8 + 256 * 4 + 20 * count
    rows = zip(
        (index[ids + 20 * at : ids + 20 * at + 20] for at in range(count)),
        struct.unpack_from(f">{count}I", index, crcs),
        struct.unpack_from(f">{count}I", index, crcs + 4 * count),
        strict=True,
    )
    ordered = sorted(rows, key=lambda row: row[2])
    ends = [row[2] for row in ordered[1:]] + [len(pack) - 20]
    found = {}
    for (raw, crc, start), end in zip(ordered, ends, strict=True):
        entry = pack[start:end]
        if zlib.crc32(entry) != crc or (entry[0] >> 4) & 7 not in _TYPES.values():
            return {}
        found[raw] = entry
    return found


def _sha1(data: bytes | bytearray) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
