"""What may be asked by a worker elsewhere, and which secrets it is lent for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from snapshotter.model import Secretive
from snapshotter.spec import Auth, CommandAuth, JwtBearerAuth, OAuth2Auth, Slot, Source, Template


def stays_here(source: Source) -> str | None:
    """Why the lane of this source never leaves the writer, or None where it may."""
    if isinstance(source.auth, OAuth2Auth) and source.auth.grant_type == "refresh_token" and source.auth.rotates:
        return f"the tokens of {source.name} change with every use"
    once = [stream.key for stream in source.streams.values() if not stream.repeatable]
    return f"{once[0]} must not be asked twice (repeatable = false)" if once else None


def has_tokens(auth: Auth) -> bool:
    """Whether what it shows is obtained on the way, and so is kept by the writer and lent for each request."""
    return isinstance(auth, OAuth2Auth | JwtBearerAuth | CommandAuth)


def lent(source: Source) -> frozenset[str]:
    """The names of the secrets that a worker needs: none that only tokens are obtained with."""
    parts = [
        getattr(source, one.name)
        for one in fields(source)
        if one.name != "secrets" and not (one.name == "auth" and has_tokens(source.auth))
    ]
    return frozenset(slot.path for part in parts for slot in _slots(part) if slot.root == "secrets")


def _slots(value: Any) -> Iterator[Slot]:
    match value:
        case Template() | Secretive():
            yield from (part for part in value.parts if isinstance(part, Slot))
        case Mapping():
            for inner in value.values():
                yield from _slots(inner)
        case list() | tuple():
            for inner in value:
                yield from _slots(inner)
        case _ if is_dataclass(value):
            for one in fields(value):
                yield from _slots(getattr(value, one.name))
