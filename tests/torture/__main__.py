"""The table of results: `python -m tests.torture RESULTS docs/reliability.md` puts it between its two marks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pygit2

BEGIN, END = "<!-- results: written by `make torture` -->", "<!-- end of results -->"


def main(results: Path, page: Path) -> None:
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join((before + BEGIN, *table(lines), END)) + after)


def table(lines: list[dict]) -> list[str]:
    """A row a suite; only suites of which every point held are in the results."""
    points: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for line in lines:
        points[line["suite"]] += line["points"]
        seconds[line["suite"]] += line["seconds"]
    form = "make torture-full" if lines[0]["form"] == "full" else "make torture"
    took = max(line["ended"] for line in lines) - min(line["ended"] - line["seconds"] for line in lines)
    rows = [f"| {suite} | {count} | 0 | {seconds[suite]:.0f} |" for suite, count in sorted(points.items())]
    return [
        "",
        f"`{form}` at commit {_told('git', 'rev-parse', '--short=12', 'HEAD')}, {_about()}:",
        f"{sum(points.values())} points in {took / 60:.0f} minutes, all of them held.",
        "",
        "| suite | points tried | did not hold | seconds of work |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
    ]


def _about() -> str:
    git = _told("git", "--version").split()[2]
    versions = f"Python {platform.python_version()}, libgit2 {pygit2.LIBGIT2_VERSION}, git {git}"
    return f"{versions}, {platform.system()}, {os.cpu_count()} cores"


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


main(Path(sys.argv[1]), Path(sys.argv[2]))
