"""How exactly a lane keeps its distance, by the clock on the wall and measured at the server.

    python benchmarks/politeness.py [REQUESTS] [--json]

Each `snap fetch` is a process of its own against a server on loopback; a page of the source is one request. Five ways:
one lane alone, three and ten lanes side by side, two processes on one lane, and a process that is killed and followed
by another. `over` is the time beyond (requests - 1) x min_interval; `early` counts requests that came sooner than that
after the one before. A machine that is busy with other things shows in both.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import rows
from processes import SNAP

INTERVAL = 0.25  # seconds, the default
TOLERANCE = 0.001  # seconds that two clocks of the kernel may be apart
SO_TIMESTAMPNS = 35  # Linux: when bytes came, beside the bytes
TIMESPEC = struct.Struct("@ll")
SOURCE = """\
format = 1
source = "{name}"

[client]
base_url = "{url}"

[pacing]
lane = "{lane}"
min_interval = "250ms"

[streams.things]
kind = "snapshot"
path = "/{lane}"
records = "data"
id = "id"
params = {{ pages = {pages}, archive = "{name}" }}
paginate = {{ type = "cursor", cursor = "next", param = "cursor" }}
"""


@dataclass(frozen=True)
class Measured:
    """One way of asking."""

    name: str
    requests: int
    least: float  # seconds that they must take
    took: float
    shortest: float  # seconds between two of one lane
    early: int

    @property
    def over(self) -> float:
        """How much longer it took, as a share."""
        return self.took / self.least - 1


class Server:
    """Answers pages, and notes when each lane was heard of: by the kernel, so that its own lateness does not count."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listening.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # connections inherit it
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listening, selectors.EVENT_READ)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            for key, _ in self._ready.select():
                sock = key.fileobj
                if sock is self._listening:
                    client, _ = self._listening.accept()
                    self._ready.register(client, selectors.EVENT_READ)
                else:
                    self._answer(sock)

    def _answer(self, sock: socket.socket) -> None:
        head, at = b"", None
        with suppress(ConnectionError):
            while not head.endswith(b"\r\n\r\n"):  # a request is small, and comes in one piece
                data, told, _, _ = sock.recvmsg(1 << 16, 256)
                if not data:
                    self._ready.unregister(sock)
                    sock.close()
                    return
                head += data
                at = at or _stamped(told)
            parts = urlsplit(head.split(b" ", 2)[1].decode())
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.times[parts.path.strip("/")].append(at)
            page = int(query.get("cursor", 1))
            following = str(page + 1) if page < int(query["pages"]) else None
            body = json.dumps({"data": [{"id": page}], "next": following}).encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def _stamped(told: list[tuple[int, int, bytes]]) -> float:
    """When the kernel received the bytes; now, where it does not say so."""
    for _, kind, data in told:
        if kind == SO_TIMESTAMPNS and len(data) == TIMESPEC.size:
            seconds, rest = TIMESPEC.unpack(data)
            return seconds + rest / 1e9
    return time.time()


class Bench:
    """Archives that ask one server, all with one state folder."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.env = os.environ | {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), "TZ": "UTC"}

    def archive(self, name: str, lanes: list[str], pages: int) -> Path:
        """An archive with a source for each lane."""
        path = self.folder / name
        subprocess.run([*SNAP, "init", str(path)], env=self.env, check=True, capture_output=True)
        for lane in lanes:
            own = f"{name}-{lane}"
            text = SOURCE.format(name=own, url=self.server.url, lane=lane, pages=pages)
            (path / f"sources/{own}.toml").write_text(text)
        return path

    def start(self, archive: Path) -> subprocess.Popen[bytes]:
        """A fetch in a process of its own."""
        return subprocess.Popen([*SNAP, "-C", str(archive), "fetch"], env=self.env, stdout=subprocess.DEVNULL)

    def measured(self, name: str, lanes: list[str]) -> Measured:
        """What the server saw of these lanes."""
        seen = [sorted(self.server.times[lane]) for lane in lanes]
        gaps = [later - earlier for times in seen for earlier, later in pairwise(times)]
        return Measured(
            name=name,
            requests=sum(map(len, seen)),
            least=max((len(times) - 1) * INTERVAL for times in seen),
            took=max(times[-1] for times in seen) - min(times[0] for times in seen),
            shortest=min(gaps),
            early=sum(gap < INTERVAL - TOLERANCE for gap in gaps),
        )


def alone(bench: Bench, count: int) -> Measured:
    """One lane."""
    bench.start(bench.archive("alone", ["one"], count)).wait()
    return bench.measured("one lane", ["one"])


def side_by_side(bench: Bench, count: int) -> Measured:
    """Three lanes of one run."""
    lanes = ["first", "second", "third"]
    bench.start(bench.archive("lanes", lanes, count)).wait()
    return bench.measured("three lanes side by side", lanes)


def ten(bench: Bench, count: int) -> Measured:
    """Ten lanes of one run."""
    lanes = [f"lane-{number}" for number in range(10)]
    bench.start(bench.archive("ten", lanes, count)).wait()
    return bench.measured("ten lanes side by side", lanes)


def together(bench: Bench, count: int) -> Measured:
    """Two processes on one lane."""
    running = [bench.start(bench.archive(name, ["shared"], count // 2)) for name in ("left", "right")]
    for process in running:
        process.wait()
    return bench.measured("two processes, one lane", ["shared"])


def killed(bench: Bench, count: int) -> Measured:
    """A process that is killed in the middle, and the next one at once."""
    archive = bench.archive("killed", ["dead"], count)
    first = bench.start(archive)
    while len(bench.server.times["dead"]) < count // 2 and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    bench.start(archive).wait()
    return bench.measured("killed and begun again", ["dead"])


def table(found: list[Measured]) -> str:
    """The result for people."""
    lines = [f"{'':26}{'requests':>9}{'at least':>10}{'took':>9}{'over':>8}{'shortest':>10}{'early':>7}"]
    for one in found:
        numbers = f"{one.requests:>9}{one.least:>9.2f}s{one.took:>8.2f}s{one.over:>8.1%}"
        lines.append(f"{one.name:26}{numbers}{one.shortest * 1000:>8.1f}ms{one.early:>7}")
    return "\n".join(lines)


def main() -> None:
    """Measure all five and print them."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    count = int(words[0]) if words else 40
    with TemporaryDirectory() as name:
        bench = Bench(Path(name), Server())
        found = [way(bench, count) for way in (alone, side_by_side, ten, together, killed)]
    for one in found:
        what, limit = f"{one.requests} requests: {one.name}", f"{INTERVAL * 1000:g} ms between two"
        rows.put(
            rows.Row("Politeness", what, one.took, "s", limit, one.least, one.took / one.least, 1.02, more=False),
            rows.Row("Politeness", f"{what}: early ones", one.early, "requests", "none", 0, one.early, 0, more=False),
        )
    print(json.dumps([asdict(one) | {"over": one.over} for one in found]) if "--json" in sys.argv else table(found))


if __name__ == "__main__":
    main()
