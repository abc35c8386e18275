"""Builders for whole archives: a world with a clock that a test turns, an API that pages, an archive that asks it.

with an_archive(tmp_path, Api(records)) as archive:
    archive.fetch()
    assert archive.ids("2026-03-12") == ["a", "b"]
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from snapshotter.archive import fetching, looking, past, routine, setup
from snapshotter.archive.opening import for_writing, open_archive
from snapshotter.archive.stopping import Stops
from snapshotter.core.states import Judge
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.model import Batch, FileChange, JobStory, RunRecord
from snapshotter.results import FetchOptions, Progress, Ran
from snapshotter.results.routine import RoutineOptions
from tests.edge.clocks import NOON, HandClock
from tests.edge.git_archives import Calm
from tests.server import Answer, Reply, Seen, Server, json_reply

Json = dict[str, Any]


# --- records ---


def item(at: str, name: str, **more: Any) -> Json:
    """A record that happened at an instant, like `12T08:00` of March 2026 (UTC)."""
    return {"id": name, "at": instant(at), **more}


def instant(short: str) -> str:
    return short if len(short) > 10 else f"2026-03-{short}:00Z"


def some_items(count: int, *, day: str = "12", start: int = 0) -> list[Json]:
    """Records a minute apart."""
    return [item(f"{day}T{place // 60:02}:{place % 60:02}", f"r{place:03}") for place in range(start, start + count)]


# --- the API ---


@dataclass
class Api:
    """Answers `from`, `to` (half-open, ISO instants) with pages by `cursor`, `page`, `offset` or `Link`.

    `odd` answers instead of the API: by the number of the request, from 1, or by a function.
    """

    records: list[Json]
    size: int = 3
    newest_first: bool = False
    counts: bool = False  # tells `total`
    etag: bool = False
    inclusive: bool = False  # `to` belongs to the span
    odd: dict[int, Answer | Callable[[Seen], Answer]] = field(default_factory=dict)
    instead: Callable[[Seen], Answer | None] | None = None
    before: Callable[[int], None] | None = None  # called with the number of each request before it is answered
    asked: int = 0

    def __call__(self, request: Seen) -> Answer:
        self.asked += 1
        if self.before is not None:
            self.before(self.asked)
        odd = self.odd.get(self.asked)
        if odd is None and self.instead is not None:
            odd = self.instead(request)
        if odd is not None:
            return odd(request) if callable(odd) else odd
        return self.answer(request)

    def answer(self, request: Seen) -> Answer:
        """What the API says when nothing is odd."""
        query = dict(request.query)
        found = self.chosen(query)
        start = self._start(query)
        page = found[start : start + self.size]
        following = start + self.size if start + self.size < len(found) else None
        tag = f'"{abs(hash(json.dumps(page)))}"'
        if self.etag and request.header("if-none-match") == tag:
            return Reply(304, b"", (("ETag", tag),))
        if request.path == "/feed":
            return self._fed(request, page, following, tag=tag)
        body: Json = {"data": page, "next": None if following is None else f"c{following}"}
        return json_reply(body | ({"total": len(found)} if self.counts else {}), ETag=tag)

    def chosen(self, query: Mapping[str, str]) -> list[Json]:
        """The records that a query means, in the order of the API."""
        since, until = query.get("from"), query.get("to")
        found = [
            record
            for record in self.records
            if (since is None or _read(since) <= _read(record["at"]))
            and (until is None or self._is_before(record, until))
        ]
        return sorted(found, key=lambda record: (_read(record["at"]), str(record["id"])), reverse=self.newest_first)

    def _is_before(self, record: Json, until: str) -> bool:
        at, end = _read(record["at"]), _read(until)
        return at < end or (self.inclusive and at == end)

    def _start(self, query: Mapping[str, str]) -> int:
        if "cursor" in query:
            return int(query["cursor"].removeprefix("c"))
        if "page" in query:
            return (int(query["page"]) - 1) * self.size
        return int(query.get("offset", 0))

    def _fed(self, request: Seen, page: list[Json], following: int | None, *, tag: str) -> Reply:
        reply = json_reply(page, ETag=tag)
        if following is None:
            return reply
        host = request.header("host")
        return reply.with_headers(
            Link=f'<http://{host}/feed?cursor=c0>; rel="first", <http://{host}/feed?cursor=c{following}>; rel="next"'
        )


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- source files ---


PAGES = {
    "cursor": '{ type = "cursor", cursor = "next", param = "cursor" }',
    "page": '{ type = "page_number", param = "page", size = 3 }',
    "offset": '{ type = "offset", param = "offset", size = 3 }',
    "link": '{ type = "link_header" }',
    "none": '{ type = "none" }',
}
DAY = '{ field = "at", parse = "instant", zone = "UTC" }'
WINDOW = '{ start = "2026-03-12", end = "2026-03-12", step = "1d" }'
AGAIN = '{ start = "2026-03-12", end = "2026-03-12", step = "1d", lookback = "2d" }'
RANGE = '{ from = "{window.start|iso}", to = "{window.end|iso}" }'


def series(
    paginate: str = "cursor", *, window: str = WINDOW, day: str = DAY, params: str = RANGE, more: str = ""
) -> str:
    """`streams.items`: a series asked by time."""
    return (
        f'[streams.items]\nkind = "series"\npath = "/items"\nrecords = "data"\nid = "id"\nparams = {params}\n'
        f"paginate = {PAGES.get(paginate, paginate)}\nwindow = {window}\nday = {day}\n{more}\n"
    )


def feed(paginate: str = '{ type = "link_header", stop = ["no_next", "known_record"] }', *, more: str = "") -> str:
    """`streams.items`: the newest records first, down to what is known."""
    return (
        '[streams.items]\nkind = "series"\npath = "/feed"\nid = "id"\norder = "newest_first"\n'
        f"paginate = {PAGES.get(paginate, paginate)}\nday = {DAY}\n{more}\n"
    )


def snapshot(paginate: str = "cursor", *, day: str = "", more: str = "") -> str:
    """`streams.items`: one whole state."""
    placed = f"day = {day}\n" if day else ""
    return (
        '[streams.items]\nkind = "snapshot"\npath = "/items"\nrecords = "data"\nid = "id"\n'
        f"paginate = {PAGES.get(paginate, paginate)}\n{placed}{more}\n"
    )


def a_file(url: str, streams: str, *, name: str = "demo", head: str = "", client: str = "") -> str:
    """A source file."""
    return f'format = 1\nsource = "{name}"\n\n[client]\nbase_url = "{url}"\n{client}\n\n{head}\n\n{streams}'


# --- archives ---


class Deadly(Calm):
    """A disk that takes its process with it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def before(self, step: str, path: str) -> None:
        if step == "create" and self.folder in path:
            os._exit(9)


