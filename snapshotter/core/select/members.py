"""Member paths: names joined by `.`, `[*]` for every element, `*` for every member, `"…"` around other names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from snapshotter import canonical
from snapshotter.canonical import Json
from snapshotter.core.escaping import escape
from snapshotter.errors import ConfigError
from snapshotter.frozen import dataclass


class Every(Enum):
    """A step of a path to more than one place."""

    ELEMENT = "[*]"
    MEMBER = "*"


@dataclass(frozen=True, slots=True)
class Path:
    """A member path: names, and `[*]` or `*` for every element or member."""

    text: str
    steps: tuple[str | Every, ...]


_SEGMENT = re.compile(r'(?:(?P<name>[\w$@#:/+-]+)|(?P<quoted>"(?:[^"\\]|\\.)*+")|(?P<star>\*))?(?P<each>(?:\[\*\])*+)')
_PATH_EXAMPLES = 'write it like a.b, a[*].b, * or "odd name".b'


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Path:
    """The path of a text like `a.b`, `a[*].b`, `*`; `ConfigError` with the column where it is not one."""
    steps: list[str | Every] = []
    place = 0
    while place <= len(text) and (segment := _SEGMENT.match(text, place)):
        found = _steps_of(segment, text)
        if not found or (place and found[0] is Every.ELEMENT):
            break
        steps += found
        place = segment.end()
        if place == len(text):
            return Path(text, tuple(steps))
        if text[place] != ".":
            break
        place += 1
    raise _no_path(text, place)


def _steps_of(segment: re.Match[str], text: str) -> list[str | Every]:
    steps: list[str | Every] = []
    if segment["quoted"]:
        try:
            steps.append(json.loads(segment["quoted"]))
        except ValueError:
            raise _no_path(text, segment.start()) from None
    elif segment["star"]:
        steps.append(Every.MEMBER)
    elif segment["name"] and text != "@":  # which is no name, but the whole in JMESPath
        steps.append(segment["name"])
    return steps + [Every.ELEMENT] * segment["each"].count("*")


def _no_path(text: str, place: int) -> ConfigError:
    return ConfigError(f"{escape(text)} is not a member path (column {place + 1}); {_PATH_EXAMPLES}")


def get(path: Path, value: Json) -> list[Json]:
    """What stands at the path; nothing where it is absent, several values behind `*` and `[*]`."""
    found = [value]
    for step in path.steps:
        found = [part for each in found for part in _reached(step, each)]
    return found


def _reached(step: str | Every, value: Json) -> Iterable[Json]:
    match value:
        case dict() if step is Every.MEMBER:
            return value.values()
        case dict() if step in value:
            return (value[step],)
        case list() if step is Every.ELEMENT:
            return value
        case _:
            return ()


def drop(path: Path, value: Json) -> tuple[Json, int]:
    """The value without what stands at the path, and how many places that were; the argument stays as it is."""
    return _without(path.steps, value)


def _without(steps: tuple[str | Every, ...], value: Json) -> tuple[Json, int]:
    step, rest = steps[0], steps[1:]
    places: list[Any] = []
    match value:
        case dict():
            places = list(value) if step is Every.MEMBER else [step] if step in value else []
        case list() if step is Every.ELEMENT:
            places = list(range(len(value)))
    if not rest:
        return _without_places(value, places)
    parts = {place: _without(rest, value[place]) for place in places}
    count = sum(dropped for _, dropped in parts.values())
    if not count:
        return value, 0
    changed = value.copy()
    for place, (part, _) in parts.items():
        changed[place] = part
    return changed, count


def change(path: Path, value: Json, how: Callable[[Json], Json]) -> tuple[Json, int]:
    """The value with what stands at the path changed, and how many places that were; the argument stays as it is."""
    return _changed(path.steps, value, how)


def _changed(steps: tuple[str | Every, ...], value: Json, how: Callable[[Json], Json]) -> tuple[Json, int]:
    if not steps:
        return how(value), 1
    places: list[Any] = []
    match value:
        case dict():
            places = list(value) if steps[0] is Every.MEMBER else [steps[0]] if steps[0] in value else []
        case list() if steps[0] is Every.ELEMENT:
            places = list(range(len(value)))
    if not places:
        return value, 0
    changed, count = value.copy(), 0
    for place in places:
        changed[place], inner = _changed(steps[1:], value[place], how)
        count += inner
    return changed, count


def _without_places(value: Json, places: Sequence[Any]) -> tuple[Json, int]:
    if not places:
        return value, 0
    if isinstance(value, list):
        return [], len(places)
    rest = value.copy()
    for name in places:
        del rest[name]
    return rest, len(places)


def differs_only_in(paths: Iterable[Path], one: Json, other: Json) -> bool:
    """Whether two exact values are the same apart from what stands at the paths."""
    for path in paths:
        one, other = drop(path, one)[0], drop(path, other)[0]
    return canonical.encode(one) == canonical.encode(other)
