"""`query` and `export` as a person types them."""

import csv
import io
import json
import subprocess
import sys

import pytest

TABLE = "usgs_earthquakes_events"


@pytest.fixture
def fetched(person, archive):
    person.types("fetch")
    return archive


def test_without_a_statement_the_tables_are_listed(person, fetched):
    text = person.types("query")

    assert TABLE in text
    assert "2018-02-01" in text


def test_an_answer_is_a_table_csv_or_json(person, fetched):
    sql = f"select _day, count(*) as n from {TABLE} group by _day order by _day limit 1"

    shown = person.types("query", sql).splitlines()
    read = list(csv.DictReader(io.StringIO(person.types("query", sql, "--csv"))))
    found = json.loads(person.types("query", sql, "--json"))

    assert shown[0].split() == ["_day", "n"]
    assert max(map(len, shown)) <= 80
    assert found[0]["_day"] == read[0]["_day"] == shown[2].split()[0]
    assert found[0]["n"] == int(read[0]["n"])


def test_a_mistake_is_told_in_a_line_and_leaves_with_2(person, fetched):
    person.types("query", f"delete from {TABLE}", code=2)

    assert "only reading" in person.err
    assert "Traceback" not in person.err


def test_without_duckdb_the_way_to_it_is_said(fetched):
    program = f"""
import sys
sys.modules["duckdb"] = None
from snapshotter.cli import snap
from snapshotter.cli.exits import run
sys.exit(run(snap, ["query", "select 1 from {TABLE}"]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=fetched, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "snapshotter[query]" in done.stderr


def test_an_export_is_written_and_named(person, fetched):
    text = person.types("export", "jsonl", "usgs-earthquakes/events", "--to", "../x.jsonl")
    found = json.loads(person.types("export", "sqlite", "usgs-earthquakes", "--to", "../x.sqlite", "--json"))

    lines = (fetched.parent / "x.jsonl").read_text().splitlines()
    assert f"{len(lines):,} records" in text
    assert found[0]["records"] == len(lines)
    person.types("export", "jsonl", "usgs-earthquakes/events", "--to", "../x.jsonl", code=2)
    assert "--force" in person.err


def test_nothing_but_the_answer_is_said_until_the_very_end(fetched):
    words = [sys.executable, "-m", "snapshotter", "query", "select 1 as one"]

    done = subprocess.run(words, cwd=fetched, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "one", "")
