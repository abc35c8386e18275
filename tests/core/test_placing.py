"""A record belongs to the day that its rule reads, or to none, or it is refused with its field and value."""

from datetime import UTC, date, datetime, timedelta

import pytest

from snapshotter.core.days import day_bounds
from snapshotter.core.placing import UNDATED, Placed, place
from snapshotter.errors import Unreadable
from snapshotter.model import Window
from snapshotter.spec import DayRule, Slot

BERLIN = "Europe/Berlin"


def a_rule(**given) -> DayRule:
    return DayRule(**{"first_of": ("at",), "zone": BERLIN} | given)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("parse", "value", "day", "instant"),
    [
        ("instant", "2024-05-01T23:00:00Z", "2024-05-02", "2024-05-01T23:00Z"),
        ("instant", "2024-05-01T23:00:00+02:00", "2024-05-01", "2024-05-01T21:00Z"),
        ("epoch", 1714604400, "2024-05-02", "2024-05-01T23:00Z"),
        ("epoch_ms", "1714604400000", "2024-05-02", "2024-05-01T23:00Z"),
        ("http_date", "Wed, 01 May 2024 23:00:00 GMT", "2024-05-02", "2024-05-01T23:00Z"),
        ("date", "2024-05-01", "2024-05-01", "2024-04-30T22:00Z"),
        ("prefix", "2024-05-01T23:00:00Z", "2024-05-01", "2024-04-30T22:00Z"),
        ("fmt:%d.%m.%Y", "1.5.2024", "2024-05-01", "2024-04-30T22:00Z"),
        ("fmt:%Y%m%d", 20240501, "2024-05-01", "2024-04-30T22:00Z"),
        ("fmt:%d.%m.%Y %H:%M %z", "1.5.2024 23:00 +0000", "2024-05-02", "2024-05-01T23:00Z"),
    ],
)
def test_the_day_is_that_of_the_zone_or_as_written(parse, value, day, instant):
    placed = place(a_rule(parse=parse), {"at": value}, window=None)

    assert placed == Placed(date.fromisoformat(day), at(instant))


def test_a_time_without_zone_is_meant_in_the_zone_of_the_rule():
    rule = a_rule(parse="instant", naive="America/New_York", zone="UTC")

    assert place(rule, {"at": "2024-05-01T23:00:00"}, window=None).day == date(2024, 5, 2)


@pytest.mark.parametrize(
    ("record", "day"),
    [
        ({"start": {"dateTime": "2024-05-01T10:00:00Z"}}, date(2024, 5, 1)),
        ({"start": {"date": "2024-05-03"}}, date(2024, 5, 3)),
        ({"start": {"dateTime": None, "date": "2024-05-03"}}, date(2024, 5, 3)),
        ({"start": {"dateTime": "", "date": "2024-05-03"}}, date(2024, 5, 3)),
    ],
)
def test_the_first_field_that_is_there_counts(record, day):
    rule = a_rule(first_of=("start.dateTime", "start.date"), parse="prefix")

    assert place(rule, record, window=None).day == day


@pytest.mark.parametrize(
    ("template", "parse", "record", "instant"),
    [
        ("{y}-{m}-{d}", "date", {"y": 2018, "m": 1, "d": 5}, "2018-01-05T00:00Z"),
        ("{y}-{m}-{d}", "date", {"y": "2018", "m": "1", "d": 5.0}, "2018-01-05T00:00Z"),
        ("{y}{m}{d}", "fmt:%Y%m%d", {"y": 2018, "m": 1, "d": 11}, "2018-01-11T00:00Z"),
        ("{day} {time}", "instant", {"day": "2018-01-05", "time": "04:05Z"}, "2018-01-05T04:05Z"),
        (
            "{y}-{m}-{d}T{h}:00:00.{f}Z",
            "instant",
            {"y": 2018, "m": 1, "d": 5, "h": 4, "f": 5},
            "2018-01-05T04:00:00.5Z",
        ),
        ("{s}.{f}", "epoch", {"s": 1, "f": 5}, "1970-01-01T00:00:01.5Z"),
    ],
)
def test_several_fields_make_one_day(template, parse, record, instant):
    rule = a_rule(first_of=(), template=a_template(template), parse=parse, zone="UTC")

    assert place(rule, record, window=None).instant == at(instant)


def a_template(text: str) -> tuple[str | Slot, ...]:
    pieces = text.replace("}", "{").split("{")
    return tuple(Slot("record", piece) if index % 2 else piece for index, piece in enumerate(pieces))


@pytest.mark.parametrize("record", [{}, {"at": None}, {"at": ""}, 7, "text", []])
def test_a_record_without_a_day_is_refused_or_undated(record):
    assert place(a_rule(parse="date", missing="undated"), record, window=None) == UNDATED

    with pytest.raises(Unreadable, match="has no at"):
        place(a_rule(parse="date"), record, window=None)


def test_a_template_with_a_missing_part_has_no_day():
    rule = a_rule(first_of=(), template=a_template("{y}-{m}-01"), parse="date", missing="undated")

    assert place(rule, {"y": 2018, "m": None}, window=None) == UNDATED


@pytest.mark.parametrize(
    ("parse", "value", "words"),
    [
        ("date", "1 May\x1b[2J\n2024", r'^day: at = "1 May\\u001b\[2J\\u000a2024" is not a date like 2024-05-01'),
        ("date", 5, "at = 5 is not a date"),
        ("date", [1], "at = a list is not a text"),
        ("instant", "2024-05-01", 'is a date, not an instant; say parse = "date"'),
        ("instant", "99999-05-01T00:00:00Z", "99999"),
        ("instant", "0001-01-01T00:00:00Z", "years 1 to 9999"),
        ("instant", 1714604400, "at = 1714604400 is not an instant"),
        ("epoch", 1e30, r"at = 1e\+30 lies outside the years"),
        pytest.param("epoch", 10**5000, "a very long number lies outside", id="huge"),
        ("epoch", True, "at = true is not a number"),
        ("epoch", {"a": 1}, "at = an object is not a number"),
        ("prefix", "x" * 500, "x…"),
    ],
)
def test_what_cannot_be_read_is_named_with_field_and_value(parse, value, words):
    with pytest.raises(Unreadable, match=words) as raised:
        place(a_rule(parse=parse, zone="America/New_York"), {"at": value}, window=None)

    assert raised.value.reason == "day"
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, 10**100])
def test_a_part_of_a_date_is_a_text_or_a_number(value):
    rule = a_rule(first_of=(), template=a_template("{y}-01-01"), parse="date")

    with pytest.raises(Unreadable):
        place(rule, {"y": value}, window=None)


def test_everything_belongs_to_the_day_asked_where_the_answer_names_none():
    rule = a_rule(first_of=(), from_window=True)
    day = day_bounds(date(2024, 3, 31), BERLIN)

    assert place(rule, {}, window=day) == Placed(date(2024, 3, 31), day.start)
    assert place(rule, {}, window=Window(day.start, day.start + timedelta(hours=9))).day == date(2024, 3, 31)


def test_a_window_of_two_days_names_no_day():
    rule = a_rule(first_of=(), from_window=True)
    day = day_bounds(date(2024, 3, 31), BERLIN)

    with pytest.raises(Unreadable, match=r"window\.step and window\.granularity to 1d"):
        place(rule, {}, window=Window(day.start, day.end + timedelta(seconds=1)))
    with pytest.raises(Unreadable, match="without a window"):
        place(rule, {}, window=None)
