"""An archive of any size, made by `git fast-import` from our own run records.

Every day of every stream is a commit of its own; 27 of 73 days were asked once more a month later and had changed, so
that 73,000 days are 99,980 commits. All streams grow side by side, as they do in life.

`WithDetails` is one list of several records a day, each with a file of its own: two commits a day.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

from snapshotter.archive import setup
from snapshotter.core import messages, paths, runs
from snapshotter.edge.store.objects import blob_id
from snapshotter.edge.world import World
from snapshotter.model import DayFact, DetailFact, JobStory, PageFact, Reason, Recheck, RunRecord, Window

SOURCES, STREAMS = 4, 5
LAST = date(2024, 12, 31)  # the last archived day
LATER = 30  # days until a day is asked again
ONE = timedelta(days=1)
PER_DAY = 14  # records of a list whose details are asked


class Asked(NamedTuple):
    """One try, in the order of time."""

    at: datetime
    place: int  # of the stream
    day: date
    version: int


def source_file(name: str, first: date, ends: dict[str, date], url: str) -> str:
    text = f'format = 1\nsource = "{name}"\n\n[client]\nbase_url = "{url}"\n\n[pacing]\nmin_interval = "1ms"\n'
    for stream, end in ends.items():
        text += (
            f'\n[streams.{stream}]\nkind = "series"\npath = "/items"\nid = "id"\n'
            'params = { from = "{window.start|iso}", to = "{window.end|iso}" }\n'
            f'window = {{ start = "{first}", end = "{end}", step = "1d" }}\n'
            'day = { field = "at", parse = "instant", zone = "UTC" }\n'
        )
    return text


def item(day: date, version: int = 0) -> dict[str, object]:
    return {"at": f"{day}T12:00:00Z", "id": f"r{day:%Y%m%d}", "note": "x" * 60, "version": version}


def document(day: date, version: int) -> bytes:
    return b"[\n" + json.dumps(item(day, version), separators=(",", ":"), sort_keys=True).encode() + b"\n]\n"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def asked(place: int, days: int) -> Iterator[Asked]:
    """Every try of a stream."""
    first, night = LAST - (days - 1) * ONE, timedelta(days=1, hours=3, seconds=place)
    for number in range(days + LATER):
        day = first + number * ONE
        if number < days:
            yield Asked(midnight(day) + night, place, day, 0)
        if number >= LATER and (number - LATER) * 27 % 73 < 27:
            yield Asked(midnight(day) + night + timedelta(hours=1), place, day - LATER * ONE, 1)


def record(
    one: Asked, *, turn: int, data: bytes | None = None, held: int = 1, settings: Mapping[str, str] | None = None
) -> tuple[RunRecord, dict[str, bytes]]:
    """The run record of a try, and the files of its commit; `held` are the records in the document."""
    source, stream = f"api{one.place // STREAMS}", f"s{one.place % STREAMS}"
    window = Window(midnight(one.day), midnight(one.day + ONE))
    data, again = data or document(one.day, one.version), one.version > 0
    digest = hashlib.sha256(data).hexdigest()
    fact = DayFact(held, digest, "changed", edited=1) if again else DayFact(held, digest, "new", added=held)
    story = JobStory(
        job=f"{source}/{stream} {window.start.isoformat()} {window.end.isoformat()}",
        reason=Reason.REFRESH if again else Reason.RECENT,
        why=f"{one.day}: {'asked again' if again else 'never asked'}",
        window=window,
        proved=window,
        zone="UTC",
        stop="one_page",
        at=one.at,
        requests=1,
        pages=(PageFact(0, 200, "GET http://api/items", "ab" * 32, len(data), one.at, held),),
        received=held,
        stored=held,
        days={one.day: fact},
        rechecks=(Recheck(1, LATER + 1, 1, 1),) if again else (),
    )
    run = runs.run_id(one.at, hash((source, stream)))
    made = RunRecord(
        run, 1, bool(turn), "0.1.0", "fetch", one.at, one.at, source, stream, settings or {}, (story,), turn=turn
    )
    return made, {paths.document(f"{source}/{stream}", one.day): data, runs.path_of(made): runs.encode(made)}


def detailed(place: int, day: date, *, settings: Mapping[str, str]) -> Iterator[tuple[RunRecord, dict[str, bytes]]]:
    """The two commits of a day of a list: its records, and the detail of each of them."""
    at = midnight(day) + timedelta(days=1, hours=3)
    records = [item(day) | {"id": f"r{day:%Y%m%d}-{number:02}"} for number in range(PER_DAY)]
    lines = [json.dumps(one, separators=(",", ":"), sort_keys=True).encode() for one in records]
    data = b"[\n" + b",\n".join(lines) + b"\n]\n"
    turn = (day - date(1970, 1, 1)).days * 2
    first, files = record(Asked(at, place, day, 0), turn=turn, data=data, held=PER_DAY, settings=settings)
    yield first, files
    facts, found = [], {}
    for one, line in zip(records, lines, strict=True):
        name, answer = paths.detail_file(str(one["id"]), day), b'{\n  "of": "%s"\n}\n' % str(one["id"]).encode()
        mark, digest = hashlib.sha256(line).hexdigest()[:16], hashlib.sha256(answer).hexdigest()
        facts.append(DetailFact("full", json.dumps(one["id"]), "stored", at, day, name, digest, mark))
        found[f"{first.source}/{first.stream}/full/{name}"] = answer
    (story,) = first.stories
    told = replace(story, reason=Reason.DETAIL, window=None, proved=None, pages=(), days={}, details=tuple(facts))
    second = replace(first, sequence=2, turn=turn + 1, stories=(told,))
    yield second, {**found, runs.path_of(second): runs.encode(second)}


def history(days: int, settings: Sequence[Mapping[str, str]]) -> Iterator[bytes]:
    """What `git fast-import` reads, for so many days in all; `settings` are the blobs of each source's files."""
    turns = {place: count(1) for place in range(SOURCES * STREAMS)}
    tries = heapq.merge(*(asked(place, days // len(turns)) for place in turns))
    yield from written(
        record(one, turn=next(turns[one.place]), settings=settings[one.place // STREAMS]) for one in tries
    )


def written(commits: Iterable[tuple[RunRecord, dict[str, bytes]]]) -> Iterator[bytes]:
    """Commits as `git fast-import` reads them."""
    parent = b"from refs/heads/main^0\n"
    for made, files in commits:
        message = messages.message([made], {}).encode()
        head = b"commit refs/heads/main\ncommitter snap <snap@localhost> %d +0000\n" % int(made.at.timestamp())
        yield head + b"data %d\n%s\n" % (len(message), message) + parent
        for path, data in files.items():
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)
        parent = b""


@dataclass
class Archive:
    """An archive on the disk, and how to change what it wants."""

    path: Path
    days: int  # of all streams together
    url: str
    env: dict[str, str]
    end: date = LAST

    @property
    def first(self) -> date:
        """The oldest archived day."""
        return LAST - (self.days // (SOURCES * STREAMS) - 1) * ONE

    def make(self) -> None:
        world = World(env=self.env, state=Path(self.env["XDG_STATE_HOME"]) / "snap", chance=random.Random(1))
        setup.init(self.path, world, zone="UTC")
        self.describe()
        git = ["git", "-C", str(self.path)]
        process = subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.writelines(self.history())
        process.stdin.close()
        assert process.wait() == 0
        self.with_index()

    def history(self) -> Iterator[bytes]:
        return history(self.days, self.settings())

    @property
    def holds(self) -> str:
        """For people."""
        return f"{self.days:,} days"

    def describe(self) -> None:
        for number in range(SOURCES):
            ends = {f"s{place}": self.end if number + place == 0 else LAST for place in range(STREAMS)}
            text = source_file(f"api{number}", self.first, ends, self.url)
            (self.path / f"sources/api{number}.toml").write_text(text)

    def settings(self) -> list[dict[str, str]]:
        """What each source's run records say they worked from."""
        both = [(paths.SETTINGS, f"{paths.SOURCES}/api{number}.toml") for number in range(SOURCES)]
        return [{name: blob_id((self.path / name).read_bytes()) for name in names} for names in both]

    def commits(self) -> int:
        return int(self.git("rev-list", "--count", "HEAD"))

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def one_day_more(self) -> None:
        self.end += ONE
        self.describe()

    def one_day_more_without_index(self) -> None:
        (self.path / ".git/index").unlink(missing_ok=True)
        self.one_day_more()

    def one_day_more_with_index(self) -> None:
        self.with_index()
        self.one_day_more()

    def with_index(self) -> None:
        self.git("read-tree", "HEAD")


class WithDetails(Archive):
    """An archive of one list, whose details were asked."""

    def history(self) -> Iterator[bytes]:
        (settings, *_) = self.settings()
        days = (self._first + number * ONE for number in range(self.days))
        return written(one for day in days for one in detailed(0, day, settings=settings))

    @property
    def _first(self) -> date:
        return LAST - (self.days - 1) * ONE

    @property
    def holds(self) -> str:
        """For people."""
        return f"{self.days * PER_DAY:,} details"

    def describe(self) -> None:
        text = source_file("api0", self._first, {"s0": self.end}, self.url)
        often = 'fetch_if = "changed"\nstale_after = "9999d"\n'
        text += f'\n[streams.s0.details.full]\npath = "/items/{{record.id}}"\n{often}'
        (self.path / "sources/api0.toml").write_text(text)

    def settings(self) -> list[dict[str, str]]:
        names = (paths.SETTINGS, f"{paths.SOURCES}/api0.toml")
        return [{name: blob_id((self.path / name).read_bytes()) for name in names}]
