"""A page becomes records, exact and placed; what is left out is counted, what cannot be used is refused."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.canonical import decode, document, encode
from snapshotter.core.days import day_bounds
from snapshotter.core.records import OrderWatch, Reader
from snapshotter.errors import Unreadable
from snapshotter.model import PageRecords, Record, Window
from snapshotter.spec import DayRule, Overlap, Span, WindowRule
from tests.core.things import BY_DATE, a_single, a_snapshot, a_stream, at

FIRST_OF_MAY = Window(at("2024-05-01T00:00Z"), at("2024-05-02T00:00Z"))
OVERLAPPING = WindowRule(start="2024-01-01", overlap=Overlap(before=Span(days=1)))


def a_page(body: bytes, *, stream=None, window=None, **selection) -> PageRecords:
    stream = stream or a_snapshot(**selection)
    return Reader(stream).page(body, window=window)


def keys(body: bytes, **selection) -> list[bytes | None]:
    return [record.key for record in a_page(body, **selection).records]


# --- records ---


def test_a_record_has_text_key_day_instant_and_order():
    [record] = a_page(b'[{"id":"a","at":"2024-05-01T12:00:00+02:00","v":1.10}]', stream=a_stream()).records

    instant = at("2024-05-01T10:00Z")
    assert record == Record(
        text=b'{"at":"2024-05-01T12:00:00+02:00","id":"a","v":1.10}',
        key=b'"a"',
        day=date(2024, 5, 1),
        instant=instant,
        order=(1, "a"),
    )


@pytest.mark.parametrize(
    ("body", "ids", "found"),
    [
        (b'[{"id":"7"},{"id":7}]', ("id",), [b'"7"', b"7"]),
        (b'[{"id":1.10},{"id":1.1}]', ("id",), [b"1.10", b"1.1"]),
        (b'[{"id":18446744073709551617}]', ("id",), [b"18446744073709551617"]),
        (b'[{"id":{"b":1,"a":2}}]', ("id",), [b'{"a":2,"b":1}']),
        (b'[{"id":false},{"id":""}]', ("id",), [b"false", b'""']),
        (b'[{"t":"x","s":null,"v":1.10}]', ("t", "s || ''"), [b'["x",""]']),
        (b'[{"t":"x","v":1.10}]', ("join('-', [t, 'y'])",), [b'"x-y"']),
        (b'[{"t":"x","v":1.10}]', ("[t, v]",), [b'["x",1.10]']),
        (b'[{"t":"x","v":1.10}]', ("{t: t, v: v}",), [b'{"t":"x","v":1.1}']),  # a made object is plain
        (b"[8863, 8952]", ("@",), [b"8863", b"8952"]),
        (b'[{"a":1}]', (), [None]),
    ],
)
def test_any_value_may_be_an_id_and_stays_exact(body, ids, found):
    assert keys(body, id=ids) == found


def test_records_told_by_their_hash_have_no_id():
    assert keys(b'[{"a":1}]', id=(), id_is_hash=True) == [None]


@pytest.mark.parametrize("ids", [("id",), ("id", "v"), ("v", "nothing")])
def test_a_record_without_its_id_is_refused(ids):
    with pytest.raises(Unreadable, match=r"a record has no (id|nothing) .* \|\| ''") as raised:
        keys(b'[{"id":null,"v":1}]', id=ids)

    assert raised.value.reason == "id"


@pytest.mark.parametrize("selection", [{"keep_if": "length(v) > `1`"}, {"id": ("length(v)",)}, {"sort": "abs(id)"}])
def test_an_expression_that_meets_the_wrong_type_makes_the_page_unreadable(selection):
    with pytest.raises(Unreadable, match=r"length\(v\)|abs\(id\)"):
        a_page(b'[{"id":"a","v":1}]', **selection)


def test_a_day_that_cannot_be_read_makes_the_page_unreadable():
    with pytest.raises(Unreadable, match='at = "soon"'):
        a_page(b'[{"id":1,"at":"soon"}]', stream=a_stream())


def test_bytes_that_are_not_json_are_unreadable():
    with pytest.raises(Unreadable):
        a_page(b"<html>", stream=a_stream())


def test_what_is_odd_about_the_bytes_is_noted():
    assert a_page(b'\xef\xbb\xbf[{"id":1}]').notes == ("bom",)


def test_the_paginator_reads_the_plain_value():
    reader = Reader(a_snapshot(records="data"))
    body = b'{"data":[],"total":1.10}'
    reader.page(body, window=None)

    assert reader.plain(body) == {"data": [], "total": 1.1}
    assert reader.plain(b'{"data":[],"total":2}')["total"] == 2


# --- leaving out ---


@pytest.mark.parametrize("kept", ["0", "1.10", "true", '"a"', "[0]", '{"a":null}'])
@pytest.mark.parametrize("left", ["null", "false", '""', "[]", "{}"])
def test_keep_if_takes_for_true_what_jmespath_does(kept, left):
    page = a_page(f'[{{"id":1,"v":{kept}}},{{"id":2,"v":{left}}},{{"id":3}}]'.encode(), keep_if="v")

    assert [record.key for record in page.records] == [b"1"]
    assert page.left_out == {"keep_if": 2}
    assert page.keys == (b"1", b"2", b"3")
    assert page.received == 3


def test_a_record_left_out_needs_neither_id_nor_day():
    page = a_page(b'[{"status":"cancelled"}]', stream=a_stream(keep_if="status != 'cancelled'"))

    assert not page.records
    assert page.keys == (b'{"status":"cancelled"}',)


def test_dropped_members_are_counted_by_path():
    page = a_page(b'[{"id":1,"a":{"b":1,"c":1.10}},{"id":2,"a":{"b":1}},{"id":3}]', drop=("a.b", "x"))

    assert [record.text for record in page.records] == [b'{"a":{"c":1.10},"id":1}', b'{"a":{},"id":2}', b'{"id":3}']
    assert page.left_out == {"drop:a.b": 2}


def test_what_is_not_stored_cannot_be_the_id():
    with pytest.raises(Unreadable, match="a record has no id"):
        a_page(b'[{"id":1}]', drop=("id",))


def test_keep_if_looks_at_what_is_dropped():
    assert len(a_page(b'[{"id":1,"kind":"a"}]', drop=("kind",), keep_if="kind == 'a'").records) == 1


@pytest.mark.parametrize(
    ("paths", "envelope"),
    [
        (("meta.at",), {"meta.at": b"1.10"}),
        (("meta", "nothing"), {"meta": b'{"at":1.10,"x":[{"y":1},{"y":2}]}'}),
        (("meta.x[*].y",), {"meta.x[*].y": b"[1,2]"}),
        (("meta.x[*].z",), {}),
    ],
)
def test_the_envelope_is_kept_exactly(paths, envelope):
    body = b'{"meta":{"x":[{"y":1},{"y":2}],"at":1.10},"data":[]}'

    assert a_page(body, records="data", envelope=paths).envelope == envelope


# --- windows ---


def test_with_overlap_records_outside_the_window_are_left_to_their_own():
    times = ("2024-04-30T23:59:59Z", "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z")
    body = encode([{"id": number, "at": time} for number, time in enumerate(times, start=1)])

    page = a_page(body, stream=a_stream(window=OVERLAPPING), window=FIRST_OF_MAY)

    assert [record.key for record in page.records] == [b"2"]
    assert page.left_out == {"other_window": 2}
    assert page.keys == (b"1", b"2", b"3")


def test_without_overlap_they_stay():
    body = b'[{"id":1,"at":"2024-04-30T23:59:59Z"}]'

    page = a_page(body, stream=a_stream(window=WindowRule(start="2024-01-01")), window=FIRST_OF_MAY)

    assert len(page.records) == 1


def test_a_record_without_a_day_belongs_to_no_other_window():
    rule = DayRule(first_of=("at",), parse="instant", missing="undated")

    [record] = a_page(b'[{"id":1}]', stream=a_stream(day=rule, window=OVERLAPPING), window=FIRST_OF_MAY).records

    assert (record.day, record.instant) == (None, None)


def test_a_date_lies_at_the_start_of_its_day():
    rule = DayRule(first_of=("day",), parse="date", zone="Europe/Berlin")

    [record] = a_page(b'[{"id":1,"day":"2024-05-01"}]', stream=a_stream(day=rule)).records

    assert record.instant == at("2024-04-30T22:00Z")


# --- sorting ---


def in_order(body: bytes, **selection) -> list[str]:
    page = a_page(body, **selection)
    return [record.text.decode() for record in sorted(page.records, key=Record.sort_key)]


def test_records_of_all_types_have_one_order():
    body = b'["b", 10, null, 9.5, "B", [2], {"a":1}, true, "\xc3\xa4", -1, "10", 1E400, 18446744073709551617]'

    assert in_order(body, id=("@ || ''",)) == [
        "-1", "9.5", "10", "18446744073709551617", "1e400", "null", '"10"', '"B"', '"b"', '"ä"',
        "[2]", "true", '{"a":1}',
    ]  # fmt: skip


def test_sort_goes_before_the_id():
    body = b'[{"id":1,"n":"b"},{"id":3,"n":"a"},{"id":2,"n":"a"},{"id":4}]'

    ids = [json.loads(text)["id"] for text in in_order(body, sort="n")]

    assert ids == [2, 3, 1, 4]


def test_without_an_id_time_decides():
    body = b'[{"at":"2024-05-01T12:00:00+02:00"},{"at":"2024-05-01T11:00:00Z"},{"at":null}]'
    stream = a_stream(id=(), day=DayRule(first_of=("at",), parse="instant", missing="undated"))

    records = sorted(a_page(body, stream=stream).records, key=Record.sort_key)

    assert [record.instant and record.instant.hour for record in records] == [10, 11, None]


# --- the promised order ---


def broken(order: str, times: tuple[str, ...]) -> str | None:
    """Where pages break the order; the first that does ends it."""
    watch = OrderWatch(order)
    return next((words for page in pages(*times) if (words := watch.broken_by(page.records))), None)


def pages(*times: str) -> list[PageRecords]:
    """`pages("5 4", "4 3")`: the minutes of each page's records."""
    bodies = (
        encode([{"id": minute, "at": f"2024-05-01T00:{minute}:00Z"} for minute in page.split()]) for page in times
    )
    return [a_page(body, stream=a_stream()) for body in bodies]


