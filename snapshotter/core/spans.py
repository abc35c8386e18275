"""Lengths of time: text to `Span` and back. A length always carries its unit; a bare number is refused."""

from __future__ import annotations

import re
from fractions import Fraction

from snapshotter.errors import ConfigError
from snapshotter.spec import Span

FORM = '"15m", "30d", "1h30m" or ISO 8601 like "PT15M", "P1M"'

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_DAYS = {"d": 1, "w": 7}
_SHORT = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|[smhdw]))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|[smhdw])", re.ASCII)
_ISO = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=.)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_LONGEST_YEARS = 1_000  # what `datetime` can still add to a date of our time without overflow


def parse_span(text: str) -> Span:
    """The span that a text like `15m`, `1h30m`, `30d`, `PT15M` or `P1M` names."""
    if len(text) <= 64:
        if _SHORT.fullmatch(text):
            return _bounded(text, *_short(text))
        if iso := _ISO.fullmatch(text):
            return _bounded(text, *_iso(iso))
    raise ConfigError(f"not a length of time; write it like {FORM}")


def span_text(span: Span) -> str:
    """The shortest text that `parse_span` reads as this span; the same span always has the same text."""
    kinds = [bool(span.months), bool(span.days), bool(span.microseconds)]
    if sum(kinds) > 1 or span.months:
        return _iso_text(span)
    if span.days:
        return f"{span.days}d"
    return _clock_text(span.microseconds)


def longest(span: Span) -> int:
    """Its greatest possible length in microseconds: months of 31 days, days of 24 hours."""
    return (span.months * 31 + span.days) * 86_400_000_000 + span.microseconds


def _short(text: str) -> tuple[int, Fraction, Fraction]:
    days, micros = Fraction(), Fraction()
    for number, unit in _PART.findall(text):
        if unit in _DAYS:
            days += Fraction(number) * _DAYS[unit]
        else:
            micros += Fraction(number) * _UNITS[unit]
    return 0, days, micros


def _iso(match: re.Match[str]) -> tuple[int, Fraction, Fraction]:
    years, months, weeks, days = (int(part or 0) for part in match.groups()[:4])
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups()[4:])
    return years * 12 + months, Fraction(weeks * 7 + days), (hours * 3600 + minutes * 60 + seconds) * 1_000_000


def _bounded(text: str, months: int, days: Fraction, micros: Fraction) -> Span:
    if days.denominator != 1:
        raise ConfigError('part of a day has no length of its own (days have 23 to 25 hours); write hours, like "36h"')
    if micros.denominator != 1:
        raise ConfigError("finer than a microsecond")
    span = Span(months, int(days), int(micros))
    if longest(span) > _LONGEST_YEARS * 372 * 86_400_000_000:
        raise ConfigError(f"longer than {_LONGEST_YEARS} years")
    return span


def _clock_text(micros: int) -> str:
    if not micros:
        return "0s"
    for unit in ("h", "m", "s", "ms"):
        if micros % _UNITS[unit] == 0:
            return f"{micros // _UNITS[unit]}{unit}"
    return f"{micros}us"


def _iso_text(span: Span) -> str:
    years, months = divmod(span.months, 12)
    date = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (months, "M"), (span.days, "D")) if count)
    if not span.microseconds:
        return f"P{date}"
    minutes, micros = divmod(span.microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds, micros = divmod(micros, 1_000_000)
    rest = f"{seconds}.{micros:06d}".rstrip("0").rstrip(".") if micros else str(seconds)
    clock = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    return f"P{date}T{clock}" + (f"{rest}S" if rest != "0" else "")
