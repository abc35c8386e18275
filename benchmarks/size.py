"""How large a year is, with every version: the archive beside restic and borg, and beside every version as a file.

    python benchmarks/size.py [DAYS] [EVERY]

One stream, days of 110 records (about 14 kB). Each day comes again when it is 1, 7 and 30 days old, with a few records
edited: four versions a day. The archive gets a commit a version and its run record, as a fetch makes them, and tidies
itself up as runs do. restic and borg (where installed) back up the same tree of files every EVERY days (by default 7),
so they keep fewer versions. Sizes are those of files (`du --apparent-size`), not of disk blocks.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import made
import rows

from snapshotter.archive import maintaining, setup
from snapshotter.canonical import document, encode
from snapshotter.core import messages
from snapshotter.edge.store import Store
from snapshotter.edge.world import World
from snapshotter.model import Batch, FileChange

AGES = (0, 1, 7, 30)
RECORDS, EDITED = 110, 3
TIDY = 100  # commits; runs look every time, which costs a second each here
LOOSE = 10_000


def first_version(chance: random.Random) -> list[dict[str, object]]:
    return [
        {
            "id": f"us{chance.getrandbits(32):08x}",
            "mag": round(chance.random() * 6, 2),
            "place": f"{chance.randint(1, 200)} km N of Town{chance.randint(1, 999)}",
            "time": 1_500_000_000_000 + number * 300_000,
            "at": [round(chance.random() * 360, 4), round(chance.random() * 180, 4)],
        }
        for number in range(RECORDS)
    ]


def evenings(days: int) -> Iterator[list[tuple[date, int, bytes]]]:
    """What comes each evening: day, number of the version, document."""
    chance, kept = random.Random(1), {}
    for number in range(days):
        came = []
        for version, age in enumerate(AGES):
            if number < age:
                continue
            day = made.LAST - (days - 1 - number + age) * made.ONE
            value = kept.setdefault(day, first_version(chance))
            for place in chance.sample(range(RECORDS), EDITED) if version else ():
                value[place]["mag"] = round(chance.random() * 6, 2)
            came.append((day, version, document(encode(record) for record in value)))
        yield came


@dataclass
class Sizes:
    """Bytes of each way of keeping the year."""

    plain: int = 0
    gzipped: int = 0
    versions: int = 0
    loose: int = 0  # at most
    found: dict[str, float] = field(default_factory=dict)


def below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Ours:
    def __init__(self, folder: Path) -> None:
        self.root, env = folder / "archive", dict(os.environ) | {"HOME": str(folder)}
        self.world = World(env=env, state=folder / "state", chance=random.Random(1))
        setup.init(self.root, self.world, zone="UTC")
        self.store = Store.open(self.root, env=env)
        self.before, self.turn = below(self.root / ".git"), 0

    def keep(self, day: date, version: int, data: bytes) -> int:
        """Commit a version; the loose objects there are then."""
        self.turn += 1
        night = made.midnight(day + (AGES[version] + 1) * made.ONE)
        one = made.Asked(night, 0, day, version)
        record, files = made.record(one, turn=self.turn, data=data, held=RECORDS)
        changes = tuple(FileChange(path, text) for path, text in files.items())
        self.store.commit(Batch(changes, messages.message([record], {}), night), self.store.head())
        loose = self.store.object_counts().loose
        if self.turn % TIDY == 0:
            maintaining.maintain(self.root, self.world)
        return loose

    def size(self) -> int:
        maintaining.maintain(self.root, self.world)
        return below(self.root / ".git") - self.before


def backed_up(tool: str, folder: Path, tree: Path, *, first: bool) -> None:
    """A backup by the peer; its repository is made by the first one."""
    repository = folder / tool
    env = os.environ | {
        "HOME": str(folder), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "RESTIC_PASSWORD": "x",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", "RESTIC_COMPRESSION": "max",
    }  # fmt: skip
    if tool == "borg":
        make = ["init", "-e", "none", repository]
        save = ["create", "-C", "zstd", f"{repository}::{{now:%s.%f}}", tree]
    else:
        make = ["init", "-q", "-r", repository, "--repository-version", "2"]
        save = ["backup", "-q", "-r", repository, tree]
    for words in (make, save) if first else (save,):
        subprocess.run([tool, *words], env=env, check=True, capture_output=True)


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:]]
    days, every = (numbers + [365, 7][len(numbers) :])[:2]
    tools = [tool for tool in ("restic", "borg") if shutil.which(tool)]
    sizes = Sizes()
    took = dict.fromkeys(["us", *tools], 0.0)
    with TemporaryDirectory(dir=Path.cwd(), prefix="size-") as name:
        folder = Path(name)
        ours, tree = Ours(folder), folder / "tree"
        for number, came in enumerate(evenings(days)):
            for day, version, data in came:
                began = time.perf_counter()
                sizes.loose = max(sizes.loose, ours.keep(day, version, data))
                took["us"] += time.perf_counter() - began
                sizes.versions += 1
                sizes.plain += len(data)
                sizes.gzipped += len(gzip.compress(data))
                file = tree / f"{day:%Y/%m/%Y-%m-%d}.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            if number % every == 0 or number == days - 1:
                for tool in tools:
                    began = time.perf_counter()
                    backed_up(tool, folder, tree, first=number == 0)
                    took[tool] += time.perf_counter() - began
        size = ours.size()
        peers = {tool: below(folder / tool) for tool in tools}
    told(sizes, size, peers, every)
    print("  ".join(f"{tool}: {seconds:.0f} s" for tool, seconds in took.items()))


def told(sizes: Sizes, size: int, peers: dict[str, int], every: int) -> None:
    print(f"{sizes.versions:,} versions, all in all; loose objects at most {sizes.loose}")
    print(f"  {'this archive, with its run records':<44} {size / 1e6:7.2f} MB")
    every_day = "day" if every == 1 else f"{every} days"
    named = {f"{tool}, a backup every {every_day}": found for tool, found in peers.items()}
    named |= {"every version as a file": sizes.plain, "every version as a gzipped file": sizes.gzipped}
    for peer, found in named.items():
        print(f"  {peer:<44} {found / 1e6:7.2f} MB   ratio {size / found:.2f}")
        what = "a year of one stream, four versions a day"
        rows.put(rows.Row("Size", what, size / 1e6, "MB", peer, found / 1e6, size / found, more=False))
    each, gzipped = size / sizes.versions, sizes.gzipped / sizes.versions
    what = "packs a version of about 12 kB"
    rows.put(rows.Row("What grows", what, each, "B/version", "gzip of each", gzipped, each / gzipped, more=False))
    rows.put(rows.share("Size", "loose objects at most in a year", sizes.loose, "objects", limit=LOOSE))


if __name__ == "__main__":
    main()
