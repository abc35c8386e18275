"""Windows lie on a fixed grid, cover a span exactly, and are told to an API without overlap and without a hole."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.spans import parse_span
from snapshotter.core.windows import (
    bounds_of,
    frozen_end,
    grid_window,
    lookback_start,
    origin,
    shifted,
    widen,
    windows_over,
)
from snapshotter.errors import ConfigError
from snapshotter.model import Window
from snapshotter.spec import Overlap, Span, WindowRule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPANS = ("step", "max_span", "granularity", "settle", "lookback")


def a_rule(**said):
    said = {"start": "2018-01-01", "granularity": "1s"} | said
    said |= {name: parse_span(said[name]) for name in SPANS if isinstance(said.get(name), str)}
    if "overlap" in said:
        said["overlap"] = Overlap(*(parse_span(text) for text in said["overlap"]))
    return WindowRule(**said)


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def a_span(start, end, zone="UTC"):
    return Window(at(start, zone), at(end, zone))


def dates(windows, zone="UTC"):
    return [
        f"{window.start.astimezone(ZoneInfo(zone)):%m-%d %H} {window.end.astimezone(ZoneInfo(zone)):%m-%d %H}"
        for window in windows
    ]


# --- the grid ---


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("1d", ["02-03 00 02-03 12", "02-02 00 02-03 00", "02-01 06 02-02 00"]),
        ("2d", ["02-02 00 02-03 12", "02-01 06 02-02 00"]),
        ("P1M", ["02-01 06 02-03 12"]),
        ("24h", ["02-03 00 02-03 12", "02-02 00 02-03 00", "02-01 06 02-02 00"]),
        (None, ["02-01 06 02-03 12"]),
    ],
)
def test_windows_lie_on_the_grid_newest_first_and_are_cut_to_the_span(step, expected):
    rule = a_rule(step=step and parse_span(step))

    assert dates(windows_over(rule, a_span("2018-02-01T06:00", "2018-02-03T12:00"))) == expected


@pytest.mark.parametrize(
    ("step", "first", "last"),
    [("P1M", "2018-02-01", "2018-03-01"), ("P1Y", "2018-01-01", "2019-01-01"), ("P3M", "2018-01-01", "2018-04-01")],
)
def test_months_and_years_begin_where_the_calendar_of_the_zone_says(step, first, last):
    rule = a_rule(step=step, zone="Europe/Berlin")

    assert grid_window(rule, at("2018-02-10")) == a_span(first, last, "Europe/Berlin")


def test_days_are_counted_from_1970_in_the_zone():
    window = grid_window(a_rule(step="30d", zone="Asia/Kolkata"), at("1970-01-15"))

    assert window == a_span("1970-01-01", "1970-01-31", "Asia/Kolkata")


def test_a_grid_goes_on_before_1970():
    assert grid_window(a_rule(step="30d"), at("1969-12-31")) == a_span("1969-12-02", "1970-01-01")
    assert grid_window(a_rule(step="P5M"), at("1969-12-31")) == a_span("1969-08-01", "1970-01-01")


def test_a_local_day_of_25_hours_is_one_window():
    windows = windows_over(a_rule(step="1d", zone="Europe/Berlin"), a_span("2018-10-28", "2018-10-29", "Europe/Berlin"))

    assert [window.end - window.start for window in windows] == [timedelta(hours=25)]


def test_hours_are_counted_even_where_the_clock_is_put_back():
    windows = windows_over(a_rule(step="6h", zone="Europe/Berlin"), a_span("2018-10-28", "2018-10-30", "Europe/Berlin"))

    assert {window.end - window.start for window in windows[1:-1]} == {timedelta(hours=6)}


def test_a_day_that_a_zone_skipped_is_no_window():
    windows = windows_over(
        a_rule(step="1d", zone="Pacific/Apia"),
        Window(at("2011-12-29", "Pacific/Apia"), at("2012-01-01", "Pacific/Apia")),
    )

    assert dates(windows, "Pacific/Apia") == ["12-31 00 01-01 00", "12-29 00 12-31 00"]


# --- the widest span ---


def test_a_step_that_is_wider_than_the_api_answers_is_cut():
    rule = a_rule(step="P1M", max_span="10d", granularity="1d")

    assert dates(windows_over(rule, a_span("2018-02-05", "2018-03-01"))) == [
        "02-21 00 03-01 00",
        "02-11 00 02-21 00",
        "02-05 00 02-11 00",
    ]


def test_the_widest_span_counts_the_overlap_too():
    rule = a_rule(step="30d", max_span="30d", overlap=("1d", "1d"))

    widest = max(
        bounds[1] - bounds[0]
        for window in windows_over(rule, a_span("2017-01-01", "2019-01-01"))
        if (bounds := bounds_of(rule, window))
    )

    assert widest == timedelta(days=30)


def test_thirty_local_days_are_too_wide_for_an_api_that_counts_hours():
    rule = a_rule(step="30d", max_span="30d", zone="Europe/Berlin")

    windows = windows_over(rule, a_span("2018-10-01", "2018-12-01"))

    assert max(window.end - window.start for window in windows) == timedelta(days=30)


def test_an_overlap_that_leaves_nothing_is_a_mistake():
    with pytest.raises(ConfigError, match="overlap"):
        windows_over(a_rule(step="1d", max_span="1d", overlap=("1d", "0s")), a_span("2018-01-01", "2018-01-03"))


# --- properties ---

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Apia",
]
STEPS = ["15m", "1h", "7h", "1d", "7d", "30d", "P1M", "P1Y", None]
instants = st.timedeltas(timedelta(days=25 * 365), timedelta(days=55 * 365)).map(lambda since: EPOCH + since)


def some_windows(rule, start, width):
    """The windows of a span that is not too long for its step."""
    most = 40 * (rule.step.rough() if rule.step else timedelta(days=30))
    span = Window(start, start + min(width, most))
    return span, windows_over(rule, span)


@given(
    st.sampled_from(STEPS),
    st.sampled_from([None, "20m", "5d"]),
    st.sampled_from(ZONES),
    instants,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)),
)
def test_windows_cover_their_span_exactly_and_share_nothing(step, most, zone, start, width):
    rule = a_rule(step=step, max_span=most if step in ("15m", "1h", "7h", "1d", "7d") else None, zone=zone)

    span, windows = some_windows(rule, start, width)

    assert windows[0].end == span.end
    assert windows[-1].start == span.start
    assert all(newer.start == older.end for newer, older in pairwise(windows))
    assert all(window.start < window.end for window in windows)


@given(
    st.sampled_from([step for step in STEPS if step]),
    st.sampled_from(ZONES),
    instants,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    st.floats(0, 0.9),
)
def test_moving_the_start_moves_no_inner_border(step, zone, start, width, share):
    rule = a_rule(step=step, zone=zone)
    span, windows = some_windows(rule, start, width)
    later = span.start + (span.end - span.start) * share

    fewer = windows_over(rule, Window(later, span.end))

    assert {window.start for window in fewer} - {later} <= {window.start for window in windows}


@given(st.sampled_from([step for step in STEPS if step]), st.sampled_from(ZONES), instants)
def test_every_window_is_its_own_window(step, zone, instant):
    window = grid_window(a_rule(step=step, zone=zone), instant)

    assert window.holds(instant)
    assert grid_window(a_rule(step=step, zone=zone), window.start) == window
    assert grid_window(a_rule(step=step, zone=zone), window.end - timedelta(microseconds=1)) == window


@given(
    st.sampled_from(["1s", "1m", "1h", "1d", "P1M"]),
    st.sampled_from(ZONES),
    instants,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=40)),
)
def test_a_widened_window_holds_whole_granules_of_the_wall_clock(granularity, zone, start, width):
    rule = a_rule(granularity=granularity, zone=zone)
    window = Window(start, start + width)

    wide = widen(rule, window)

    assert wide.start <= window.start < window.end <= wide.end
    assert widen(rule, wide) == wide
    if granularity in ("1s", "1m", "1h"):
        form = {"1s": "%f", "1m": "%f%S", "1h": "%f%S%M"}[granularity]
        assert {int(f"{border.astimezone(ZoneInfo(zone)):{form}}") for border in (wide.start, wide.end)} == {0}


@given(
    st.sampled_from([("1d", "1d"), ("7d", "1d"), ("P1M", "1d"), ("1h", "1s"), ("1d", "1s"), ("30d", "1m")]),
    st.sampled_from(["[)", "[]", "(]", "()"]),
    st.sampled_from(ZONES),
    instants,
)
def test_neighbours_neither_overlap_nor_leave_a_hole_at_the_granularity(sizes, bounds, zone, instant):
    """What an API with these bounds and times of this granularity answers, told as half-open spans."""
    rule = a_rule(step=sizes[0], granularity=sizes[1], bounds=bounds, zone=zone)
    window = grid_window(rule, instant)
    following = grid_window(rule, window.end)

    answered = [half_open(rule, *bounds_of(rule, one)) for one in (window, following)]

    assert answered == [window, following]


def half_open(rule, start, end):
    start = shifted(start, rule.granularity, rule.zone) if rule.bounds[0] == "(" else start
    return Window(start, shifted(end, rule.granularity, rule.zone) if rule.bounds[1] == "]" else end)


@pytest.mark.parametrize(
    ("start", "end", "wide"),
    [
        ("2018-10-06T14:30", "2018-10-06T15:10", ("2018-10-06T14:30", "2018-10-06T16:00")),
        ("2018-10-06T15:45", "2018-10-06T16:00", ("2018-10-06T14:30", "2018-10-06T16:00")),
    ],
)
def test_where_the_clock_moves_by_half_an_hour_the_next_whole_hour_is_looked_for(start, end, wide):
    rule = a_rule(granularity="1h", zone="Australia/Lord_Howe")

    assert widen(rule, a_span(start, end)) == a_span(*wide)


# --- telling ---


@pytest.mark.parametrize(
    ("bounds", "start", "end"),
    [
        ("[)", "2018-02-01T00:00", "2018-02-02T00:00"),
        ("[]", "2018-02-01T00:00", "2018-02-01T23:59:59"),
        ("(]", "2018-01-31T23:59:59", "2018-02-01T23:59:59"),
        ("()", "2018-01-31T23:59:59", "2018-02-02T00:00"),
    ],
)
def test_bounds_are_told_as_the_api_takes_them(bounds, start, end):
    assert bounds_of(a_rule(bounds=bounds), a_span("2018-02-01", "2018-02-02")) == (at(start), at(end))


def test_the_day_before_is_not_24_hours_before():
    rule = a_rule(bounds="[]", granularity="1d", zone="Europe/Berlin")

    start, end = bounds_of(rule, a_span("2018-10-28", "2018-10-29", "Europe/Berlin"))

    assert start == end == at("2018-10-28", "Europe/Berlin")


def test_a_part_of_a_day_is_asked_as_the_whole_day():
    rule = a_rule(granularity="1d", zone="Asia/Tokyo")

    assert bounds_of(rule, a_span("2018-02-01T10:00", "2018-02-01T12:00", "Asia/Tokyo")) == (
        at("2018-02-01", "Asia/Tokyo"),
        at("2018-02-02", "Asia/Tokyo"),
    )


def test_an_overlap_is_asked_too_in_whole_granules():
    rule = a_rule(granularity="1d", bounds="[]", overlap=("1h", "1d"))

    assert bounds_of(rule, a_span("2018-02-02", "2018-02-03")) == (at("2018-02-01"), at("2018-02-03"))


# --- where asking begins and ends ---

NOW = at("2018-02-03T12:30:15.000250")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2018-01-01", "2017-12-31T23:00"),
        ("2018-01-01T00:00:00Z", "2018-01-01T00:00"),
        ("2018-01-01T00:00:00", "2017-12-31T23:00"),
        ("2018-01-01T00:00:00+02:00", "2017-12-31T22:00"),
    ],
)
def test_the_origin_is_a_day_of_the_zone_or_an_instant(start, expected):
    assert origin(a_rule(start=start, zone="Europe/Berlin")) == at(expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "2018-02-03T12:30:15.000250"),
        ({"settle": "10m"}, "2018-02-03T12:20:15.000250"),
        ({"end": "2018-01-31"}, "2018-02-01T00:00"),
        ({"end": "2018-01-31T08:00:00Z"}, "2018-01-31T08:00"),
        ({"end": "2018-02-03", "settle": "1d"}, "2018-02-02T12:30:15.000250"),
    ],
)
def test_the_end_is_frozen_at_the_start_of_the_run(said, expected):
    assert frozen_end(a_rule(**said), NOW) == at(expected)


@pytest.mark.parametrize("text", ["2018-13-01", "soon", "2018-01-01T25:00"])
def test_an_end_that_is_no_moment_is_a_mistake(text):
    with pytest.raises(ConfigError, match="neither a date nor an instant"):
        frozen_end(a_rule(end=text), NOW)


@pytest.mark.parametrize(
    ("lookback", "expected"),
    [
        ("7d", "2018-01-27T00:00"),
        ("2h", "2018-02-03T10:30:15.000250"),
        ("0s", "2018-02-03T12:30:15.000250"),
        ("P1M", "2018-01-03T00:00"),
    ],
)
def test_looking_back_by_days_takes_whole_days(lookback, expected):
    assert lookback_start(a_rule(lookback=lookback), NOW) == at(expected)


@pytest.mark.parametrize(
    ("start", "span", "times", "expected"),
    [
        ("2018-03-31", Span(months=1), -1, "2018-02-28"),
        ("2018-01-31", Span(months=13), 1, "2019-02-28"),
        ("2018-12-15", Span(months=1), 1, "2019-01-15"),
        ("2018-03-26", Span(days=1), -1, "2018-03-25"),
        ("2018-03-01", Span(months=1, days=1), 1, "2018-04-02"),
    ],
)
def test_a_calendar_length_goes_from_day_to_day(start, span, times, expected):
    assert shifted(at(start, "Europe/Berlin"), span, "Europe/Berlin", times=times) == at(expected, "Europe/Berlin")


def test_a_lost_hour_does_not_push_a_time_into_the_next_day():
    late = at("2018-03-24T23:59", "Europe/Berlin")

    assert shifted(late, Span(days=1), "Europe/Berlin") == at("2018-03-26", "Europe/Berlin")
    assert (
        date(2018, 3, 26) == shifted(late, Span(days=1), "Europe/Berlin").astimezone(ZoneInfo("Europe/Berlin")).date()
    )
