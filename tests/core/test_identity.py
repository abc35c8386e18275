"""The quick way to a record's key and order gives what the careful one gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.identity import Identity
from snapshotter.spec import Selection

IDS = st.one_of(
    st.text(), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.floats(allow_nan=False), st.lists(st.text())
)


@given(IDS)
def test_both_at_once_are_key_and_order(value):
    identity, record = Identity(Selection(id=("id",))), {"id": value}

    assert identity.of(record, record, None) == (identity.key(record, record), identity.order(record, None))


@pytest.mark.parametrize("selection", [Selection(), Selection(id=("id", "b")), Selection(id=("id",), sort="b")])
def test_so_they_are_where_it_is_not_simple(selection):
    identity, record = Identity(selection), {"id": 1, "b": "x"}

    assert identity.of(record, record, None) == (identity.key(record, record), identity.order(record, None))
