"""What is fetched under torture: an API that remembers what it said, and archives in a known state to begin from."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

from snapshotter.archive import setup
from snapshotter.archive.opening import for_writing
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.server import Answer, Reply, Seen, Server, json_reply
from tests.torture.children import Place, fetch
from tests.torture.deeds import FETCH, Deed

SIZE = 3
DAYS = tuple(f"2026-03-{day}" for day in (11, 12, 13))

SOURCE = """\
format = 1
source = "demo"
[client]
base_url = "{url}"
[pacing]
min_interval = "1ms"
[streams.items]
kind = "series"
path = "/items"
records = "data"
id = "id"
params = {{ from = "{{window.start|iso}}", to = "{{window.end|iso}}" }}
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
window = {{ start = "{first}", end = "{last}", step = "1d", lookback = "{lookback}" }}
day = {{ field = "at", parse = "instant", zone = "UTC" }}
{more}
"""
STATE = """
[streams.state]
kind = "snapshot"
path = "/state"
records = "data"
id = "id"
"""


@dataclass
class Api:
    """Pages of records between `from` and `to`, and a whole state at `/state`."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: list[dict[str, Any]] = field(default_factory=list)
    said: list[list[str]] = field(default_factory=list)  # the records of each answer, as JSON
    odd: str = ""  # a day whose records stand in another member

    def __call__(self, request: Seen) -> Answer:
        answer = self._answer(request)
        assert isinstance(answer, Reply)
        return answer.with_headers(Date=formatdate(usegmt=True))

    def _answer(self, request: Seen) -> Answer:
        if request.path in ("/state", "/states"):
            return json_reply({"data": self.state})
        name = request.path.removeprefix("/items/")
        if name != request.path:
            return self._detail(name)
        query = dict(request.query)
        if request.path == "/feed":
            return self._feed(query.get("cursor"))
        since, until = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        after = query.get("cursor", "")
        found = sorted(
            (record["at"] + record["id"], record)
            for record in self.records.values()
            if since <= datetime.fromisoformat(record["at"]) < until and record["at"] + record["id"] > after
        )
        page = [record for _, record in found[:SIZE]]
        self.said.append([json.dumps(record, sort_keys=True) for record in page])
        member = "items" if self.odd and query["from"].startswith(self.odd) else "data"
        return json_reply({member: page, "next": found[SIZE - 1][0] if len(found) > SIZE else None})

    def _detail(self, name: str) -> Answer:
        """The first record of each day is gone, the second has nothing to say."""
        if name.endswith("-0"):
            return json_reply({"error": "gone"}, status=404)
        return json_reply(None if name.endswith("-1") else {"id": name, "text": name * 20})

    def _feed(self, before: str | None) -> Answer:
        """Newest first, down to the beginning."""
        found = sorted(((record["at"] + record["id"], record) for record in self.records.values()), reverse=True)
        rest = [pair for pair in found if before is None or pair[0] < before]
        page = rest[:SIZE]
        following = page[-1][0] if len(rest) > SIZE else None
        return json_reply({"data": [record for _, record in page], "next": following})

    def put(self, at: str, name: str, **values: Any) -> None:
        self.records[name] = {"id": name, "at": at, **values}


def a_week(days: tuple[str, ...] = DAYS, *, count: int = 5, odd: str = "") -> Api:
    """So many records each day."""
    api = Api(odd=odd, state=[{"id": "x", "n": 1}, {"id": "y", "n": 1.10}])
    for day in days:
        for number in range(count):
            api.put(f"{day}T{number:02}:30:00Z", f"{day}-{number}", value=number, text="é" * number)
    return api


