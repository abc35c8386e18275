"""A command pays for what it uses: counted in modules, not in time."""

import subprocess
import sys

import pytest

HEAVY = ("pygit2", "requests", "urllib3", "deepdiff", "jmespath", "orjson", "tenacity", "sqlite3", "concurrent.futures")

PROGRAM = """
import sys
from snapshotter.cli import snap
from snapshotter.cli.exits import run
run(snap, sys.argv[1:])
print(" ".join(sys.modules), file=sys.stderr)
"""


def loaded(words, folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (["--help"], (*HEAVY, "snapshotter.results", "snapshotter.model", "snapshotter.edge.world")),
        (["--version"], HEAVY),
        (["status"], ("requests", "urllib3", "deepdiff", "jmespath", "tenacity")),
        (["log"], ("requests", "urllib3", "deepdiff", "jmespath", "tenacity", "sqlite3")),
        (["check"], ("requests", "urllib3", "deepdiff", "tenacity", "sqlite3")),
        (["fetch", "--dry-run"], ("requests", "urllib3", "deepdiff")),
    ],
    ids=" ".join,
)
def test_a_command_loads_only_what_it_uses(person, archive, words, never):
    assert loaded(words, archive) & set(never) == set()
