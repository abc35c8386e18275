"""The tables of results: `python -m tests.torture RESULTS docs/reliability.md` puts one between its two marks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pygit2

COMMANDS = {"long": "make torture", "full": "make torture-full"}
NEEDS = {"power cuts, ext4": "root and a loop device", "kill in a system call, first fetch": "strace"}


def main(results: Path, page: Path) -> None:
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    form = lines[0]["form"]
    begin, end = f"<!-- results: written by `{COMMANDS[form]}` -->", f"<!-- end of results of `{COMMANDS[form]}` -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text("\n".join((before + begin, *table(lines, COMMANDS[form]), end)) + after)


def table(lines: list[dict], command: str) -> list[str]:
    """A row a suite, and of what was tried at several commits a row each."""
    points: dict[tuple[str, str], int] = defaultdict(int)
    failed: dict[tuple[str, str], int] = defaultdict(int)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for line in lines:
        key = line["suite"], line["commit"]
        points[key] += line["points"]
        failed[key] += line["failed"]
        seconds[key] += line["seconds"]
    commits = sorted({commit for _, commit in points})
    rows = [
        f"| {suite} | {commit} | {count} | {failed[suite, commit]} | {seconds[suite, commit]:.0f} |"
        for (suite, commit), count in sorted(points.items())
    ]
    took = max(line["ended"] for line in lines) - min(line["ended"] - line["seconds"] for line in lines)
    bad = sum(failed.values())
    held = f"{bad} did not hold" if bad else "all of them held"
    where = f"at commit {commits[0]}" if len(commits) == 1 else f"in parts, at {len(commits)} commits"
    return [
        "",
        f"`{command}` {where}, {_about()}:",
        f"{sum(points.values())} points, {held}; from the first to the last {took / 60:.0f} minutes.",
        *[
            f"Not tried this time: {suite}, which needs {what}."
            for suite, what in NEEDS.items()
            if not _has(points, suite)
        ],
        "",
        "| suite | commit | points tried | did not hold | seconds of work |",
        "| --- | --- | ---: | ---: | ---: |",
        *rows,
        "",
    ]


def _has(points: dict[tuple[str, str], int], suite: str) -> bool:
    return any(name == suite for name, _ in points)


def _about() -> str:
    git = _told("git", "--version").split()[2]
    versions = f"Python {platform.python_version()}, libgit2 {pygit2.LIBGIT2_VERSION}, git {git}"
    return f"{versions}, {platform.system()}, {os.cpu_count()} cores"


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


main(Path(sys.argv[1]), Path(sys.argv[2]))
