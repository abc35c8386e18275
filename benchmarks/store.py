"""How fast windows become durable commits, beside `git fast-import` (unsynced) and git's own command line.

    python benchmarks/store.py [DAYS]

Every row is measured in this run on the same days; no work tree on any side. Days are about 14 kB.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import rows

from snapshotter.edge.files import Disk
from snapshotter.edge.store import Store
from snapshotter.model import Batch, FileChange

AT = datetime(2024, 2, 5, tzinfo=UTC)
Window = dict[str, bytes]


class Counting(Disk):
    def __init__(self) -> None:
        self.syncs = 0

    def before(self, step: str, path: str) -> None:
        self.syncs += step.startswith("sync")


def made_days(count: int) -> Window:
    chance = random.Random(1)
    days = {}
    for day in range(count):
        records = [
            {
                "id": f"us{day:06}{number:03}",
                "mag": round(chance.random() * 6, 2),
                "place": f"{chance.randint(1, 200)} km N of Town{chance.randint(1, 999)}",
                "time": 1_500_000_000_000 + day * 86_400_000 + number * 300_000,
                "at": [round(chance.random() * 360, 4), round(chance.random() * 180, 4)],
            }
            for number in range(110)
        ]
        text = ",\n".join(json.dumps(record, sort_keys=True, separators=(",", ":")) for record in records)
        year, month, date = 2000 + day // 360, day // 30 % 12 + 1, day % 30 + 1
        days[f"usgs/quakes/{year}/{month:02}/{year}-{month:02}-{date:02}.json"] = f"[\n{text}\n]\n".encode()
    return days


def windows(days: Window, step: int) -> Iterator[Window]:
    paths = list(days)
    for start in range(0, len(paths), step):
        yield {path: days[path] for path in paths[start : start + step]}


def by_us(root: Path, days: Window, step: int) -> int:
    disk = Counting()
    store = Store.create(root, env=os.environ, disk=disk)
    disk.syncs, commits, parent = 0, 0, None
    for window in windows(days, step):
        files = tuple(FileChange(path, data) for path, data in window.items())
        parent = store.commit(Batch(files, "Archive\n", AT), parent)
        commits += 1
    return round(disk.syncs / commits)


def by_fast_import(root: Path, days: Window, step: int) -> int:
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    pieces = []
    for window in windows(days, step):
        pieces.append(b"commit refs/heads/main\ncommitter snap <snap@localhost> 1707091200 +0000\ndata 8\nArchive\n")
        pieces += [
            b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data) for path, data in window.items()
        ]
    command = ["git", "-C", root, "-c", "core.fsync=none", "fast-import", "--quiet"]
    subprocess.run(command, input=b"".join(pieces), check=True)
    return 0


def by_command_line(root: Path, days: Window, step: int) -> int:
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    git = ["git", "-C", str(root), "-c", "user.name=snap", "-c", "user.email=snap@localhost", "-c", "core.fsync=all"]
    for window in windows(days, step):
        for path, data in window.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        subprocess.run([*git, "add", "--", *window], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "Archive"], check=True)
    return 0


def measured(work: Callable[[Path, Window, int], int], days: Window, step: int) -> tuple[float, int]:
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        start = time.perf_counter()
        syncs = work(Path(folder) / "archive", days, step)
        return len(days) / (time.perf_counter() - start), syncs


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1800
    days = made_days(count)
    few = dict(list(days.items())[: max(30, count // 10)])
    ours, syncs = measured(by_us, days, 30)
    peer, _ = measured(by_fast_import, days, 30)
    single, single_syncs = measured(by_us, few, 1)
    hand, _ = measured(by_command_line, few, 1)
    print(f"30-day windows, durable        {ours:8.0f} days/s   {syncs} syncs a commit (goal: at most 8)")
    print(f"  git fast-import, unsynced    {peer:8.0f} days/s   ratio {ours / peer:.2f} (goal: 0.5, reach for 1.0)")
    print(f"  git add + commit, day by day {hand:8.0f} days/s   ratio {ours / hand:.1f} (goal: 10)")
    print(f"one day a commit, durable      {single:8.0f} days/s   ratio {single / hand:.1f}, {single_syncs} syncs")
    windows_of_30, unsynced = "30-day windows, durable", "git fast-import, unsynced"
    rows.put(
        rows.share("Ingest", "syncs of a window's commit", syncs, "syncs", limit=8),
        rows.Row("Ingest", windows_of_30, ours, "days/s", unsynced, peer, ours / peer, 0.5),
        rows.Row("Ingest", windows_of_30, ours, "days/s", "git add + commit, a day each", hand, ours / hand, 10),
        rows.Row("Ingest", "one day a commit, durable", single, "days/s", "git add + commit", hand, single / hand),
    )


if __name__ == "__main__":
    main()
