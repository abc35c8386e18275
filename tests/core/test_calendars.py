"""A calendar that fits 80 columns, with the worst day of a week in sight."""

from datetime import date, timedelta

import pytest

from snapshotter.core.calendars import WEEKS, drawing, plain
from snapshotter.model import DayState
from snapshotter.results.calendar import CalendarDay


def days(first, count, state=DayState.SAVED, records=1):
    return [CalendarDay(date.fromisoformat(first) + timedelta(days=number), state, records) for number in range(count)]


def drawn(*pieces):
    return plain(drawing([day for piece in pieces for day in piece])).splitlines()


def test_a_calendar_as_it_is_read():
    found = drawn(
        days("2023-12-25", 7),
        days("2024-01-01", 20, DayState.EMPTY, 0),
        days("2024-01-21", 5, DayState.FAILED, 0),
        days("2024-01-26", 5, DayState.INVALID, 0),
        days("2024-01-31", 1, DayState.PARTIAL, 2),
        days("2024-02-01", 9, records=3),
        days("2024-02-10", 1, DayState.UNTRIED, 0),
        days("2024-02-11", 1, DayState.OPEN, 1),
    )

    assert found == [
        "a week is a column, its worst day shown",
        "        Jan Feb Mar Apr  May Jun Jul  Aug Sep  Oct Nov Dec",
        "2023                                                       ▒▒    7 there",
        "2024    ··FXX?                                                  29 there, 12 not",
        "",
        "the last 3 months, a day is a column",
        "        1    6    11   16   21   26   31",
        "2023-12                         ▒▒▒▒▒▒▒",
        "2024-01 ····················FFFFFXXXXXp",
        "2024-02 █████████?o",
        "",
        "░▒▓█ few to many records  · none",
        "o not over  p in part  F failed  X unusable  ? never asked",
    ]


@pytest.mark.parametrize("year", ["2023", "2024"])
def test_a_year_has_a_place_for_each_of_its_days(year):
    found = drawn(days(f"{year}-01-01", 366, DayState.FAILED, 0))

    assert found[2].count("F") == WEEKS


def test_many_years_stay_within_80_columns_and_a_page():
    found = drawn(days("1950-01-01", 365 * 60, records=7))

    assert max(map(len, found)) <= 80
    assert len(found) < 50
    assert found[0].startswith("the last 30 of 60 years")


def test_days_alike_are_all_drawn_dark():
    assert "█" * 10 in drawn(days("2024-03-01", 10, records=5))[6]


def test_nothing_is_drawn_of_nothing():
    assert drawing([]) == ()
