"""Records as rows: types that lose nothing, names that SQL can tell apart, cells that stay exact."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.canonical import Number, decode
from snapshotter.core.report_query import json_lines, table, value_of
from snapshotter.core.tables import Columns, Seen, csv_line, mentioned, sqlite_value, table_names


def the_type(*texts):
    seen = Seen()
    for text in texts:
        seen.look(decode(text.encode()).value)
    return seen.sql()


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "null", "-5"], "BIGINT"),
        (["9223372036854775808"], "DECIMAL(38, 0)"),
        (["1" + "0" * 39], "VARCHAR"),
        (["1.5", "10"], "DECIMAL(18, 1)"),
        (["1.10"], "DECIMAL(18, 2)"),
        (["0.1234567890123456", "12345.5"], "DOUBLE"),
        (["1234567890123456.10", "0.25"], "DECIMAL(18, 2)"),
        (["12345678901234567890.10"], "DECIMAL(38, 2)"),
        (["1e400"], "VARCHAR"),
        (["1e-7"], "DOUBLE"),
        (["9007199254740993", "1e-7"], "VARCHAR"),
        (["true"], "BOOLEAN"),
        (["true", "1"], "JSON"),
        (['"x"'], "VARCHAR"),
        (["null"], "VARCHAR"),
        (["[1]", "[]"], "BIGINT[]"),
        (['{"a":1}', '{"b":"x"}'], 'STRUCT("a" BIGINT, "b" VARCHAR)'),
        (['{"a":1,"A":2}'], "JSON"),
        (["{}"], "JSON"),
    ],
)
def test_a_column_has_the_narrowest_type_that_loses_nothing(texts, kind):
    assert the_type(*texts) == kind


def test_an_object_with_ever_new_names_is_json():
    seen = Seen()
    for number in range(300):
        seen.look({f"k{number}": number})

    assert seen.sql() == "JSON"
    assert not seen.members


@given(st.lists(st.text(max_size=4), max_size=8, unique=True))
def test_columns_are_called_apart_without_regard_to_case(names):
    columns = Columns(("_day",))
    columns.look(dict.fromkeys(names, 1))

    called = [name.casefold() for name in columns.names.values()]

    assert len({*called, "_day"}) == len(names) + 1


def test_tables_are_called_apart():
    names = table_names(["a-b/c", "a/b_c", "a_b/c", "x/y", "x/y/z"])

    assert names["x/y"] == "x_y"
    assert names["x/y/z"] == "x_y_z"
    assert len(set(names.values())) == 5
    assert mentioned('select * from X_Y join "a-b/c" using (id)', names) == ["a-b/c", "x/y"]


@given(st.lists(st.none() | st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4))
def test_a_line_of_csv_is_read_back_as_it_was(cells):
    (read,) = csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)

    assert read == [cell or "" for cell in cells]


def test_what_sqlite_cannot_hold_is_text():
    assert sqlite_value(Number("1.10")) == "1.10"
    assert sqlite_value(2**63) == str(2**63)
    assert sqlite_value({"a": [1]}) == '{"a":[1]}'
    assert sqlite_value(True) == 1


def test_json_keeps_what_the_database_says_exactly():
    rows = [(Decimal("1.10"), 2**70, float("nan"), '{"a": 1.50}')]

    text = "".join(json_lines([("a", ""), ("a", ""), ("c", "DOUBLE"), ("d", "JSON")], rows))

    assert text == '[\n{"a":1.10,"a_2":1180591620717411303424,"c":"nan","d":{"a":1.50}}\n]\n'
    assert value_of(b"\x01\xff") == "01ff"


def test_a_table_fits_its_terminal_and_moves_no_cursor():
    columns = [(f"column {n}", "VARCHAR") for n in range(20)]
    rows = [["\x1b[31mred\x1b[0m " * 5] * 20]

    text = table(columns, rows, width=80, more=True)

    assert max(map(len, text.splitlines()[:3])) <= 80
    assert "\x1b" not in text
    assert "more columns" in text
    assert "there are more" in text
