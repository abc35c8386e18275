"""Run records as files: one immutable JSON file a commit, beside the data it speaks of (`core.messages` tells them).

What is read back is checked to the last member; a file that is not as it was written is `Damaged`, by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from snapshotter.canonical import decode as read_json
from snapshotter.canonical import encode_indented
from snapshotter.codec import Malformed, from_plain, to_plain
from snapshotter.errors import ConfigError, Damaged, Unreadable
from snapshotter.model import JobStory, RunRecord

FORMAT = 1
FOLDER = "_runs"
LONGEST_WAIT = timedelta(days=1)  # how long a record that changed nothing waits for a commit

_DAY_LONG = 8  # characters of a run's name that tell its day
_RUN = re.compile(r"(\d{4})(\d\d)(\d\d)T\d{6}Z-[0-9a-f]{6}", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_PATH = re.compile(rf"(?P<source>[^/]+)/(?P<stream>[^/]+)/{FOLDER}/\d+/\d\d/\d\d/[^/]+")


def run_id(now: datetime, chance: int) -> str:
    """The name of a run that starts now: sorted by time, safe in a file name, `20180205T031500Z-3f9a2c`."""
    return f"{now:%Y%m%dT%H%M%SZ}-{chance & 0xFFFFFF:06x}"


def file_name(record: RunRecord) -> str:
    """The name of its file."""
    return f"{record.run}-{record.sequence:03d}.json"


def path_of(record: RunRecord) -> str:
    """Where it lies in the archive: under the day its run started, which its own name tells."""
    return path_named(f"{record.source}/{record.stream}", record.run, record.sequence)


def path_named(stream: str, run: str, sequence: int) -> str:
    """Where the record of this name of a stream lies."""
    began = _RUN.fullmatch(run)
    if began is None:
        raise ValueError(f"{run!r} is no run id")
    year, month, day = began.groups()
    return f"{stream}/{FOLDER}/{year}/{month}/{day}/{run}-{sequence:03d}.json"


def day_of(run: str) -> date | None:
    """The day that a run started on, by its name or the beginning of it; None: it is no name of a run."""
    return day_named(run[:4], run[4:6], run[6:8]) if len(run) >= _DAY_LONG and run[:_DAY_LONG].isdecimal() else None


def day_named(year: str, month: str, day: str) -> date | None:
    """The day that three folders name, or None."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def encode(record: RunRecord) -> bytes:
    """Its file: JSON for people too, members that say nothing left out."""
    plain = to_plain(record)
    assert isinstance(plain, dict)  # noqa: S101 - a dataclass becomes an object
    return encode_indented(plain | {"format": record.format})


def decode(data: bytes, path: str) -> RunRecord:
    """The run record that a file holds; in the archive its folder says which stream it is of, also after a rename."""
    try:
        plain = read_json(data).value
    except Unreadable as error:
        raise _damaged(path, str(error)) from error
    _check_format(plain, path)
    try:
        record = from_plain(RunRecord, plain)
    except Malformed as error:
        raise _damaged(path, str(error)) from error
    if problem := next(_problems(record), None):
        raise _damaged(path, problem)
    return _placed(record, path)


def in_order(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Run records, oldest first."""
    return sorted(records, key=lambda record: (record.turn, record.at, record.run, record.sequence))


def must_go(waiting: Sequence[RunRecord], now: datetime) -> bool:
    """Whether run records that changed nothing have waited long enough and get a commit of their own."""
    return any(abs(now - record.at) >= LONGEST_WAIT for record in waiting)  # abs: a clock that was set back


def _check_format(plain: object, path: str) -> None:
    found = plain.get("format") if isinstance(plain, dict) else None
    if type(found) is not int or found < 1:
        raise _damaged(path, "no format number")
    if found > FORMAT:
        raise ConfigError(
            f"{path}: run record format {found}; this snap reads up to {FORMAT}: upgrade snap, nothing was changed"
        )


def _problems(record: RunRecord) -> Iterator[str]:
    if not _RUN.fullmatch(record.run):
        yield f"run: {record.run[:80]!r} is no run id"
    for member in ("source", "stream"):
        if not _NAME.fullmatch(getattr(record, member)):
            yield f"{member}: {getattr(record, member)[:80]!r} is no name"
    if min(record.sequence, record.turn) < 0:
        yield "sequence, turn: a count below zero"
    for place, story in enumerate(record.stories):
        for problem in _problems_of(story):
            yield f"stories[{place}].{problem}"


def _problems_of(story: JobStory) -> Iterator[str]:
    for member, window in (("window", story.window), ("proved", story.proved)):
        if window is not None and window.start > window.end:
            yield f"{member}: it ends before it starts"
    for day, fact in story.days.items():
        if fact.records < 0:
            yield f"days.{day}.records: a count below zero"
    if any(page.records < 0 for page in story.pages):
        yield "pages: a count below zero"


def _placed(record: RunRecord, path: str) -> RunRecord:
    placed = _PATH.fullmatch(path)
    if placed is None:  # not in the archive yet
        return record
    here = replace(record, source=placed["source"], stream=placed["stream"])
    if path_of(here) != path:
        raise _damaged(path, f"it is the record {file_name(record)}")
    return here


def _damaged(path: str, why: str) -> Damaged:
    return Damaged(
        f"{path}: not a run record as it was written: {why}; `git log -- {path}` shows what happened to the file"
    )
