"""What files from elsewhere say: names of an export, forms of its records, and where in a file something is wrong."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

from snapshotter.canonical import Json, decode, decode_ndjson, encode
from snapshotter.core.days import day_bounds
from snapshotter.core.records import Reader
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import PageRecords, Record, Window
from snapshotter.spec import DayRule, Shape, Stream

Form = Literal["json", "jsonl", "csv"]
FORMS: dict[str, Form] = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}

_NAME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)--run-(?P<date>\d{4}-?\d\d-?\d\d)[T_ -]?"
    r"(?P<time>\d\d[:_.-]?\d\d(?:[:_.-]?\d\d)?)(?:[.,]\d+)?(?:Z|\+00[:_-]?00)?\.json",
    re.ASCII,
)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ODD = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Named:
    """What the path of a file says: `<api>/<endpoint>/<day>--run-<UTC time>.json`."""

    api: str
    endpoint: str
    day: date
    observed: datetime


def is_named(name: str) -> bool:
    """Whether the name of a file is one of a day and a run."""
    return _NAME.fullmatch(name) is not None


def named(parts: tuple[str, ...]) -> Named | None:
    """What the last three parts of a path say; None where they name no day or no time."""
    found = _NAME.fullmatch(parts[-1])
    if found is None or len(parts) < 3:
        return None
    digits = re.sub(r"\D", "", found["date"] + found["time"]).ljust(14, "0")
    try:
        at = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return Named(parts[-3], parts[-2], date.fromisoformat(found["day"]), at)
    except ValueError:
        return None


def stream_for(found: Named, known: Collection[str]) -> str | None:
    """The stream that holds what this API and endpoint brought, by its name or one that is written alike."""
    for key in known:
        if _alike(key) == _alike(f"{found.api}/{found.endpoint}"):
            return key
    return None


def _alike(key: str) -> str:
    return "/".join(_ODD.sub("-", part.lower()).strip("-").replace("_", "-") for part in key.split("/"))


# --- records ---


def read(stream: Stream, body: bytes, form: Form, *, day: date | None = None) -> PageRecords:
    """The records of a file; `Unreadable` says which of them cannot be one. `day`: what the file's name says."""
    rule = stream.day
    window = None if day is None or rule is None else day_bounds(day, rule.zone)
    try:
        return _read(stream, body, form, window=window if rule is not None and rule.from_window else None)
    except Unreadable as error:
        if error.reason != "day" or window is None or rule is None:
            raise
    by_file = replace(stream, day=DayRule(from_window=True, zone=rule.zone))
    page = _read(by_file, body, form, window=window)
    return replace(page, notes=(*page.notes, "records have no day of their own; the name of the file tells it"))


def _read(stream: Stream, body: bytes, form: Form, *, window: Window | None) -> PageRecords:
    values = _values(body, form)
    if values is None:  # one object, like an answer of the API
        return Reader(stream).page(body, window=window)
    selection = replace(
        stream.selection, records="@", shape=Shape.LIST, decode="json", unnest=None, records_missing="error"
    )
    reader = Reader(replace(stream, selection=selection))
    try:
        return reader.page(encode(values), window=window)
    except Unreadable as error:
        number = next(_wrong(reader, values, window), None)
        if number is None:
            raise
        raise Unreadable(error.reason, f"record {number:,}: {error.message}") from error


def _wrong(reader: Reader, values: Iterable[Json], window: Window | None) -> Iterator[int]:
    for number, value in enumerate(values, start=1):
        try:
            reader.page(encode([value]), window=window)
        except Unreadable:
            yield number


def _values(body: bytes, form: Form) -> list[Json] | None:
    if form == "csv":
        return list(_csv(body))
    value = decode_ndjson(body).value if form == "jsonl" else decode(body).value
    return value if isinstance(value, list) else None


def _csv(body: bytes) -> Iterator[Json]:
    """One object a line, every cell the text that stands there."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", f"not UTF-8 text (byte {error.start})") from error
    lines = csv.reader(_LINE.findall(text), strict=True)
    try:
        names = next(lines, [])
        if not names:
            raise Unreadable("empty", "there is no line that names the columns")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Unreadable("shape", f"two columns are called {twice[:80]!r}")
        for cells in lines:
            if cells and len(cells) != len(names):
                raise Unreadable("shape", f"line {lines.line_num}: {len(cells)} cells, and {len(names)} columns")
            if cells:
                yield dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise Unreadable("syntax", f"line {lines.line_num}: {error}") from error


# --- runs ---


def chance_of(stream: str, contents: Iterable[str], proves: Window | None) -> int:
    """The end of the name of a run: the same for the same contents, so that they are imported once."""
    told = "\n".join([stream, repr(proves), *sorted(contents)])
    return int(hashlib.sha256(told.encode()).hexdigest()[:6], 16)


def kept_apart(records: Iterable[Record], elsewhere: Collection[bytes]) -> list[Record]:
    """The records whose id does not stand in another document now."""
    return [record for record in records if record.key is None or record.key not in elsewhere]


def merge_message(stream: str, runs: int, *, taken: int, kept: int) -> str:
    """The message of the merge that brings imported history in."""
    counted = "1 imported run" if runs == 1 else f"{runs:,} imported runs"
    lines = [f"Merge {counted} into {stream}", "", f"Documents taken: {taken:,}"]
    lines += [f"Documents that stay as they were, known from later: {kept:,}"] if kept else []
    source, name = stream.split("/")
    return "\n".join([*lines, "", f"Source: {source}", f"Stream: {name}", "Reason: import"]) + "\n"
