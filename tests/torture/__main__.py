"""The table of results: `python -m tests.torture RESULTS docs/reliability.md` puts it between its two marks."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
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
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    about = f"Python {platform.python_version()}, libgit2 {pygit2.LIBGIT2_VERSION}, git {git}, {platform.system()}"
    rows = [f"| {suite} | {count} | 0 | {seconds[suite]:.0f} |" for suite, count in points.items()]
    return [
        "",
        f"`{form}`, {datetime.now(UTC):%Y-%m-%d}, {about}: {sum(points.values())} points, all of them held.",
        "",
        "| suite | points tried | did not hold | seconds of work |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
    ]


main(Path(sys.argv[1]), Path(sys.argv[2]))
