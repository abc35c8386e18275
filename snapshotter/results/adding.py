"""What `add` is told and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Blank:
    """A value of [vars] that one may fill in."""

    name: str
    value: str  # that stands there now
    about: str = ""
    needed: bool = False  # what stands there is an example


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is looked for."""

    name: str
    where: str  # as in the file, like env:TOKEN
    found: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What a person can fill in before a source is added."""

    name: str
    title: str
    blanks: tuple[Blank, ...]
    secrets: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Filling:
    """What a person filled in."""

    values: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
