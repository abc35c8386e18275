"""Sets of instants as sorted, disjoint windows that do not touch: what is proved, and what is not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from snapshotter.model import Window

Intervals = tuple[Window, ...]


def union(*sets: Iterable[Window]) -> Intervals:
    """Every instant of any of the windows; windows may come in any order, overlap and be empty."""
    merged: list[Window] = []
    for window in sorted(one for windows in sets for one in windows if one.start < one.end):
        if merged and window.start <= merged[-1].end:
            if window.end > merged[-1].end:
                merged[-1] = Window(merged[-1].start, window.end)
        else:
            merged.append(window)
    return tuple(merged)


def intersect(one: Iterable[Window], other: Iterable[Window]) -> Intervals:
    """Every instant that lies in both."""
    left, right = union(one), union(other)
    found: list[Window] = []
    here = there = 0
    while here < len(left) and there < len(right):
        start = max(left[here].start, right[there].start)
        end = min(left[here].end, right[there].end)
        if start < end:
            found.append(Window(start, end))
        if left[here].end <= right[there].end:
            here += 1
        else:
            there += 1
    return tuple(found)


def gaps(windows: Iterable[Window], span: Window) -> Intervals:
    """Every instant of the span that lies in none of the windows."""
    found: list[Window] = []
    reached = span.start
    for window in union(windows):
        if window.start >= span.end:
            break
        if reached < window.start:
            found.append(Window(reached, window.start))
        reached = max(reached, window.end)
    if reached < span.end:
        found.append(Window(reached, span.end))
    return tuple(found)


def subtract(one: Iterable[Window], other: Iterable[Window]) -> Intervals:
    """Every instant of the first that does not lie in the second."""
    kept = union(one)
    if not kept:
        return ()
    return intersect(kept, gaps(other, Window(kept[0].start, kept[-1].end)))


def covers(intervals: Intervals, window: Window) -> bool:
    """Whether every instant of the window lies in the (sorted, disjoint) intervals."""
    place = bisect_right(intervals, window.start, key=attrgetter("start")) - 1
    return window.start >= window.end or (place >= 0 and intervals[place].end >= window.end)


def cut(window: Window, span: Window) -> Window | None:
    """What of the window lies in the span, or None."""
    start, end = max(window.start, span.start), min(window.end, span.end)
    return Window(start, end) if start < end else None
