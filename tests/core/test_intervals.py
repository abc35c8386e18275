"""Intervals behave like the sets of instants that they stand for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.intervals import covers, cut, gaps, intersect, subtract, union
from snapshotter.model import Window

START = datetime(2018, 2, 1, tzinfo=UTC)
SPAN = range(24)


def a_window(first, last):
    return Window(START + timedelta(hours=first), START + timedelta(hours=last))


windows = st.lists(st.builds(a_window, st.integers(0, 23), st.integers(0, 24)), max_size=8)


def hours(intervals):
    """The hours that lie in a set, the slow way."""
    return {hour for hour in SPAN for one in intervals if one.holds(START + timedelta(hours=hour))}


def is_tidy(intervals):
    return all(one.start < one.end for one in intervals) and all(
        one.end < other.start for one, other in pairwise(intervals)
    )


@given(windows, windows)
def test_a_union_holds_what_either_holds(one, other):
    both = union(one, other)

    assert hours(both) == hours(one) | hours(other)
    assert is_tidy(both)


@given(windows, windows)
def test_an_intersection_holds_what_both_hold(one, other):
    both = intersect(one, other)

    assert hours(both) == hours(one) & hours(other)
    assert is_tidy(both)


@given(windows, windows)
def test_a_difference_holds_what_only_the_first_holds(one, other):
    rest = subtract(one, other)

    assert hours(rest) == hours(one) - hours(other)
    assert is_tidy(rest)


@given(windows, st.builds(a_window, st.integers(0, 23), st.integers(0, 24)))
def test_gaps_and_intervals_make_up_the_span(one, span):
    assert hours(gaps(one, span)) == hours([span]) - hours(one)
    assert covers(union(one, gaps(one, span)), span)


@given(windows, st.builds(a_window, st.integers(0, 23), st.integers(0, 24)))
def test_a_window_is_covered_when_no_hour_of_it_is_missing(one, window):
    assert covers(union(one), window) == (hours([window]) <= hours(one))


def test_touching_windows_become_one():
    assert union([a_window(5, 7), a_window(3, 5)]) == (a_window(3, 7),)


def test_a_cut_window_lies_in_the_span():
    assert cut(a_window(1, 9), a_window(3, 5)) == a_window(3, 5)
    assert cut(a_window(1, 3), a_window(3, 5)) is None
