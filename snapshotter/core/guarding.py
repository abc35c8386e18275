"""What may not be pushed: secrets in any known shape, and documents or run records that are damaged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from snapshotter.core import paths, runs, verifying
from snapshotter.errors import ConfigError, Damaged
from snapshotter.frozen import dataclass
from snapshotter.pieces import is_canonical

_SHAPES = {
    "a private key": rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----",
    "an age key": rb"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "an AWS access key": rb"(?<![0-9A-Za-z])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])",
    "a GitHub token": rb"(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{82})",
    "a GitLab token": rb"glpat-[0-9A-Za-z_-]{20}",
    "a Google API key": rb"(?<![0-9A-Za-z_-])AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])",
    "a Slack token": rb"xox[abposr]-[0-9A-Za-z-]{20}",
    "a Stripe key": rb"[sr]k_live_[0-9A-Za-z]{24}",
    "an npm token": rb"(?<![0-9A-Za-z])npm_[0-9A-Za-z]{36}",
    "a PyPI token": rb"pypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50}",
}
_ANY = re.compile(b"|".join(b"(%s)" % shape for shape in _SHAPES.values()))
_NAMES = tuple(_SHAPES)
_PLAIN = ("100644", "100755")
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that stands against a push."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Touched:
    """One file that a commit wrote: its mode, its blob, and whether it was there before."""

    path: str
    mode: str
    blob: str | None  # None: removed
    is_new: bool


def shapes_in(data: bytes, allowed: Collection[str]) -> Iterable[tuple[str, str]]:
    """The secrets of a known shape in some bytes: what each looks like, and the mark by which it can be allowed."""
    for found in _ANY.finditer(data):
        mark = hashlib.sha256(found[0]).hexdigest()[:12]
        if mark not in allowed:
            yield _NAMES[(found.lastindex or 1) - 1], mark


def damage_in(touched: Iterable[Touched], contents: Mapping[str, bytes]) -> list[Found]:
    """What is wrong with the files of one commit, judged by the run records in it; `contents` by blob."""
    files = list(touched)
    found: list[Found] = []
    recorded: dict[str, set[str | None]] = {}
    for file in files:
        if verifying.part_of(file.path).kind == "record":
            found += _record(file, contents, recorded)
    for file in files:
        part = verifying.part_of(file.path)
        if file.blob is None or part.kind == "other":
            continue
        if file.mode not in _PLAIN:
            found.append(Found(file.path, "is a symbolic link or a submodule, where an archive holds plain files"))
        elif part.kind == "document":
            found += _document(file, contents[file.blob], recorded.get(file.path))
    return found


def _record(file: Touched, contents: Mapping[str, bytes], recorded: dict[str, set[str | None]]) -> list[Found]:
    if not file.is_new:
        return [Found(file.path, "is a run record that was changed or removed; they are written once")]
    try:
        record = runs.decode(contents[file.blob or ""], file.path)
    except (Damaged, ConfigError):
        return [Found(file.path, "cannot be read as a run record")]
    stream = f"{record.source}/{record.stream}"
    for story in record.stories:
        for day, fact in story.days.items():
            recorded.setdefault(paths.document(stream, day), set()).add(fact.sha256)
    return []


def _document(file: Touched, data: bytes, recorded: set[str | None] | None) -> list[Found]:
    if not is_canonical(data):
        return [Found(file.path, "is not a document as snap writes it")]
    if recorded is not None and hashlib.sha256(data).hexdigest() not in recorded:
        return [Found(file.path, "is not what the run record beside it says")]
    return []


def refusal(remote: str, found: Iterable[Found]) -> str:
    """Why a push is refused, on one screen."""
    listed = list(dict.fromkeys(found))
    lines = [
        f"snap: push to {remote} refused: what is pushed stays there for ever, and something is wrong with it.",
        "",
    ]
    for item in listed[:SHOWN]:
        lines += [f"  {item.where}", f"      {item.what}"]
    if len(listed) > SHOWN:
        lines.append(f"  and {len(listed) - SHOWN} more")
    return "\n".join([*lines, "", "Nothing was pushed. `snap verify --full` looks at the whole archive."])
