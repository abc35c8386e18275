"""What git's answers to a push mean, and how two lines of one archive become one without a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from snapshotter.core import ledger, paths, verifying
from snapshotter.core.escaping import escape
from snapshotter.core.wording import counted
from snapshotter.evidence import StreamLedger, Wrote
from snapshotter.frozen import dataclass
from snapshotter.model import RunRecord
from snapshotter.results.sharing import Overruled, PushState

_USER = re.compile(r"//[^/@\s']+@")
_BEHIND = (
    "(fetch first)",
    "(non-fast-forward)",
    "has commits there that are not here",
    " but expected ",  # it moved while this push was on its way
    "(incorrect old value provided)",
)
_RACED = "cannot lock ref"  # somebody moved it at the same moment, perhaps the git of a snap that was killed
_GUARDED = "snap: push to"
LATELY = timedelta(days=7)
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


def is_raced(lines: Iterable[str]) -> bool:
    """Whether git met another one that moved the same reference; then it is worth another try at once."""
    return any(_RACED in line for line in lines)


def last_words(lines: Iterable[str]) -> str:
    """What git says in the end about why it could not."""
    told = [shown(line) for line in lines if line.strip()]
    fatal = [line for line in told if line.startswith(("fatal:", "error:", "ssh:"))]
    return re.sub(r"^(?:fatal|error): ", "", (fatal or told or ["git said nothing"])[0])


# --- two lines ---


@dataclass(slots=True)
class Union:
    """What is taken over from the other side."""

    taken: dict[str, str | None] = field(default_factory=dict)  # path -> blob, None: removed
    both: dict[str, list[str]] = field(default_factory=dict)  # stream -> paths of its data that both sides changed
    conflicts: list[str] = field(default_factory=list)


def unite(ours: Mapping[str, str | None], theirs: Mapping[str, str | None], *, imported: Collection[str] = ()) -> Union:
    """Their changes beside ours since both were one; what both changed of a stream's data is left to its joining.

    `imported`: run records that both sides have because the same files were imported on both.
    """
    done = Union()
    for path, blob in sorted(theirs.items()):
        part = verifying.part_of(path)
        if path not in ours:
            done.taken[path] = blob
        elif ours[path] == blob or path.startswith(f"{paths.SCHEMA}/"):  # snap writes those anew
            continue
        elif path in imported:  # the same on each machine that merges
            done.taken[path] = max(blob or "", ours[path] or "")
        elif part.stream and part.kind in ("document", "held", "detail"):
            done.both.setdefault(part.stream, []).append(path)
        else:
            done.conflicts.append(path)
    return done


def later(
    path: str,
    ours: str | None,
    theirs: str | None,
    *,
    records: Collection[RunRecord],
    digests: Mapping[str, str],
) -> Literal["ours", "theirs"]:
    """Of a document whose stream nobody describes any more: the side that the run records of both name."""
    if ours is None or theirs is None:
        return "ours" if theirs is None else "theirs"  # what is there is not dropped
    part = verifying.part_of(path)
    folded = ledger.fold_all(StreamLedger(part.stream), records)
    recorded = verifying.known(folded, part.day) if part.kind == "document" else None
    return "theirs" if recorded is not None and digests.get(theirs) == recorded.sha256 else "ours"


def twice_archived(ours: Iterable[RunRecord], theirs: Iterable[RunRecord], *, machine: str) -> tuple[str, ...]:
    """The sources that this machine and another one archive both."""
    here = {record.source for record in ours if record.machine == machine}
    there = {record.source for record in theirs if record.machine not in ("", machine)}
    return tuple(sorted(here & there))


def take_turns(records: Iterable[Wrote], machine: str, *, now: datetime) -> bool:
    """Whether another machine wrote a run record after one of this machine's, both of them lately.

    Who moved to a new machine is not meant: there, all of its own come after those of the old one.
    """
    lately = [record for record in records if now - record.at < LATELY]
    ours = min((record.at for record in lately if record.machine == machine), default=None)
    return ours is not None and any(
        record.machine not in ("", machine) and record.at > ours and record.command != "merge" for record in lately
    )


def merge_message(remote: str, commits: int, overruled: Collection[Overruled]) -> str:
    """The message of a merge, with the documents that both sides changed."""
    lines = [f"Merge {counted(commits, 'commit')} of another machine from {remote}", ""]
    lines += [f"{item.path}: {told(item)}" for item in overruled]
    return "\n".join([*lines, *([""] if overruled else []), "Reason: merge"]) + "\n"


_KEPT = {
    "ours": "both machines changed it; the version here was asked for later and stands, the other is in history",
    "theirs": "both machines changed it; theirs was asked for later and stands, the other is in history",
    "both": "both machines changed it; their records were joined",
}


def told(item: Overruled) -> str:
    """What became of a document that both sides changed, in words."""
    if not item.unlike:
        return _KEPT[item.kept]
    ids = ", ".join(escape(name, 40) for name in item.unlike[:3])
    more = f" and {len(item.unlike) - 3} more" if len(item.unlike) > 3 else ""
    words = f"of {ids}{more} both had a version; the one asked for later stands, the other is in history"
    return words if item.kept != "both" else f"{_KEPT['both']}; {words}"


def digest(data: bytes) -> str:
    """The SHA-256 of a document, as run records say it."""
    return sha256(data).hexdigest()