@pytest.mark.parametrize(
    ("order", "times"),
    [
        ("newest_first", ("15 14", "13 13", "12")),
        ("newest_first", ("15 14 13", "14 13 12")),  # new records shifted the pages
        ("newest_first", ()),
        ("oldest_first", ("12 13", "13 14")),
        ("none", ("12 15 13",)),
    ],
)
def test_a_kept_order_is_not_broken(order, times):
    assert broken(order, times) is None


@pytest.mark.parametrize(
    ("order", "times", "words"),
    [
        (
            "newest_first",
            ("15 14", "13 16"),
            "not newest_first: 2024-05-01T00:16:00+00:00 follows 2024-05-01T00:13:00+00:00",
        ),
        ("newest_first", ("12 13",), "not newest_first"),
        ("oldest_first", ("13", "12"), "not oldest_first"),
    ],
)
def test_a_broken_order_is_named(order, times, words):
    assert words in broken(order, times)


# --- archived documents ---


def test_an_archived_document_gives_the_records_that_were_stored():
    stream = a_stream(keep_if="v", drop=("x",))
    page = a_page(
        b'[{"id":1,"at":"2024-05-01T12:00:00Z","v":1.10,"x":1},{"id":2,"at":"2024-05-01T13:00:00Z"}]', stream=stream
    )

    again = Reader(stream).document(document(record.text for record in page.records), day=date(2024, 5, 1))

    assert again == list(page.records)


