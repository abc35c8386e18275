"""All benchmarks in turn: one table at the end, numbers in results.json, tables and plots in docs/performance.md.

    python benchmarks/all.py [--only NAME,…] [--write]

Each script runs in a process of its own; what it prints is shown as it comes. A script that fails fails the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import page
import rows
import scale

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SCRIPTS = {
    "fetch": [],
    "canonical": [],
    "diff": ["--limit", "8"],
    "store": [],
    "flat": [],
    "size": ["120"],
    "politeness": [],
    "bodies": [],
    "executors": ["--pages", "4"],
}


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    git = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.split()[2]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("pygit2", "orjson", "requests"))
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "git": git,
        "libraries": libraries,
        "load": f"{os.getloadavg()[0]:.1f} when it began",
    }


def gathered(names: list[str]) -> list[rows.Row]:
    """Run the scripts; what they measured."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows"
        file.touch()
        for number, name in enumerate(names, start=1):
            print(f"\n== {number} of {len(names)}: {name}\n", flush=True)
            command = [sys.executable, str(HERE / f"{name}.py"), *SCRIPTS[name]]
            if subprocess.run(command, env=os.environ | {rows.GATHERED: str(file)}, check=False).returncode:
                sys.exit(f"benchmarks/{name}.py failed")
        return rows.taken(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="only these, like fetch,store")
    parser.add_argument("--write", action="store_true", help="write results.json, and tables and plots into docs/")
    given, started = parser.parse_args(), time.monotonic()
    names = given.only.split(",") if given.only else list(SCRIPTS)
    if unknown := set(names) - set(SCRIPTS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    about = machine()
    found = gathered(names)
    print(f"\n{page.text(found)}\n\n{time.monotonic() - started:.0f} s")
    if given.write:
        results = {"machine": about, "rows": [asdict(row) for row in found]}
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        page.write(about, found)
        scale.write(found)


if __name__ == "__main__":
    main()
