"""What is damage in an archive, what it is called, and what to do about each kind.

Kinds: `head` · `reference` · `history` (cut or rewritten) · `lock` (left by a killed program) · `object` · `pack` ·
`git` (what else git finds) · `link` · `record` (a run record) · `ledger` · `document` · `deleted` · `orphan` ·
`misplaced` · `spool` · `pending` · `quarantine` · `index` · `filter`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Literal

from snapshotter.core import paths, runs
from snapshotter.errors import UsageError
from snapshotter.evidence import Document, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.pieces import is_canonical
from snapshotter.results import Damage

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_NOT_SOURCES = {paths.SOURCES, paths.SCHEMA, "docs", "snapshot", "recordings"}
_LIKE_A_DAY = re.compile(r"(?:\d+/)*\d+-\d\d-\d\d\.json", re.ASCII)
_DETAIL = re.compile(r"[a-z][a-z0-9_-]{0,62}/(?:\d{4}/\d\d/\d\d|[0-9a-f]{2})/[^/]+\.json", re.ASCII)
_DATELESS = {"undated.json", "snapshot.json"}
_SHARE = re.compile(r"(\d{1,4})/(\d{1,4})", re.ASCII)
HELD = "_held/"
_AT = re.compile(rb'"at": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')


# --- how much is looked at ---


@dataclass(frozen=True, slots=True)
class Scope:
    """How much `verify` looks at. `share` (n, t): the contents of every t-th document; None: of all, or of none."""

    name: str
    contents: bool
    share: tuple[int, int] | None = None

    def holds(self, path: str) -> bool:
        """Whether the content of this file is looked at."""
        if self.share is None:
            return self.contents
        number, of = self.share
        return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()[:8]) % of == number - 1


QUICK = Scope("quick", contents=False)
FULL = Scope("full", contents=True)


def share(text: str) -> Scope:
    """The scope that `2/7` means: the second of seven parts, which together are everything."""
    found = _SHARE.fullmatch(text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise UsageError(f"--subset {text!r}: write it like 2/7, the second of seven parts")
    return Scope(text, contents=True, share=(number, of))


# --- what a file of the archive is ---


@dataclass(frozen=True, slots=True)
class Part:
    """What a path of an archive is."""

    kind: Literal["document", "held", "record", "detail", "misplaced", "other"]
    stream: str = ""
    day: date | None = None


def part_of(path: str) -> Part:
    """What a path of an archive is by its name alone."""
    names = path.split("/", 2)
    if len(names) < 3 or names[0] in _NOT_SOURCES or not all(map(_NAME.fullmatch, names[:2])):
        return Part("other")
    stream, rest = f"{names[0]}/{names[1]}", names[2]
    if rest.startswith(f"{runs.FOLDER}/"):
        return Part("record", stream)
    inner = rest.removeprefix(HELD)
    day = paths.day_of(f"{stream}/{inner}", stream)
    if day is not None or inner in _DATELESS:
        return Part("document" if inner == rest else "held", stream, day)
    if _DETAIL.fullmatch(inner):
        return Part("detail", stream)
    return Part("misplaced" if _LIKE_A_DAY.fullmatch(inner) else "other", stream)


# --- documents and their run records ---


def misplaced(path: str) -> Damage:
    """A document whose folders do not agree with its day."""
    what = "its folders are not those of its day, or it is no day at all: no command finds it here"
    return Damage("misplaced", path, what, f"`git log --follow -- {path}` shows who moved it; move it back and commit")


def known(ledger: StreamLedger, day: date | None) -> Document | None:
    """What the run records say of a document."""
    return ledger.dateless if day is None else ledger.days.get(day)


def document_damage(path: str, data: bytes, recorded: Document | None) -> Damage | None:
    """What is wrong with the content of a document; `recorded` None: only its form is judged."""
    odd = [] if is_canonical(data) else ["it is not in canonical form"]
    if recorded is not None and hashlib.sha256(data).hexdigest() != recorded.sha256:
        run = (recorded.changed or recorded).stamp.run
        odd += [f"its content is not what the run {run} recorded (SHA-256 {recorded.sha256[:12]}…)"]
    if not odd:
        return None
    hint = f"`git log -p -- {path}` shows who changed it; take back the version of the last run and commit that"
    return Damage("document", path, " and ".join(odd), hint)


def detail_damage(path: str, data: bytes, recorded: str | None) -> Damage | None:
    """What is wrong with the file of a detail; `recorded`: its SHA-256, None: only its form is judged."""
    odd = [] if is_canonical(data) else ["it is not in canonical form"]
    if recorded is not None and hashlib.sha256(data).hexdigest() != recorded:
        odd += [f"its content is not what was recorded (SHA-256 {recorded[:12]}…)"]
    if not odd:
        return None
    hint = f"`git log -p -- {path}` shows who changed it; take back the version of the last run and commit that"
    return Damage("document", path, " and ".join(odd), hint)


def lost_detail(path: str) -> Damage:
    """The file of a detail that run records speak of and that is not there."""
    hint = f"`git log -- {path}` shows who removed it; bring it back and commit"
    return Damage("deleted", path, "the file of a detail is gone, and run records speak of it", hint)


def with_way_back(damage: Damage, commit: str | None) -> Damage:
    """The damage, with the command that brings the recorded version back if a commit has it."""
    if commit is None:
        return damage
    back = f"`git checkout {commit[:12]} -- {damage.where}` brings the recorded version back; then commit it"
    return Damage(damage.kind, damage.where, damage.what, f"`git log -p -- {damage.where}` shows who did it; {back}")


def orphan(path: str) -> Damage:
    """A document that no run record speaks of."""
    hint = f"`git log -- {path}` shows who put it there; move it out of the data folders and commit"
    return Damage("orphan", path, "no run record speaks of this document", hint)


def deleted(path: str, recorded: Document) -> Damage:
    """A document that run records speak of and that is not there."""
    run = (recorded.changed or recorded).stamp.run
    what = f"the document is gone; the run {run} recorded it with {recorded.records} records"
    return Damage("deleted", path, what, f"`git log -- {path}` shows who removed it; bring it back and commit")


def lacking(ledger: StreamLedger, there: Iterable[str]) -> tuple[tuple[str, Document], ...]:
    """The documents that the run records of a stream speak of and that are not among these paths."""
    have = set(there)
    wanted = {paths.document(ledger.stream, day): document for day, document in ledger.days.items()}
    if ledger.dateless is not None and not have & {f"{ledger.stream}/{name}" for name in _DATELESS}:
        name = paths.document(ledger.stream, None) if ledger.days else paths.snapshot(ledger.stream)
        wanted[name] = ledger.dateless
    return tuple((path, document) for path, document in sorted(wanted.items()) if path not in have)


def rewritten(path: str, *, gone: bool, first: str | None) -> Damage:
    """A run record that is not as it was committed first."""
    what = "the run record was removed" if gone else "the run record is not as it was committed first"
    back = f"`git checkout {first[:12]} -- {path}` brings it back; then commit it" if first else "bring it back"
    return Damage("record", path, what, f"`git log -p -- {path}` shows who did it; {back}")


def is_buried(path: str, stone: bytes) -> bool:
    """Whether a run record is from before its stream was removed, as the stone that stands there says."""
    when = _AT.search(stone)
    began = path.rsplit("/", 1)[-1][: len("20180205T031500")]
    return when is not None and began <= re.sub(rb"[-:]", b"", when[1]).decode()


# --- the ledger ---

_IN_WORDS = {
    "proved": "proved spans", "proofs": "proofs", "misses": "misses", "days": "days", "dateless": "the one document",
    "whole": "the last whole view", "whole_missed": "the last miss", "history": "the end of history",
    "page_sizes": "page sizes", "last_try": "the last try", "last_good": "the last good answer", "turn": "turns",
    "totals": "totals",
}  # fmt: skip


def ledger_damage(cached: StreamLedger, folded: StreamLedger, *, where: str) -> Damage | None:
    """Where the ledger that is kept differs from what the run records add up to."""
    odd = [
        _IN_WORDS.get(item.name, item.name)
        for item in fields(StreamLedger)
        if getattr(cached, item.name) != getattr(folded, item.name)
    ]
    if not odd:
        return None
    what = f"of {folded.stream} it says something else than the run records: {', '.join(odd)}"
    return Damage("ledger", where, what, again(where))


def again(where: str) -> str:
    """What to do about a broken ledger."""
    return f"nothing is lost: delete {where}, and the next command makes it again from the run records"


# --- what git finds ---

_OBJECT = re.compile(
    r"^missing (?:blob|tree|commit|tag) (?P<missing>[0-9a-f]{40})$"
    r"|^error: (?P<broken>[0-9a-f]{40}): (?:object corrupt or missing|hash)"
    r"|^error: (?:cannot unpack|packed) (?P<packed>[0-9a-f]{40}) "
    r"|^fatal: (?:packed|loose) object (?P<fatal>[0-9a-f]{40}) "
    r"|^error: [Cc]ould not read (?P<unread>[0-9a-f]{40})"
)
_MALFORMED = re.compile(r"^error in \w+ (?P<id>[0-9a-f]{40}): (?P<why>.*)")
_PACK = re.compile(r"(?P<path>\S*objects/pack/pack-[0-9a-f]{40})\.\w+")
_REFERENCE = re.compile(
    r"^error: (?P<name>\S+): invalid sha1 pointer (?P<id>[0-9a-f]{40})|^error: bad ref|invalid HEAD"
)
_FOLLOWS = re.compile(
    r"^(?:notice|warning|hint|dangling|broken link|Checking)|^\s+to |invalid reflog entry|in cache-tree|inflate:|"
    r"unable to (?:unpack|parse)|commit-graph|index CRC mismatch"
)


def git_damage(code: int, lines: Iterable[str], names: Mapping[str, str]) -> tuple[Damage, ...]:
    """What the lines of `git fsck` mean; `names` tells which file of the archive an object is the content of."""
    found: dict[tuple[str, str], Damage] = {}
    for line in lines:
        damage = _git_line(line, names)
        if damage is None:
            continue
        key = (damage.kind, damage.where)
        if key not in found or "missing" in found[key].what:  # "corrupt" says more, wherever git says it
            found[key] = damage
    if code and not found:
        told = f"git fsck ended with code {code}"
        found["git", ""] = Damage("git", ".git", told, "run `git fsck --full` to see all of it")
    is_deep = any(kind in ("object", "pack") for kind, _ in found)  # a reference into it is no damage of its own
    return tuple(item for item in found.values() if not (is_deep and item.kind == "reference"))


def _git_line(line: str, names: Mapping[str, str]) -> Damage | None:
    if match := _OBJECT.search(line):
        oid = next(filter(None, match.groups()))
        return object_damage(oid, names.get(oid), is_missing=match["missing"] is not None)
    if match := _MALFORMED.search(line):
        return Damage("object", match["id"], f"git finds it malformed: {match['why']}", "see `git cat-file -p` of it")
    if match := _REFERENCE.search(line):
        hint = "see `git reflog` for the last commit that is whole, or take the reference from a clone"
        return Damage("reference", match["name"] or ".git", "it names a commit that is not there", hint)
    if match := _PACK.search(line):
        hint = "take what it held from a clone or a backup; `git unpack-objects -r` saves what can be read of it"
        return Damage("pack", f"{match['path']}.pack", "a pack of objects is not as it was written", hint)
    if not line.strip() or _FOLLOWS.search(line):
        return None
    return Damage("git", line, "git finds this wrong", "run `git fsck --full` to see all of it")


def object_damage(oid: str, path: str | None, *, is_missing: bool) -> Damage:
    """An object that is missing or broken; `path`: the file whose content it is."""
    where = oid if path is None else f"{oid} ({path})"
    what = "an object of git is missing" if is_missing else "an object of git is corrupt"
    copy = f"take it from a clone: `git -C CLONE cat-file -p {oid}`"
    if path is None:
        return Damage("object", where, what, f"{copy}; a commit or a folder: copy the clone's .git/objects")
    first = "" if is_missing else f"move the broken .git/objects/{oid[:2]}/{oid[2:]} away if it is there, then "
    hint = f"{first}`git hash-object -w {path}` puts it back if that file is still intact; else {copy}"
    return Damage("object", where, what, hint)
