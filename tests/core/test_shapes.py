"""Every shape of an answer gives records that are exact parts of it; another shape is refused."""

import pytest

from snapshotter.core.records import Reader
from snapshotter.core.shapes import MOST_REASONS
from snapshotter.errors import ConfigError, Unreadable
from snapshotter.spec import Shape
from tests.core.things import a_snapshot


def texts(body: bytes, **selection) -> list[str]:
    page = Reader(a_snapshot(**{"id": ()} | selection)).page(body, window=None)
    return [record.text.decode() for record in page.records]


def left_out(body: bytes, **selection) -> dict[str, int]:
    return dict(Reader(a_snapshot(**{"id": ()} | selection)).page(body, window=None).left_out)


@pytest.mark.parametrize(
    ("body", "selection", "records"),
    [
        (b'[{"a":1},{"a":2}]', {}, ['{"a":1}', '{"a":2}']),
        (b"[8863, 8952, 1.10, null]", {}, ["8863", "8952", "1.10", "null"]),
        (b"[]", {}, []),
        (b'{"data":{"items":[{"b":1,"a":1.10}]}}', {"records": "data.items"}, ['{"a":1.10,"b":1}']),
        (b'{"data":[{"x":{"a":1}},{"x":{"a":2}}]}', {"records": "data[*].x"}, ['{"a":1}', '{"a":2}']),
        (b'{"a":1.10}', {"shape": Shape.SINGLE}, ['{"a":1.10}']),
        (b'{"list":{"7":{"v":1},"8":{"v":2}}}', {"records": "list", "shape": Shape.VALUES}, ['{"v":1}', '{"v":2}']),
        (b'{"eur":1.10,"usd":1}', {"shape": Shape.ENTRIES}, ['{"key":"eur","value":1.10}', '{"key":"usd","value":1}']),
        (b'{"t":[1,2],"v":[1.10,null]}', {"shape": Shape.COLUMNS}, ['{"t":1,"v":1.10}', '{"t":2,"v":null}']),
        (b"{}", {"shape": Shape.COLUMNS}, []),
        (b'{"columns":["t"],"rows":[[1.10],[2]]}', {"shape": Shape.ROWS}, ['{"t":1.10}', '{"t":2}']),
        (
            b'{"s":[{"c":[{"name":"t"}],"v":[[1],[2]]},{"c":[{"name":"u"}],"v":[[3]]}]}',
            {"records": "s", "shape": Shape.ROWS, "rows": "v", "columns": "c[*].name"},
            ['{"t":1}', '{"t":2}', '{"u":3}'],
        ),
        (b'{"a":1}\n{"a":2}\n', {"decode": "ndjson"}, ['{"a":1}', '{"a":2}']),
        (b'{"r":[1]}\n{"r":[2,3]}\n', {"decode": "ndjson", "records": "[].r[]"}, ["1", "2", "3"]),
    ],
)  # fmt: skip
def test_records_keep_their_exact_values(body, selection, records):
    assert texts(body, **selection) == records


