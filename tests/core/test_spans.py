"""Lengths of time are read with their unit and written back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.spans import longest, parse_span, span_text
from snapshotter.errors import ConfigError
from snapshotter.spec import Span

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", Span()),
        ("250ms", Span(microseconds=250_000)),
        ("1us", Span(microseconds=1)),
        ("1.5s", Span(microseconds=1_500_000)),
        ("15m", Span(microseconds=900 * SECOND)),
        ("24h", Span(microseconds=86_400 * SECOND)),
        ("1h30m", Span(microseconds=5_400 * SECOND)),
        ("1d", Span(days=1)),
        ("2w", Span(days=14)),
        ("1d12h", Span(days=1, microseconds=43_200 * SECOND)),
        ("PT15M", Span(microseconds=900 * SECOND)),
        ("P30D", Span(days=30)),
        ("P1M", Span(months=1)),
        ("P1Y", Span(months=12)),
        ("P1Y2M3DT4H5M6.5S", Span(months=14, days=3, microseconds=14_706_500_000)),
        ("P2W", Span(days=14)),
    ],
)
def test_a_length_is_read_with_its_unit(text, span):
    assert parse_span(text) == span


def test_a_day_of_the_calendar_is_not_24_hours():
    assert parse_span("1d") != parse_span("24h")


@pytest.mark.parametrize(
    "text",
    ["", "15", "15 m", " 15m", "-1d", "1M", "1y", "P", "PT", "P1DT", "P1H", "m", "1.d", "1d1", "٣d", "1.5d", "0.1us"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ConfigError):
        parse_span(text)


@pytest.mark.parametrize("text", ["9" * 30 + "d", "P2000Y", "9" * 5000 + "s", "1000000000h"])
def test_a_length_beyond_any_calendar_is_refused(text):
    with pytest.raises(ConfigError):
        parse_span(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (Span(), "0s"),
        (Span(days=30), "30d"),
        (Span(microseconds=5_400 * SECOND), "90m"),
        (Span(microseconds=86_400 * SECOND), "24h"),
        (Span(microseconds=1_500), "1500us"),
        (Span(months=1), "P1M"),
        (Span(months=14, days=3), "P1Y2M3D"),
        (Span(days=1, microseconds=1_500_000), "P1DT1.5S"),
    ],
)
def test_a_span_has_one_text(span, text):
    assert span_text(span) == text


@given(st.builds(Span, st.integers(0, 500), st.integers(0, 5_000), st.integers(0, 10**13)))
def test_text_and_span_are_the_same_thing(span):
    assert parse_span(span_text(span)) == span


@given(st.text(max_size=20))
def test_any_text_is_a_span_or_a_config_error(text):
    try:
        span = parse_span(text)
    except ConfigError:
        return
    assert longest(span) >= 0
    span.rough()
