"""How far one writer goes with workers elsewhere: 200 lanes on a Dask cluster on loopback.

    python benchmarks/executors.py [--lanes N] [--pages N] [--json]

Each way is a `snap fetch` of its own, of an archive with a source a lane, one stream of some pages each, one commit a
lane. `paced`: 250 ms between two requests of a lane, and workers with five threads, so that each has five lanes at
once: what they bring grows with them. `unpaced`: no pause, so that somebody is the limit. `CPU` is what the writing
process used for a page, start-up apart; what a core of its own would let it take is 1 / CPU. `twice` counts requests
that were made again, `lost` records that are not in the archive. Server, scheduler, workers and writer share the cores
of this machine: where these are the limit, more workers bring nothing, and CPU says how far the
writer is from its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

import rows
from distributed import Client
from processes import SNAP, ended

from tests.clusters import Cluster, a_cluster

THREADS = 5  # of a worker
RECORDS = 20  # on a page
SOURCE = """\
format = 1
source = "{name}"

[client]
base_url = "{url}"

[pacing]
lane = "{name}"
min_interval = "{interval}"

[streams.things]
kind = "snapshot"
path = "/{name}"
records = "data"
id = "id"
params = {{ pages = {pages} }}
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
"""


@dataclass(frozen=True)
class Measured:
    """One way of asking."""

    name: str
    pages: int
    seconds: float  # from the first request to the end of the process
    cpu: float  # seconds of the writer, start-up apart
    twice: int
    lost: int

    @property
    def rate(self) -> float:
        """Pages a second."""
        return self.pages / self.seconds

    @property
    def limit(self) -> float:
        """Pages a second that the writer could take with a core of its own."""
        return self.pages / self.cpu


# --- the server: a process of its own ---


def serve(pipe: Connection) -> None:
    """Answer pages; asked for the "count", say how many; asked "how", say which since the last time."""
    asked: Counter[str] = Counter()
    first: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode()
                first[:] = first or [time.monotonic()]
                asked[target] += 1
                parts = urlsplit(target)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                page = int(query.get("cursor", 1))
                following = str(page + 1) if page < int(query["pages"]) else None
                data = [{"id": page * RECORDS + place, "text": "x" * 200} for place in range(RECORDS)]
                body = json.dumps({"data": data, "next": following}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    def told() -> None:
        if pipe.recv() == "count":
            pipe.send(sum(asked.values()))
            return
        pipe.send((dict(asked), first[0] if first else 0.0))
        asked.clear()
        first.clear()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        asyncio.get_running_loop().add_reader(pipe.fileno(), told)
        await server.serve_forever()

    asyncio.run(main())


class Bench:
    """Archives of many lanes that ask one server."""

    def __init__(self, folder: Path, lanes: int) -> None:
        self.folder = folder
        self.lanes = lanes
        self.env = os.environ | {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), "TZ": "UTC"}
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        context.Process(target=serve, args=(theirs,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.pipe.recv()}"

    def archive(self, name: str, *, pages: int, interval: str) -> Path:
        """An archive with a source for each lane."""
        path = self.folder / name
        subprocess.run([*SNAP, "init", str(path)], env=self.env, check=True, capture_output=True)
        for number in range(self.lanes):
            own = f"{name}-{number:04}"
            text = SOURCE.format(name=own, url=self.url, interval=interval, pages=pages)
            (path / f"sources/{own}.toml").write_text(text)
        return path

    def measured(
        self,
        name: str,
        *,
        pages: int,
        interval: str = "0s",
        executor: str | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Measured:
        """One fetch."""
        path = self.archive(name.replace(" ", "-").replace(",", ""), pages=pages, interval=interval)
        base = self._run(path, ["--dry-run"])
        given = [] if executor is None else ["--executor", executor]
        process = subprocess.Popen([*SNAP, "-C", str(path), "fetch", "-q", *given], env=self.env)
        if meanwhile is not None:
            meanwhile()
        used = ended(process)
        end = time.monotonic()
        assert process.returncode == 0, f"{name}: {process.returncode}"
        self.pipe.send("how")
        asked, first = self.pipe.recv()
        expected = self.lanes * pages
        stored = sum(_records(file) for file in path.glob("*/things/snapshot.json"))
        return Measured(
            name=name,
            pages=expected,
            seconds=end - first,
            cpu=used.cpu - base,
            twice=sum(asked.values()) - len(asked),
            lost=expected * RECORDS - stored,
        )

    def count(self) -> int:
        """How many requests came so far."""
        self.pipe.send("count")
        return int(self.pipe.recv())

    def _run(self, path: Path, words: list[str]) -> float:
        """The CPU that a run costs which asks nothing."""
        command = [*SNAP, "-C", str(path), "fetch", *words]
        return ended(subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL)).cpu


def _records(file: Path) -> int:
    return len(json.loads(file.read_text()))


def workers(cluster: Cluster, count: int) -> None:
    """As many workers as that, all of them there."""
    for number in range(len(cluster.workers), count):
        cluster.hire(f"worker-{number}", threads=THREADS)
    with Client(cluster.address) as client:
        client.wait_for_workers(count, timeout=60)


def measure(bench: Bench, *, paced: int, unpaced: int) -> list[Measured]:
    """All ways, one after the other."""
    found = [bench.measured("unpaced here", pages=unpaced)]
    with a_cluster(bench.folder / "cluster") as cluster:
        for count in (2, 4):
            workers(cluster, count)
            of = f"{count} workers"
            found.append(bench.measured(f"paced {of}", pages=paced, interval="250ms", executor=cluster.executor))
            found.append(bench.measured(f"unpaced {of}", pages=unpaced, executor=cluster.executor))

        def kill() -> None:
            while bench.count() < paced * bench.lanes // 2:
                time.sleep(0.05)
            cluster.workers["worker-0"].kill()

        name = "paced 4, one killed"
        found.append(bench.measured(name, pages=paced, interval="250ms", executor=cluster.executor, meanwhile=kill))
    return found


def table(found: list[Measured], lanes: int) -> str:
    """The result for people."""
    lines = [f"{lanes} lanes", ""]
    lines.append(f"{'':22}{'pages':>7}{'took':>9}{'pages/s':>9}{'CPU/page':>10}{'1/CPU':>8}{'twice':>7}{'lost':>6}")
    for one in found:
        numbers = f"{one.pages:>7}{one.seconds:>8.2f}s{one.rate:>9.0f}{1000 * one.cpu / one.pages:>8.2f}ms"
        lines.append(f"{one.name:22}{numbers}{one.limit:>8.0f}{one.twice:>7}{one.lost:>6}")
    return "\n".join([*lines, "", *(f"{name:58}{ratio:>8.2f}" for name, ratio in facts(found, lanes).items())])


def facts(found: list[Measured], lanes: int) -> dict[str, float]:
    """What to compare, each with another of the same run; and the writer's cost, taken apart."""
    by = {one.name: one for one in found}
    few, many = by["paced 4 workers"], by["unpaced 4 workers"]
    page = (many.cpu - few.cpu) / (many.pages - few.pages)
    return {
        "paced: pages/s of 4 workers by those of 2": few.rate / by["paced 2 workers"].rate,
        "unpaced: pages/s of 4 workers by those of 2": many.rate / by["unpaced 2 workers"].rate,
        "unpaced: pages/s of 4 workers by those of one process": many.rate / by["unpaced here"].rate,
        "CPU of one process by that of the writer": by["unpaced here"].cpu / many.cpu,
        "ms of the writer's CPU: a page": 1000 * page,
        "ms of the writer's CPU: a lane with its commit": 1000 * (few.cpu - few.pages * page) / lanes,
    }


