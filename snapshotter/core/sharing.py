"""What git's answers to a push mean, and how two lines of one archive become one without a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from hashlib import sha256
from typing import Literal

from snapshotter.core import ledger, paths, verifying
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import RunRecord
from snapshotter.results.sharing import Overruled, PushState

_USER = re.compile(r"//[^/@\s']+@")
_BEHIND = ("(fetch first)", "(non-fast-forward)", "has commits there that are not here")
_GUARDED = "snap: push to"
LONGEST = 25  # lines of git that are worth reading


def shown(text: str) -> str:
    """Words of git without the user and password of an address, and without control characters."""
    clean = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
    return _USER.sub("//…@", clean)


def read_push(code: int, lines: Iterable[str]) -> tuple[PushState, str]:
    """What became of `git push --porcelain`, and why."""
    told = [shown(line) for line in lines]
    if code == 0:
        moved = any(re.match(r"[ *+]\t", line) for line in told)
        return ("pushed" if moved else "same"), ""
    if any(words in line for line in told for words in _BEHIND):
        return "behind", "the remote has commits that are not here"
    start = next((place for place, line in enumerate(told) if line.startswith(_GUARDED)), None)
    if start is not None:
        words = [line for line in told[start:] if not line.startswith("error: failed to push")]
        return "guarded", "\n".join(words[:LONGEST])
    rejected = [line.split("\t")[-1] for line in told if line.startswith("!\t")]
    if rejected:
        said = [line for line in told if line.startswith("remote: ")]
        return "rejected", "; ".join([*rejected, *said[:3]])
    return "unreachable", last_words(told)


def last_words(lines: Iterable[str]) -> str:
    """What git says in the end about why it could not."""
    told = [shown(line) for line in lines if line.strip()]
    fatal = [line for line in told if line.startswith(("fatal:", "error:", "ssh:"))]
    return (fatal or told or ["git said nothing"])[0]


# --- two lines ---


@dataclass(frozen=True, slots=True)
class Both:
    """A path that both sides changed: the blob that each has, None where it is gone."""

    path: str
    ours: str | None
    theirs: str | None


@dataclass(slots=True)
class Union:
    """What is taken over from the other side."""

    taken: dict[str, str | None] = field(default_factory=dict)  # path -> blob, None: removed
    overruled: list[Overruled] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def unite(
    ours: Mapping[str, str | None],
    theirs: Mapping[str, str | None],
    *,
    records: Collection[RunRecord],
    digests: Mapping[str, str],
) -> Union:
    """Their changes beside ours since both were one. Of a document that both changed, the later answer stands.

    `records` are the run records of both sides since then, `digests` the SHA-256 of the blobs that both sides changed.
    """
    done = Union()
    ledgers: dict[str, StreamLedger] = {}
    for path, blob in sorted(theirs.items()):
        if path not in ours:
            done.taken[path] = blob
        elif ours[path] != blob:
            side = _later(Both(path, ours[path], blob), records, digests, ledgers)
            if side is None:
                done.conflicts.append(path)
                continue
            if side == "theirs":
                done.taken[path] = blob
            if not path.startswith(f"{paths.SCHEMA}/"):
                done.overruled.append(Overruled(path, side))
    return done


def _later(
    both: Both, records: Collection[RunRecord], digests: Mapping[str, str], ledgers: dict[str, StreamLedger]
) -> Literal["ours", "theirs"] | None:
    if both.path.startswith(f"{paths.SCHEMA}/"):
        return "ours"  # snap writes it anew
    part = verifying.part_of(both.path)
    if not part.stream or part.kind == "record":
        return None
    if both.ours is None or both.theirs is None:
        return "ours" if both.theirs is None else "theirs"  # what is there is not dropped
    if part.stream not in ledgers:
        mine = [record for record in records if f"{record.source}/{record.stream}" == part.stream]
        ledgers[part.stream] = ledger.fold_all(StreamLedger(part.stream), mine)
    recorded = verifying.known(ledgers[part.stream], part.day) if part.kind == "document" else None
    if recorded is not None:
        for side, blob in (("ours", both.ours), ("theirs", both.theirs)):
            if digests.get(blob) == recorded.sha256:
                return "theirs" if side == "theirs" else "ours"
    newest = max((record for record in records if f"{record.source}/{record.stream}" == part.stream),
                 key=lambda record: record.at, default=None)  # fmt: skip
    return None if newest is None else "ours"


def twice_archived(ours: Iterable[RunRecord], theirs: Iterable[RunRecord], *, machine: str) -> tuple[str, ...]:
    """The sources that this machine and another one archive both."""
    here = {record.source for record in ours if record.machine == machine}
    there = {record.source for record in theirs if record.machine not in ("", machine)}
    return tuple(sorted(here & there))


def merge_message(remote: str, commits: int, overruled: Collection[Overruled]) -> str:
    """The message of a merge, with the documents that both sides changed."""
    lines = [f"Merge {commits} commits of another machine from {remote}", ""]
    lines += [f"{item.path}: {item.kept} stands, asked for later" for item in overruled]
    return "\n".join([*lines, *([""] if overruled else []), "Reason: merge"]) + "\n"


def digest(data: bytes) -> str:
    """The SHA-256 of a document, as run records say it."""
    return sha256(data).hexdigest()
