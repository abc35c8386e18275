"""Defaults, templates and a stream's own table laid over each other; every key keeps the place where it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snapshotter.core.config.problems import Origin, Path
from snapshotter.frozen import dataclass

_ONE_OF_THESE: dict[Path, tuple[str, ...]] = {
    ("day",): ("field", "first_of", "template", "from")
}  # saying one takes back the others from below
_BY_TYPE = (("paginate",),)  # another type replaces the lower table whole


@dataclass(frozen=True, slots=True)
class Layer:
    """A table as it is written, and where that is."""

    table: Mapping[str, Any]
    origin: Origin


def merge(layers: Sequence[Layer], *, at: Path) -> tuple[dict[str, Any], dict[Path, Origin]]:
    """Layers from the lowest to the highest as one table that stands `at`; and the origin of each of its keys."""
    merged: dict[str, Any] = {}
    origins: dict[Path, Origin] = {}
    for layer in layers:
        _lay(merged, layer.table, layer.origin, path=(), origins=origins)
    return merged, {(*at, *path): origin for path, origin in origins.items()}


def _lay(
    lower: dict[str, Any], upper: Mapping[str, Any], origin: Origin, *, path: Path, origins: dict[Path, Origin]
) -> None:
    rivals = _ONE_OF_THESE.get(path, ())
    if any(name in upper for name in rivals):
        for name in rivals:
            lower.pop(name, None)
            _forget((*path, name), origins)
    for name, value in upper.items():
        here, source = (*path, name), Origin(origin.file, (*origin.path, name))
        below = lower.get(name)
        if not isinstance(value, dict):
            _forget(here, origins)
            lower[name] = value
        elif not isinstance(below, dict) or (here in _BY_TYPE and _is_other_type(below, value)):
            _forget(here, origins)
            lower[name] = {}
        origins[here] = source
        if isinstance(value, dict):
            _lay(lower[name], value, source, path=here, origins=origins)


def _is_other_type(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> bool:
    return "type" in upper and "type" in lower and upper["type"] != lower["type"]


def _forget(path: Path, origins: dict[Path, Origin]) -> None:
    for known in [known for known in origins if known[: len(path)] == path]:
        del origins[known]
