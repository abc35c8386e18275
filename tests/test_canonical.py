"""One form, nothing lost: what `canonical` promises about bytes and values."""

import copy
import itertools
import json
import pickle
import re
import time

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snapshotter import canonical
from snapshotter.canonical import Number, decode, decode_ndjson, document, encode, encode_indented, split_document
from snapshotter.errors import Unreadable


def nested(depth: int, innermost: bytes = b"") -> bytes:
    return b"[" * depth + innermost + b"]" * depth


def rewritten(body: bytes) -> bytes:
    return encode(decode(body).value)


def decoded_exactly(body: bytes) -> canonical.Decoded:
    """What the slow way alone makes of it."""
    return canonical._Exact(1).decode(body, canonical.MAX_DEPTH)


# --- documents in any spelling ---

digits = st.text("0123456789", min_size=1, max_size=25)
whole = st.one_of(st.just("0"), st.builds(str, st.integers(1, 2**70)), digits.map(lambda d: "9" + d))
exponents = st.one_of(
    st.just(""), st.builds(lambda s, d: "e" + s + d, st.sampled_from(["", "-"]), digits.map(int).map(str))
)
number_texts = st.builds(
    lambda sign, i, f, e: sign + i + f + e,
    st.sampled_from(["", "-"]),
    whole,
    st.one_of(st.just(""), digits.map(lambda d: "." + d)),
    exponents,
)
float_texts = st.floats(allow_nan=False, allow_infinity=False).map(
    lambda f: orjson.dumps(f).decode().replace("e+", "e")
)
strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), strings, number_texts.map(Number), float_texts.map(Number)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(strings, inner, max_size=4)),
    max_leaves=12,
)
spaces = st.text(" \t\r\n", max_size=2)


@st.composite
def spelled_string(draw, text):
    def spelled(char):
        units = char.encode("utf-16-be").hex()
        escaped = "".join(rf"\u{units[i : i + 4]}" for i in range(0, len(units), 4))
        short = {'"': r"\"", "\\": r"\\", "/": r"\/", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
        choices = [escaped, escaped.upper().replace(r"\U", r"\u")]
        choices += [short[char]] if char in short else []
        choices += [char] if char >= " " and char not in '"\\' else []
        return draw(st.sampled_from(choices))

    return '"' + "".join(spelled(char) for char in text) + '"'


@st.composite
def spelled_number(draw, text):
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    sign = "-" if exponent.startswith("-") else draw(st.sampled_from(["", "+"]))
    zeros = draw(st.sampled_from(["", "0", "00"]))
    return mantissa + draw(st.sampled_from("eE")) + sign + zeros + exponent.lstrip("-")


@st.composite
def spelled(draw, tree):
    """One of the many ways to write a tree as JSON."""

    def write(value):
        gap = draw(spaces)
        match value:
            case Number():
                return gap + draw(spelled_number(value.text)) + gap
            case str():
                return gap + draw(spelled_string(value)) + gap
            case list():
                return gap + "[" + (",".join(map(write, value)) or gap) + "]"
            case dict():
                members = draw(st.permutations(list(value.items())))
                return gap + "{" + (",".join(write(k) + ":" + write(v) for k, v in members) or gap) + "}" + gap
            case _:
                return gap + json.dumps(value) + gap

    return write(tree).encode()


@given(st.data(), trees)
def test_all_spellings_of_the_same_values_give_the_same_bytes(data, tree):
    one, other = data.draw(spelled(tree)), data.draw(spelled(tree))

    assert rewritten(one) == rewritten(other) == encode(tree)
    assert decode(one) == decode(other)


@given(trees)
def test_reading_and_writing_again_changes_no_byte(tree):
    text = encode(tree)

    assert rewritten(text) == text


@given(st.data(), trees)
def test_the_fast_way_and_the_slow_way_agree(data, tree):
    body = data.draw(spelled(tree))

    fast, slow = decode(body), decoded_exactly(body)

    assert (repr(fast.value), fast.exact_is_plain) == (repr(slow.value), slow.exact_is_plain)


@given(
    st.data(),
    trees,
    st.integers(0, 200),
    st.sampled_from([b"", b'"', b"\\", b"]", b"1", b"e", b"+", b"\xff", b"{", b":", b"\0"]),
)
def test_the_fast_way_and_the_slow_way_refuse_the_same(data, tree, place, change):
    body = data.draw(spelled(tree))
    body = body[:place] + change + body[place + data.draw(st.integers(0, 2)) :]

    assert end_of(decode, body) == end_of(decoded_exactly, body)


def end_of(read, body):
    try:
        return repr(read(body).value)
    except Unreadable as refusal:
        return str(refusal)


@given(number_texts)
@example("18446744073709551617")
@example("-9223372036854775809")
@example("3.1415926535897932384626433832795028841971")
@example("1e400")
@example("-0")
@example("-0.0")
@example("1.10")
@example("1e-400")
@example("0e0")
@example("9" * 5000)
@example("1e" + "9" * 5000)
@example("1e22")
@example("0.00001")
def test_no_number_loses_a_digit(text):
    body = text.encode()

    assert rewritten(body) == body
    assert rewritten(b'{"a":[' + body + b"]}") == b'{"a":[' + body + b"]}"


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("1E400", "1e400"),
        ("1e+400", "1e400"),
        ("1e+022", "1e22"),
        ("1E-07", "1e-7"),
        ("1e00", "1e0"),
        ("2E-0", "2e-0"),
        ("1e+16", "1e16"),
    ],
)
def test_exponents_have_one_spelling(text, canonical_text):
    assert rewritten(text.encode()) == canonical_text.encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1.10", "1.1"),
        ("0.0", "-0.0"),
        ("0", "-0"),
        ("0.000000001", "1e-9"),
        ("100000.0", "1e5"),
        ("1e5", "1.0e5"),
        ("1e0", "1e-0"),
    ],
)
def test_numbers_of_one_value_but_two_texts_stay_two(one, other):
    assert rewritten(one.encode()) != rewritten(other.encode())


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "18446744073709551615", "-9223372036854775808", "1.5", "0.0", "-0.0", "1e-7", "0.1", "123456.789"],
)
def test_common_numbers_are_plain(text):
    decoded = decode(text.encode())

    assert type(decoded.value) in (int, float)
    assert decoded.exact_is_plain


