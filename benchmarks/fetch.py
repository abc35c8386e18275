"""How fast a whole `snap fetch` is beside a bare loop of requests and orjson, and what starting costs.

    python benchmarks/fetch.py [PAGES] [--profile]

Everything is measured in this run, each in a process of its own, against a server in a process of its own on loopback
with TCP_NODELAY. Pages have 100 records and end in a cursor; they are asked as one window and as 34. `--profile`
prints where the time of the one window goes.

Where `dlt` is installed, it fetches the same pages into JSONL files. It need not be in the same environment:

    python -m venv /tmp/dlt && /tmp/dlt/bin/pip install dlt
    DLT_PYTHON=/tmp/dlt/bin/python python benchmarks/fetch.py
"""

from __future__ import annotations

import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import rows
from processes import ended

DAYS = 34
FIRST = date(2024, 1, 1)
RECORDS = 100
STARTS = 15
TIMES = 3

SOURCE = """\
format = 1
source = "bench"

[client]
base_url = "{base_url}"

[pacing]
min_interval = "0s"
concurrency = 1

[streams.things]
kind = "series"
path = "/things"
records = "data"
id = "id"
every = "1000d"
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
day = {{ field = "at", parse = "instant", zone = "UTC" }}
refresh = {{ policy = "never" }}

[streams.things.window]
start = "{start}"
end = "{end}"
step = "{step}"
params = {{ since = "{{window.start|date}}", until = "{{window.end|date}}" }}
"""

LOOP = """
import pathlib, sys, time
import orjson, requests
url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
session, cursor, count = requests.Session(), None, 0
began = time.perf_counter()
while True:
    params = {"cursor": cursor} if cursor else {}
    answer = session.get(url, params=params, timeout=60)
    answer.raise_for_status()
    body = orjson.loads(answer.content)
    (folder / f"{count}.json").write_bytes(orjson.dumps(body["data"]))
    count += 1
    cursor = body["next"]
    if not cursor:
        break
print(count, time.perf_counter() - began)
"""

DLT = """
import sys
import dlt
from dlt.destinations import filesystem
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_source
url, folder = sys.argv[1:]
paginator = JSONResponseCursorPaginator(cursor_path="next", cursor_param="cursor")
things = {"name": "things", "endpoint": {"path": "things", "data_selector": "data", "paginator": paginator}}
files = filesystem(bucket_url="file://" + folder)
pipeline = dlt.pipeline("bench", pipelines_dir=folder + "/work", destination=files, dataset_name="bench")
pipeline.run(rest_api_source({"client": {"base_url": url}, "resources": [things]}), loader_file_format="jsonl")
print(pipeline.last_trace.last_normalize_info.row_counts["things"])
"""
BARE, PEER = "bare requests + orjson", "dlt, to JSONL files"
ONE, MANY = "snap fetch, one window", f"snap fetch, {DAYS} windows"
GOAL = 0.8  # of the speed of the bare loop
MEMORY = 120.0  # MB at most
ABOVE = {"snap --help": 60.0, "snap fetch, nothing to do": 250.0}  # milliseconds


# --- the server ---


def page_days(pages: int) -> list[int]:
    """The day of each page: no page crosses a day, so both ways of asking get the same pages."""
    return [number * DAYS // pages for number in range(pages)]


def bodies(pages: int) -> list[bytes]:
    chance, days = random.Random(1), page_days(pages)
    made = []
    for number in range(pages):
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=days[number])
        first = days.index(days[number])
        data = [
            {
                "id": number * RECORDS + index,
                "at": (start + timedelta(seconds=(number - first) * 900 + index)).isoformat(),
                "value": round(chance.random() * 100, 3),
                "place": f"{chance.randint(1, 200)} km N of Town{chance.randint(1, 999)}",
                "tags": ["a", "b"],
                "ok": True,
            }
            for index in range(RECORDS)
        ]
        made.append(json.dumps(data).encode())
    return made


def serve(pages: int) -> None:
    """Answer on one connection after the other until the process is ended."""
    made, days = bodies(pages), page_days(pages)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                while lines.readline().strip():
                    pass
                query = parse_qs(urlsplit(line.split()[1].decode()).query)
                connection.sendall(answer(query, made, days))


