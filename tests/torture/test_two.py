"""Two machines, one remote: runs, pushes and pulls in any order, killed at any act or at any time, git with them.

In one form each machine archives a source of its own, in the other both archive the same one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from snapshotter.archive import fetching, setup, sharing, trust
from snapshotter.archive.opening import for_writing
from snapshotter.cli.exits import code_of
from snapshotter.errors import SnapError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit, FetchOptions
from tests.server import Answer, Seen, Server, json_reply
from tests.torture.children import Child, Place, Said, say
from tests.torture.faults import Fault
from tests.torture.judging import check_sound
from tests.torture.points import FORM, counted
from tests.torture.scenes import DAYS, SIZE, git

SEEDS = {"short": 1, "long": 12, "full": 24}[FORM]
PARTS = {"short": 1, "long": 4, "full": 8}[FORM]  # so that nobody waits for one long test at the end
TURNS = 20
SOURCE = """\
format = 1
source = "{name}"
[client]
base_url = "{url}/{name}"
[pacing]
min_interval = "1ms"
[streams.items]
kind = "series"
path = "/items"
records = "data"
id = "id"
params = {{ from = "{{window.start|iso}}", to = "{{window.end|iso}}" }}
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
window = {{ start = "{first}", end = "{last}", step = "1d", lookback = "3d" }}
day = {{ field = "at", parse = "instant", zone = "UTC" }}
"""
WAIT = 20.0  # for the git of a run that died
_forks = multiprocessing.get_context("forkserver")


@dataclass
class Api:
    """Pages of records of each source; remembers what it said to whom."""

    records: dict[str, dict[str, dict]] = field(default_factory=lambda: defaultdict(dict))
    said: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))

    def __call__(self, request: Seen) -> Answer:
        source = request.path.split("/")[1]
        query = dict(request.query)
        since, until = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        after = query.get("cursor", "")
        found = sorted(
            (record["at"] + record["id"], record)
            for record in self.records[source].values()
            if since <= datetime.fromisoformat(record["at"]) < until and record["at"] + record["id"] > after
        )
        page = [record for _, record in found[:SIZE]]
        self.said[source].append([json.dumps(record, sort_keys=True) for record in page])
        return json_reply({"data": page, "next": found[SIZE - 1][0] if len(found) > SIZE else None})

    def moves_on(self, source: str, chance: random.Random) -> None:
        """One record comes, changes, moves to another day or goes."""
        name = f"r{chance.randrange(12)}"
        if chance.random() < 0.2:
            self.records[source].pop(name, None)
        else:
            at = f"{chance.choice(DAYS)}T{chance.randrange(24):02}:30:00Z"
            self.records[source][name] = {"id": name, "at": at, "value": chance.randrange(1000)}


@dataclass
class Machine:
    place: Place
    source: str
    owed: set[str] = field(default_factory=set)  # what the server told it

    def does(self, what: str, chance: random.Random, *, kills: str = "") -> Said:
        """Fetch, push or pull; `kills`: never, at an act on the disk, or at a time."""
        for path in (self.place.said, self.place.log):
            path.unlink(missing_ok=True)
        fault = Fault(chance.randrange(1, 60)) if kills == "act" else None
        process = _forks.Process(target=_act, args=(self.place, fault, what, self.source))
        process.start()
        if kills == "time":
            process.join(chance.uniform(0.02, 0.5))
            kill_with_git(process.pid, also_git=chance.random() < 0.5)
        return Child(self.place, process).wait()


def _act(place: Place, fault: Fault | None, what: str, source: str) -> None:
    os.umask(0o077)
    world = place.world(fault)
    try:
        if what == "fetch":
            ran = fetching.fetch(place.archive, FetchOptions(targets=(source,), wait=WAIT), world, tell=lambda _: None)
            said = {"ended": int(ran.exit), "error": "; ".join(problem.why for problem in ran.problems)}
        elif what == "push":
            pushed = sharing.push(place.archive, world, wait=WAIT)
            said = {"ended": int(Exit.DONE if pushed.is_good else Exit.NOT_TOLD), "error": pushed.why}
        else:
            sharing.pull(place.archive, world, wait=WAIT)
            said = {"ended": int(Exit.DONE)}
    except SnapError as error:
        said = {"ended": int(code_of(error)), "error": f"{type(error).__name__}: {error}"}
    except BaseException:  # noqa: BLE001 - as the command's last door does
        said = {"ended": int(Exit.BUG), "error": traceback.format_exc()}
    say(place, said)


def kill_with_git(pid: int | None, *, also_git: bool) -> None:
    """Kill a run, and the git that it started; what runs at the remote's end is no process of this machine."""
    if pid is None:
        return
    below = list(_below(pid)) if also_git else []
    for one in (pid, *below):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _below(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in map(int, children):
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"receive-pack" not in words and b"upload-pack" not in words:
                yield from _below(child)
                yield child
    except FileNotFoundError:
        return


@contextmanager
def two_machines(folder: Path, sources: tuple[str, str]) -> Iterator[tuple[Api, Machine, Machine]]:
    api = Api()
    places = []
    for name in ("one", "two"):
        place = Place(folder / name / "archive", folder / name / "state", folder / name / "home")
        for path in (place.state, place.home):
            path.mkdir(parents=True)
        places.append(place)
    one, two = places
    world = one.world(watched=False)
    setup.init(one.archive, world, zone="UTC")
    with Server(api) as server:
        files = []
        for name in sorted(set(sources)):
            text = SOURCE.format(name=name, url=server.url, first=DAYS[0], last=DAYS[-1])
            files.append(FileChange(f"sources/{name}.toml", text.encode()))
        with for_writing(one.archive, world, command="test") as opened:
            opened.store.commit(Batch(tuple(files), "Describe\n", world.clock.now()), opened.store.head())
            opened.store.finish()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder / "remote.git"], check=True)
        git(one.archive, "remote", "add", "origin", str(folder / "remote.git"))
        assert sharing.push(one.archive, world).is_good
        sharing.clone(str(folder / "remote.git"), two.archive, two.world(watched=False))
        for place in places:
            trust.agree(place.archive, place.world(), trust.look(place.archive, place.world()))
        yield api, Machine(one, sources[0]), Machine(two, sources[1])


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("sources", [("left", "right"), ("both", "both")], ids=["a source each", "the same source"])
def test_two_machines_with_kills_lose_nothing_and_become_one(tmp_path, sources, part):
    with counted(f"two machines, {'the same source' if sources[0] == sources[1] else 'a source each'}") as tried:
        for seed in range(part, SEEDS, PARTS):
            folder = tmp_path / str(seed)
            with tried.point(f"seed {seed}"), two_machines(folder, sources) as (api, one, two):
                kills = play(api, one, two, random.Random(f"{sources} {seed}"))
                check_one(folder / "remote.git", api, one, two)
                assert kills >= TURNS // 4, "hardly anything was killed"
                tried.points += kills
            shutil.rmtree(folder)


