"""Whether the cost of a command follows the news or the archive: ten years beside an archive of a thousandth of it.

    python benchmarks/flat.py [SMALL] [BIG]        days in all, by default 80 and 73,000, on 20 streams

Both are made by `benchmarks/made.py`, as are two of one list whose records have details. Every command is a process of
its own; the archives take turns, and the fastest of several counts, by the clock and by the processor's time. `without
index` is the same with `.git/index` taken away before: what git's own index costs is the difference.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import rows
from made import LAST, ONE, Archive, WithDetails, item
from processes import SNAP, ended

ROUNDS = 5
RATIO, ABOVE = 1.2, 300.0  # the goals: big beside small, and milliseconds above bare start-up
LOOSE, COMMIT = 10_000, 25.0  # loose objects, and KiB of a day's commit
DETAILED = 5, 3_650  # days of a list whose records have details
TOPIC = "Flat"
WHAT = {
    "rebuilt": ("rebuilding the ledger from the commits", "records/s"),
    "tidied": ("tidying up everything", "commits/s"),
    "packed": ("packs, tidied up", "B/commit"),
    "ledger": ("the ledger's cache", "B/day"),
    "index": ("git's index", "B/file"),
}
Prepare = Callable[[Archive], None]


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        start = parse_qs(urlsplit(self.path).query).get("from")
        body = json.dumps([item(date.fromisoformat(start[0][:10]))] if start else {"of": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Cost(NamedTuple):
    wall: float  # milliseconds
    cpu: float  # milliseconds
    memory: float  # MiB at most


def cost(words: list[str], env: dict[str, str]) -> Cost:
    with TemporaryDirectory() as folder, (Path(folder) / "out").open("w+b") as out:
        start = time.perf_counter()
        process = subprocess.Popen([*SNAP, *words], env=env, stdout=out, stderr=subprocess.STDOUT)
        used = ended(process)
        wall = time.perf_counter() - start
        if process.returncode:
            out.seek(0)
            sys.exit(f"snap {' '.join(words)} gave {process.returncode}: {out.read().decode()}")
    return Cost(wall * 1e3, used.cpu * 1e3, used.megabytes)


def compared(
    name: str, words: list[str] | Callable[[Archive], list[str]], archives: list[Archive], before: Prepare | None = None
) -> None:
    """A command on both archives, printed and put."""
    bare: list[Cost] = []
    seen: dict[int, list[Cost]] = {archive.days: [] for archive in archives}
    for _ in range(ROUNDS):
        bare.append(cost(["--version"], archives[0].env))
        for archive in archives:
            if before:
                before(archive)
            said = words(archive) if callable(words) else words
            seen[archive.days].append(cost(["-C", str(archive.path), *said], archive.env))
    start, small, big = (Cost(*map(min, zip(*some, strict=True))) for some in (bare, *seen.values()))
    above = big.wall - start.wall
    print(
        f"{name:<36} {small.wall:7.0f} {big.wall:7.0f} ms   ratio {big.wall / small.wall:5.2f}"
        f"   processor {big.cpu:4.0f} ms, ratio {big.cpu / small.cpu:5.2f}   {above:4.0f} ms above start-up"
        f"   {small.memory:3.0f} {big.memory:4.0f} MiB"
    )
    against = f"an archive of {archives[0].holds}"
    ratio, cpu, memory = (mine / theirs for mine, theirs in zip(big, small, strict=True))
    rows.put(
        rows.Row(TOPIC, name, big.wall, "ms", against, small.wall, ratio, RATIO, more=False, cpu=cpu),
        rows.Row(TOPIC, f"{name}: memory", big.memory, "MiB", against, small.memory, memory, RATIO, more=False),
    )


class Made(NamedTuple):
    """What an archive of this size costs once, and holds."""

    commits: int
    rebuilt: float  # run records a second
    tidied: float  # commits a second
    packed: float  # bytes a commit, with the index of the pack
    ledger: float  # bytes a day
    index: float  # bytes a file


def made(archive: Archive) -> Made:
    """Make it, tidied up as runs do it."""
    start = time.perf_counter()
    making = get_context("fork").Process(
        target=archive.make
    )  # so that its memory is not counted with what is started later
    making.start()
    making.join()
    if making.exitcode:
        sys.exit(f"the archive of {archive.days:,} days could not be made")
    took, commits = time.perf_counter() - start, archive.commits()
    rebuilt, tidied = (
        cost(["-C", str(archive.path), words], archive.env).wall / 1e3 for words in ("status", "maintain")
    )
    cost(["-C", str(archive.path), "fetch"], archive.env)  # whatever is done once
    git = archive.path / ".git"
    packs = sum(path.stat().st_size for path in (git / "objects/pack").iterdir())
    ledger, index = ((git / name).stat().st_size for name in ("snap/cache.sqlite", "index"))
    with (git / "index").open("rb") as file:
        files = int.from_bytes(file.read(12)[8:], "big")  # gitformat-index(5); a listing would be memory that counts
    print(
        f"{archive.days:,} days, {commits:,} commits: made in {took:.0f} s, tidied up in {tidied:.1f} s;"
        f" ledger rebuilt in {rebuilt:.1f} s, {commits / rebuilt:,.0f} records/s; {packs / 1e6:.1f} MB of packs"
    )
    return Made(commits, commits / rebuilt, commits / tidied, packs / commits, ledger / archive.days, index / files)


def told(small: Made, big: Made) -> None:
    """What grows with the archive, for docs/scale.md."""
    against = f"an archive of {small.commits:,} commits"
    for name, (what, unit) in WHAT.items():
        ours, theirs = getattr(big, name), getattr(small, name)
        rows.put(rows.Row("What grows", what, ours, unit, against, theirs, ours / theirs))


def of_a_day(archive: Archive) -> None:
    """What one more day of one stream adds to the repository, in files."""
    objects = archive.path / ".git/objects"
    before = {path: path.stat() for path in objects.rglob("*") if path.is_file()}
    archive.one_day_more()
    cost(["-C", str(archive.path), "fetch"], archive.env)
    new = [path.stat() for path in objects.rglob("*") if path.is_file() and path not in before]
    size, blocks = sum(stat.st_size for stat in new) / 1024, sum(stat.st_blocks for stat in new) / 2
    loose = int(dict(line.split(": ") for line in archive.git("count-objects", "-v").splitlines())["count"])
    print(f"a day's commit of one stream: {size:.1f} KiB in {len(new)} files, {blocks:.0f} KiB of the disk")
    print(f"loose objects: {loose}")
    rows.put(
        rows.share(TOPIC, "a day's commit of one stream, all of its files", size, "KiB", limit=COMMIT),
        rows.share(TOPIC, "the same in disk blocks", blocks, "KiB", limit=COMMIT),
        rows.share(TOPIC, "loose objects", loose, "objects", limit=LOOSE),
    )


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:3]] or [80, 73_000]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with TemporaryDirectory(dir=Path.cwd(), prefix="flat-") as folder:
        env = os.environ | {"XDG_STATE_HOME": f"{folder}/state", "HOME": folder}
        archives = [Archive(Path(folder) / f"a{size}", size, url, dict(env)) for size in sizes]
        told(*(made(archive) for archive in archives))
        small, big = (f"{archive.days:,}" for archive in archives)
        print(f"\n{'':<36} {small:>7} {big:>7}      goal: ratio {RATIO}")
        both = partial(compared, archives=archives)
        both("status", ["status"])
        both("status --json", ["status", "--json"])
        both("gaps", ["gaps"])
        both("gaps --why", ["gaps", "--why"])
        both("runs", ["runs"])
        both("log of one day", ["log", "api1/s1", str(LAST - 2 * ONE)])
        both("log of the oldest day", lambda archive: ["log", "api1/s1", str(archive.first)])
        both("show of one day", ["show", "api1/s1", str(LAST - 2 * ONE)])
        both("show of one day at HEAD~60", ["show", "api1/s1", str(LAST - 3 * ONE), "--at", "HEAD~60"])
        both("why, of the newest day", ["why", "api1/s1", str(LAST)])
        both("why, of the oldest day", lambda archive: ["why", "api1/s1", str(archive.first)])
        both("fetch, nothing to do", ["fetch"])
        both("fetch, one day more, without index", ["fetch"], before=Archive.one_day_more_without_index)
        both("fetch, one day more", ["fetch"], before=Archive.one_day_more_with_index)
        of_a_day(archives[-1])
        listed = [WithDetails(Path(folder) / f"d{size}", size, url, dict(env)) for size in DETAILED]
        for archive in listed:
            made(archive)
        for name, words in (("status", ["status"]), ("fetch, nothing to do", ["fetch"]), ("reconcile", ["reconcile"])):
            compared(f"{name}, with details", words, listed)


if __name__ == "__main__":
    main()
