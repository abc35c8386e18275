"""Expressions read plain values, point at exact ones, and never make up a record; member paths leave things out."""

import copy
import re
import subprocess
import sys

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter import canonical
from snapshotter.canonical import Number
from snapshotter.core import select
from snapshotter.core.select import View, compile_expression, drop, get, is_true, parse_path, truthy
from snapshotter.errors import ConfigError, Unreadable

PAGE = b"""{
    "data": {"items": [
        {"id": 18446744073709551617, "price": 1.10, "type": "a", "at": {"day": "2024-01-02"}},
        {"id": 7, "price": 2.5, "type": "b", "at": {"day": "2024-01-01"}},
        {"id": 8, "price": 0.30, "type": "a", "at": null}
    ]},
    "by_id": {"x": {"v": 1.0e2}, "y": {"v": 2}},
    "grid": [[1, 2.50], [3, 4]],
    "next": "", "total": 3, "more": false, "first-name": "Ann", "cap": 1E400
}"""


PLAIN_PAGE = re.sub(rb"18446744073709551617|1\.10|0\.30|2\.50|1\.0e2|1E400", b"1", PAGE)


def a_view(body: bytes = PAGE) -> View:
    decoded = canonical.decode(body)
    return View(decoded.value, is_plain=decoded.exact_is_plain)


def selected(text: str, body: bytes = PAGE):
    return a_view(body).select(compile_expression(text))


def searched(text: str, body: bytes = PAGE):
    return a_view(body).search(compile_expression(text))


# --- selecting the exact parts ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data.items[0].id", "18446744073709551617"),
        ("data.items[*].id", "[18446744073709551617,7,8]"),
        ("data.items[?type == 'a'].price", "[1.10,0.30]"),
        ("data.items[?price > `1.05`].[price][]", "[1.10,2.5]"),
        ("data.items[-1]", '{"at":null,"id":8,"price":0.30,"type":"a"}'),
        ("sort_by(data.items, &price)[0].price", "0.30"),
        ("max(data.items[*].price)", "2.5"),
        ("min_by(data.items, &id).id", "7"),
        ("not_null(missing, by_id.x.v)", "1.0e2"),
        ("by_id.*", '[{"v":1.0e2},{"v":2}]'),
        ("values(by_id)", '[{"v":1.0e2},{"v":2}]'),
        ("keys(by_id)", '["x","y"]'),
        ("grid", "[[1,2.50],[3,4]]"),
        ("grid[]", "[1,2.50,3,4]"),
        ("grid[1:]", "[[3,4]]"),
        ("data | items[?type == 'b']", '[{"at":{"day":"2024-01-01"},"id":7,"price":2.5,"type":"b"}]'),
        ("data.items[0:1]", '[{"at":{"day":"2024-01-02"},"id":18446744073709551617,"price":1.10,"type":"a"}]'),
        ("next || cap", "1e400"),
        ("cap", "1e400"),
        ('"first-name"', '"Ann"'),
        ("missing || `[]`", "[]"),
        ("length(data.items)", "3"),
        ("join('-', data.items[*].type)", '"a-b-a"'),
    ],
)
def test_what_is_selected_is_exact(text, found):
    assert canonical.encode(selected(text)) == found.encode()


@pytest.mark.parametrize(
    "text",
    ["missing", "data.missing.deeper", "next.length", "total.x", "grid[9]", "data.items[0].at.day.year", "grid.x"],
)
def test_what_is_absent_is_none(text):
    assert selected(text) is None
    assert searched(text) is None


@pytest.mark.parametrize("text", ["data.items", "data.items[1]", "data.items[*]", "by_id.*", "data | @", "@"])
@pytest.mark.parametrize("body", [PAGE, PLAIN_PAGE])
def test_selected_parts_are_the_parts_themselves(text, body):
    view = a_view(body)
    parts = {
        id(part)
        for part in (
            view.value,
            *view.value["data"].values(),
            *view.value["data"]["items"],
            *view.value["by_id"].values(),
        )
    }
    parts.add(id(view.value["data"]))

    found = view.select(compile_expression(text))

    assert all(id(part) in parts for part in ([found] if isinstance(found, dict) else found))


