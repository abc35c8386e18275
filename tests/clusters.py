"""A real Dask cluster on loopback: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 60.0  # seconds that a start may take on a busy machine


@dataclass
class Cluster:
    """A scheduler, with its workers by their names."""

    address: str  # as Dask writes it, tcp://127.0.0.1:8786
    scheduler: subprocess.Popen[bytes]
    folder: Path
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def executor(self) -> str:
        """What `--executor` takes."""
        return self.address.replace("tcp://", "dask://")

    def hire(self, name: str, *, threads: int = 8) -> subprocess.Popen[bytes]:
        """Start a worker more; it comes by itself."""
        given = ["--nthreads", str(threads), "--name", name, "--no-nanny", "--death-timeout", "60"]
        local = ["--dashboard-address", "127.0.0.1:0", "--local-directory", str(self.folder / name), *self.options]
        self.workers[name] = _start(["worker", self.address, *given, *local], self.folder / f"{name}.log", self.env)
        return self.workers[name]

    def log(self) -> str:
        """All that scheduler and workers said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


@contextmanager
def a_cluster(
    folder: Path, *workers: str, threads: int = 8, options: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A scheduler and workers of these names; all are gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "scheduler.json"
    words = [
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--dashboard-address",
        "127.0.0.1:0",
        "--scheduler-file",
        str(told),
    ]
    given = dict(env or {})
    scheduler = _start([*words, *options], folder / "scheduler.log", given)
    cluster = None
    try:
        cluster = Cluster(_address(told, scheduler), scheduler, folder, options, given)
        for name in workers:
            cluster.hire(name, threads=threads)
        yield cluster
    finally:
        for process in (*(cluster.workers.values() if cluster else ()), scheduler):
            process.kill()
            process.wait()


def _start(words: list[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            env={**os.environ, "PYTHONPATH": path, **env},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def _address(told: Path, scheduler: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until and scheduler.poll() is None:
        try:
            return str(json.loads(told.read_text())["address"])
        except (OSError, ValueError):  # not yet, or half written
            time.sleep(0.02)
    raise AssertionError(f"no scheduler: {(told.parent / 'scheduler.log').read_text()}")
