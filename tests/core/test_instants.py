"""What APIs write about time is read exactly, or refused."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.instants import (
    EPOCH,
    Illegible,
    read_date,
    read_epoch,
    read_format_date,
    read_format_instant,
    read_http_date,
    read_instant,
    read_prefix,
)

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-01-05T12:15:30Z", "2018-01-05T12:15:30"),
        ("2018-01-05t12:15:30z", "2018-01-05T12:15:30"),
        ("2018-01-05 12:15:30Z", "2018-01-05T12:15:30"),
        ("2018-01-05T12:15Z", "2018-01-05T12:15:00"),
        ("20180105T121530Z", "2018-01-05T12:15:30"),
        ("2018-01-05T12:15:30+01:00", "2018-01-05T11:15:30"),
        ("2018-01-05T12:15:30+0100", "2018-01-05T11:15:30"),
        ("2018-01-05T12:15:30+01", "2018-01-05T11:15:30"),
        ("2018-01-05 12:15:30 +0530", "2018-01-05T06:45:30"),
        ("2018-01-05T12:15:30-00:00", "2018-01-05T12:15:30"),
        ("2018-01-05t12:15:30-08:00", "2018-01-05T20:15:30"),
        ("2018-01-05T12:15:30.5Z", "2018-01-05T12:15:30.500000"),
        ("2018-01-05T12:15:30,25Z", "2018-01-05T12:15:30.250000"),
        ("2018-01-05T23:59:59.9999999999999999Z", "2018-01-05T23:59:59.999999"),
        ("2018-01-05t23:59:59.9999999999999999z", "2018-01-05T23:59:59.999999"),
        ("2018-01-05T24:00:00Z", "2018-01-06T00:00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
    ],
)
def test_an_instant_is_read_in_every_spelling(text, instant):
    assert read_instant(text, None) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2018-01-05", "2018-1-5T12:15:30Z", "2018-13-05T12:15:30Z", "2018-02-30T12:15:30Z",
        "2018-01-05T25:00:00Z", "2018-01-05T24:00:01Z", "2018-01-05T12:61:00Z", "2018-01-05T12:15:30+25:00",
        "99999-01-05T12:15:30Z", "2018-01-05x12:15:30Z", "2018-01-05T12:15:30Zulu", "1517966773",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "٢٠١٨-01-05T12:15:30Z", "2018-01-05T12:15:30Z\n",
    ],
)  # fmt: skip
def test_anything_else_is_no_instant(text):
    with pytest.raises(Illegible):
        read_instant(text, BERLIN)


def test_an_instant_without_a_zone_needs_one_from_the_rule():
    assert read_instant("2018-07-05T12:15:30", BERLIN) == datetime(2018, 7, 5, 10, 15, 30, tzinfo=UTC)

    with pytest.raises(Illegible, match="naive"):
        read_instant("2018-07-05T12:15:30", None)


@given(st.datetimes(timezones=st.timezones()))
def test_what_python_writes_is_read_back(moment):
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        return
    assert read_instant(moment.isoformat(), None) == in_utc
    assert read_instant(in_utc.isoformat().replace("+00:00", "Z"), None) == in_utc


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37"),
        ("Sunday, 06-Nov-24 08:49:37 GMT", "2024-11-06T08:49:37"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37"),
        ("Wed Nov 16 08:49:37 1994", "1994-11-16T08:49:37"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "2016-12-31T23:59:59.999999"),
    ],
)
def test_an_http_date_has_three_forms(text, instant):
    assert read_http_date(text) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "1994-11-06", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT"])
def test_anything_else_is_no_http_date(text):
    with pytest.raises(Illegible):
        read_http_date(text)


@pytest.mark.parametrize(
    ("value", "unit", "instant"),
    [
        (1517966773, "epoch", "2018-02-07T01:26:13"),
        ("1517966773", "epoch", "2018-02-07T01:26:13"),
        (1517966773.84, "epoch", "2018-02-07T01:26:13.840000"),
        ("1517966773.840000", "epoch", "2018-02-07T01:26:13.840000"),
        ("1517966399.9999999999999999999", "epoch", "2018-02-07T01:19:59.999999"),
        ("1.517966773e9", "epoch", "2018-02-07T01:26:13"),
        (1517966773840, "epoch_ms", "2018-02-07T01:26:13.840000"),
        (1517966773840.5, "epoch_ms", "2018-02-07T01:26:13.840500"),
        ("1517966773840", "epoch_ms", "2018-02-07T01:26:13.840000"),
        (1517966773840001, "epoch_us", "2018-02-07T01:26:13.840001"),
        ("1517966773840001.9", "epoch_us", "2018-02-07T01:26:13.840001"),
        (1517966773840001999, "epoch_ns", "2018-02-07T01:26:13.840001"),
        ("1517966773840001999", "epoch_ns", "2018-02-07T01:26:13.840001"),
        (0, "epoch", "1970-01-01T00:00:00"),
        (-1, "epoch", "1969-12-31T23:59:59"),
        (-0.0000001, "epoch", "1969-12-31T23:59:59.999999"),
        ("-1", "epoch_ns", "1969-12-31T23:59:59.999999"),
    ],
)
def test_an_epoch_is_read_exactly_from_numbers_and_texts(value, unit, instant):
    assert read_epoch(value, unit) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [True, None, [], {}, "", "soon", "0x10", " 1", "1 ", "1_000", 1e30, -1e30, 10**400, "9" * 400, "1e999", "1e99999",
     float("inf"), float("nan"), 253402300800, -62135596801, "1e-999999"],
)  # fmt: skip
def test_anything_else_is_no_epoch(value):
    with pytest.raises(Illegible):
        read_epoch(value, "epoch")


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_the_same_moment_is_read_from_every_unit(micros):
    expected = EPOCH + timedelta(microseconds=micros)
    texts = {"epoch": -6, "epoch_ms": -3, "epoch_us": 0, "epoch_ns": 3}

    read = {read_epoch(format(Decimal(micros).scaleb(shift), "f"), unit) for unit, shift in texts.items()}

    assert read == {expected}


@pytest.mark.parametrize(
    ("read", "text", "day"),
    [
        (read_date, "2024-02-29", date(2024, 2, 29)),
        (read_prefix, "2024-02-29", date(2024, 2, 29)),
        (read_prefix, "2024-02-29T23:59:00Z", date(2024, 2, 29)),
        (read_prefix, "2024-02-29 and more", date(2024, 2, 29)),
        (lambda text: read_format_date(text, "%d.%m.%Y"), "29.2.2024", date(2024, 2, 29)),
        (lambda text: read_format_date(text, "%Y%j"), "2024060", date(2024, 2, 29)),
    ],
)
def test_a_day_is_read_as_written(read, text, day):
    assert read(text) == day


@pytest.mark.parametrize("text", ["", "2023-02-29", "2024-2-29", "20240229", "2024-02-29T00:00Z", "29.02.2024"])
def test_anything_else_is_no_date(text):
    with pytest.raises(Illegible):
        read_date(text)


@pytest.mark.parametrize("text", ["", "2024-02-295", "x2024-02-29", "2023-02-29T00:00Z"])
def test_a_prefix_must_be_a_date(text):
    with pytest.raises(Illegible):
        read_prefix(text)


def test_a_written_format_with_a_time_is_an_instant():
    form = "%d/%b/%Y:%H:%M:%S %z"

    assert read_format_instant("29/Feb/2024:00:30:00 +0100", form, None) == datetime(2024, 2, 28, 23, 30, tzinfo=UTC)
    assert read_format_instant("29.2.2024 00:30", "%d.%m.%Y %H:%M", BERLIN).day == 28
    with pytest.raises(Illegible, match="not written like"):
        read_format_instant("2024-02-29", form, None)
