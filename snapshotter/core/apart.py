"""What two versions of a document have in common is set aside by its bytes, before anything is read.

A document has a record a line, in the one form there is, so that equal lines are equal records and most of two versions
need not be decoded to tell how they differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from snapshotter.frozen import dataclass

_BEGIN, _END = b"[\n", b"\n]\n"
_ENDS = {b"{": b"}", b"[": b"]"}


@dataclass(frozen=True, slots=True)
class Apart:
    """Two documents with the records that only one of them has, and how many they share."""

    old: bytes
    new: bytes
    common: int = 0


def apart(old: bytes, new: bytes) -> Apart:
    """What is left of two versions; both as they are where one has another form (one object, edited by hand)."""
    before, after = _records(old), _records(new)
    if before is None or after is None:
        return Apart(old, new)
    waiting = Counter(before)
    fresh = []
    for text in after:
        if waiting[text] > 0:
            waiting[text] -= 1
        else:
            fresh.append(text)
    gone = []
    for text in before:
        if waiting[text] > 0:
            waiting[text] -= 1
            gone.append(text)
    return Apart(_document(gone), _document(fresh), len(after) - len(fresh))


def _records(document: bytes) -> list[bytes] | None:
    """The text of each record, or None where they do not stand a line each."""
    if document == b"[]\n":
        return []
    if not (document.startswith(_BEGIN) and document.endswith(_END)):
        return None
    *lines, last = document[len(_BEGIN) : -len(_END)].split(b"\n")
    texts = [line[:-1] for line in lines if line.endswith(b",")]
    if len(texts) < len(lines):
        return None
    texts.append(last)
    return texts if all(_ENDS.get(text[:1]) == text[-1:] for text in texts) else None


def _document(texts: Sequence[bytes]) -> bytes:
    return _BEGIN + b",\n".join(texts) + _END if texts else b"[]\n"
