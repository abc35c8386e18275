"""The pages about performance say what the benchmarks measured, and nothing else."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmarks, which lie outside the package."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield {name: importlib.import_module(name) for name in ("rows", "page", "scale")}
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_tables_and_pictures_are_those_of_the_results(bench, tmp_path):
    about, found = bench["page"].read(ROOT / "benchmarks/results.json")
    for name in ("performance.md", "scale.md"):
        (tmp_path / name).write_text((DOCS / name).read_text(encoding="utf-8"), encoding="utf-8")

    bench["page"].write(about, found, tmp_path)
    bench["scale"].write(found, tmp_path)

    for name in ("performance.md", "performance-goals.svg", "performance-flat.svg", "scale.md"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (DOCS / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize(
    ("ratio", "goal", "more", "met"),
    [(0.6, 0.5, True, True), (0.4, 0.5, True, False), (1.1, 1.2, False, True), (1.3, 1.2, False, False)],
)
def test_a_goal_is_met_in_its_own_direction(bench, ratio, goal, more, met):
    row = bench["rows"].Row("t", "w", ratio, "s", "peer", 1.0, ratio, goal, more=more)

    assert row.met is met
    assert ("MISSED" in bench["page"].text([row])) is not met


def test_what_is_only_told_has_no_goal(bench):
    assert bench["rows"].Row("t", "w", 1.0, "s", "peer", 1.0, 1.0).met is None


def test_rows_come_back_as_they_were_put(bench, tmp_path, monkeypatch):
    row = bench["rows"].share("Flat", "loose objects", 3, "objects", limit=10)
    monkeypatch.setenv(bench["rows"].GATHERED, str(tmp_path / "rows"))

    bench["rows"].put(row)

    assert bench["rows"].taken(tmp_path / "rows") == [row]