@pytest.mark.parametrize(
    "text", ["18446744073709551616", "-9223372036854775809", "1.10", "1e400", "-0", "1e16", "0.30000000000000000004"]
)
def test_other_numbers_keep_their_text(text):
    decoded = decode(b"[" + text.encode() + b"]")

    assert decoded.value == [Number(text)]
    assert not decoded.exact_is_plain


# --- what is refused, and how ---


@pytest.mark.parametrize(
    ("body", "reason", "where"),
    [
        (b"", "empty", "empty"),
        (b" \r\n\t", "empty", "empty"),
        (b"\xef\xbb\xbf ", "empty", "empty"),
        ('{"a":1}'.encode("utf-16"), "encoding", "UTF-16"),
        ('{"a":1}'.encode("utf-16-le"), "encoding", "UTF-16-LE"),
        ('{"a":1}'.encode("utf-32"), "encoding", "UTF-32"),
        ('{"a":"Köln"}'.encode("latin-1"), "encoding", "byte 0xf6 at offset 7"),
        (b'"\xed\xa0\x80"', "encoding", "byte 0xed at offset 1"),
        (b'{"a":1} {"a":1}', "trailing", "line 1, column 9"),
        (b'{"a":1}\n\n,', "trailing", "line 3, column 1"),
        (b"01", "trailing", "line 1, column 2"),
        (b'{"a":1', "syntax", "cut off at line 1, column 7"),
        (b'{"a":"1', "syntax", "cut off"),
        (b'{"a":', "syntax", "cut off"),
        (b"<html></html>", "syntax", "HTML"),
        (b"\xef\xbb\xbf\xef\xbb\xbf1", "syntax", "line 1, column 1"),
        (b'{\n"a":1,\n"b"}', "syntax", "line 3, column 4"),
        (b"{'a':1}", "syntax", "line 1, column 2"),
        (b"[1,]", "syntax", "column"),
        (b"[1.]", "syntax", "column 3"),
        (b"[+1]", "syntax", "column 2"),
        (b'"\x00"', "syntax", "column 2"),
        (b'"\\x"', "syntax", "column 2"),
        (b"nul", "syntax", "column 1"),
        (b'{"a":1,"a":1}', "duplicate_key", "'a' for the second time at line 1, column 8"),
        (b'[{"b":{}},\n{"a":1,"\\u0061" :[2]}]', "duplicate_key", "line 2, column 8"),
        (
            b'{"a":[{"a":1}],"b":"a","c":{"a":"b"},"b":1}',
            "duplicate_key",
            "'b' for the second time at line 1, column 38",
        ),
        (b'"\\ud800"', "surrogate", "line 1, column 2"),
        (b'["\\\\ud800","\\udc00"]', "surrogate", "column 13"),
        (b'"\\ud83d\\ud83d\\ude00"', "surrogate", "column 2"),
        (b'"\\ud83d \\ude00"', "surrogate", "column 2"),
        (b'"\\ud83d\\n"', "surrogate", "column 2"),
        (b'{"\\ude00":1}', "surrogate", "column 3"),
        (b'["NaN", NaN]', "nan", "NaN is not a JSON number, at line 1, column 9"),
        (b"[1,\n-Infinity]", "nan", "-Infinity is not a JSON number, at line 2, column 1"),
        (b"Infinity", "nan", "column 1"),
        (nested(251), "depth", "250"),
        (nested(2_000), "depth", "250"),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, "depth", "250"),
        (b"[" * 1_000_000, "depth", "250"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_and_place(body, reason, where):
    with pytest.raises(Unreadable) as refusal:
        decode(body)

    assert refusal.value.reason == reason
    assert where in refusal.value.message


def test_a_message_quotes_little_and_only_escaped_text():
    keys = ["k" * 1000, "ö\n\x1b[31m\x7f"]
    bodies = [
        json.dumps({"x": 0})[:-1] + f',"x":{json.dumps({key: 1})[:-1]},{json.dumps({key: 1})[1:]}}}' for key in keys
    ]

    messages = []
    for body in bodies:
        with pytest.raises(Unreadable) as refusal:
            decode(body.replace('"x":', '"y":', 1).encode())
        messages.append(refusal.value.message)

    assert "a key of 1000 characters" in messages[0]
    assert r"'\xf6\n\x1b[31m\x7f'" in messages[1]
    assert all(len(message) < 120 and message.isprintable() and message.isascii() for message in messages)


def test_the_limit_of_depth_is_the_same_on_both_ways():
    for innermost in (b"", b"1.10"):
        assert rewritten(nested(250, innermost)) == nested(250, innermost)
        assert end_of(decode, nested(251, innermost)) == end_of(decoded_exactly, nested(251, innermost))


def test_the_deepest_record_can_be_archived_and_read_again():
    data = document([rewritten(nested(250, b"1.10"))])

    assert canonical.is_canonical(data)
    assert split_document(data) == [nested(250, b"1.10")]
    assert encode(canonical.decode_document(data).value) == nested(251, b"1.10")


def test_a_byte_order_mark_is_accepted_and_noted():
    decoded = decode(b'\xef\xbb\xbf{"a":1.10}')

    assert decoded == canonical.Decoded({"a": Number("1.10")}, ("bom",), exact_is_plain=False)


@pytest.mark.parametrize("text", ["", "+", "1.", ".5", "01", "0x1", "1e", "--1", "NaN", "1 ", "١", "1\n"])
def test_a_number_that_is_none_cannot_be_made(text):
    with pytest.raises(ValueError, match="not a JSON number"):
        Number(text)


# --- strings ---


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r'"\u00fc\u0041\/\\/"', '"üA/\\\\/"'),
        (r'"\ud83d\ude00 \u2028\u007f"', '"😀 \u2028\x7f"'),
        (r'"\u0008\u0009\u000a\u000c\u000d\u001f\u0000"', r'"\b\t\n\f\r\u001f\u0000"'),
        (r'"\u0022\u005C"', r'"\"\\"'),
        (r'"\\u0041\\\u0041 ü\u0100"', r'"\\u0041\\A üĀ"'),
        (r'"1e+5, :1e+5, \"a\":1e+22"', r'"1e+5, :1e+5, \"a\":1e+22"'),
    ],
)
def test_strings_are_written_with_the_fewest_escapes(body, text):
    assert rewritten(body.encode()) == text.encode()


