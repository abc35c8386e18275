"""What is worth most comes first, and no stream keeps the others waiting."""

from datetime import timedelta

import pytest

from snapshotter.core.turns import NEVER, due, in_turn
from snapshotter.evidence import Proof, Proved, Stamp, StreamLedger, WholeView
from snapshotter.model import Job, Reason, Window
from snapshotter.spec import Kind, Span, Stream, Template, WindowRule
from tests.archive.worlds import utc

NOW = utc("2026-03-14T12:00")


def a_stream(**said):
    return Stream("demo", "a", Kind.SERIES, Template(("/a",)), window=WindowRule(start="2026-03-01"), **said)


def job(stream, reason, day=1):
    start = utc(f"2026-03-{day:02}T00:00")
    return Job("demo", stream, Window(start, start + timedelta(days=1)), reason, "")


def turns(jobs, overdue=None):
    return [(jobs[place].stream, jobs[place].reason.value) for place in in_turn(jobs, overdue or {})]


def test_new_days_come_before_what_failed_and_the_past_comes_last():
    jobs = [job("a", reason) for reason in (Reason.BACKFILL, Reason.REFRESH, Reason.DETAIL, Reason.RETRY)]
    jobs += [job("a", reason) for reason in (Reason.RECENT, Reason.RESUME)]

    assert [reason for _, reason in turns(jobs)] == ["resume", "recent", "retry", "detail", "refresh", "backfill"]


def test_the_first_window_of_each_stream_comes_before_the_second_of_any():
    jobs = [job("a", Reason.BACKFILL, day) for day in (3, 2, 1)] + [job("b", Reason.BACKFILL, 3)]

    assert [stream for stream, _ in turns(jobs)] == ["a", "b", "a", "a"]


def test_the_stream_that_waits_longest_is_asked_first():
    jobs = [job("a", Reason.RECENT), job("b", Reason.RECENT), job("c", Reason.RECENT)]

    assert [stream for stream, _ in turns(jobs, {"demo/a": 1.0, "demo/b": 3.0})] == ["c", "b", "a"]


def test_what_was_chosen_by_value_keeps_its_order():
    jobs = [job("a", Reason.REFRESH, 3), job("a", Reason.REFRESH, 2), job("b", Reason.REFRESH, 1)]

    assert in_turn(jobs, {"demo/b": NEVER}) == [0, 1, 2]


def stamp(at):
    return Stamp(1, at, "r", 1, 0)


def proved(until, at):
    window = Window(utc("2026-03-01T00:00"), until)
    return StreamLedger("demo/a", (Proved(window, "UTC"),), (Proof(window, "UTC", at, stamp(at)),))


@pytest.mark.parametrize(
    ("hours", "is_due"), [(1, False), (22, False), (23.1, True), (30, True)], ids=["1h", "22h", "nearly", "over"]
)
def test_a_day_after_it_was_asked_it_is_due_also_when_a_timer_comes_a_little_early(hours, is_due):
    at = NOW - timedelta(hours=hours)

    found = due(a_stream(every=Span(days=1)), proved(NOW, at), now=NOW)

    assert (found.why is None) is is_due


def test_what_was_never_asked_is_due():
    assert due(a_stream(), StreamLedger("demo/a"), now=NOW).overdue == NEVER


def test_a_stream_that_lags_behind_is_due_though_it_was_asked_lately():
    found = due(a_stream(every=Span(days=1)), proved(utc("2026-03-05T00:00"), NOW), now=NOW)

    assert found.why is None


def test_a_whole_state_goes_by_its_last_good_answer_and_says_when_it_is_due():
    at = NOW - timedelta(days=2)
    known = StreamLedger("demo/a", whole=WholeView(at, stamp(at)))

    found = due(a_stream(every=Span(days=7)), known, now=NOW)

    assert found.why == "asked every 7d; due at 2026-03-19 12:00 UTC"