@pytest.mark.parametrize(
    ("body", "selection", "words"),
    [
        (b'{"error":"down"}', {}, 'records = @ selected an object; as = "list" needs a list'),
        (b'{"data":null}', {"records": "data"}, 'null or nothing.*records_missing = "empty"'),
        (b'{"error":1}', {"records": "data"}, "null or nothing"),
        (b"7", {}, "a number"),
        (b"true", {}, "true or false"),
        (b"[]", {"shape": Shape.SINGLE}, "needs an object"),
        (b"[]", {"shape": Shape.VALUES}, "needs an object"),
        (b'"text"', {"shape": Shape.ENTRIES}, "a text"),
        (b'{"t":[1,2],"v":[1]}', {"shape": Shape.COLUMNS}, "arrays of 1 to 2 items"),
        (b'{"t":[1],"unit":"bpm"}', {"shape": Shape.COLUMNS}, '"unit" is a text'),
        (b'{"columns":["t"],"rows":[[1,2]]}', {"shape": Shape.ROWS}, "row 1 has 2 cells; its table has 1 columns"),
        (b'{"columns":["t"],"rows":[[1],{"t":1}]}', {"shape": Shape.ROWS}, "row 2 has an object"),
        (b'{"columns":["t","t"],"rows":[]}', {"shape": Shape.ROWS}, 'two columns are named "t"'),
        (b'{"columns":[1],"rows":[]}', {"shape": Shape.ROWS}, "named by a number"),
        (b'{"columns":["t"],"rows":null}', {"shape": Shape.ROWS}, "null or nothing"),
        (b'{"columns":["t"]}', {"shape": Shape.ROWS}, "leads to nothing"),
        (b"[[1]]", {"shape": Shape.ROWS}, "needs an object"),
        (b'[{"a":{"b":7}}]', {"unnest": "a.b"}, "unnest = a.b leads to a number"),
    ],
)  # fmt: skip
def test_another_shape_is_refused(body, selection, words):
    with pytest.raises(Unreadable, match=words) as raised:
        texts(body, **selection)

    assert raised.value.reason == "shape"


@pytest.mark.parametrize("body", [b'{"data":null}', b"{}", b"[]"])
@pytest.mark.parametrize("shape", Shape)
def test_nothing_may_mean_no_records_where_the_stream_says_so(body, shape):
    assert texts(body, records="data", records_missing="empty", shape=shape) == []


def test_a_wrong_type_is_no_missing_one():
    with pytest.raises(Unreadable):
        texts(b'{"data":{}}', records="data", records_missing="empty")


def test_an_inner_list_gives_a_record_for_each_item():
    body = b'[{"at":1,"s":{"v":[1.10,[2]]}},{"at":2,"s":{"v":[]}},{"at":3},{"at":4,"s":null}]'
    page = Reader(a_snapshot(id=(), unnest="s.v")).page(body, window=None)

    assert [record.text for record in page.records] == [b'{"at":1,"s":{"v":1.10}}', b'{"at":1,"s":{"v":[2]}}']
    assert page.received == 4
    assert page.left_out == {"unnest": 3}


def test_only_one_list_can_be_unnested():
    with pytest.raises(ConfigError, match="unnest"):
        Reader(a_snapshot(unnest="a[*].b"))


@pytest.mark.parametrize(
    ("body", "selection", "left"),
    [
        (b'[{"a":1}]', {}, {}),
        (b'{"data":[],"next":"x","errors":[]}', {"records": "data"}, {"outside:next": 1}),
        (
            b'{"kind":"t","data":{"after":null,"children":[{"kind":"a","data":{}},{"kind":"b","data":{}}]}}',
            {"records": "data.children[*].data"},
            {"outside:kind": 1, "outside:data.after": 1, "outside:data.children[*].kind": 2},
        ),
        (b'{"meta":{"page":1,"time":2},"data":[1]}', {"records": "data", "envelope": ("meta",)}, {}),
        (b'{"meta":{"time":2},"data":[1]}', {"records": "data", "envelope": ("meta.time",)}, {}),
        (b'{"m\\u001b":1,"data":[1]}', {"records": "data"}, {'outside:"m\\u001b"': 1}),
        (b'{"data":{"a":1},"n":1}', {"records": "data", "shape": Shape.VALUES}, {"outside:n": 1}),
        (b'{"columns":["a"],"rows":[[1]],"n":1}', {"shape": Shape.ROWS}, {"outside:n": 1}),
    ],
)  # fmt: skip
def test_members_that_hold_no_record_are_counted(body, selection, left):
    assert left_out(body, **selection) == left


def test_many_members_are_counted_together():
    members = b",".join(b'"m%d":1' % number for number in range(MOST_REASONS + 10))

    left = left_out(b'{"data":[],' + members + b"}", records="data")

    assert len(left) == MOST_REASONS + 1
    assert left["outside"] == 10
