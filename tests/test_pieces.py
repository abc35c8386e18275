"""A document read in pieces says what it says as a whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter import canonical
from snapshotter.canonical import decode_document, document, encode
from snapshotter.errors import Unreadable
from snapshotter.pieces import is_canonical, pieces

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([",\n", "]\n", "[\n", "a", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
LISTS = st.lists(VALUES, max_size=8)
BY_HAND = st.sampled_from([{"indent": 0}, {"indent": 1}, {"indent": 2}, {"indent": "\t"}, {"separators": (",\n", ":")}])


def values_of(data, size):
    return [value for piece in pieces(data, size) for value in decode_document(piece).value]


@given(LISTS, st.integers(0, 40))
def test_a_document_of_ours_has_the_same_records_in_pieces(values, size):
    data = document(map(encode, values))

    assert values_of(data, size) == values
    assert is_canonical(data, size)


@given(LISTS, BY_HAND, st.integers(0, 40))
def test_one_made_by_hand_has_the_same_records_or_a_piece_that_is_no_json(values, form, size):
    data = f"[\n{json.dumps(values, **form)[1:-1].strip()}\n]\n".encode()

    try:
        found = values_of(data, size)
    except Unreadable:
        return

    assert found == decode_document(data).value


@given(LISTS, BY_HAND, st.integers(0, 40))
def test_it_is_canonical_in_pieces_where_it_is_as_a_whole(values, form, size):
    data = f"[\n{json.dumps(values, **form)[1:-1].strip()}\n]\n".encode()

    assert is_canonical(data, size) == canonical.is_canonical(data)


@pytest.mark.parametrize("data", [b"[\n1,\n\n]\n", b"[\n1,\n,\n2\n]\n", b"[\n,\n1\n]\n", b"[\n1,\n2,\n]\n"])
def test_a_comma_too_many_is_no_json_in_pieces_either(data):
    with pytest.raises(Unreadable):
        values_of(data, 0)


def test_no_piece_is_much_larger_than_asked():
    data = document([b'{"id":%d}' % number for number in range(1_000)])

    assert max(map(len, pieces(data, 100))) < 130


@pytest.mark.parametrize("data", [b"", b"[]\n", b"{}\n", b"[\n]\n", b"[\n1\n]"])
def test_what_has_no_record_a_line_stays_whole(data):
    assert list(pieces(data, 0)) == [data]