@pytest.mark.parametrize(
    "text",
    [
        "{a: total}",
        "data.items[*].{id: id}",
        "data.items[*].[id, price]",
        "[data.items[0], {a: total}]",
        "merge(by_id, data)",
        'data.items[*].merge(@, `{"a": 1}`)',
        'missing || `{"a": 1}`',
        "[[total]]",
        "by_id.*.[v]",
        "grid[*][0:1]",
        "[`[1]`]",
    ],
)
@pytest.mark.parametrize(
    "body", [PAGE, b'{"data":{"items":[{"id":1,"price":1}]},"by_id":{"x":{"v":1}},"grid":[[1]],"total":1}']
)
def test_an_expression_that_makes_something_is_refused(text, body):
    with pytest.raises(Unreadable, match="not in the data") as refusal:
        selected(text, body)

    assert refusal.value.reason == "selection"
    assert text in refusal.value.message


# --- searching plain values ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data.items[0].price", 1.1),
        ("data.items[*].id", [2**64 + 1, 7, 8]),
        ("sum(data.items[*].price)", 3.9),
        ("data.items[0].{id: id}", {"id": 2**64 + 1}),
        ("next", ""),
        ("more", False),
        ("cap > `5`", True),
        ("by_id.x", {"v": 100.0}),
    ],
)
def test_search_gives_plain_values(text, found):
    result = searched(text)

    assert result == pytest.approx(found) if isinstance(found, float) else result == found
    assert canonical.plain(result) is result


def test_a_view_of_plain_values_copies_nothing():
    view = a_view(b'{"a":[1,2.5]}')

    assert view.plain is view.value
    assert view.search(compile_expression("a[*]")) == view.select(compile_expression("a[*]")) == [1, 2.5]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("length(total)", "length() takes string or array or object and met number"),
        ("sort_by(data.items, &at.day)", "sort_by() takes string and met null"),
        ("contains(next, total)", "different types"),
        ("data.items[?id > type]", "different types"),
        ("avg([cap, cap, cap])", "not a number that JSON can say"),
        ("to_number('nan')", "not a number that JSON can say"),
        ("sum([to_number(join('', [`\"1\"`, big])), cap])", "too large"),
        ("ceil(sum([cap, cap]))", "too large"),
        ("floor(to_number('nan'))", "cannot be evaluated"),
    ],
)
def test_a_type_error_names_the_expression_and_no_data(text, why):
    body = PAGE.replace(b'"total"', b'"big":"' + b"0" * 399 + b'","total"')

    with pytest.raises(Unreadable, match="selection") as refusal:
        searched(text, body)

    assert refusal.value.message == f"{text}: {refusal.value.message.removeprefix(text + ': ')}"
    assert why in refusal.value.message
    assert "2024" not in refusal.value.message


def test_comparing_deep_values_ends():
    deep = b"[" * 248 + b"1" + b"]" * 248

    assert searched("a == b", b'{"a":' + deep + b',"b":' + deep + b"}") is True
    assert searched("length(to_string(a))", b'{"a":' + deep + b"}") == 497


def test_an_expression_that_goes_too_deep_ends_as_unreadable():
    expression = compile_expression("!" * 300 + "a[0]")

    def deeper(levels):
        return expression.search({"a": [1]}) if levels == 0 else deeper(levels - 1)

    with pytest.raises(Unreadable, match="it goes too deep"):
        deeper(500)


# --- the truth of error rules ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contains(message || '', 'limit')", True),
        ("contains(message || '', 'other')", False),
        ("contains(code, 'limit')", False),
        ("code", True),
        ("missing", False),
        ("empty", False),
        ("none", False),
        ("no", False),
        ("code > `3`", False),
        ("code > message", False),
    ],
)
def test_an_error_rule_with_a_type_error_is_false(text, expected):
    body = {"message": "rate limit", "code": 0, "empty": "", "none": [], "no": False}

    assert truthy(compile_expression(text), body) is expected


@pytest.mark.parametrize("value", [0, 0.0, True, "0", [0], {"": 0}, Number("-0")])
def test_these_values_are_true(value):
    assert is_true(value)


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_these_values_are_not_true(value):
    assert not is_true(value)


# --- compiling ---