def play(api: Api, one: Machine, two: Machine, chance: random.Random) -> int:
    """Twenty interleaved runs; after each one perhaps a push or a pull. Gives how many were killed."""
    kills = 0
    for _ in range(TURNS):
        machine = chance.choice((one, two))
        for source in {one.source, two.source}:
            api.moves_on(source, chance)
        steps: list[str] = ["fetch", *chance.choice(((), ("push",), ("push",), ("pull",)))]
        for what in steps:
            before = len(api.said[machine.source])
            said = machine.does(what, chance, kills=chance.choice(("", "act", "time")))
            told = api.said[machine.source][before:]
            kills += said.killed
            assert said.killed or said.ended == Exit.DONE, (what, said)
            if what == "fetch":
                whole = told[:-1] if said.killed else told  # the last one was on its way, perhaps
                machine.owed |= {record for page in whole for record in page}
    return kills


def check_one(remote: Path, api: Api, one: Machine, two: Machine) -> None:
    """The next runs need nobody; then all is one, as the servers say, and nothing that they ever said is lost."""
    calm = random.Random(0)
    for what in ("fetch", "fetch", "push", "pull"):  # the first one may go on with answers from before
        for machine in (one, two):
            said = machine.does(what, calm)
            assert said.ended == Exit.DONE, (what, said)
    heads = {git(machine.place.archive, "rev-parse", "HEAD") for machine in (one, two)}
    assert heads == {git(remote, "rev-parse", "main")}
    subprocess.run(["git", "fsck", "--strict", "--no-dangling"], cwd=remote, check=True, capture_output=True)
    for machine in (one, two):
        check_sound(machine.place)
        for source in {one.source, two.source}:
            stands = sorted(records_of(machine.place.archive, source))
            assert stands == sorted(json.dumps(record, sort_keys=True) for record in api.records[source].values())
        lost = machine.owed - ever_of(one.place.archive, machine.source)
        assert not lost, f"lost: {sorted(lost)[:3]}"


def records_of(archive: Path, source: str) -> Iterator[str]:
    for line in git(archive, "ls-tree", "-r", "HEAD", f"{source}/items").splitlines():
        entry, path = line.split("\t")
        if "/_" not in path:
            yield from _records(archive, entry.split(" ")[2])


def ever_of(archive: Path, source: str) -> set[str]:
    """Every version of every record in the whole history."""
    listed = (line.partition(" ") for line in git(archive, "rev-list", "--objects", "HEAD").splitlines())
    blobs = {blob for blob, _, path in listed if path.startswith(f"{source}/items/2") and path.endswith(".json")}
    return {record for blob in blobs for record in _records(archive, blob)}


def _records(archive: Path, blob: str) -> Iterator[str]:
    for record in json.loads(git(archive, "cat-file", "blob", blob)):
        yield json.dumps(record, sort_keys=True)
