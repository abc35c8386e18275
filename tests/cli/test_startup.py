"""A command pays for what it uses: counted in modules, not in time."""

import json
import subprocess
import sys

from snapshotter.cli import COMMANDS

HEAVY = {
    "requests", "urllib3", "deepdiff", "jmespath", "tenacity", "sqlite3", "concurrent.futures", "jsonschema", "duckdb",
    "rich", "asyncio", "multiprocessing", "pickle", "email", "pygit2", "orjson",
}  # fmt: skip
GIT = {"pygit2", "orjson"}  # whatever opens an archive
LEDGER = GIT | {"sqlite3"}
ASKS = LEDGER | {"urllib3", "concurrent.futures", "email", "pickle"}
EVENTS = "usgs-earthquakes/events"

# One command of each file of commands -> how many modules of our own it may load, a dozen more than it does, and
# which libraries that cost time.
BUDGETS = {
    "--help": (10, set()),
    "add": (135, GIT | {"jmespath"}),
    "check": (125, LEDGER),
    f"try {EVENTS} --help": (150, GIT),
    "new --help": (145, GIT),
    "record --help": (195, GIT),
    "fetch --until 2018-01-01": (170, LEDGER),
    "run --dry-run": (200, LEDGER),
    "schedule show": (120, GIT),
    "refresh --dry-run": (200, LEDGER),
    f"diff {EVENTS} 2018-02-01": (165, LEDGER),
    f"log {EVENTS} 2018-02-01": (165, LEDGER),
    f"show {EVENTS} 2018-02-01": (165, GIT),
    "import --help": (135, GIT),
    "query --help": (115, GIT),
    f"export {EVENTS}": (120, LEDGER),
    "status": (165, LEDGER),
    "reconcile --dry-run": (190, LEDGER),
    f"why {EVENTS} 2018-02-01": (170, LEDGER),
    "limits": (145, GIT),
    "report": (205, LEDGER | {"concurrent.futures"}),
    "runs": (120, GIT),
    "held": (165, GIT),
    "push": (130, GIT),
    "backup --help": (140, GIT),
    "maintain --dry-run": (120, GIT),
    "notify": (130, GIT),
    "verify": (115, LEDGER),
    "rename --help": (120, GIT),
    "copy --help": (125, GIT),
    "restore --help": (120, GIT),
    "completion bash": (30, set()),
    "demo --help": (220, GIT | {"email"}),
}

# Each command in a child of its own, which begins where only what is given is loaded.
PROGRAM = """
import importlib, json, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for words in json.load(sys.stdin):
    if not os.fork():
        sink, said = os.open(os.devnull, os.O_WRONLY), os.dup(1)
        os.dup2(sink, 1), os.dup2(sink, 2)
        from snapshotter.cli import snap
        from snapshotter.cli.exits import run
        started = []
        sys.addaudithook(lambda event, given: started.append(str(given[0])) if event == "subprocess.Popen" else None)
        code = run(snap, words.split())
        os.write(said, (json.dumps([words, code, list(sys.modules), started]) + "\\n").encode())
        os._exit(0)
    os.wait()
"""


def loaded(typed, folder, *before):
    """The exit code of each, its modules, and the programs that it started."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *before],
        cwd=folder,
        input=json.dumps(typed),
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        words: (code, set(modules), started)
        for words, code, modules, started in map(json.loads, done.stdout.splitlines())
    }


def test_every_command_or_one_of_its_file_has_a_budget():
    budgeted = {COMMANDS[words.split()[0]][0] for words in BUDGETS if not words.startswith("-")}

    assert {file for file, _ in COMMANDS.values()} == budgeted


def test_a_command_loads_only_what_it_uses(person, archive):
    person.types("fetch", "--json")

    small = [words for words, (_, libraries) in BUDGETS.items() if not libraries]
    others = [words for words in BUDGETS if words not in small]  # all of them may load git: it is loaded once for all
    found = loaded(small, archive) | loaded(others, archive, *sorted(GIT), "click")

    assert len(found) == len(BUDGETS)
    assert [words for words, (code, *_) in found.items() if code == 1] == []
    for words, (own, libraries) in BUDGETS.items():
        _, modules, _ = found[words]
        assert modules & HEAVY <= libraries, words
        assert sum(name.startswith("snapshotter") for name in modules) <= own, words


def test_a_run_that_asks_loads_the_network_and_no_more(archive):
    [(code, modules, started)] = loaded(["fetch"], archive).values()

    assert code == 0
    assert len(started) <= 1  # git, to look how the archive has grown
    assert "urllib3" in modules
    assert modules & HEAVY <= ASKS


def test_looking_and_a_run_with_nothing_to_do_start_no_other_program(person, archive):
    person.types("fetch", "--json")

    found = loaded(["fetch --until 2018-01-01", "status", "gaps"], archive)

    assert [started for _, _, started in found.values()] == [[], [], []]
