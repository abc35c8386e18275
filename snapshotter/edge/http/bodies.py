"""Compressed bodies, unpacked within limits: a cut one, a false one and a bomb are each named."""

from __future__ import annotations

import io
import zlib

from snapshotter.edge.exchange import Lost
from snapshotter.model import Miss

_PIECE = 1 << 20
_SUSPECT_SIZE = 16 << 20
_SUSPECT_RATIO = 900  # deflate reaches 1,032 at most, and only for one byte repeated for ever
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits
_OTHER_CODINGS = ("br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip")


def unpack(data: bytes, coding: str | None, *, limit: int) -> bytes:
    """The body as it was before `Content-Encoding`; raises `Lost`. Words that name no coding we know change nothing."""
    for name in reversed([word.strip().lower() for word in (coding or "").split(",")]):
        if name in _OTHER_CODINGS:
            raise Lost(
                Miss.DECODING, f"the answer is packed with {name!r}, though only gzip and deflate were asked for"
            )
        if data and name in ("gzip", "x-gzip"):
            data = _unpacked(data, name, bits=_GZIP, limit=limit)
        elif data and name == "deflate":
            data = _unpacked(data, name, bits=_ZLIB if _is_zlib(data) else _RAW, limit=limit)
    return data


def too_large(limit: int, *, size: int | None = None) -> Lost:
    """The body is over `max_body`; `size` as the server announced it."""
    announced = f" of {_shown(size)}" if size is not None else ""
    words = f"the answer{announced} is larger than client.max_body ({_shown(limit)}); ask for smaller pages or raise it"
    return Lost(Miss.TOO_LARGE, words)


def _shown(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


def _is_zlib(data: bytes) -> bool:
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2].ljust(2, b"\0"), "big") % 31 == 0


def _unpacked(data: bytes, name: str, *, bits: int, limit: int) -> bytes:
    body = io.BytesIO()  # gives all of it without a copy
    size = 0
    rest = data
    while rest:
        unpacker = zlib.decompressobj(bits)
        while not unpacker.eof:
            piece = _next_piece(unpacker, rest, name)
            rest = unpacker.unconsumed_tail
            size += len(piece)
            body.write(piece)
            _check(size, len(data), limit=limit)
            if not piece and not rest and not unpacker.eof:
                raise Lost(Miss.TRUNCATED, f"the answer was cut short: its {name} data does not end")
        rest = unpacker.unused_data
        if bits != _GZIP or not rest.startswith(b"\x1f\x8b"):
            break  # gzip may have several members; anything else behind the end is ignored, as everybody does
    return body.getvalue()


def _next_piece(unpacker: zlib._Decompress, rest: bytes, name: str) -> bytes:
    try:
        return unpacker.decompress(rest, _PIECE)
    except zlib.error as error:
        raise Lost(Miss.DECODING, f"the answer is not the {name} data that it says it is") from error


def _check(size: int, packed: int, *, limit: int) -> None:
    if size > limit:
        raise too_large(limit)
    if size > _SUSPECT_SIZE and size > packed * _SUSPECT_RATIO:
        raise Lost(Miss.TOO_LARGE, f"the answer unpacks to over {_SUSPECT_RATIO} times its size: a decompression bomb")
