"""Records for other programs: exact, whole files, with where they come from."""

import csv
import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date

import pytest

from snapshotter.archive import exporting
from snapshotter.archive.exporting import ExportOptions
from snapshotter.archive.opening import silent
from snapshotter.archive.tabling import Chosen
from snapshotter.edge.duck import Duck
from snapshotter.errors import UsageError
from tests.archive.test_querying import fill
from tests.archive.worlds import Api, an_archive
from tests.server import Reply

BODY = (
    '{"data": [{"at": "2026-03-12T08:00:00Z", "id": "a", "n": 1.10, "big": 12345678901234567890123, "ok": true,'
    ' "none": null, "text": "=1+1, \\"x\\"", "deep": {"k": [1.50]}},'
    ' {"at": "2026-03-12T09:00:00Z", "id": "b", "n": 2, "text": ""}]}'
)


@pytest.fixture
def archive(tmp_path):
    answer = Reply(200, BODY.encode(), (("Content-Type", "application/json"),))
    with an_archive(tmp_path, lambda request: answer) as made:
        made.fetch()
        yield made


def export(archive, form, to, *streams, force=False, **chosen):
    options = ExportOptions(form, streams or ("demo/items",), to, Chosen(**chosen), replaces=force)
    return exporting.export(archive.path, options, archive.world, tell=silent)


def test_json_lines_are_the_records_as_they_are_archived(archive, tmp_path):
    (told,) = export(archive, "jsonl", tmp_path / "x.jsonl")

    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    assert lines == [line.rstrip(",") for line in archive.read("demo/items/2026/03/2026-03-12.json").splitlines()[1:-1]]
    assert told.records == 2


def test_a_file_says_where_it_comes_from(archive, tmp_path):
    export(archive, "jsonl", tmp_path / "x.jsonl")

    told = json.loads((tmp_path / "x.jsonl.provenance.json").read_text())

    assert told["stream"] == "demo/items"
    assert told["commit"] == archive.git("rev-parse", "HEAD").strip()
    assert told["sha256"] == hashlib.sha256((tmp_path / "x.jsonl").read_bytes()).hexdigest()
    assert str(tmp_path) not in json.dumps(told)


def test_csv_holds_numbers_as_they_were_written(archive, tmp_path):
    export(archive, "csv", tmp_path / "x.csv")

    with (tmp_path / "x.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["n"], first["big"], first["ok"]) == ("1.10", "12345678901234567890123", "true")
    assert (first["deep"], first["text"]) == ('{"k":[1.50]}', '=1+1, "x"')
    assert (first["_day"], first["_instant"]) == ("2026-03-12", "2026-03-12T08:00:00Z")
    assert (second["n"], second["big"]) == ("2", "")


def test_sqlite_holds_what_it_can_and_the_rest_as_text(archive, tmp_path):
    export(archive, "sqlite", tmp_path / "x.sqlite")

    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as file:
        found = file.execute("select n, big, ok, deep from demo_items order by id").fetchall()
        (commit,) = file.execute('select "commit" from _provenance').fetchone()
    assert found == [("1.10", "12345678901234567890123", 1, '{"k":[1.50]}'), (2, None, None, None)]
    assert commit == archive.git("rev-parse", "HEAD").strip()


def test_parquet_has_the_types_of_a_query(archive, tmp_path):
    export(archive, "parquet", tmp_path / "x.parquet")

    (tmp_path / "d").mkdir()
    duck = Duck(tmp_path / "d", memory="200MB")
    found = duck._connection.execute(f"select n::varchar, big from '{tmp_path}/x.parquet' order by id").fetchall()
    duck.close()
    assert found == [("1.10", 12345678901234567890123), ("2.00", None)]


def test_days_and_times_are_chosen(archive, tmp_path):
    (told,) = export(archive, "jsonl", tmp_path / "x.jsonl", since=date(2026, 3, 13))

    assert told.records == 0
    assert (tmp_path / "x.jsonl").read_bytes() == b""


def test_several_streams_get_a_file_each(archive, tmp_path):
    (told,) = export(archive, "csv", tmp_path, "demo")

    assert told.path == str(tmp_path / "demo_items.csv")


def test_a_file_that_is_there_stays_unless_it_may_go(archive, tmp_path):
    (tmp_path / "x.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        export(archive, "jsonl", tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_text() == "mine"

    export(archive, "jsonl", tmp_path / "x.jsonl", force=True)

    assert (tmp_path / "x.jsonl").read_text() != "mine"


def test_what_fails_leaves_nothing_behind(archive, tmp_path):
    there = set(tmp_path.iterdir())

    for to, word in [(archive.path / "x.jsonl", "outside"), (tmp_path / "no/x.jsonl", "no such folder")]:
        with pytest.raises(UsageError, match=word):
            export(archive, "jsonl", to)
    with pytest.raises(UsageError, match="nowhere"):
        export(archive, "jsonl", tmp_path / "x", "nowhere")

    assert set(tmp_path.iterdir()) == there
    assert archive.is_clean()


def test_days_that_no_day_can_be_are_refused(archive, tmp_path):
    with pytest.raises(UsageError, match="no day is meant"):
        export(archive, "csv", tmp_path / "x.csv", since=date(2026, 3, 13), until=date(2026, 3, 12))


PROGRAM = """
import re, sys
from datetime import date
from pathlib import Path
from snapshotter.archive import exporting
from snapshotter.archive.exporting import ExportOptions
from snapshotter.archive.opening import silent
from snapshotter.archive.tabling import Chosen
from snapshotter.edge.world import World
path, until, to = Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), Path(sys.argv[3])
for form in ("jsonl", "csv", "sqlite"):
    options = ExportOptions(form, ("demo/items",), to / f"x.{form}", Chosen(until=until), replaces=True)
    (told,) = exporting.export(path, options, World({}, path), tell=silent)
status = Path("/proc/self/status").read_text()
print(told.records, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def test_memory_does_not_grow_with_what_is_exported(tmp_path):
    def exported(until):
        words = [sys.executable, "-c", PROGRAM, str(archive.path), until, str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return tuple(map(int, done.stdout.split()))

    with an_archive(tmp_path, Api([])) as archive:
        fill(archive, days=60, records=100, length=10_000)  # 60 MB

        little, much = exported("2020-01-03"), exported("2021-01-01")

    assert (little[0], much[0]) == (300, 6_000)
    assert much[1] < little[1] + 30, "megabytes"