@dataclass
class Archive:
    """An archive in a folder, and the world around it."""

    path: Path
    world: World
    clock: HandClock
    server: Server
    told: list[str] = field(default_factory=list)
    tell_hook: Callable[[Progress], None] | None = None

    # doing

    def place(self, text: str, *, name: str = "demo") -> None:
        """Put a source file in and commit it."""
        change = FileChange(f"sources/{name}.toml", text.encode())
        with for_writing(self.path, self.world, command="test") as opened:
            opened.store.commit(Batch((change,), f"Describe {name}\n", self.clock.now()), opened.store.head())
            opened.store.finish()

    def fetch(self, *targets: str, stops: Stops | None = None, **options: Any) -> Ran:
        """One run."""
        return fetching.fetch(
            self.path, FetchOptions(targets=targets, **options), self.world, tell=self._tell, stops=stops
        )

    def run(self, *targets: str, stops: Stops | None = None, **options: Any) -> Ran:
        """Everything that is due."""
        return routine.run(
            self.path, RoutineOptions(targets=targets, **options), self.world, tell=self._tell, stops=stops
        )

    def stops(self) -> Stops:
        return Stops(self.clock)

    def later(self, **by: float) -> None:
        """Turn the clock."""
        self.clock.sleep(timedelta(**by).total_seconds())

    def die_after_page(self, page: int, act: Callable[[Archive], object] = lambda dying: dying.fetch()) -> None:
        """A run in a process of its own that is gone right after so many pages were spooled; a fetch, if not said."""
        left = page

        def die(step: Progress) -> None:
            nonlocal left
            left -= step.kind == "page"
            if left == 0:
                os._exit(9)

        self._die(replace(self, tell_hook=die), act)

    def die_writing(self, folder: str) -> None:
        """A run in a process of its own that is gone before its first write to a folder whose name has this in it."""
        self._die(replace(self, world=replace(self.world, disk=Deadly(folder))), lambda dying: dying.fetch())

    def _die(self, dying: Archive, act: Callable[[Archive], object]) -> None:
        child = os.fork()
        if child == 0:
            try:
                dying.world.chance.seed(os.getpid())
                act(dying)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    def _tell(self, step: Progress) -> None:
        self.told.append(step.text)
        if self.tell_hook is not None:
            self.tell_hook(step)

    # looking

    def read(self, path: str) -> str | None:
        """A file of the last commit."""
        found = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=self.path, capture_output=True, check=False)
        return found.stdout.decode() if found.returncode == 0 else None

    def day(self, day: str, *, stream: str = "demo/items") -> list[Json] | None:
        """The records of a day, like `2026-03-12` or short `12`."""
        full = day if len(day) > 2 else f"2026-03-{day}"
        text = self.read(f"{stream}/{full[:4]}/{full[5:7]}/{full}.json")
        return None if text is None else json.loads(text)

    def ids(self, day: str, *, stream: str = "demo/items") -> list[str] | None:
        found = self.day(day, stream=stream)
        return None if found is None else [record["id"] for record in found]

    def state(self, *, stream: str = "demo/items") -> list[Json] | None:
        text = self.read(f"{stream}/snapshot.json")
        return None if text is None else json.loads(text)

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.path, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def files(self) -> list[str]:
        """The data files of the last commit: no settings, no run records."""
        listed = self.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
        return [path for path in listed if path.startswith("demo") and "/_runs/" not in path]

    def commits(self) -> int:
        return int(self.git("rev-list", "--count", "HEAD"))

    def states(self) -> dict[str, int]:
        """How many days are in which state."""
        (status,) = looking.status(self.path, ["demo/items"], self.world).streams
        return {state.value: count for state, count in status.counts.items()}

    def state_of(self, day: str) -> str:
        """The state of a day, like `12`, as its ledger has it."""
        opened = open_archive(self.path, self.world)
        with opened.closing():
            _, stream = opened.stream("demo/items")
            when = date.fromisoformat(day) if len(day) > 2 else date(2026, 3, int(day))
            terms = looking.terms_of(stream, "UTC", now=self.clock.now())
            (found,) = Judge(opened.cache.ledger(stream.key), terms).ranges((when, when))
        return found.judged.state.value

    def runs(self) -> list[RunRecord]:
        """Every run record, committed or waiting, oldest first."""
        names = [line.run for line in past.run_lines(self.path, self.world)]
        found = [record for name in names for record in past.run_story(self.path, name, self.world).records]
        return sorted(found, key=lambda record: record.turn)

    def stories(self) -> list[JobStory]:
        return [story for record in self.runs() for story in record.stories]

    def last(self) -> JobStory:
        """What became of the last job."""
        return self.stories()[-1]

    def spooled(self) -> tuple[str, ...]:
        return Spool(self.path / ".git/snap/spool", self.clock).jobs()

    def quarantined(self) -> list[tuple[str, bytes]]:
        """Reasons and bytes."""
        return [
            (entry.reason, looking.quarantined_bytes(self.path, entry.name, self.world))
            for entry in looking.quarantined(self.path, self.world)
        ]

    def is_clean(self) -> bool:
        """Whether git finds nothing to say about it."""
        self.git("fsck", "--strict", "--no-dangling")
        return self.git("status", "--porcelain") == ""


def a_world(folder: Path, clock: Any, env: Mapping[str, str] | None = None) -> World:
    return World(env=dict(env or {}), state=folder / "state", clock=clock, chance=random.Random(7), disk=Calm())


@contextmanager
def an_archive(
    folder: Path,
    script: Callable[[Seen], Answer] | Sequence[Answer],
    streams: str | None = None,
    *,
    head: str = "",
    client: str = "",
    env: Mapping[str, str] | None = None,
    now: datetime = NOON,
    clock: Any = None,
) -> Iterator[Archive]:
    """An archive with one source `demo`, which asks a server that plays the script."""
    hand = clock or HandClock(now)
    world = a_world(folder, hand, env)
    path = folder / "archive"
    setup.init(path, world, zone="UTC")
    with Server(script) as server:
        archive = Archive(path, world, hand, server)
        archive.place(a_file(server.url, series() if streams is None else streams, head=head, client=client))
        yield archive


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
