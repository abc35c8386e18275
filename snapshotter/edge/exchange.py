"""What an exchange with a server is made of, between the rooms that dress it and the one that sends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from typing import Protocol

from snapshotter.frozen import dataclass
from snapshotter.model import Miss, Response

Fields = tuple[tuple[str, str], ...]


class Lost(Exception):
    """No answer came. The words are for people and not yet masked."""

    def __init__(self, miss: Miss, words: str, again_after: float | None = None) -> None:
        super().__init__(miss, words, again_after)
        self.miss = miss
        self.words = words
        self.again_after = again_after


@dataclass(frozen=True, slots=True)
class Draft:
    """A request with the secrets in it, before it becomes bytes; `repr` shows none of them."""

    method: str
    url: str = field(repr=False)
    headers: Fields = field(default=(), repr=False)
    json: object = field(default=None, repr=False)
    form: Fields | None = field(default=None, repr=False)
    has_secrets: bool = False

    def with_header(self, name: str, value: str) -> Draft:
        """The same with this header in place of any of that name."""
        others = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)), has_secrets=True)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One exchange as a trace shows it: masked, without bodies."""

    method: str
    url: str
    sent: Fields
    status: int | None
    received: Fields
    size: int
    seconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Got:
    """What came: header names in lower case, body unpacked."""

    status: int
    headers: Fields
    body: bytes


class Carrier(Protocol):
    """Carries one draft with its body as bytes to where it goes, and brings what came; raises `Lost`."""

    def __call__(self, draft: Draft, body: bytes | None, /) -> Got:
        """Carry it."""
        ...


Carriage = Callable[[Carrier], Carrier]  # a carrier around or in place of the one that speaks to the network


class Exchange(Protocol):
    """Sends one draft, follows nothing, and gives what came; raises `Lost`."""

    def __call__(self, draft: Draft) -> Response:
        """Send it."""
        ...
