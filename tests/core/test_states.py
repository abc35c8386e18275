"""Every day has one state and a reason: complete only when all its hours are proved and it is over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.days import day_bounds
from snapshotter.core.ledger import fold_all
from snapshotter.core.states import Terms, complete_days, days_between, history_end, state_of, states
from snapshotter.evidence import StreamLedger
from snapshotter.model import DayState, Window
from tests.histories import STREAM, a_day, a_miss, a_record, a_story, at, day_span, histories, span

NOW = at("02-08 06:00")
TERMS = Terms("UTC", NOW, origin=at("02-01 00:00"))


def known(*stories):
    records = [a_record(story, sequence=number, turn=number) for number, story in enumerate(stories)]
    return fold_all(StreamLedger(STREAM), records)


def day(text):
    return date.fromisoformat(f"2018-{text}")


FIVE = {day("02-05"): a_day(5)}
GOOD = a_story(day_span("02-05"), days=FIVE)
PART = span("02-05 00:00", "02-05 12:00")


@pytest.mark.parametrize(
    ("stories", "state", "why"),
    [
        ([GOOD], DayState.SAVED, "proved"),
        ([a_story(day_span("02-05"))], DayState.EMPTY, "proved, no records"),
        ([], DayState.UNTRIED, "never asked"),
        ([a_story(PART)], DayState.UNTRIED, "asked in part: 02-05 00:00 to 02-05 12:00 UTC"),
        ([a_story(PART, days=FIVE)], DayState.PARTIAL, "asked in part: 02-05 00:00 to 02-05 12:00 UTC"),
        (
            [a_story(day_span("02-05"), miss=a_miss())],
            DayState.FAILED,
            "server: 503 (tried 2018-02-07 06:00 UTC)",
        ),
        (
            [a_story(day_span("02-05"), days=FIVE, miss=a_miss())],
            DayState.PARTIAL,
            "server: 503 (tried 2018-02-07 06:00 UTC)",
        ),
        (
            [a_story(day_span("02-05"), miss=a_miss("partial", kind="limit", status=None, why="10,000 pages"))],
            DayState.PARTIAL,
            "limit: 10,000 pages (tried 2018-02-07 06:00 UTC)",
        ),
        (
            [a_story(day_span("02-05"), days=FIVE, miss=a_miss("invalid", kind="unreadable", status=None, why="a\nb"))],
            DayState.INVALID,
            "unreadable: a\\u000ab (tried 2018-02-07 06:00 UTC)",
        ),
        ([GOOD, a_story(day_span("02-05"), miss=a_miss())], DayState.SAVED, "proved"),
        ([a_story(PART), a_story(span("02-05 12:00", "02-06 00:00"), zone="Asia/Tokyo")], DayState.EMPTY, None),
        ([a_story(None, miss=a_miss())], DayState.FAILED, "server: 503 (tried 2018-02-07 06:00 UTC)"),
        (
            [
                a_story(
                    day_span("02-01", days=6),
                    miss=replace(a_miss(), tries=3, first=at("02-01 00:00"), next_try=at("02-09 00:00")),
                )
            ],
            DayState.FAILED,
            "server: 503 (3 tries since 2018-02-05 00:00 UTC, next 2018-02-09 00:00 UTC)",
        ),
    ],
)
def test_a_day_that_is_over_is_judged_by_its_evidence(stories, state, why):
    judged = state_of(known(*stories), day("02-05"), TERMS)

    assert judged.state is state
    assert why is None or judged.why == why


@pytest.mark.parametrize(
    ("when", "terms", "state", "why"),
    [
        ("02-08", TERMS, DayState.OPEN, "not over yet"),
        ("02-09", TERMS, DayState.OPEN, "has not begun"),
        (
            "02-07",
            replace(TERMS, settle=timedelta(days=1)),
            DayState.OPEN,
            "over, but not settled before 2018-02-09 00:00 UTC",
        ),
        ("02-07", replace(TERMS, settle=timedelta(hours=6)), DayState.SAVED, "proved"),
        ("01-31", TERMS, DayState.BEYOND, "before the origin, 2018-02-01"),
        ("02-01", replace(TERMS, origin=at("02-03 00:00")), DayState.SAVED, "proved"),
        ("02-06", replace(TERMS, end=at("02-06 00:00")), DayState.SAVED, "proved"),
        ("02-08", replace(TERMS, end=at("02-06 00:00")), DayState.BEYOND, "after the end, 2018-02-05"),
    ],
)
def test_time_and_terms_decide_too(when, terms, state, why):
    days = {day(f"02-0{number}"): a_day(1) for number in range(1, 8)}

    judged = state_of(known(a_story(day_span("02-01", days=7), days=days)), day(when), terms)

    assert (judged.state, judged.why) == (state, why)


def test_an_open_day_tells_of_its_last_failure():
    judged = state_of(known(a_story(span("02-08 00:00", "02-08 05:00"), miss=a_miss())), day("02-08"), TERMS)

    assert judged.state is DayState.OPEN
    assert judged.why == "not over yet: server: 503 (tried 2018-02-08 00:00 UTC)"


def test_records_before_the_origin_that_were_never_proved_are_no_day():
    ledger = known(a_story(span("02-05 00:00", "02-05 01:00"), days={day("01-20"): a_day(2)}))

    assert state_of(ledger, day("01-20"), TERMS).state is DayState.PARTIAL


@pytest.mark.parametrize(("missing", "state"), [(0, DayState.SAVED), (1, DayState.PARTIAL)])
def test_a_day_of_23_hours_needs_all_of_them(missing, state):
    bounds = day_bounds(date(2018, 3, 25), "Europe/Berlin")
    window = Window(bounds.start, bounds.end - timedelta(microseconds=missing))
    terms = Terms("Europe/Berlin", datetime(2018, 4, 1, tzinfo=UTC))

    ledger = known(a_story(window, days={date(2018, 3, 25): a_day(1)}))

    assert bounds.end - bounds.start == timedelta(hours=23)
    assert state_of(ledger, date(2018, 3, 25), terms).state is state


def test_the_hours_before_the_origin_do_not_keep_a_day_from_being_complete():
    terms = Terms("Europe/Berlin", NOW, origin=at("02-01 00:00"))  # 01:00 in Berlin

    ledger = known(a_story(span("02-01 00:00", "02-01 23:00")))

    assert complete_days(ledger, terms) == ((day("02-01"), day("02-01")),)
    assert state_of(ledger, day("01-31"), terms).state is DayState.BEYOND


def test_the_hours_after_the_end_do_not_either():
    terms = Terms("Europe/Berlin", NOW, end=at("02-03 00:00"))  # 01:00 in Berlin

    ledger = known(a_story(span("02-01 23:00", "02-03 00:00")))

    assert complete_days(ledger, terms) == ((day("02-02"), day("02-03")),)


# --- the end of history ---

END = a_story(day_span("02-04"), history_ends="2 empty\nwindows")


def test_before_the_end_of_history_there_is_nothing():
    judged = state_of(known(END), day("02-03"), TERMS)

    assert (judged.state, judged.why) == (DayState.BEYOND, "past the end of history: 2 empty\\u000awindows")


def test_what_was_probed_before_the_end_of_history_is_beyond_it_too():
    probe = a_story(day_span("02-01"))
    end = a_story(day_span("02-02"), history_ends="nothing", history_before=at("02-04 00:00"))

    ledger = known(a_story(day_span("02-04"), days={day("02-04"): a_day(1)}), probe, end)

    assert [state_of(ledger, day(f"02-0{n}"), TERMS).state for n in (1, 3, 4)] == [
        DayState.BEYOND,
        DayState.BEYOND,
        DayState.SAVED,
    ]


def test_records_found_before_the_end_of_history_speak_against_it():
    found = a_story(day_span("02-02"), days={day("02-02"): a_day(1)})

    assert history_end(known(END), "UTC") is not None
    assert history_end(known(found, END), "UTC") is None
    assert history_end(known(END, found), "UTC") is None
    assert state_of(known(END, found), day("02-01"), TERMS).state is DayState.UNTRIED


# --- ranges ---


def told(ledger, first, last, terms=TERMS):
    return [(r.first.day, r.last.day, r.judged.state.value) for r in states(ledger, (day(first), day(last)), terms)]


def test_days_in_a_row_in_one_state_are_one_range():
    ledger = known(
        a_story(day_span("02-02", days=2), days={day("02-02"): a_day(1), day("02-03"): a_day(2)}),
        a_story(day_span("02-04")),
        a_story(day_span("02-05"), miss=a_miss()),
        a_story(day_span("02-06"), miss=a_miss()),
    )

    ranges = states(ledger, (day("02-01"), day("02-08")), TERMS)

    assert told(ledger, "02-01", "02-08") == [
        (1, 1, "untried"),
        (2, 3, "saved"),
        (4, 4, "empty"),
        (5, 6, "failed"),
        (7, 7, "untried"),
        (8, 8, "open"),
    ]
    assert [(one.days, one.judged.records) for one in ranges[:3]] == [(1, 0), (2, 3), (1, 0)]


def test_a_range_of_misses_alike_tells_the_first_try_and_the_most():
    one = replace(a_miss(), tries=2, first=at("02-06 00:00"))
    two = replace(a_miss(), tries=5, first=at("02-07 00:00"))

    [failed] = states(
        known(a_story(day_span("02-05"), miss=one), a_story(day_span("02-06"), miss=two)),
        (day("02-05"), day("02-06")),
        TERMS,
    )

    assert failed.judged.why == "server: 503 (5 tries since 2018-02-06 00:00 UTC)"


@settings(max_examples=60)
@given(
    histories(most=5),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"]),
    st.none() | st.integers(0, 200).map(lambda hours: at("02-01 00:00") + timedelta(hours=hours)),
    st.none() | st.integers(200, 400).map(lambda hours: at("02-01 00:00") + timedelta(hours=hours)),
)
def test_ranges_say_of_each_day_what_the_day_says(records, zone, origin, end):
    terms = Terms(zone, at("02-12 13:00"), settle=timedelta(hours=5), origin=origin, end=end)
    ledger = fold_all(StreamLedger(STREAM), records)

    ranges = states(ledger, (day("01-28"), day("02-20")), terms)

    place = day("01-28")
    for one in ranges:
        assert one.first == place
        while place <= one.last:
            assert state_of(ledger, place, terms).state is one.judged.state
            place += timedelta(days=1)
    assert place == day("02-21")


@settings(max_examples=60)
@given(histories(most=5), st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"]))
def test_a_day_is_complete_exactly_when_each_of_its_hours_is_proved_and_it_is_over(records, zone):
    terms = Terms(zone, at("02-12 13:00"))
    ledger = fold_all(StreamLedger(STREAM), records)
    if history_end(ledger, zone):
        ledger = replace(ledger, history=None)

    for number in range(20):
        one = day("01-30") + timedelta(days=number)
        bounds = day_bounds(one, zone)
        hours = (bounds.end - bounds.start) // timedelta(hours=1)
        proved = all(
            any(known.window.holds(bounds.start + timedelta(hours=hour)) for known in ledger.proved)
            for hour in range(hours)
        )

        state = state_of(ledger, one, terms).state

        assert (state in (DayState.SAVED, DayState.EMPTY)) == (proved and bounds.end <= terms.now)


@pytest.mark.parametrize(
    ("ranges", "days", "between"),
    [
        ([], (1, 9), [(1, 9)]),
        ([(3, 4)], (1, 9), [(1, 2), (5, 9)]),
        ([(1, 4), (6, 9)], (1, 9), [(5, 5)]),
        ([(1, 9)], (2, 8), []),
        ([(1, 2), (12, 13)], (4, 9), [(4, 9)]),
        ([(1, 4)], (4, 4), []),
    ],
)
def test_days_between_ranges_are_the_others(ranges, days, between):
    def dated(pairs):
        return tuple((date(2018, 2, first), date(2018, 2, last)) for first, last in pairs)

    assert days_between(dated(ranges), dated([days])[0]) == dated(between)
