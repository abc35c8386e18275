"""What a person sees of a run under way follows from its steps."""

import pytest

from snapshotter.core.watching import Board, length, summary
from snapshotter.results import Progress


def board(*steps: Progress) -> Board:
    seen = Board()
    for step in steps:
        seen = seen.after(step)
    return seen


def lane(stream: str, windows: int, name: str = "api.example") -> Progress:
    return Progress(stream, "lane", "asks", total=windows, lane=name)


def landed(stream: str, **more) -> Progress:
    return Progress(stream, "landed", "2024-05-01 new", **more)


def test_windows_requests_records_and_days_are_counted():
    seen = board(
        lane("a/x", 2),
        Progress("a/x", "page", "page 1"),
        Progress("a/x", "page", "page 2"),
        landed("a/x", records=7, days=3),
    )

    row = seen.rows["a/x"]
    assert (row.landed, row.windows, row.requests, row.records, row.days) == (1, 2, 2, 7, 3)
    assert (seen.landed, seen.windows, seen.requests, seen.days) == (1, 2, 2, 3)


def test_a_stream_whose_windows_are_all_landed_is_done():
    assert board(lane("a/x", 1), landed("a/x")).rows["a/x"].now == "done"


def test_a_plan_counts_until_its_lane_says_how_many_windows_it_has():
    planned = [Progress("a/x", "planned", "why")] * 3

    assert board(*planned).windows == 3
    assert board(*planned, lane("a/x", 2)).windows == 2


@pytest.mark.parametrize("step", [Progress("", "reading", "12 records"), Progress("a", "exchange", "GET /")])
def test_what_is_no_step_of_a_stream_makes_no_row(step):
    assert board(step) == Board()


def test_the_slowest_lane_says_how_long_it_takes():
    seen = board(lane("a/x", 10), lane("b/y", 4, "other"), *[landed("a/x")] * 5, landed("b/y"))

    assert seen.seconds_left(60.0) == 180.0


def test_nobody_knows_how_long_before_every_lane_has_landed_something():
    assert board(lane("a/x", 10), lane("b/y", 4, "other"), landed("a/x")).seconds_left(60.0) is None


def test_streams_at_work_are_shown_first():
    seen = board(lane("a/x", 1), lane("a/y", 1), lane("a/z", 1), landed("a/x"), Progress("a/z", "page", "page 1"))

    rows, hidden = seen.shown(2)

    assert ([row.stream for row in rows], hidden) == (["a/z", "a/y"], 1)


def test_what_is_left_of_a_limit_is_told_by_lane():
    seen = board(
        lane("a/x", 2), Progress("a/x", "budget", "9 of 10 requests left (hour)"), Progress("a/x", "page", "page 1")
    )

    assert seen.budgets() == {"api.example": "9 of 10 requests left (hour)"}


def test_the_summary_is_one_line():
    seen = board(lane("a/x", 4), Progress("a/x", "page", "page 1"), landed("a/x", days=1))

    assert summary(seen, 30.0) == "1 of 4 windows, 1 request, 1 day saved, 30 s, about 2 min left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3_600, "60 min"),
        (7_200, "2 h"),
        (12_000, "3 h 20 min"),
        (200_000, "2 days"),
    ],
)
def test_lengths_are_told_roughly(seconds, words):
    assert length(seconds) == words


def test_what_is_read_before_a_plan_is_told_until_something_is_asked():
    reading = Board().after(Progress("ledger", "reading", "500 run records read"))
    planned = reading.after(Progress("a/b", "planned", "2024-05-01: never asked"))

    assert (summary(reading, 1.0), list(reading.rows)) == ("500 run records read", [])
    assert summary(planned, 1.0).startswith("0 of 1 window")
