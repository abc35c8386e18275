"""What a window takes, and from where on it is refused."""

import tracemalloc

import pytest

from snapshotter.canonical import decode
from snapshotter.core import weighing
from snapshotter.core.records import Reader
from snapshotter.errors import Unreadable
from tests.core.things import a_snapshot

MIB = 1 << 20
HOSTILE = [
    b"[" + b",".join([b"{}"] * 100_000) + b"]",
    b"[" + b",".join([b"[[[]]]"] * 100_000) + b"]",
    b"[" + b",".join([b"1.5"] * 100_000) + b"]",
    b"[" + b",".join(b'{"a%d":{"b%d":[]}}' % (number, number) for number in range(50_000)) + b"]",
]


@pytest.mark.parametrize("body", HOSTILE)
def test_reading_a_body_takes_no_more_than_is_reckoned(body):
    tracemalloc.start()
    kept = decode(body)
    taken = tracemalloc.get_traced_memory()[0] + 2 * len(body)
    tracemalloc.stop()

    assert kept.value
    with pytest.raises(Unreadable, match=r"client\.max_window"):
        weighing.check_body(body, taken)


def test_a_small_body_is_not_weighed():
    weighing.check_body(b"[" * 1000, 1)


def test_inner_lists_are_counted_before_they_become_records():
    body = b'[{"id":1,"in":[' + b",".join([b"{}"] * 50) + b"]}]"

    with pytest.raises(Unreadable, match="room for 49"):
        Reader(a_snapshot(id=(), unnest="in")).page(body, window=None, most=49)