@dataclass
class Scene:
    """An archive to begin from, copied for each case, and the server it asks."""

    template: Path
    api: Api
    server: Server
    folder: Path
    made: int = 0
    deed: Deed = FETCH  # what is interrupted
    ends: tuple[Exit, ...] = (Exit.DONE,)  # how it may end when nothing happens to it
    lanes: int = 1  # that ask at once
    every_run: tuple[str, ...] = ("/state",)  # what each run asks
    runs: bool = True  # there is something to run before it
    more: int = 1  # runs after it until there is nothing left to do
    appears: bool = False  # the archive is made by the deed, whole or not at all

    @property
    def is_fetch(self) -> bool:
        return self.deed is FETCH

    @property
    def begin(self) -> Place:
        """The place that is copied."""
        return place_in(self.template)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A copy to spoil."""
        self.made += 1
        folder = self.folder / f"case{self.made}"
        shutil.copytree(self.template, folder, symlinks=True)
        self.server.seen.clear()
        yield place_in(folder)
        shutil.rmtree(folder)

    def asked(self) -> Counter[str]:
        """How often each request came."""
        return Counter(seen.target for seen in self.server.seen)


def place_in(folder: Path) -> Place:
    return Place(folder / "archive", folder / "state", folder / "home")


def source_text(url: str, *, days: tuple[str, ...] = DAYS, lookback: str = "0d", more: str = "") -> str:
    """The source file `demo`."""
    return (SOURCE + STATE).format(lookback=lookback, url=url, first=days[0], last=days[-1], more=more)


@contextmanager
def a_scene(
    folder: Path,
    api: Api,
    *,
    days: tuple[str, ...] = DAYS,
    lookback: str = "0d",
    more: str = "",
    text: str | None = None,
) -> Iterator[Scene]:
    """An archive with a source, nothing fetched yet. `text`: the source file, with `{url}` in it."""
    template = folder / "template"
    place = place_in(template)
    for path in (place.state, place.home):
        path.mkdir(parents=True)
    setup.init(place.archive, place.world(watched=False), zone="UTC")
    with Server(api) as server:
        described = source_text(server.url, days=days, lookback=lookback, more=more)
        put_file(place, "sources/demo.toml", described if text is None else text.replace("{url}", server.url))
        yield Scene(template, api, server, folder)


def put_file(place: Place, path: str, text: str) -> None:
    """Commit a file, as its user would."""
    world = place.world(watched=False)
    with for_writing(place.archive, world, command="test") as opened:
        change = FileChange(path, text.encode())
        opened.store.commit(Batch((change,), f"Write {path}\n", world.clock.now()), opened.store.head())
        opened.store.finish()


def git(archive: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=archive, capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def documents(archive: Path) -> dict[str, str]:
    """Path and blob of everything archived but run records; of a removed stream, that it is removed."""
    lines = git(archive, "ls-tree", "-r", "HEAD").splitlines()
    found = (line.split("\t") for line in lines)
    blobs = {path: entry.split(" ")[2] for entry, path in found if "/_runs/" not in path}
    return {path: "removed" if path.endswith("/_removed.json") else blob for path, blob in blobs.items()}


def records_in(archive: Path) -> list[str]:
    """Every archived record of `items`, as JSON."""
    found = []
    for path in documents(archive):
        if path.startswith("demo/items/2"):
            found += [json.dumps(record, sort_keys=True) for record in json.loads(git(archive, "show", f"HEAD:{path}"))]
    return sorted(found)


def ever_archived(archive: Path) -> set[str]:
    """Every version of every record of `items` in the whole history, as JSON."""
    listed = (line.partition(" ") for line in git(archive, "rev-list", "--objects", "HEAD").splitlines())
    blobs = {blob for blob, _, path in listed if path.startswith("demo/items/2") and path.endswith(".json")}
    texts = [json.loads(git(archive, "cat-file", "blob", blob)) for blob in blobs]
    return {json.dumps(record, sort_keys=True) for records in texts for record in records}


# --- two scenes ---

EDITED = f" M README.md\n M demo/items/2026/03/{DAYS[0]}.json\n?? notes.txt\n"


@contextmanager
def a_first_fetch(folder: Path) -> Iterator[Scene]:
    """Three days and a state to be fetched for the first time."""
    with a_scene(folder, a_week()) as scene:
        scene.more = 0
        yield scene


@contextmanager
def a_revision(folder: Path) -> Iterator[Scene]:
    """All was fetched; then the server changed, and the user edited files without committing."""
    api = a_week()
    with a_scene(folder, api, lookback="3d") as scene:
        place = scene.begin
        said = fetch(place)
        assert said.ended == Exit.DONE, said
        fetch(place)  # leaves a run record waiting
        api.put(f"{DAYS[1]}T05:30:00Z", f"{DAYS[1]}-0", value="moved within its day")
        api.put(f"{DAYS[1]}T10:30:00Z", f"{DAYS[2]}-1", value="moved to the day before")
        api.put(f"{DAYS[2]}T23:30:00Z", "late", value=1)
        del api.records[f"{DAYS[2]}-2"]
        api.state[0]["n"] = 2
        (place.archive / "README.md").write_text("mine\n")
        (place.archive / f"demo/items/2026/03/{DAYS[0]}.json").write_text("[]\n")
        (place.archive / "notes.txt").write_text("mine\n")
        yield scene
