"""Large documents in small pieces: the values of a whole one take ten times its size."""

from __future__ import annotations

from collections.abc import Iterator

from snapshotter import canonical
from snapshotter.canonical import decode_document, document, encode
from snapshotter.errors import Unreadable

LARGE = 8 << 20  # bytes


def pieces(data: bytes, size: int = LARGE) -> Iterator[bytes]:
    """A large document as several small ones with the same records, where it has one a line.

    Elsewhere one of them at least is no JSON: a piece that is whole by itself ends where a record of the array does.
    """
    last = len(data) - 3
    if len(data) <= size or last <= 2 or not (data.startswith(b"[\n") and data.endswith(b"\n]\n")):
        yield data
        return
    at: int | None = 2
    while at is not None:
        border = data.find(b",\n", at + size, last)
        end, following = (last, None) if border < 0 else (border, border + 2)
        records = data[at:end]
        yield b"[\n%b\n]\n" % records if records.strip() else b""  # a comma too many, which as a list would be empty
        at = following


def is_canonical(data: bytes, size: int = LARGE) -> bool:
    """`canonical.is_canonical`, of a large document piece by piece."""
    return (len(data) > size and all(map(_has_a_record_a_line, pieces(data, size)))) or canonical.is_canonical(data)


def _has_a_record_a_line(data: bytes) -> bool:
    try:
        value = decode_document(data).value
    except Unreadable:
        return False
    return type(value) is list and document(map(encode, value)) == data
