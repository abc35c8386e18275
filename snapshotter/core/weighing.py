"""How much memory a window takes while it is under way, and from where on it is refused.

What is taken is reckoned, not measured, so that it is the same on every machine and known before it is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from snapshotter.errors import Unreadable
from snapshotter.model import Record
from snapshotter.spec import Source

_RECORD = (
    700  # bytes beside its text: its key, its place in time and order, its entries where it is sorted and told apart
)
_COPIES = 2  # of its text: its own, and that in the document
_OLD_COPIES = 3  # of that of a document that may be written anew
_WITH_OLD = 2.5  # rooms, for what came together with what is archived: as much again, and what is told of both
_PAGE = 1_500  # what the run record tells of it
_VALUE = 64  # of a decoded value
_OBJECT = 160  # more of an object, with its names
_BODY = 5  # of a body, while it is compared with what was read of it
_SHARE = 3  # of the memory there is: what is archived of the same days may be read beside what came, and much is left
_MIB = 1 << 20
_LIGHT = 1 << 16  # bytes of a body that cannot weigh much


def room(source: Source, there_is: int | None) -> int | None:
    """How much one window of the source may take; `there_is`: the memory of this machine. None: nobody knows."""
    return shared(there_is) if source.client.max_window is None else source.client.max_window


def shared(there_is: int | None) -> int | None:
    """How much all windows of a run may take that are under way side by side."""
    return None if there_is is None else there_is // _SHARE


def of_page(records: Sequence[Record]) -> int:
    """What a page takes until its window is committed."""
    return _PAGE + _RECORD * len(records) + _COPIES * sum([len(record.text) for record in records])


def check_documents(old: Collection[bytes], fresh: Sequence[Record], room: int | None) -> None:
    """Raise `Unreadable` where the documents of the same days take too much beside the records that came."""
    if room is None or sum(map(len, old)) < _LIGHT:
        return
    takes = of_page(fresh) + sum(_RECORD * (data.count(b",\n") + 1) + _OLD_COPIES * len(data) for data in old)
    if takes > _WITH_OLD * room:
        raise Unreadable(
            "too_much",
            f"to bring this into what is archived of the same days takes about {_shown(takes)} of memory, too much"
            f" where client.max_window is {_shown(room)}; raise it, or keep less of a day (drop, keep_if)",
        )


def most_records(room: int | None) -> int | None:
    """How many records there can be in one answer."""
    return None if room is None else room // _RECORD


def check_body(body: bytes, room: int | None) -> None:
    """Raise `Unreadable` for a body that takes too much to be decoded."""
    if room is None or len(body) < _LIGHT:
        return
    objects = body.count(b"{")
    takes = _BODY * len(body) + _VALUE * (body.count(b",") + body.count(b"[") + objects) + _OBJECT * objects
    if takes > room:
        raise Unreadable(
            "too_much",
            f"to read this answer of {_shown(len(body))} takes about {_shown(takes)} of memory, and"
            f" client.max_window is {_shown(room)}; ask for smaller pages, or raise it",
        )


def too_many(records: int, most: int) -> Unreadable:
    """What an answer is told that has more records than there is memory for."""
    words = f"this answer has {records:,} records or more, and client.max_window has room for {most:,}"
    return Unreadable("too_much", f"{words}; ask for smaller pages, or raise it")


def too_large(records: int, room: int, *, has_window: bool) -> str:
    """Why a window is given up whose records take too much."""
    way = "make window.step smaller" if has_window else "ask for less with params"
    return (
        f"its first {records:,} records take more memory than client.max_window ({_shown(room)});"
        f" {way}, leave members out with drop, or raise it"
    )


def _shown(size: int) -> str:
    return f"{size / _MIB:,.0f} MiB" if size >= _MIB else f"{size:,} bytes"
