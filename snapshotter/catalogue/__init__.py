"""Ready-made source files. Each begins with its title and with what a person has to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

_SUFFIX = ".toml"
_NEEDS = "# needs: "


@dataclass(frozen=True, slots=True)
class Listing:
    """A file of the catalogue as it is listed."""

    name: str
    title: str
    needs: tuple[str, ...]  # what has to be filled in, in words


def names() -> tuple[str, ...]:
    """The names of all files, which are also the names of their sources."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def listing() -> tuple[Listing, ...]:
    """Every file with its title and its needs."""
    return tuple(_listed(name) for name in names())


def text(name: str) -> str:
    """The text of one file; `KeyError` for an unknown name."""
    if name not in names():
        raise KeyError(name)
    return (files(__name__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def _listed(name: str) -> Listing:
    comments = [line for line in text(name).splitlines() if line.startswith("# ")]
    title = comments[0].removeprefix("# ")
    needs = next((line.removeprefix(_NEEDS) for line in comments if line.startswith(_NEEDS)), "nothing")
    return Listing(name, title, () if needs == "nothing" else tuple(need.strip() for need in needs.split(",")))