def test_keys_are_sorted_by_code_point():
    assert (
        rewritten('{"😀":1,"\uffff":2,"é":3,"z":4,"Z":5,"":6}'.encode())
        == '{"":6,"Z":5,"z":4,"é":3,"\uffff":2,"😀":1}'.encode()
    )


# --- numbers as values ---


def test_a_number_is_a_value():
    number = Number("1E+05")

    assert number == Number("1e5")
    assert {number: 1}[Number("1e05")] == 1
    assert number != 1e5
    assert pickle.loads(pickle.dumps(number)) == copy.deepcopy(number) == number
    assert repr(number) == "Number(text='1e5')"


def test_numbers_are_ordered_by_value_among_all_others():
    ascending = [
        Number("-1e99999999999999999999"),
        -3,
        Number("-0"),
        0,
        Number("1e-99999999999999999999"),
        0.5,
        Number("1.0e0"),
        1.5,
    ]
    ascending += [
        Number("1.50"),
        2,
        2**64,
        Number("18446744073709551617"),
        Number("1e400"),
        Number("1e99999999999999999999"),
    ]

    assert all(low < high for low, high in itertools.combinations(ascending, 2))
    assert all(high > low for low, high in itertools.combinations(ascending, 2))
    assert Number("1.5e0") >= 1.5 >= Number("1.4e0")
    assert Number("1.0e0") <= Number("1.1e0") >= Number("1.10e0")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1.10", 1.1),
        ("18446744073709551617", 2**64 + 1),
        ("-0", 0),
        ("1e400", 1.7976931348623157e308),
        ("-1e400", -1.7976931348623157e308),
        ("1e-400", 0.0),
        ("9" * 5000, 1.7976931348623157e308),
    ],
)
def test_plain_is_the_nearest_int_or_float(text, plain):
    found = canonical.plain({"a": [decode(text.encode()).value], "b": "1"})

    assert found == {"a": [plain], "b": "1"}
    assert type(found["a"][0]) is type(plain)


