"""Where things lie in an archive."""

from __future__ import annotations

import hashlib
import re
from datetime import date

SETTINGS = "snap.toml"
SOURCES = "sources"
SCHEMA = "schema"
STONE = "_removed.json"  # says that a stream was removed on purpose

_ABOVE_DOCUMENTS = re.compile(r"\d{4}|(?:undated|snapshot)\.json", re.ASCII)
_DOCUMENT = re.compile(r"(\d{4})/(\d\d)/(\d{4}-\d\d-\d\d)\.json", re.ASCII)
_VERSIONED = re.compile(
    r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*/(?:_held/)?(?:\d{4}/\d\d/\d{4}-\d\d-\d\d|undated|snapshot)\.json", re.ASCII
)


def document(stream: str, day: date | None) -> str:
    """The file of one day of a series `source/stream`; of its records without a day for None."""
    return f"{stream}/undated.json" if day is None else f"{stream}/{_day(day)}"


def snapshot(stream: str) -> str:
    """The one file of a snapshot."""
    return f"{stream}/snapshot.json"


def tombstone(stream: str) -> str:
    """What says that a stream was removed on purpose."""
    return f"{stream}/{STONE}"


def held(path: str, stream: str) -> str:
    """Where an offered version of a document waits."""
    return f"{stream}/_held/{path.removeprefix(stream + '/')}"


def leads_to_documents(name: str) -> bool:
    """Whether a document is this or lies below it, in the folder of a stream: no run record and no detail does."""
    return _ABOVE_DOCUMENTS.fullmatch(name) is not None


def day_of(path: str, stream: str) -> date | None:
    """The day whose document lies at a path, or None if that is something else."""
    found = _DOCUMENT.fullmatch(path.removeprefix(stream + "/"))
    if found is None or not found[3].startswith(f"{found[1]}-{found[2]}-"):
        return None
    try:
        return date.fromisoformat(found[3])
    except ValueError:
        return None


def has_versions(path: str) -> bool:
    """Whether a document of a stream lies here, the present one or one that waits: what people ask the versions of."""
    return _VERSIONED.fullmatch(path) is not None


def _day(day: date) -> str:
    text = day.isoformat()  # `%Y` would not pad years before 1000
    return f"{text[:4]}/{text[5:7]}/{text}.json"


# --- files of details, below the folder of the detail ---

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.ASCII)
_LONGEST = 120
_KEPT = 80


def detail_file(name: str, day: date | None) -> str:
    """Where the file of a detail of that name lies."""
    if day is None:
        folder = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:2]
        return f"{folder}/{file_stem(name)}.json"
    text = day.isoformat()
    return f"{text[:4]}/{text[5:7]}/{text[8:]}/{file_stem(name)}.json"


def detail_moved(file: str, day: date | None) -> str:
    """Where the file of a detail lies when its record stands on another day."""
    stem = file.rsplit("/", 1)[-1]
    if day is None:
        return f"{hashlib.sha256(stem.encode()).hexdigest()[:2]}/{stem}"
    text = day.isoformat()
    return f"{text[:4]}/{text[5:7]}/{text[8:]}/{stem}"


def file_stem(name: str) -> str:
    """A file name that every file system takes and tells from all others, made from an id."""
    data = name.encode("utf-8", "surrogatepass")
    last = len(data) - 1
    text = "".join(
        chr(byte) if byte in _SAFE or (byte == 0x2E and 0 < place < last) else f"%{byte:02x}"
        for place, byte in enumerate(data)
    )
    if _DEVICES.fullmatch(text):
        text = f"%{data[0]:02x}{text[1:]}"
    if len(text) > _LONGEST:
        return f"{text[:_KEPT]}~{hashlib.sha256(data).hexdigest()[:32]}"
    return text or "%"
