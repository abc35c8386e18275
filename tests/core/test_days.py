"""The days of a zone leave no instant out and share none, whatever its clocks did."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snapshotter.core.days import day_at, day_bounds, days_of, whole_days
from snapshotter.model import Window

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Pacific/Apia", "America/St_Johns",
    "Asia/Kathmandu", "Pacific/Kwajalein", "America/Toronto", "Africa/Cairo",
)  # fmt: skip
SOME_ZONE = st.sampled_from(ZONES)
SOME_DAY = st.dates(date(1900, 1, 1), date(2060, 1, 1))
SOME_INSTANT = st.integers(-70 * 31_557_600, 90 * 31_557_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("UTC", "2024-05-01", "2024-05-01T00:00Z", 24),
        ("Europe/Berlin", "2024-05-01", "2024-04-30T22:00Z", 24),
        ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00Z", 23),
        ("Europe/Berlin", "2024-10-27", "2024-10-26T22:00Z", 25),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-03T03:00Z", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23),  # begins at 01:00
        ("America/Sao_Paulo", "2019-02-16", "2019-02-16T02:00Z", 25),  # its last hour comes twice
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30Z", 23.5),  # the clock went from 23:30 to 00:30
        ("America/St_Johns", "2010-11-07", "2010-11-07T03:30Z", 24),  # back from 00:01 to 23:01: the last midnight
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00Z", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", 0),  # there was no such day
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z", 24),
    ],
)
def test_a_day_has_the_hours_that_its_zone_gave_it(zone, day, start, hours):
    bounds = day_bounds(date.fromisoformat(day), zone)

    assert bounds == Window(at(start), at(start) + timedelta(hours=hours))


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_calendars_own_ends_are_days_too(day, zone):
    bounds = day_bounds(day, zone)

    assert bounds.start <= bounds.end


@given(SOME_DAY, SOME_ZONE)
def test_every_day_begins_where_the_day_before_ends(day, zone):
    assert day_bounds(day, zone).start == day_bounds(day - timedelta(days=1), zone).end


@given(SOME_INSTANT, SOME_ZONE)
@example(at("2010-11-07T02:30:30Z"), "America/St_Johns")
@example(at("2010-11-07T03:00:00Z"), "America/St_Johns")
@example(at("2018-11-04T03:00:00Z"), "America/Sao_Paulo")
@example(at("2011-12-30T10:00:00Z"), "Pacific/Apia")
def test_an_instant_lies_in_its_day(instant, zone):
    assert day_bounds(day_at(instant, zone), zone).holds(instant)


def test_a_window_touches_every_day_that_it_has_a_moment_of():
    window = Window(at("2024-03-30T22:59:59.999999Z"), at("2024-03-31T22:00:00.000001Z"))

    assert [day.day for day in days_of(window, "Europe/Berlin")] == [30, 31, 1]
    assert [day.day for day in whole_days(window, "Europe/Berlin")] == [31]


def test_an_empty_window_touches_no_day():
    instant = at("2024-03-30T12:00Z")

    assert not list(days_of(Window(instant, instant), "UTC"))


def test_a_skipped_day_belongs_to_the_window_of_the_moment_it_was_skipped_in():
    skipped = at("2011-12-30T10:00Z")
    before, after = Window(skipped - timedelta(days=1), skipped), Window(skipped, skipped + timedelta(days=1))

    assert [day.day for day in days_of(before, "Pacific/Apia")] == [29]
    assert [day.day for day in whole_days(after, "Pacific/Apia")] == [30, 31]


@given(SOME_INSTANT, st.timedeltas(timedelta(0), timedelta(days=9)), SOME_ZONE)
def test_the_days_of_a_window_are_those_that_overlap_it(start, length, zone):
    window = Window(start, start + length)
    near = [start.date() + timedelta(days=offset) for offset in range(-2, 13)]
    bounds = {day: day_bounds(day, zone) for day in near}

    touched = [day for day in near if max(bounds[day].start, window.start) < min(bounds[day].end, window.end)]

    assert [day for day in days_of(window, zone) if bounds[day].start < bounds[day].end] == touched
    assert set(whole_days(window, zone)) <= set(days_of(window, zone))