def answer(query: dict[str, list[str]], made: list[bytes], days: list[int]) -> bytes:
    last = len(made)
    number = int(query["cursor"][0]) if "cursor" in query else 0
    if "since" in query:
        since, until = ((date.fromisoformat(query[name][0]) - FIRST).days for name in ("since", "until"))
        inside = [index for index, day in enumerate(days) if since <= day < until]
        last = inside[-1] + 1 if inside else 0
        number = number or (inside[0] if inside else 0)
    data = made[number] if number < last else b"[]"
    following = f'"{number + 1}"' if number + 1 < last else "null"
    body = b'{"data":%b,"next":%b}' % (data, following.encode())
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@contextmanager
def a_server(pages: int) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(pages)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


# --- measuring ---


@dataclass(frozen=True)
class Ran:
    seconds: float
    cpu: float  # user and system: what a busy machine does not change much
    megabytes: float
    out: str

    @staticmethod
    def middle(runs: Sequence[Ran]) -> Ran:
        """The one of median time."""
        return sorted(runs, key=lambda ran: ran.seconds)[len(runs) // 2]


def run(words: Sequence[str], folder: Path, state: Path, *, python: str = sys.executable) -> Ran:
    """A process from its start to its end, and the most memory it had."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
    env |= {"XDG_STATE_HOME": str(state), "GIT_CONFIG_NOSYSTEM": "1", "PYTHONPYCACHEPREFIX": str(state / "pycache")}
    env |= {"RUNTIME__DLTHUB_TELEMETRY": "false"}
    began = time.perf_counter()
    process = subprocess.Popen([python, *words], cwd=folder, env=env, stdout=subprocess.PIPE)
    out = process.stdout.read().decode()
    process.stdout.close()
    used = ended(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{' '.join(words)} gave {process.returncode}")
    return Ran(seconds, used.cpu, used.megabytes, out)


def an_archive(folder: Path, base_url: str, step: str, *, days: int = DAYS) -> Path:
    run(["-m", "snapshotter", "init", str(folder), "--zone", "UTC"], folder.parent, folder.parent)
    end = FIRST + timedelta(days=days - 1)
    text = SOURCE.format(base_url=base_url, start=FIRST, end=end, step=step)
    (folder / "sources/bench.toml").write_text(text)
    return folder


def compare(pages: int, *, profile: bool) -> None:
    with TemporaryDirectory() as name, a_server(pages) as url:
        base = Path(name)
        first = an_archive(base / "first", url, "1d", days=3)
        run(["-m", "snapshotter", "fetch"], first, base)  # so that all is compiled, as pip does it
        ways = {BARE: "", MANY: "1d", ONE: "500d", **({PEER: "dlt"} if _dlt() else {})}
        runs: dict[str, list[Ran]] = {words: [] for words in ways}
        for number in range(TIMES):  # in turn, so that a busy machine is busy for all
            for words, step in ways.items():
                runs[words].append(once(base / f"{number}-{step or 'loop'}", url, step))
        ran = {words: Ran.middle(some) for words, some in runs.items()}
        print(f"{pages} pages of {RECORDS} records, median of {TIMES}")
        print(f"  {'':<28} {'seconds':>8} {'ms/page':>8} {'ratio':>6} {'CPU s':>7} {'ratio':>6} {'memory':>8}")
        for words, one in ran.items():
            row(words, one, pages, ran[BARE])
        gather(ran)
        inner = float(ran[BARE].out.split()[1])
        print(f"  {'(the loop without its start)':<28} {inner:8.2f} {inner / pages * 1000:8.2f}")
        beside_dlt(ran, pages)
        starting(base / "0-500d", base)
        if profile:
            profiled(an_archive(base / "profiled", url, "500d"), base)


def beside_dlt(ran: Mapping[str, Ran], pages: int) -> None:
    """The goal is four times as fast; one window is what dlt does too."""
    if PEER not in ran:
        print("  dlt is not installed here; see the head of this file")
        return
    if int(ran[PEER].out) != pages * RECORDS:
        sys.exit(f"dlt wrote {ran[PEER].out.strip()} records of {pages * RECORDS}")
    wall, cpu = (getattr(ran[PEER], name) / getattr(ran[ONE], name) for name in ("seconds", "cpu"))
    rows.put(rows.Row("Fetch", ONE, ran[ONE].seconds, "s", PEER, ran[PEER].seconds, wall, 4.0, cpu=cpu))
    print(f"  dlt takes {wall:.1f} times as long as one window of snap fetch, and {cpu:.1f} times the CPU time")


def _dlt() -> str | None:
    """The Python that has dlt."""
    if found := os.environ.get("DLT_PYTHON"):
        return found
    return sys.executable if find_spec("dlt") is not None else None


def once(folder: Path, url: str, step: str) -> Ran:
    if step == "dlt":
        folder.mkdir()
        return run(["-c", DLT, url, str(folder)], folder, folder.parent, python=_dlt() or sys.executable)
    if step:
        return run(["-m", "snapshotter", "fetch"], an_archive(folder, url, step), folder.parent)
    folder.mkdir()
    return run(["-c", LOOP, f"{url}/things", str(folder)], folder.parent, folder.parent)


def row(words: str, ran: Ran, pages: int, loop: Ran) -> None:
    per_page = ran.seconds / pages * 1000
    wall = f"{ran.seconds:8.2f} {per_page:8.2f} {loop.seconds / ran.seconds:6.2f}"
    print(f"  {words:<28} {wall} {ran.cpu:7.2f} {loop.cpu / ran.cpu:6.2f} {ran.megabytes:5.0f} MB")


def gather(ran: Mapping[str, Ran]) -> None:
    """Hand on what was measured."""
    loop = ran[BARE]
    for words in (ONE, MANY):
        ours = ran[words]
        ratio, cpu = loop.seconds / ours.seconds, loop.cpu / ours.cpu
        rows.put(
            rows.Row("Fetch", words, ours.seconds, "s", BARE, loop.seconds, ratio, GOAL, cpu=cpu),
            rows.share("Fetch", f"{words}: memory", ours.megabytes, "MB", limit=MEMORY),
        )


def starting(folder: Path, state: Path) -> None:
    """What a start costs, the three of them in turn so that a busy machine is busy for all."""
    commands = {
        "python -c pass": ["-c", "pass"],
        "snap --help": ["-m", "snapshotter", "--help"],
        "snap fetch, nothing to do": ["-m", "snapshotter", "fetch", "--json"],
    }
    told = json.loads(run(commands["snap fetch, nothing to do"], folder, state).out)
    asked = sum(stream.get("requests", 0) for stream in told["streams"])
    times: dict[str, list[Ran]] = {words: [] for words in commands}
    for _ in range(STARTS):
        for words, command in commands.items():
            times[words].append(run(command, folder, state))
    print(f"\nstarting, median of {STARTS}, beside bare Python (the last one sent {asked} requests)")
    for words, runs in times.items():
        wall, cpu = (_middle(runs, name) - _middle(times["python -c pass"], name) for name in ("seconds", "cpu"))
        whole = _middle(runs, "seconds")
        print(f"  {words:<28} {whole * 1000:6.0f} ms {wall * 1000:+6.0f} ms, of CPU {cpu * 1000:+6.0f} ms")
        if words in ABOVE:
            what, limit = f"{words}, above bare Python", ABOVE[words]
            rows.put(rows.share("Start", what, wall * 1000, "ms", limit=limit))


def _middle(runs: Sequence[Ran], name: str) -> float:
    return statistics.median(getattr(ran, name) for ran in runs)


def profiled(folder: Path, state: Path) -> None:
    """Where the time goes: all threads, by time spent inside."""
    run(["-c", PROFILE, str(folder)], folder, state)
    print(f"\n{(folder / 'profile.txt').read_text()}")


PROFILE = """
import cProfile, io, pathlib, pstats, sys, threading
profilers = []
def begin(self, inner=threading.Thread.run):
    own = cProfile.Profile()
    profilers.append(own)
    own.runcall(inner, self)
threading.Thread.run = begin
from snapshotter.cli import snap
from snapshotter.cli.exits import run
own = cProfile.Profile()
own.runcall(run, snap, ["fetch"])
text = io.StringIO()
for title, profile in [("the thread that commits", own), *(("a lane", lane) for lane in profilers)]:
    print(title, file=text)
    stats = pstats.Stats(profile, stream=text).strip_dirs()
    stats.sort_stats("tottime").print_stats(22)
    stats.sort_stats("cumtime").print_stats(30)
pathlib.Path(sys.argv[1], "profile.txt").write_text(text.getvalue())
"""


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word.isdecimal()]
    if "--serve" in sys.argv:
        serve(int(given[0]))
    else:
        compare(int(given[0]) if given else 1000, profile="--profile" in sys.argv)
