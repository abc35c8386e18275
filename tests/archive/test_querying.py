"""All records are asked by SQL: exact, as of then, shut in."""

import json
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest

from snapshotter.archive import querying
from snapshotter.archive.opening import for_writing, silent
from snapshotter.archive.tabling import Chosen
from snapshotter.canonical import document
from snapshotter.errors import UsageError
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import AGAIN, Api, an_archive, item, series

ITEMS = [
    item("12T08:00", "a", big=123456789012345678901, price=1.5, odd=1, place={"lat": 48.1, "lon": 11.5}, tags=["x"]),
    item("12T09:00", "b", big=2, price=10.25, odd="text", place={"lat": 47, "lon": None}, tags=[]),
]


def ask(archive, sql, **chosen):
    with querying.query(archive.path, sql, Chosen(**chosen), archive.world, tell=silent) as answer:
        return list(answer.rows)


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path, Api(ITEMS)) as made:
        made.fetch()
        yield made


def test_a_stream_is_a_table_by_either_of_its_names(archive):
    plain = ask(archive, "select id, _day, _instant::varchar from demo_items order by id")
    slashed = ask(archive, 'select count(*) from "demo/items"')

    assert plain == [("a", date(2026, 3, 12), "2026-03-12 08:00:00"), ("b", date(2026, 3, 12), "2026-03-12 09:00:00")]
    assert slashed == [(2,)]


def test_columns_have_types_that_lose_nothing(archive):
    types = {name: kind for name, kind, *_ in ask(archive, "describe demo_items")}

    assert types["big"] == "DECIMAL(38,0)"
    assert types["price"].startswith("DECIMAL(18")
    assert types["odd"] == "JSON"
    assert types["place"].startswith("STRUCT")
    assert types["tags"] == "VARCHAR[]"
    assert ask(archive, "select big, price, place.lat from demo_items where id = 'a'") == [
        (123456789012345678901, Decimal("1.50"), Decimal("48.1"))
    ]


def test_numbers_that_no_type_holds_stay_as_they_were_written(tmp_path):
    text = '{"data": [{"at": "2026-03-12T08:00:00Z", "id": "a", "n": 1e400, "m": {"k": 1.10}, "x": 1}]}'
    other = text.replace('"a"', '"b"').replace('"x": 1', '"x": {"deep": 12345678901234567890.12345678901234567890}')
    both = text[:-2] + ", " + other[len('{"data": [') :]
    with an_archive(tmp_path, lambda request: _raw(both)) as archive:
        archive.fetch()

        found = ask(archive, "select n, m.k::varchar, x::varchar from demo_items order by id")

    assert found == [("1e400", "1.10", "1"), ("1e400", "1.10", '{"deep":12345678901234567890.12345678901234567890}')]


def _raw(text):
    from tests.server import Reply

    return Reply(200, text.encode(), (("Content-Type", "application/json"),))


def test_an_old_version_is_asked_by_its_time(tmp_path):
    api = Api(list(ITEMS))
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        archive.later(days=1)
        api.records.append(item("12T10:00", "c"))
        archive.fetch(since=date(2026, 3, 12), until=date(2026, 3, 12))

        assert ask(archive, "select count(*) from demo_items") == [(3,)]
        assert ask(archive, "select count(*) from demo_items", at="2026-03-14") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('http://localhost:1/x.csv')",
        "select * from glob('/*')",
        "select * from '/etc/passwd'",
        "copy demo_items to '/tmp/never.csv'",
        "attach '/tmp/never.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "create table x as select 1",
        "delete from demo_items",
        "with x as (delete from \"_rows\".t0 returning 1) select * from x",
        "select 1; select 2",
        "pragma database_list",
        "select * from nowhere",
        "selec 1",
        "",
    ],
)  # fmt: skip
def test_a_statement_reaches_neither_files_nor_network_and_writes_nothing(archive, sql):
    with pytest.raises(UsageError):
        ask(archive, sql)

    assert archive.is_clean()


def test_names_that_sql_cannot_tell_apart_get_numbers(tmp_path):
    odd = item("12T08:00", "a", ID="b", _day="mine", **{"": 1, 'q"; drop': 2, "same": {"A": 1, "a": 2}})
    with an_archive(tmp_path, Api([odd])) as archive:
        archive.fetch()

        names = [row[0] for row in ask(archive, "describe demo_items")]
        assert set(names) == {"_day", "_instant", "_day_2", "at", "id", "ID_2", "no name", 'q"; drop', "same"} or set(
            names
        ) == {"_day", "_instant", "_day_2", "at", "ID", "id_2", "no name", 'q"; drop', "same"}
        assert json.loads(ask(archive, "select same from demo_items")[0][0]) == {"A": 1, "a": 2}


def test_records_with_endless_names_are_one_column(tmp_path):
    wild = [item("12T08:00", f"r{n}", **{f"k{n}_{m}": m for m in range(60)}) for n in range(10)]
    with an_archive(tmp_path, Api(wild)) as archive:
        archive.fetch()

        assert ask(archive, "select count(record->>'id') from demo_items") == [(10,)]


def test_a_stream_without_a_document_is_an_empty_table(tmp_path):
    with an_archive(tmp_path, Api([])) as archive:
        assert ask(archive, "select count(*) from demo_items") == [(0,)]


PROGRAM = """
import re, sys
from datetime import date
from pathlib import Path
from snapshotter.archive import querying
from snapshotter.archive.opening import silent
from snapshotter.archive.tabling import Chosen
from snapshotter.edge.world import World
path, until = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])
sql = "select count(*), sum(length(note)) from demo_items"
with querying.query(path, sql, Chosen(until=until), World({}, path), memory="128MB", tell=silent) as answer:
    (row,) = answer.rows
status = Path("/proc/self/status").read_text()
print(*row, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive(tmp_path):
    def asked(until):
        words = [sys.executable, "-c", PROGRAM, str(archive.path), until]
        count, size, peak = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        return int(count), int(size), int(peak)

    with an_archive(tmp_path, Api([])) as archive:
        fill(archive, days=250, records=100, length=10_000)  # 250 MB

        little, much = asked("2020-01-05"), asked("2021-01-01")

    assert little[:2] == (500, 5_000_000)
    assert much[:2] == (25_000, 250_000_000)
    assert much[2] < little[2] + 150, "megabytes"


def fill(archive, *, days, records, length):
    note = "x" * length
    files = []
    for number in range(days):
        day = date(2020, 1, 1) + timedelta(days=number)
        lines = [f'{{"at":"{day}T{place // 60:02}:{place % 60:02}:00Z","id":"{day}-{place}","note":"{note}"}}'
                 for place in range(records)]  # fmt: skip
        files.append(FileChange(f"demo/items/{day:%Y/%m/%Y-%m-%d}.json", document(map(str.encode, lines))))
    with for_writing(archive.path, archive.world, command="test") as opened:
        opened.store.commit(Batch(tuple(files), "Fill\n", archive.clock.now()), opened.store.head())
        opened.store.finish()