keys = st.sampled_from(["a", "b", "_c1", "first-name", "@type", "", "ü", "a b"])
trees = st.recursive(
    st.one_of(st.none(), st.integers(-2, 2), st.sampled_from(["", "a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=10,
)
simple = st.lists(
    keys.map(lambda key: key if key.isidentifier() and key.isascii() else f'"{key}"'), min_size=1, max_size=3
)


@given(simple.map(".".join), trees)
def test_a_plain_path_finds_what_the_library_finds(text, tree):
    expression = compile_expression(text)

    assert expression.names is not None
    assert expression.search(tree) == jmespath.search(text, tree)


def test_only_real_expressions_load_the_library():
    code = (
        "import sys; from snapshotter.core.select import compile_expression as c; c('a.b'); c('@'); "
        "assert 'jmespath' not in sys.modules; c('a[0]'); assert 'jmespath' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_expression_is_compiled_once():
    assert compile_expression("a[?b].c") is compile_expression("a[?b].c")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "write @ for the whole"),
        ("a.", "ends too early"),
        ("a[?b", "ends too early"),
        ("a b", "Unexpected token: b at column 3"),
        ("a.b-c", "column 4"),
        ("a..b", "column 3"),
        ("'open", "Unclosed ' delimiter at column 1"),
        ('a."b', 'Unclosed " delimiter at column 3'),
        ("a[?b == `open`]", "single quotes, like 'open'"),
        ("a = b", "column 3"),
        ("a[::0]", "step 0"),
        ("len(a)", "no function len(); known are abs, avg"),
        ("a[*].nope(@)", "no function nope()"),
        ("length(a, b)", "length() takes 1 arguments and is given 2"),
        ("merge()", "merge() takes at least 1 arguments and is given 0"),
        ("&a", "may only be given to map, max_by"),
        ("[&a]", "may only be given to"),
        ("not_null(&a)", "may only be given to"),
        ("(" * 1_500 + "a" + ")" * 1_500, "nested too deep"),
        ("a" * 4_000 + "[" + "0" * 100 + "]", "longer than"),
        ("a[" + "9" * 4_050 + "]", None),
        ("a\n\x1b[31m!", "a\\u000a\\u001b[31m!"),
    ],
)
def test_a_mistake_in_an_expression_is_found_before_the_first_answer(text, problem):
    if problem is None:
        assert compile_expression(text).search({"a": [1]}) is None
        return

    with pytest.raises(ConfigError) as mistake:
        compile_expression(text)

    assert problem in str(mistake.value)
    assert len(str(mistake.value)) < 600
    assert str(mistake.value).isprintable()


@given(st.text("ab.[]*?@|&!<>=(),:'\"`{}0-1 \\", max_size=12))
def test_no_text_breaks_the_compiler(text):
    try:
        expression = compile_expression(text)
    except ConfigError:
        return
    view = View({"a": [{"b": 1}, {"b": [Number("1.10"), None]}], "b": {"a": "x"}})
    for read in (view.search, view.select):
        try:
            canonical.encode(read(expression))
        except Unreadable:
            continue


# --- member paths ---

RECORD = {
    "id": 1,
    "at": {"day": "x", "zone": None},
    "laps": [{"n": 1, "kudos": 5}, {"n": 2}, 3, {"n": 4, "kudos": None}],
    "odd name": {"a.b": 1, "*": 2},
    "by": {"x": {"v": 1, "w": 2}, "y": {"v": 3}, "z": 4},
    "grid": [[1, 2], [3]],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id", [1]),
        ("at.zone", [None]),
        ("at.missing", []),
        ("id.deeper", []),
        ("laps[*].kudos", [5, None]),
        ("laps[*]", RECORD["laps"]),
        ("at[*]", []),
        ("laps.n", []),
        ("by.*.v", [1, 3]),
        ("laps.*", []),
        ('"odd name"."a.b"', [1]),
        ('"odd name"."*"', [2]),
        ('"\\u0069d"', [1]),
        ("grid[*][*]", [1, 2, 3]),
        ("*.day", ["x"]),
    ],
)
def test_a_path_finds_every_place_that_it_names(text, found):
    assert get(parse_path(text), RECORD) == found
    assert drop(parse_path(text), RECORD)[1] == len(found)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a", {"b": [{"c": 1, "d": 2}, {"d": 3}, [4]]}),
        ("b", {"a": 0}),
        ("b[*].d", {"a": 0, "b": [{"c": 1}, {}, [4]]}),
        ("b[*].*", {"a": 0, "b": [{}, {}, [4]]}),
        ("b[*]", {"a": 0, "b": []}),
        ("b[*][*]", {"a": 0, "b": [{"c": 1, "d": 2}, {"d": 3}, []]}),
        ("*", {}),
        ("a.b", {"a": 0, "b": [{"c": 1, "d": 2}, {"d": 3}, [4]]}),
    ],
)
def test_dropping_leaves_the_rest_and_the_argument_alone(text, rest):
    value = {"a": 0, "b": [{"c": 1, "d": 2}, {"d": 3}, [4]]}
    before = copy.deepcopy(value)

    dropped, count = drop(parse_path(text), value)

    assert dropped == rest
    assert value == before
    assert (dropped is value) == (count == 0)


