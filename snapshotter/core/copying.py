"""What becomes of each file of an archive in a copy without some sources, streams or texts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import field

from snapshotter.canonical import (
    decode,
    decode_document,
    document,
    encode,
    encode_indented,
    plain,
    split_document,
)
from snapshotter.core import paths, reshaping, verifying
from snapshotter.core.config import load_source
from snapshotter.errors import Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.spec import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is not to be in the copy."""

    streams: frozenset[str]  # keys
    sources: frozenset[str]
    masker: Masker
    drops_records: bool = False  # those that hold the text, instead of hiding it in them

    def leaves_out(self, path: str) -> bool:
        """Whether nothing of a path goes into the copy."""
        names = path.split("/", 2)
        return len(names) > 1 and (names[0] in self.sources or "/".join(names[:2]) in self.streams)


@dataclass(slots=True)
class Replaced:
    """What got another content, so that run records can say so: SHA-256 of documents, blob ids of settings."""

    documents: dict[str, tuple[str, int]] = field(default_factory=dict)  # old hash -> new hash, records in it
    blobs: dict[str, str] = field(default_factory=dict)
    records: int = 0  # left out
    masked: int = 0


def without_text(path: str, data: bytes, wanted: Wanted, replaced: Replaced) -> bytes:
    """A file without the texts: a document stays a canonical one, anything else has them hidden."""
    hidden = wanted.masker.hide_bytes(data)
    if hidden == data:
        return data
    replaced.masked += 1
    if verifying.part_of(path).kind not in ("document", "held"):
        return hidden
    new, count = _document(path, data, wanted, replaced)
    replaced.documents[_sha256(data)] = (_sha256(new), count)
    return new


def _document(path: str, data: bytes, wanted: Wanted, replaced: Replaced) -> tuple[bytes, int]:
    if data.startswith(b"{"):  # one object
        try:
            return encode_indented(decode_document(wanted.masker.hide_bytes(data)).value), 1
        except Unreadable as error:
            raise UsageError(f"{path}: the text cannot be hidden in it ({error}); leave its stream out") from error
    kept = []
    for line in split_document(data):
        hidden = wanted.masker.hide_bytes(line)
        record: bytes | None = line
        if hidden != line:
            record = None if wanted.drops_records else _read_again(hidden)
            replaced.records += record is None
        if record is not None:
            kept.append(record)
    return document(kept), len(kept)


def _read_again(line: bytes) -> bytes | None:
    """A record in canonical form; None where hiding made it none (a number that was the text)."""
    try:
        return encode(decode(line).value)
    except Unreadable:
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run_record(data: bytes, replaced: Replaced) -> bytes:
    """A run record that speaks of the documents and settings of the copy."""
    if not replaced.documents and not replaced.blobs:
        return data
    value = decode_document(data).value
    changed = _told(plain(value), replaced)
    return data if changed == plain(value) else encode_indented(changed)


def _told(value: object, replaced: Replaced) -> object:
    match value:
        case dict():
            made = {key: _told(item, replaced) for key, item in value.items()}
            new = replaced.documents.get(str(value.get("sha256")))
            if new is not None:
                made["sha256"] = new[0]
                if "records" in made:
                    made["records"] = new[1]
            return made
        case list():
            return [_told(item, replaced) for item in value]
        case str():
            return replaced.blobs.get(value, value)
        case _:
            return value


def source_file(path: str, text: str, wanted: Wanted, settings: Settings | None) -> str | None:
    """A source file without the descriptions of what is left out; None: nothing of it is left."""
    sources = {source.name: source for source in load_source(text, file=path, settings=settings).sources}
    if not sources:
        return None if path.removeprefix(f"{paths.SOURCES}/").removesuffix(".toml") in wanted.sources else text
    gone = set(sources) & wanted.sources
    if gone == set(sources):
        return None
    for name in gone:
        text = reshaping.without_table(text, "accounts", sources[name].account or "")
    keys = {stream.name for source in sources.values() for stream in source.streams.values()}
    cut = {name for name in keys if any(f"{source}/{name}" in wanted.streams for source in sources)}
    if cut == keys:
        return None
    for name in cut:
        text = reshaping.without_table(text, "streams", name)
    left = load_source(text, file=path, settings=settings)
    told = {stream.key for source in left.sources for stream in source.streams.values()}
    if left.problems or told & wanted.streams or {source.name for source in left.sources} & wanted.sources:
        raise UsageError(
            f"{path}: it is written in a way that snap does not edit; take it out by hand, and commit, first"
        )
    return text


def streams_in(all_paths: Collection[str]) -> frozenset[str]:
    """The streams that have files among these."""
    return frozenset(part.stream for path in all_paths if (part := verifying.part_of(path)).stream)


def chosen(targets: Collection[str], known: Collection[str], names: Mapping[str, str]) -> Wanted:
    """What `--without` means; what a stream was called before it was renamed goes with it (`names`: new -> old)."""
    sources = {key.split("/", 1)[0] for key in known}
    for target in targets:
        if target not in sources and target not in known:
            there = ", ".join(sorted(sources)) or "none"
            raise UsageError(f"--without {target}: the archive never had it; it has the sources {there}")
    streams = {key for key in known if key in targets or key.split("/", 1)[0] in targets}
    while True:
        before = {old for new, old in names.items() if new in streams} - streams
        if not before:
            break
        streams |= before
    whole = {name for name in sources if all(key in streams for key in known if key.startswith(f"{name}/"))}
    return Wanted(frozenset(streams), frozenset(whole | (sources & set(targets))), Masker())
