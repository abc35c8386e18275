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
from pathlib import Path
from typing import Any

from snapshotter.archive import setup
from snapshotter.archive.opening import for_writing
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.server import Answer, Seen, Server, json_reply
from tests.torture.children import Place, fetch

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

    def __call__(self, request: Seen) -> Answer:
        if request.path == "/state":
            return json_reply({"data": self.state})
        query = dict(request.query)
        since, until = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        after = query.get("cursor", "")
        found = sorted(
            (record["at"] + record["id"], record)
            for record in self.records.values()
            if since <= datetime.fromisoformat(record["at"]) < until and record["at"] + record["id"] > after
        )
        page = [record for _, record in found[:SIZE]]
        self.said.append([json.dumps(record, sort_keys=True) for record in page])
        return json_reply({"data": page, "next": found[SIZE - 1][0] if len(found) > SIZE else None})

    def put(self, at: str, name: str, **values: Any) -> None:
        self.records[name] = {"id": name, "at": at, **values}


def a_week(days: tuple[str, ...] = DAYS, *, count: int = 5) -> Api:
    """So many records each day."""
    api = Api(state=[{"id": "x", "n": 1}, {"id": "y", "n": 1.10}])
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


@contextmanager
def a_scene(folder: Path, api: Api, *, days: tuple[str, ...] = DAYS, lookback: str = "0d") -> Iterator[Scene]:
    """An archive with a source, nothing fetched yet."""
    template = folder / "template"
    place = place_in(template)
    for path in (place.state, place.home):
        path.mkdir(parents=True)
    world = place.world(watched=False)
    setup.init(place.archive, world, zone="UTC")
    with Server(api) as server:
        source = (SOURCE + STATE).format(lookback=lookback, url=server.url, first=days[0], last=days[-1])
        with for_writing(place.archive, world, command="test") as opened:
            change = FileChange("sources/demo.toml", source.encode())
            opened.store.commit(Batch((change,), "Describe demo\n", world.clock.now()), opened.store.head())
            opened.store.finish()
        yield Scene(template, api, server, folder)


def git(archive: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=archive, capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def documents(archive: Path) -> dict[str, str]:
    """Path and blob of everything archived: no settings, no run records."""
    lines = git(archive, "ls-tree", "-r", "HEAD", "demo").splitlines()
    found = (line.split("\t") for line in lines)
    return {path: entry.split(" ")[2] for entry, path in found if "/_runs/" not in path}


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
        yield scene


@contextmanager
def a_revision(folder: Path) -> Iterator[Scene]:
    """All was fetched; then the server changed, and the user edited files without committing."""
    api = a_week()
    with a_scene(folder, api, lookback="3d") as scene:
        place = place_in(scene.template)
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
