"""Where things lie in an archive."""

from __future__ import annotations

import re
from datetime import date

SETTINGS = "snap.toml"
SOURCES = "sources"
SCHEMA = "schema"

_DOCUMENT = re.compile(r"(\d{4})/(\d\d)/(\d{4}-\d\d-\d\d)\.json", re.ASCII)


def document(stream: str, day: date | None) -> str:
    """The file of one day of a series `source/stream`; of its records without a day for None."""
    return f"{stream}/undated.json" if day is None else f"{stream}/{_day(day)}"


def snapshot(stream: str) -> str:
    """The one file of a snapshot."""
    return f"{stream}/snapshot.json"


def tombstone(stream: str) -> str:
    """What says that a stream was removed on purpose."""
    return f"{stream}/_removed.json"


def held(path: str, stream: str) -> str:
    """Where an offered version of a document waits."""
    return f"{stream}/_held/{path.removeprefix(stream + '/')}"


def day_of(path: str, stream: str) -> date | None:
    """The day whose document lies at a path, or None if that is something else."""
    found = _DOCUMENT.fullmatch(path.removeprefix(stream + "/"))
    if found is None or not found[3].startswith(f"{found[1]}-{found[2]}-"):
        return None
    try:
        return date.fromisoformat(found[3])
    except ValueError:
        return None


def _day(day: date) -> str:
    text = day.isoformat()  # `%Y` would not pad years before 1000
    return f"{text[:4]}/{text[5:7]}/{text}.json"
