"""Whether the cost of a command follows the news or the archive: one archive beside one a hundred times as big.

    python benchmarks/flat.py [SMALL] [BIG]        days in all, by default 1,000 and 100,000, on 20 streams

Both are made by `git fast-import` from our own run records: the last year of each stream day by day, the rest in
windows of thirty days. Every command is a process of its own; the archives take turns, and the fastest of several
counts. `without index` is the same with `.git/index` taken away before: what git's index costs is the difference.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

from snapshotter.archive import setup
from snapshotter.core import messages, paths, runs
from snapshotter.edge.world import World
from snapshotter.model import DayFact, JobStory, PageFact, Reason, RunRecord, Window

SOURCES, STREAMS = 4, 5
LAST = date(2024, 12, 31)  # the last archived day
ROUNDS = 7
ONE = timedelta(days=1)
RATIO, ABOVE = 1.2, 300  # the goals: big beside small, and milliseconds above bare start-up


# --- an archive of any size ---


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


def item(day: date) -> dict[str, str]:
    return {"at": f"{day}T12:00:00Z", "id": f"r{day:%Y%m%d}", "note": "x" * 60}


def document(day: date) -> bytes:
    return b"[\n" + json.dumps(item(day), separators=(",", ":"), sort_keys=True).encode() + b"\n]\n"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def windows(days: int) -> Iterator[tuple[date, int]]:
    """First day and length: thirty days at once, the last year day by day."""
    first = LAST - (days - 1) * ONE
    while first <= LAST:
        length = 1 if first > LAST - 365 * ONE else min(30, (LAST - 364 * ONE - first).days)
        yield first, length
        first += length * ONE


def record(source: str, stream: str, first: date, length: int, *, turn: int) -> tuple[RunRecord, dict[str, bytes]]:
    days = [first + number * ONE for number in range(length)]
    data = {day: document(day) for day in days}
    at = midnight(days[-1] + ONE) + timedelta(hours=3)
    window = Window(midnight(first), midnight(days[-1] + ONE))
    story = JobStory(
        job=f"{source}/{stream} {window.start.isoformat()} {window.end.isoformat()}",
        reason=Reason.RECENT,
        why=f"{first}: never asked",
        window=window,
        proved=window,
        zone="UTC",
        stop="one_page",
        at=at,
        requests=1,
        pages=(PageFact(0, 200, "GET http://api/items", "ab" * 32, 100, at, length),),
        received=length,
        stored=length,
        days={day: DayFact(1, hashlib.sha256(data[day]).hexdigest(), "new", added=1) for day in days},
    )
    run = runs.run_id(at, hash((source, stream)))
    made = RunRecord(run, 1, bool(turn), "0.1.0", "fetch", at, at, source, stream, {}, (story,), turn=turn)
    files = {paths.document(f"{source}/{stream}", day): text for day, text in data.items()}
    return made, files | {runs.path_of(made): runs.encode(made)}


def imported(days: int) -> Iterator[bytes]:
    """The archive's history, as `git fast-import` reads it."""
    parent = b"from refs/heads/main^0\n"
    for number in range(SOURCES * STREAMS):
        source, stream = f"api{number // STREAMS}", f"s{number % STREAMS}"
        for turn, (first, length) in enumerate(windows(days // (SOURCES * STREAMS)), start=1):
            made, files = record(source, stream, first, length, turn=turn)
            message = messages.message([made], {}).encode()
            head = b"commit refs/heads/main\ncommitter snap <snap@localhost> %d +0000\n" % int(made.at.timestamp())
            yield head + b"data %d\n%s\n" % (len(message), message) + parent
            for path, data in files.items():
                yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)
            parent = b""


@dataclass
class Archive:
    path: Path
    days: int
    url: str
    env: dict[str, str]
    end: date = LAST

    def make(self) -> None:
        world = World(env=self.env, state=Path(self.env["XDG_STATE_HOME"]) / "snap", chance=random.Random(1))
        setup.init(self.path, world, zone="UTC")
        git = ["git", "-C", str(self.path)]
        process = subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.writelines(imported(self.days))
        process.stdin.close()
        assert process.wait() == 0
        subprocess.run([*git, "read-tree", "HEAD"], check=True)
        self.describe()

    def describe(self) -> None:
        first = LAST - (self.days // (SOURCES * STREAMS) - 1) * ONE
        for number in range(SOURCES):
            ends = {f"s{place}": self.end if number + place == 0 else LAST for place in range(STREAMS)}
            text = source_file(f"api{number}", first, ends, self.url)
            (self.path / f"sources/api{number}.toml").write_text(text)

    def one_day_more(self) -> None:
        self.end += ONE
        self.describe()

    def without_index(self) -> None:
        (self.path / ".git/index").unlink(missing_ok=True)

    def one_day_more_without_index(self) -> None:
        self.without_index()
        self.one_day_more()

    def with_index(self) -> None:
        subprocess.run(["git", "-C", str(self.path), "read-tree", "HEAD"], check=True)
        self.one_day_more()


# --- measuring ---


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        start = parse_qs(urlsplit(self.path).query)["from"][0]
        body = json.dumps([item(date.fromisoformat(start[:10]))]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def timed(words: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Milliseconds by the clock, and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "snapshotter", *words], env=env, capture_output=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"snap {' '.join(words)} gave {done.returncode}: {(done.stdout + done.stderr).decode()}")
    return wall * 1e3, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def compared(name: str, words: list[str], small: Archive, big: Archive, before: Callable[[Archive], None]) -> float:
    best = {id(small): [9e9, 9e9], id(big): [9e9, 9e9]}
    bare = 9e9
    for _ in range(ROUNDS):
        bare = min(bare, timed(["--version"], small.env)[0])
        for archive in (small, big):
            before(archive)
            found = timed(["-C", str(archive.path), *words], archive.env)
            best[id(archive)] = [min(pair) for pair in zip(best[id(archive)], found, strict=True)]
    (wall, cpu), (wall_big, cpu_big) = best[id(small)], best[id(big)]
    print(
        f"{name:<36} {wall:7.0f} {wall_big:7.0f} ms   ratio {wall_big / wall:5.2f}"
        f"   processor {cpu_big:4.0f} ms, ratio {cpu_big / cpu:5.2f}   {wall_big - bare:4.0f} ms above start-up"
    )
    return wall_big / wall


def nothing(_: Archive) -> None:
    """Leave it as it is."""


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:3]] or [1_000, 100_000]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with TemporaryDirectory(dir=Path.cwd(), prefix="flat-") as folder:
        env = os.environ | {"XDG_STATE_HOME": f"{folder}/state", "HOME": folder}
        archives = [Archive(Path(folder) / f"a{size}", size, url, dict(env)) for size in sizes]
        for archive in archives:
            start = time.perf_counter()
            archive.make()
            made = time.perf_counter() - start
            rebuilt = timed(["-C", str(archive.path), "status"], archive.env)[0]
            records = SOURCES * STREAMS * len(list(windows(archive.days // (SOURCES * STREAMS))))
            print(
                f"{archive.days:,} days, {records:,} run records: made in {made:.0f} s;"
                f" ledger rebuilt in {rebuilt / 1e3:.1f} s, {records / rebuilt * 1e3:,.0f} records/s"
            )
            timed(["-C", str(archive.path), "fetch"], archive.env)  # whatever is done once
        small, big = archives
        print(f"\n{'':<36} {small.days:>7,} {big.days:>7,}      goals: ratio {RATIO}, {ABOVE} ms above start-up")
        compared("status", ["status"], small, big, nothing)
        compared("status --json", ["status", "--json"], small, big, nothing)
        compared("gaps", ["gaps"], small, big, nothing)
        compared("gaps --why", ["gaps", "--why"], small, big, nothing)
        compared("runs", ["runs"], small, big, nothing)
        compared("fetch, nothing to do", ["fetch"], small, big, nothing)
        compared("fetch, one day more, without index", ["fetch"], small, big, Archive.one_day_more_without_index)
        compared("fetch, one day more", ["fetch"], small, big, Archive.with_index)
        compared("why, of the newest day", ["why", "api1/s1", str(LAST)], small, big, nothing)
        compared("why, of the oldest day", ["why", "api1/s1", str(LAST - 40 * ONE)], small, big, nothing)


if __name__ == "__main__":
    main()