def test_a_path_may_start_at_the_elements():
    assert drop(parse_path("[*].a"), [{"a": 1, "b": 2}, {"a": 3}]) == ([{"b": 2}, {}], 2)


def test_dropping_shares_the_parts_it_does_not_touch():
    value = {"a": {"x": 1}, "b": {"c": 1}}

    dropped, _ = drop(parse_path("b.c"), value)

    assert dropped["a"] is value["a"]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        (".a", 1),
        ("a.", 3),
        ("a..b", 3),
        ("a[0]", 2),
        ("a[?b]", 2),
        ("a b", 2),
        ("a.[*]", 3),
        ("a[*]b", 5),
        ('"a', 1),
        ('"\\x"', 1),
        ('a"b"', 2),
        ("@", 1),
        ("a | b", 2),
        ("a**", 2),
        ("a\x1b", 2),
    ],
)
def test_a_text_that_is_no_path_is_refused_with_its_column(text, column):
    with pytest.raises(ConfigError, match=rf"not a member path \(column {column}\)") as mistake:
        parse_path(text)

    assert str(mistake.value).isprintable()


@pytest.mark.parametrize("name", ["$ref", "@type", "xml:lang", "user-id", "ünï", "1", "a/b", "#", "a+b"])
def test_common_names_need_no_quotes(name):
    assert get(parse_path(f"a.{name}"), {"a": {name: 1}}) == [1]


# --- differing only in ignored places ---


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"id": 1, "n": 1, "laps": [{"k": 1, "v": 1}]}, True),
        ({"v": 1, "laps": [{"v": 1}], "n": 1}, False),
        ({"id": 1, "n": 2, "laps": [{"k": 9, "v": 1}]}, True),
        ({"id": 1, "laps": [{"v": 1}]}, True),
        ({"id": 1, "n": 1, "laps": [{"k": 1, "v": 1.0}]}, False),
        ({"id": 1, "n": 1, "laps": [{"k": 1, "v": True}]}, False),
        ({"id": 1, "n": 1, "laps": [{"k": 1, "v": Number("1.00")}]}, False),
        ({"id": 1, "n": 1, "laps": [{"k": 1, "v": 1}, {"k": 1}]}, False),
        ({"id": "1", "n": 1, "laps": [{"k": 1, "v": 1}]}, False),
    ],
)
def test_a_record_differs_only_in_ignored_places_or_it_does_not(other, expected):
    paths = [parse_path("n"), parse_path("laps[*].k")]
    record = {"id": 1, "n": 1, "laps": [{"k": 1, "v": 1}]}

    assert select.differs_only_in(paths, record, other) is expected
    assert select.differs_only_in(paths, other, record) is expected


def test_numbers_that_are_exact_differ_by_their_text():
    assert not select.differs_only_in([], {"a": Number("1.10")}, {"a": 1.1})
    assert select.differs_only_in([], {"a": Number("1.10")}, {"a": Number("1.10")})
    assert not select.differs_only_in([], [0], [False])


def test_dropping_many_members_takes_linear_time():
    value = {"a": {str(number): number for number in range(200_000)}}

    assert drop(parse_path("a.*"), value) == ({"a": {}}, 200_000)
