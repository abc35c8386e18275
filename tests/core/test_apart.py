"""What two versions share is set aside by its bytes, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.canonical import decode_document, document, encode
from snapshotter.core.apart import Apart, apart

RECORDS = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 5), "v": st.text(max_size=3) | st.none()})
    | st.lists(st.integers(0, 2)),
    max_size=8,
)


def a_document(records) -> bytes:
    return document([encode(record) for record in records])


def texts(data: bytes) -> list[bytes]:
    return sorted(encode(record) for record in decode_document(data).value)


def test_only_what_one_of_them_has_is_left():
    old, new = a_document([{"id": 1}, {"id": 2}, [3]]), a_document([{"id": 1}, {"id": 2, "v": "\n"}])

    assert apart(old, new) == Apart(b'[\n{"id":2},\n[3]\n]\n', b'[\n{"id":2,"v":"\\n"}\n]\n', 1)


@given(RECORDS, RECORDS)
def test_what_is_left_and_what_is_shared_are_all_there_is(old, new):
    left = apart(a_document(old), a_document(new))

    for side, rest in ((old, left.old), (new, left.new)):
        assert len(texts(rest)) + left.common == len(side)
    assert not set(texts(left.old)) & set(texts(left.new))


@pytest.mark.parametrize(
    "odd",
    [
        b'{\n  "id": 1\n}\n',
        b'[\n  {\n    "id": 1\n  }\n]\n',
        b'[\n{"id":1,\n"v":2}\n]\n',
        b'[\n{"id":1}\n{"id":2}\n]\n',
        b'[{"id":1}]',
        b"[\n1,\n2\n]\n",
        b"",
        b"[\n\n]\n",
    ],
)
def test_what_does_not_stand_a_line_each_is_left_as_it_is(odd):
    good = a_document([{"id": 1}])

    assert apart(odd, good) == Apart(odd, good)
    assert apart(good, odd) == Apart(good, odd)