def shared(found: list[Measured], lanes: int) -> list[rows.Row]:
    """The same for the table of all benchmarks."""
    by = {one.name: one for one in found}
    two, four, killed = by["paced 2 workers"], by["paced 4 workers"], by["paced 4, one killed"]
    here, there = by["unpaced here"], by["unpaced 4 workers"]
    topic, all_records = "Past one machine", killed.pages * RECORDS
    kept, more, spared = all_records - killed.lost, four.rate / two.rate, there.limit / here.limit
    return [
        rows.Row(topic, f"{lanes} lanes, paced: 4 workers", four.rate, "pages/s", "2 workers", two.rate, more, 1.8),
        rows.Row(topic, "what one writer could take", there.limit, "pages/s", "one process", here.limit, spared),
        rows.Row(topic, "a worker is killed: kept", kept, "records", "all", all_records, kept / all_records, 1.0),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lanes", type=int, default=200)
    parser.add_argument("--pages", type=int, default=6, help="of a lane that is paced; twice as many else")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        bench = Bench(Path(name), given.lanes)
        found = measure(bench, paced=given.pages, unpaced=2 * given.pages)
    rows.put(*shared(found, given.lanes))
    if given.json:
        told = [asdict(one) | {"rate": one.rate, "limit": one.limit} for one in found]
        print(json.dumps({"lanes": given.lanes, "rows": told, "facts": facts(found, given.lanes)}))
    else:
        print(table(found, given.lanes))


if __name__ == "__main__":
    main()
