"""What big answers and big days take in memory: each `snap fetch` in a process of its own, and the most that it had.

    python benchmarks/bodies.py [RECORDS]

The server, a process of its own on loopback, makes what it sends while it sends it: one answer of 200 MiB, and a day of
so many records in pages of 5,000, each record about 150 bytes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import rows
from processes import SNAP, ended

from snapshotter.core import weighing
from snapshotter.model import Record

MIB = 1 << 20
BODY = 200 * MIB
PAGE = 5_000  # records
DAY = "2024-01-01"
ROOM = 256  # MiB of max_window
FEW, MANY = 50_000, 250_000

SOURCE = """\
format = 1
source = "big"

[client]
base_url = "{url}"
{client}

[pacing]
min_interval = "0s"

[streams.{stream}]
kind = "series"
path = "/{stream}"
records = "data"
id = "id"
every = "1000d"
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
day = {{ field = "at", parse = "instant", zone = "UTC" }}
window = {{ start = "{day}", end = "{day}", step = "1d" }}
params = {{ since = "{{window.start|date}}" }}
refresh = {{ policy = "never" }}
"""


RECORD = (
    b'{"id":"r%08d","at":"' + DAY.encode() + b'T%02d:%02d:%02dZ","value":1%02d.5,"place":"%03d km N of Town","ok":true,'
    b'"tags":["a","b"],"note":"what somebody wrote"}'
)


def records(first: int, count: int) -> bytes:
    """So many records of the day, as JSON; all are equally long."""
    return b",".join(
        [
            RECORD % (number, number // 3600 % 24, number // 60 % 60, number % 60, number % 97, number % 211)
            for number in range(first, first + count)
        ]
    )


def serve(whole: int) -> None:
    """Answer on one connection after the other until the process is ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                while lines.readline().strip():
                    pass
                asked = urlsplit(line.split()[1].decode())
                first = int(parse_qs(asked.query).get("cursor", ["0"])[0])
                try:
                    answer(connection, first, in_one_answer() if asked.path == "/body" else PAGE, whole)
                except OSError:  # nobody wants it to the end
                    break


def in_one_answer() -> int:
    return BODY // (len(records(0, 1)) + 1)


def answer(connection: socket.socket, first: int, size: int, whole: int) -> None:
    """So many records from this one on, made while they are sent."""
    last = first + size if size > PAGE else min(first + size, whole)
    following = b"%d" % last if last < whole else b"null"
    end = b'],"next":%b}' % (b"null" if size > PAGE else following)
    length = (len(records(0, 1)) + 1) * (last - first) - 1 + len(b'{"data":[') + len(end)
    kind = b"Content-Type: application/json\r\n"
    connection.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (kind, length) + b'{"data":[')
    for start in range(first, last, PAGE):
        connection.sendall((b"," if start > first else b"") + records(start, min(PAGE, last - start)))
    connection.sendall(end)


@contextmanager
def a_server(whole: int) -> Iterator[str]:
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(whole)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


# --- measuring ---


class Ran(NamedTuple):
    """One `snap fetch`."""

    megabytes: float
    records: int


def fetched(folder: Path, url: str, *, stream: str, client: str = "") -> Ran:
    """What it took to fetch this stream into a new archive."""
    env = os.environ | {"XDG_STATE_HOME": str(folder.parent / "state"), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run([*SNAP, "init", str(folder), "--zone", "UTC"], env=env, check=True, capture_output=True)
    (folder / "sources/big.toml").write_text(SOURCE.format(url=url, client=client, stream=stream, day=DAY))
    process = subprocess.Popen([*SNAP, "fetch", "--json"], cwd=folder, env=env, stdout=subprocess.PIPE)
    out = process.stdout.read()
    process.stdout.close()
    used = ended(process)
    (told,) = json.loads(out)["streams"]
    return Ran(used.megabytes, told.get("records", 0))


def compare(whole: int) -> None:
    """What each of them takes, beside what it may take."""
    with TemporaryDirectory() as name, a_server(whole) as url:
        room = f'max_window = "{ROOM}MiB"'
        refused = fetched(Path(name) / "refused", url, stream="body")
        unread = fetched(Path(name) / "unread", url, stream="body", client=f'max_body = "256MiB"\n{room}')
        cut = fetched(Path(name) / "cut", url, stream="day", client=room)
    few, many = (taken(count) for count in (FEW, MANY))
    size = BODY / MIB
    show(
        rows.share("Memory", "an answer of 200 MiB, refused by max_body", refused.megabytes, "MB", limit=80),
        rows.share(
            "Memory", "the same, max_body raised, refused by max_window", unread.megabytes, "MB",
            limit=1.5 * size, against="one and a half times its size",
        ),
        rows.share(
            "Memory", f"a day of {whole:,} records, refused by max_window = {ROOM} MiB", cut.megabytes, "MB",
            limit=ROOM * 1.5, against="half as much again",
        ),
        rows.share(
            "Memory", "each record of a day that is taken", (many - few) * MIB / (MANY - FEW), "bytes",
            limit=reckoned(), against="what max_window reckons",
        ),
    )  # fmt: skip


def reckoned() -> int:
    """What each record takes as `max_window` counts it; it is stored as it is sent."""
    record = Record(records(0, 1), None, None, None)
    return weighing.of_page([record]) - weighing.of_page([])


def taken(count: int) -> float:
    """What a day of so many records takes."""
    with TemporaryDirectory() as name, a_server(count) as url:
        ran = fetched(Path(name) / "day", url, stream="day")
    if ran.records != count:
        sys.exit(f"{ran.records} of {count} records were archived")
    return ran.megabytes


def show(*measured: rows.Row) -> None:
    rows.put(*measured)
    for row in measured:
        print(f"  {row.what:<72} {row.ours:8,.0f} {row.unit:<5} of {row.theirs:8,.0f}: {row.ratio:.2f}")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(int(sys.argv[2]))
    else:
        compare(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
