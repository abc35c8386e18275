"""Frames of an append-only file: each with its lengths and checksums, so that a cut tail or a flipped byte is found.

A file's frames begin with a marker that only this file has, so that bytes from outside, kept in a frame, cannot pass
for a frame of their own when a damaged place is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from snapshotter.canonical import encode_ascii
from snapshotter.frozen import dataclass

MAGIC = b"snapspl\x01"
MARKER = len(MAGIC) + 8
_LENGTHS = struct.Struct(">IQ")
_PREFIX = MARKER + _LENGTHS.size + 32
_LONGEST_HEADER = 16 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame. The body is not read yet; `sha256` in the header tells what it must be."""

    at: int
    header: Mapping[str, Any]
    body_at: int
    end: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A stretch of the file that is no frame."""

    at: int
    end: int


def new_marker() -> bytes:
    """A marker that no other file has and nobody can guess."""
    return MAGIC + os.urandom(MARKER - len(MAGIC))


def head(marker: bytes, header: Mapping[str, Any], body: bytes = b"", *, sha256: str = "") -> bytes:
    """All of a frame but its body; `sha256` is that of the body, where it is known already."""
    text = encode_ascii({**header, "sha256": sha256 or hashlib.sha256(body).hexdigest()})
    lengths = _LENGTHS.pack(len(text), len(body))
    return marker + lengths + hashlib.sha256(lengths + text).digest() + text


def frames(fd: int, size: int) -> Iterator[Frame | Bad]:
    """Everything in a file, in order."""
    marker = os.pread(fd, MARKER, 0)
    if len(marker) < MARKER or not marker.startswith(MAGIC):
        if size:
            yield Bad(0, size)
        return
    at = 0
    while at < size:
        frame = _frame(fd, marker, at=at, size=size)
        if frame is not None:
            yield frame
            at = frame.end
        else:
            following = _next_frame(fd, marker, after=at, size=size)
            yield Bad(at, following)
            at = following


def body(fd: int, frame: Frame) -> bytes | None:
    """The body of a frame, or None if it is not what was written."""
    data = read_span(fd, frame.body_at, frame.end)
    return data if hashlib.sha256(data).hexdigest() == frame.header.get("sha256") else None


def stretch(fd: int, at: int) -> Frame | Bad:
    """What is at a place that held a frame before."""
    marker, size = os.pread(fd, MARKER, 0), os.fstat(fd).st_size
    return _frame(fd, marker, at=at, size=size) or Bad(at, _next_frame(fd, marker, after=at, size=size))


def read_span(fd: int, start: int, end: int) -> bytes:
    """The bytes between two places, as far as there are any."""
    pieces = []
    while start < end and (piece := os.pread(fd, min(end - start, 64 * _CHUNK), start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _frame(fd: int, marker: bytes, *, at: int, size: int) -> Frame | None:
    prefix = os.pread(fd, _PREFIX, at)
    if len(prefix) < _PREFIX or not prefix.startswith(marker):
        return None
    lengths = prefix[MARKER : MARKER + _LENGTHS.size]
    header_size, body_size = _LENGTHS.unpack(lengths)
    body_at = at + _PREFIX + header_size
    if header_size > _LONGEST_HEADER or body_at + body_size > size:
        return None
    text = read_span(fd, at + _PREFIX, body_at)
    if hashlib.sha256(lengths + text).digest() != prefix[-32:]:
        return None
    return Frame(at, json.loads(text), body_at, body_at + body_size)


def _next_frame(fd: int, marker: bytes, *, after: int, size: int) -> int:
    at = after + 1
    while at < size:
        chunk = os.pread(fd, _CHUNK, at)
        place = chunk.find(marker)
        if place < 0:
            at += max(1, len(chunk) - MARKER + 1)
        elif _frame(fd, marker, at=at + place, size=size) is not None:
            return at + place
        else:
            at += place + 1
    return size
