"""Kills and errors inside system calls, by strace: above all those of SQLite and libgit2, which `Disk` knows not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.torture.children import Place, Said, start
from tests.torture.deeds import Deed

CALLS = (
    "write", "pwrite64", "writev", "fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "ftruncate", "fallocate", "fchmod", "chmod", "symlink",
)  # fmt: skip
OWN = re.compile(r"cache\.sqlite|snap/store/index")  # what SQLite and libgit2 write by themselves
_LINE = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<rest>.*)")


@dataclass(frozen=True)
class Call:
    """The nth call of this name in one thread."""

    name: str
    number: int
    rest: str

    def __str__(self) -> str:
        return f"{self.name} {self.number} ({self.rest[:80]})"

    @property
    def is_own(self) -> bool:
        return OWN.search(self.rest) is not None


def why_not() -> str | None:
    """Why processes cannot be traced here, or None."""
    if shutil.which("strace") is None:
        return "needs strace"
    done = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return f"strace: {done.stderr.strip().splitlines()[-1]}" if done.returncode else None


def calls_of(place: Place, deed: Deed, *, listing: Path) -> list[Call]:
    """The calls by which a healthy run writes below its archive and its state folder."""
    said = _under(place, deed, "-y", "-o", str(listing), "-e", f"trace={','.join(CALLS)}")
    assert said.ended is not None, said
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], Call] = {}
    for line in listing.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:  # the second half of a call that was interrupted by another thread's
            continue
        name, rest = match["name"], match["rest"]
        counts[match["thread"], name] += 1
        if str(place.archive) in rest or str(place.state) in rest:
            number = counts[match["thread"], name]
            found.setdefault((name, number), Call(name, number, rest.replace(str(place.archive), "")))
    return list(found.values())


def killed_at(place: Place, deed: Deed, call: Call) -> Said:
    """A run of which the first process that comes to this call is killed there."""
    return _injected(place, deed, call, f"signal=SIGKILL:when={call.number}")


def refused_at(place: Place, deed: Deed, call: Call, *, error: str, lasting: bool) -> Said:
    """A run in which this call fails, once or from there on."""
    return _injected(place, deed, call, f"error={error}:when={call.number}{'+' if lasting else ''}")


def _injected(place: Place, deed: Deed, call: Call, what: str) -> Said:
    return _under(place, deed, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}")


def _under(place: Place, deed: Deed, *words: str) -> Said:
    child = start(place, deed=deed, watched=False, traced=True)
    command = ["strace", "-f", "-qq", "-e", "signal=none", *words, "-p", str(child.process.pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        try:
            return child.wait()
        finally:
            tracer.wait()