def test_plain_shares_every_part_that_holds_no_number():
    exact = decode(b'{"a":{"b":[1,2.5]},"c":[{"d":1.10},{"e":null}]}').value

    plain = canonical.plain(exact)

    assert plain["a"] is exact["a"]
    assert plain["c"][1] is exact["c"][1]
    assert exact["c"][0] == {"d": Number("1.10")}
    assert canonical.plain(exact["a"]) is exact["a"]


# --- values made here ---


@pytest.mark.parametrize("value", [float("nan"), [None, {"a": float("inf")}], {"a": [2**64, -float("inf")]}])
def test_what_json_cannot_say_is_never_written(value):
    with pytest.raises(ValueError, match="is not a JSON number"):
        encode(value)


@pytest.mark.parametrize("value", [{1: 2}, [b"x"], {"a": object()}, time.struct_time(range(9)), Exception()])
def test_what_is_not_json_is_never_written(value):
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64 + 1, b"18446744073709551617"),
        ({"b": None, "a": [1e22]}, b'{"a":[1e22],"b":null}'),
        (["e+", 1e16], b'["e+",1e16]'),
        ([None, "x"], b'[null,"x"]'),
    ],
)
def test_values_made_here_are_written_in_the_same_form(value, text):
    assert encode(value) == text
    assert rewritten(text) == text


# --- documents ---


def test_a_document_has_one_record_a_line():
    assert document([]) == b"[]\n"
    assert document([b'{"a":1}', b'"b"']) == b'[\n{"a":1},\n"b"\n]\n'


def test_one_object_is_indented():
    assert (
        encode_indented({"b": [1, Number("1.10")], "a": {}}) == b'{\n  "a": {},\n  "b": [\n    1,\n    1.10\n  ]\n}\n'
    )


@given(st.lists(trees, max_size=5))
def test_a_document_splits_into_the_records_it_was_made_of(values):
    records = [encode(value) for value in values]

    assert split_document(document(records)) == records
    assert canonical.is_canonical(document(records))


@pytest.mark.parametrize(
    "data",
    [
        b'[{"b":1.10,"a":1},{"c":"x"}]',
        b'[\n{"b":1.10,\n"a":1},\n{"c":"x"}\n]\n',
        b'[\n{"b":1.10,\n"a":1},{"c":"x"}\n]\n',
        b'[\r\n{"a":1,"b":1.10},\r\n{"c":"x"}\r\n]\r\n',
        b'[\n  {"a":1,"b":1.10},\n  {"c":"x"}\n]\n',
        b'[\n{"a":1,"b":1.10},\n{"c":"\\u0078"}\n]\n',
        b'[\n{"a":1,"b":1.10},{"c":"x"}\n]\n',
        b'\xef\xbb\xbf[\n{"a":1,"b":1.10},\n{"c":"x"}\n]\n',
    ],
)
def test_a_document_edited_by_hand_gives_the_same_records(data):
    assert split_document(data) == [b'{"a":1,"b":1.10}', b'{"c":"x"}']
    assert not canonical.is_canonical(data)