def test_an_archived_object_is_one_record():
    stream = a_single(id=("id",))

    [record] = Reader(stream).document(b'{\n  "id": 1,\n  "at": "2024-05-01T12:00:00Z"\n}\n')

    assert (record.key, record.day) == (b"1", date(2024, 5, 1))
    assert Reader(stream).document(b"[]\n") == []


@pytest.mark.parametrize(
    "stream", [a_stream(), a_stream(sort="abs(v)"), a_stream(day=DayRule(from_window=True)), a_stream(day=BY_DATE)]
)
def test_what_present_rules_cannot_place_stays_on_its_day(stream):
    day = date(2024, 5, 1)

    [record] = Reader(stream).document(b'[{"v":"text"}]', day=day)

    assert (record.key, record.day, record.instant) == (None, day, day_bounds(day, "UTC").start)


@pytest.mark.parametrize("data", [b"", b"[", b"7", b'"text"', b'[{"id":1}'])
def test_a_document_that_is_none_is_unreadable(data):
    with pytest.raises(Unreadable):
        Reader(a_stream()).document(data)


# --- what must always hold ---

SOME_TIMES = st.sampled_from(
    ["2024-05-01T12:00:00Z", "2024-05-01T23:30:00-05:00", "2024-05-02 00:00:00.123456+00:00", "2024-10-27T02:30:00",
     "2024-05-01T24:00:00Z", "2024-05-01", "0001-01-01T00:00:00+14:00", "yesterday", "", None, 5, ["x"]]
)  # fmt: skip
SOME_IDS = st.one_of(st.integers(-5, 5), st.sampled_from(["a", "b", "é", None, True, 1.5, {"a": 1}]))
ODD = st.fixed_dictionaries({}, optional={"id": SOME_IDS, "at": SOME_TIMES})
ORDINARY = st.fixed_dictionaries({"id": st.integers(-5, 5), "at": SOME_TIMES.filter(lambda at: str(at).endswith("Z"))})
RULES = (
    None,
    DayRule(first_of=("at",), parse="instant", zone="Europe/Berlin", naive="Europe/Berlin"),
    DayRule(first_of=("at",), parse="instant", zone="UTC", missing="undated"),
    DayRule(first_of=("at",), parse="prefix"),
    DayRule(first_of=("at", "id"), parse="instant"),
    DayRule(first_of=("length(at)",), parse="epoch"),
)


