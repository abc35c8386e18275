"""Days that hold far fewer records than those around: kept up to date, they are those that a look at all days finds."""

from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.ledger import fold_all
from snapshotter.edge.cache import Cache
from tests.histories import STREAM, a_day, a_record, a_story, day_span

FIRST = date(2018, 2, 1)
AROUND, LONGEST = 2, 3


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A cache of its own for each example."""
    folder, numbers = tmp_path_factory.mktemp("caches"), count()
    return lambda: Cache(folder / f"{next(numbers)}.sqlite", fold_all)


def filed(counts, turn):
    """A run record that files these days, by their numbers."""
    days = {FIRST + timedelta(days=number): a_day(records) for number, records in counts.items()}
    return a_record(a_story(day_span("02-01", days=400), days=days), turn=turn, sequence=turn)


def odd(cache, *, around=AROUND, longest=LONGEST):
    return [(day - FIRST).days for day in cache.odd.of(STREAM, around=around, longest=longest)]


def expected(counts):
    """The same by looking at every day."""
    has = {number for number, records in counts.items() if records}
    found = []
    for number in sorted(has):
        near = {number + by for by in range(-AROUND, AROUND + 1) if by}
        after = min((other for other in has if other > number), default=number)
        before_hole = {number - by for by in range(AROUND)} | {after + by for by in range(AROUND)}
        drops = near <= has and counts[number] * 2 <= min(counts[other] for other in near)
        if drops or (2 <= after - number <= LONGEST + 1 and before_hole <= has):
            found.append(number)
    return found


FEW = st.sampled_from([40, 40, 40, 40, 40, 40, 0, 3])
ALL = st.lists(FEW, min_size=5, max_size=60)
LATER = st.lists(st.dictionaries(st.integers(0, 70), FEW, min_size=1, max_size=3), max_size=4)


@settings(max_examples=150)
@given(ALL, LATER)
def test_after_each_change_they_are_those_that_a_look_at_all_days_finds(fresh, first, later):
    counts = dict(enumerate(first))
    with fresh() as cache:
        cache.apply("c1", [filed(counts, 1)])
        assert odd(cache) == expected(counts)
        for turn, changed in enumerate(later, start=2):
            counts |= changed

            cache.apply("c1", [filed(changed, turn)])

            assert odd(cache) == expected(counts)


def test_other_terms_and_a_forgotten_stream_are_judged_anew(fresh):
    counts = dict.fromkeys(range(20), 40) | {10: 3, 17: 3}
    with fresh() as cache:
        cache.apply("c1", [filed(counts, 1)])

        assert odd(cache) == [10, 17]
        assert odd(cache, around=5) == [10]
        assert odd(cache) == [10, 17]
        cache.forget(STREAM)
        assert odd(cache) == []


def test_one_day_more_costs_the_same_among_a_hundred_and_among_ten_thousand(fresh):
    costs = []
    for size in (100, 10_000):
        with fresh() as cache:
            cache.apply("c1", [filed(dict.fromkeys(range(size), 40) | {50: 3}, 1)])
            odd(cache)
            cache.apply("c1", [filed({60: 4}, 2)])
            steps = count()
            cache._file._connection.set_progress_handler(lambda steps=steps: next(steps) and None, 1)

            assert odd(cache) == [50, 60]
            costs.append(next(steps))
    small, big = costs
    assert big <= small * 1.05 + 5
