"""The house rules, executable: core decides, edge touches, imports go down, one door a library."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "snapshotter"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LEVELS = {  # a module may import its own level's siblings only where told below, and any lower level
    "errors": 0, "exits": 0, "spec": 0, "model": 1, "results": 1, "canonical": 1, "masking": 1, "codec": 0, "pieces": 1,
    "evidence": 1, "walks": 2, "frozen": 0,
    "core": 2, "edge": 2, "_data": 0, "catalogue": 0, "fetch": 3, "archive": 4, "cli": 5, "__main__": 6,
}  # fmt: skip

DOORS = {
    "pygit2": {"snapshotter.edge.store"},
    "requests": {"snapshotter.edge.http"},
    "urllib3": {"snapshotter.edge.http"},
    "certifi": {"snapshotter.edge.http"},
    "tenacity": {"snapshotter.fetch"},
    "deepdiff": {"snapshotter.core.diff"},
    "jsonschema": {"snapshotter.core.conforming"},
    "referencing": {"snapshotter.core.conforming"},
    "orjson": {"snapshotter.canonical"},
    "jmespath": {"snapshotter.core.select"},
    "tomllib": {"snapshotter.core.config"},
    "sqlite3": {"snapshotter.edge.cache", "snapshotter.edge.sheets"},  # ours, and what a person is given
    "duckdb": {"snapshotter.edge.duck"},
    "distributed": {"snapshotter.edge.execute"},
    "click": {"snapshotter.cli"},
    "rich": {"snapshotter.cli"},
    "webbrowser": {"snapshotter.cli"},
}

CORE_MAY_NOT_TOUCH = {
    "os", "sys", "io", "pathlib", "shutil", "subprocess", "socket", "time", "random", "secrets", "tempfile",
    "threading", "logging", "sqlite3", "http", "urllib.request",
}  # fmt: skip


@cache
def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module.startswith("snapshotter")}
    return found


def inner(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_down_only(name):
    own = LEVELS.get(inner(name), 0)

    for imported in imports_of(MODULES[name]):
        if imported.startswith("snapshotter.") and inner(imported) != inner(name):
            level = LEVELS.get(inner(imported))
            assert level is not None or inner(imported) == "__version__", f"{imported} has no level"
            assert level is None or level <= own, f"{name} imports {imported}, which lies above it"


@pytest.mark.parametrize("name", sorted(name for name in MODULES if inner(name) in ("core", "edge")))
def test_core_and_edge_never_import_each_other(name):
    other = "snapshotter.edge" if inner(name) == "core" else "snapshotter.core"

    assert not [imported for imported in imports_of(MODULES[name]) if imported.startswith(other)]


@pytest.mark.parametrize("name", sorted(name for name in MODULES if inner(name) == "core"))
def test_core_touches_nothing(name):
    touched = {imported for imported in imports_of(MODULES[name]) if imported in CORE_MAY_NOT_TOUCH}

    assert not touched


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_library_has_one_door(library):
    users = {
        name
        for name, path in MODULES.items()
        if any(imported == library or imported.startswith(library + ".") for imported in imports_of(path))
    }

    doors = DOORS[library]
    assert {user for user in users if not any(user == door or user.startswith(door + ".") for door in doors)} == set()


def test_no_import_cycles():
    graph = {
        name: {imported for imported in imports_of(path) if imported in MODULES and imported != name}
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for imported in graph[name]:
                if not name.startswith(imported + "."):  # a package is imported with its parts
                    visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_only_the_world_reads_the_clock():
    for name, path in MODULES.items():
        if name != "snapshotter.edge.world":
            text = path.read_text()
            for word in ("datetime.now(", "date.today(", "time.time(", "utcnow("):
                assert word not in text, f"{name} reads the clock with {word}; take it from World"


# The figures of docs/refresh.md are bound to the very text of these two, and are made anew when they change.
MEASURED = {"snapshotter.core.refreshing.hazards", "snapshotter.core.refreshing.policy"}


def test_frozen_values_come_from_the_decorator_that_starts_faster():
    for name, path in MODULES.items():
        if name != "snapshotter.frozen" and name not in MEASURED:
            assert not re.search(r"^from dataclasses import .*\bdataclass\b", path.read_text(), re.MULTILINE), name