def made_of(reader: Reader, values: list) -> object:
    try:
        return reader.page(json.dumps(values, ensure_ascii=False).encode(), window=None)
    except Unreadable as error:
        return error.reason, error.message


@given(
    st.lists(ODD, max_size=4) | st.lists(ORDINARY, max_size=4),
    st.sampled_from(RULES),
    st.sampled_from([(), ("id",), ("id", "at"), ("length(at)",)]),
)
def test_records_read_at_once_are_what_they_are_one_by_one(values, rule, ids):
    stream = a_stream(day=rule, id=ids)
    one_by_one = Reader(stream)
    one_by_one.place_many = lambda values: None

    assert made_of(Reader(stream), values) == made_of(one_by_one, values)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6))
def test_every_received_record_is_stored_as_it_came(values):
    body = json.dumps(values).encode()

    page = a_page(body, id=())

    assert [record.text for record in page.records] == [encode(value) for value in decode(body).value]


@given(st.lists(VALUES, max_size=6), st.randoms())
def test_sorted_records_do_not_depend_on_the_order_they_came_in(values, chance):
    records = list(a_page(encode(values), id=("@ || `0`",)).records)
    once = sorted(records, key=Record.sort_key)
    chance.shuffle(records)

    assert sorted(records, key=Record.sort_key) == once


@given(st.lists(st.integers(-90, 90), max_size=20))
def test_with_overlap_every_record_is_kept_in_exactly_one_window(hours):
    start = FIRST_OF_MAY.start
    body = encode([{"id": n, "at": (start + timedelta(hours=hour)).isoformat()} for n, hour in enumerate(hours)])
    days = [Window(start + timedelta(days=day), start + timedelta(days=day + 1)) for day in range(-4, 4)]

    kept = [record for day in days for record in a_page(body, stream=a_stream(window=OVERLAPPING), window=day).records]

    assert sorted(int(record.key) for record in kept) == list(range(len(hours)))