@pytest.mark.parametrize("data", [b'{"a":1}', b"[1,\n2", b"", b'[\n{"a":1,"a":1}\n]\n'])
def test_what_is_no_document_is_unreadable(data):
    with pytest.raises(Unreadable):
        split_document(data)
    assert not canonical.is_canonical(data)


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}, [], [[1]], "x", Number("1.10")])
def test_a_single_value_is_canonical_when_indented(value):
    assert canonical.is_canonical(encode_indented(value))


# --- lines ---


def test_each_line_is_a_document():
    decoded = decode_ndjson(b'\xef\xbb\xbf{"a":1}\r\n\n [1.10]\n"x"')

    assert decoded == canonical.Decoded([{"a": 1}, [Number("1.10")], "x"], ("bom",), exact_is_plain=False)


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_a_body_without_lines_is_an_empty_list_and_noted(body):
    assert decode_ndjson(body) == canonical.Decoded([], ("no lines",))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":1}\n{"a":', "syntax"),
        (b"1\n2 3\n", "trailing"),
        (b'1\n{"a":1,"a":2}', "duplicate_key"),
        (b"1\nNaN", "nan"),
        (b'[1]\n"\\ud800"', "surrogate"),
    ],
)
def test_a_bad_line_is_named_by_its_number(body, reason):
    with pytest.raises(Unreadable, match=r"line 2, column \d+") as refusal:
        decode_ndjson(body)

    assert refusal.value.reason == reason


def test_a_line_is_one_level_deeper_than_it_looks():
    encode([decode_ndjson(nested(249)).value])

    with pytest.raises(Unreadable, match="depth"):
        decode_ndjson(nested(250))


# --- hostile bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"9" * 1_000_000,
        b"-0." + b"1" * 1_000_000,
        b"1e" + b"9" * 1_000_000,
        b'"' + b'\\"' * 300_000,
        b'"' + b"\\\\" * 300_000 + b'"',
        b"[" * 300_000 + b"]" * 300_000,
        b'{"a":' * 300_000,
        b" " * 1_000_000 + b"x",
        b"\n" * 1_000_000 + b"x",
        b'["' + b"\\ud800\\udc00" * 50_000 + b'\\ud800"]',
        b"[" + b"1.10," * 100_000 + b"0]",
        b"{" + b",".join(b'"%d":0' % number for number in range(50_000)) + b',"0":1}',
        b"[" + b"[]," * 100_000 + b"NaN]",
        b'"' + b"\\/" * 300_000 + b'\\u000a"',
    ],
    ids=lambda body: body[:12].decode(),
)
def test_a_hostile_body_comes_to_its_end_in_time(body):
    started = time.process_time()

    end = end_of(decode, body)

    assert end
    assert time.process_time() - started < 2


def test_a_document_of_many_records_with_odd_numbers_is_split_in_time():
    records = [b'{"id":%d,"price":1.10}' % number for number in range(5_000)]
    started = time.process_time()

    assert split_document(document(records)) == records
    assert time.process_time() - started < 2


def test_orjson_writes_floats_as_we_take_for_granted():
    """Below 1e16 as Python does, without a `+`; if this fails, the canonical form of floats has to be looked at."""
    for value in (1e-4, 0.1, 123456789.125, 9007199254740993.0, 9.999999999999998e15, 1e15):
        assert orjson.dumps(value).decode() == repr(value)
    for value in (5e-324, 1e-7, 2.2250738585072014e-308):
        assert re.fullmatch(rb"[0-9.]+e-[1-9][0-9]*", orjson.dumps(value))


def test_a_short_text_takes_little_memory():
    import tracemalloc

    tracemalloc.start()
    kept = [encode({"id": number}) for number in range(1_000)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken / len(kept) < 200


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_is_our_own_is_written_in_ascii_and_reads_back(value):
    written = canonical.encode_ascii({"b": value, "a": 1})

    assert written.isascii()
    assert written.startswith(b'{"a":1,"b":')
    assert json.loads(written) == {"a": 1, "b": value}


def test_half_a_character_and_a_foreign_value_are_written_too():
    assert canonical.encode_ascii({"x": "\ud800"}) == b'{"x":"\\ud800"}'
    assert canonical.encode_ascii({"x": {1}}, default=str) == b'{"x":"{1}"}'
