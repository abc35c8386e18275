"""What a stream covers, in figures and in one line."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from snapshotter.core.coverage import coverage, next_step, stream_status, unsettled_days
from snapshotter.core.ledger import fold_all
from snapshotter.core.states import Terms, state_of
from snapshotter.edge.cache import Cache
from snapshotter.evidence import StreamLedger
from snapshotter.model import DayState
from snapshotter.spec import Kind
from tests.histories import STREAM, a_day, a_miss, a_record, a_story, at, day_span, histories, span

TERMS = Terms("UTC", at("02-08 06:00"), origin=at("02-01 00:00"))


def known(*stories):
    records = [a_record(story, sequence=number, turn=number) for number, story in enumerate(stories)]
    return fold_all(StreamLedger(STREAM), records)


def day(text):
    return date.fromisoformat(f"2018-{text}")


WEEK = a_story(day_span("02-01", days=7), days={day(f"02-0{n}"): a_day(n) for n in (1, 2, 3)})
TODAY = a_story(span("02-08 00:00", "02-08 06:00"), days={day("02-08"): a_day(2)})


def test_a_covered_stream_in_figures():
    found = coverage(known(WEEK, TODAY), TERMS)

    assert (found.first, found.last, found.gaps) == (day("02-01"), day("02-07"), ())
    assert found.counts == {DayState.SAVED: 3, DayState.EMPTY: 4, DayState.OPEN: 1}


@settings(max_examples=60)
@given(histories(most=5))
def test_figures_are_those_of_the_days_one_by_one(records):
    ledger = fold_all(StreamLedger(STREAM), records)
    terms = replace(TERMS, now=at("02-10 00:00"))

    found = coverage(ledger, terms).counts

    states = [state_of(ledger, day("01-25") + timedelta(days=number), terms).state for number in range(30)]
    for state in (DayState.SAVED, DayState.EMPTY):
        assert found.get(state, 0) == states.count(state)
    for state in (DayState.FAILED, DayState.INVALID):  # before the first evidence nothing is counted
        assert found.get(state, 0) <= states.count(state)


def test_a_part_with_the_unsettled_days_is_enough(tmp_path):
    records = [
        a_record(WEEK, sequence=0, turn=0),
        a_record(TODAY, sequence=1, turn=1),
        a_record(a_story(day_span("02-20"), days={day("01-20"): a_day(9)}, miss=a_miss()), sequence=2, turn=2),
    ]
    whole = fold_all(StreamLedger(STREAM), records)
    terms = replace(TERMS, now=at("02-25 00:00"))

    with Cache(tmp_path / "cache.sqlite", fold_all) as cache:
        cache.apply("c1", records)
        part = cache.ledger(STREAM, days=unsettled_days(cache.ledger(STREAM, days=()), terms))

    assert len(part.days) < len(whole.days)
    assert stream_status(part, Kind.SERIES, terms=terms) == stream_status(whole, Kind.SERIES, terms=terms)


TRIED = "server: 503 (tried 2018-02-07 06:00 UTC)"
FAILED = a_story(day_span("02-04", days=2), miss=a_miss())
INVALID = a_story(day_span("02-06"), miss=replace(a_miss("invalid", kind="unreadable", status=None), quarantine="q1"))


@pytest.mark.parametrize(
    ("stories", "terms", "summary"),
    [
        ([], TERMS, "never asked"),
        ([WEEK, TODAY], TERMS, "complete from 2018-02-01 (the origin) to yesterday"),
        (
            [WEEK],
            replace(TERMS, now=at("02-10 00:00")),
            "complete from 2018-02-01 (the origin) to 2018-02-07; 2 still to be asked",
        ),
        ([WEEK], replace(TERMS, origin=at("02-03 00:00")), "complete from 2018-02-01 to yesterday"),
        ([WEEK], replace(TERMS, origin=None), "complete from 2018-02-01 to yesterday"),
        (
            [a_story(day_span("02-03", days=5), history_ends="422")],
            TERMS,
            "complete from 2018-02-03 (end of history) to yesterday",
        ),
        ([TODAY], TERMS, "no day complete yet; 7 still to be asked"),
        (
            [a_story(day_span("02-01", days=3)), FAILED, INVALID, a_story(day_span("02-07"))],
            TERMS,
            "complete from 2018-02-01 (the origin) to yesterday, with gaps; 1 invalid; 2 failed",
        ),
        (
            [WEEK, a_story(None, miss=a_miss())],
            TERMS,
            f"complete from 2018-02-01 (the origin) to yesterday; last try failed: {TRIED}",
        ),
    ],
)
def test_one_line_says_how_far_it_is(stories, terms, summary):
    assert stream_status(known(*stories), Kind.SERIES, terms=terms).summary == summary


@pytest.mark.parametrize(
    ("stories", "summary"),
    [
        ([], "never asked"),
        ([a_story(None, dateless=a_day(250))], "250 records, last seen 2018-02-07 06:00 UTC"),
        ([a_story(None, dateless=a_day(1))], "1 record, last seen 2018-02-07 06:00 UTC"),
        (
            [a_story(None, miss=a_miss())],
            f"nothing archived yet; last try failed: {TRIED}",
        ),
    ],
)
def test_a_snapshot_has_no_days_to_count(stories, summary):
    assert stream_status(known(*stories), Kind.SNAPSHOT, terms=TERMS).summary == summary


def test_problems_are_told_as_ranges_with_what_to_do():
    status = stream_status(known(WEEK, FAILED, INVALID), Kind.SERIES, terms=replace(TERMS, origin=None))
    gaps = stream_status(known(FAILED, INVALID), Kind.SERIES, terms=replace(TERMS, origin=None))

    assert status.problems == ()  # a complete day stays complete
    assert [(one.first, one.last, one.state, one.next_step) for one in gaps.problems] == [
        (day("02-04"), day("02-05"), "failed", "is asked again by itself"),
        (day("02-06"), day("02-06"), "invalid", "look at what the API sent (kept as q1) and correct the source file"),
    ]
    assert status.records == 6


def test_a_failing_whole_view_is_a_problem_without_days():
    [problem] = stream_status(known(a_story(None, miss=a_miss())), Kind.SNAPSHOT, terms=TERMS).problems

    assert (problem.first, problem.state) == (None, "failed")


@pytest.mark.parametrize(
    ("miss", "words"),
    [
        (None, ""),
        (a_miss(kind="auth"), "check the credentials of the source, then fetch again"),
        (replace(a_miss(), next_try=at("02-09 00:00")), "is asked again by itself from 2018-02-09 00:00 UTC"),
        (a_miss("invalid", kind="unreadable"), "look at what the API sent and correct the source file"),
    ],
)
def test_every_miss_has_a_next_step(miss, words):
    assert next_step(miss) == words
