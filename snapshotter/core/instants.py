"""What the values of APIs say about time: ISO 8601, HTTP dates, epochs and written formats, read exactly.

Fractions finer than a microsecond are cut, never rounded, so that the last moment of a day stays on its day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUT_OF_RANGE = "lies outside the years 1 to 9999"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PREFIX = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)[Tt ](\d\d)(:?)(\d\d)(?:\6(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?",
    re.ASCII,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "(" + "|".join(_MONTHS) + ")"
_TIME = r"(\d\d:\d\d:\d\d)"
_HTTP_DATES = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"[a-z]{{3}}, (?P<day>\d\d) (?P<month>{_MONTH}) (?P<year>\d{{4}}) (?P<time>{_TIME}) GMT",
        rf"[a-z]{{6,9}}, (?P<day>\d\d)-(?P<month>{_MONTH})-(?P<year>\d\d) (?P<time>{_TIME}) GMT",
        rf"[a-z]{{3}} (?P<month>{_MONTH}) (?P<day>[ \d]\d) (?P<time>{_TIME}) (?P<year>\d{{4}})",
    )
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PLAIN_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)
_LONGEST_NUMBER = 60
_EXACT = Context(prec=2 * _LONGEST_NUMBER)
_DECIMALS = {"epoch": 6, "epoch_ms": 3, "epoch_us": 0, "epoch_ns": -3}  # of a number, that microseconds can say
_LAST = 253_402_300_800_000_000  # microseconds from the epoch to the end of the year 9999
_FIRST = -62_135_596_800_000_000


class Illegible(ValueError):
    """A value that names no time; its text says why, as the end of a sentence."""


def read_date(text: str) -> date:
    """The day that `2024-05-01` names."""
    if not _DATE.fullmatch(text):
        raise Illegible("is not a date like 2024-05-01")
    return _checked(lambda: date.fromisoformat(text))


def read_prefix(text: str) -> date:
    """The day that a text begins with, as written: `2024-05-01` of `2024-05-01T23:59:00Z`."""
    match = _PREFIX.match(text)
    if match is None:
        raise Illegible("does not begin with a date like 2024-05-01")
    return _checked(lambda: date.fromisoformat(match[1]))


def read_instant(text: str, naive: ZoneInfo | None) -> datetime:
    """The instant, in UTC, that an ISO 8601 or RFC 3339 text names; without an offset it is meant in `naive`."""
    return _in_utc(_quickly(text) or _spelled_out(text), naive)


def read_instants(texts: Iterable[str], naive: ZoneInfo | None) -> list[datetime]:
    """`read_instant` of each, for those who have many."""
    found = []
    for text in texts:
        parsed = _quickly(text) or _spelled_out(text)
        found.append(parsed if parsed.tzinfo is UTC else _in_utc(parsed, naive))
    return found


def read_http_date(text: str) -> datetime:
    """The instant that an HTTP date (RFC 9110, all three forms) names."""
    for form in _HTTP_DATES:
        if match := form.fullmatch(text):
            break
    else:
        raise Illegible("is not an HTTP date like Sun, 06 Nov 1994 08:49:37 GMT")
    year = int(match["year"])
    if len(match["year"]) == 2:  # no clock here: the century is that of POSIX
        year += 1900 if year >= 69 else 2000
    month = _MONTHS.index(match["month"].lower()) + 1
    hour, minute, second = (int(part) for part in match["time"].split(":"))
    return _at(year, month, int(match["day"]), hour=hour, minute=minute, second=second).replace(tzinfo=UTC)


def read_epoch(value: object, unit: str) -> datetime:
    """The instant that a number, or a text of one, counts from 1970; `unit` is `epoch`, `epoch_ms`, `_us` or `_ns`."""
    shift = _DECIMALS[unit]
    if type(value) is int:
        return _since_epoch(value * 10**shift if shift >= 0 else value // 1_000)
    text = _number(value)
    if (plain := _PLAIN_NUMBER.fullmatch(text)) and shift >= 0:
        return _since_epoch(int(plain[1] + (plain[2] or "")[:shift].ljust(shift, "0")))
    exact = _EXACT.scaleb(Decimal(text), shift)
    if exact.adjusted() > 20:
        raise Illegible(OUT_OF_RANGE)
    return _since_epoch(int(exact.to_integral_value(ROUND_FLOOR)))


def read_format_date(text: str, form: str) -> date:
    """The day that a text written in a `strptime` format names."""
    return _parsed(text, form).date()


def read_format_instant(text: str, form: str, naive: ZoneInfo | None) -> datetime:
    """The instant, in UTC, that a text written in a `strptime` format with a time of day names."""
    return _in_utc(_parsed(text, form), naive)


def _parsed(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is put in by the caller
    except (ValueError, OverflowError):
        raise Illegible(f"is not written like {form}") from None


def _quickly(text: str) -> datetime | None:
    """What nearly every API writes; None for lower case, 24:00, a leap second, and what is no instant at all."""
    if len(text) < 17 or text[10] not in "T " or not text[4] == "-" == text[7]:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _spelled_out(text: str) -> datetime:
    match = _INSTANT.fullmatch(text)
    if match is None:
        if _DATE.fullmatch(text):
            raise Illegible('is a date, not an instant; say parse = "date"')
        raise Illegible("is not an instant like 2024-05-01T12:00:00Z")
    year, _, month, day, hour, _, minute, second, fraction, offset = match.groups()
    parsed = _at(
        int(year), int(month), int(day), hour=int(hour), minute=int(minute), second=int(second or 0),
        micros=int((fraction or "0")[:6].ljust(6, "0")),
    )  # fmt: skip
    return parsed if offset is None else parsed.replace(tzinfo=_offset(offset))


def _at(year: int, month: int, day: int, *, hour: int, minute: int, second: int, micros: int = 0) -> datetime:
    """A wall-clock time; the end of a day may be 24:00, and a leap second is the last moment of its minute."""
    if second == 60:
        second, micros = 59, 999_999
    if hour == 24 and not (minute or second or micros):
        midnight = _checked(lambda: datetime(year, month, day))  # noqa: DTZ001
        return _shifted(midnight, timedelta(days=1))
    return _checked(lambda: datetime(year, month, day, hour, minute, second, micros))  # noqa: DTZ001


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return _checked(lambda: timezone(-length if text[0] == "-" else length))


def _in_utc(parsed: datetime, naive: ZoneInfo | None) -> datetime:
    if parsed.tzinfo is UTC:
        return parsed
    if parsed.tzinfo is None:
        if naive is None:
            raise Illegible("is written without a zone; say in `naive` which one is meant")
        parsed = parsed.replace(tzinfo=naive)
    try:
        return parsed.astimezone(UTC)
    except (OverflowError, ValueError):
        raise Illegible(OUT_OF_RANGE) from None


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | float):
        raise Illegible("is not a number")
    text = value if isinstance(value, str) else repr(value)  # the shortest text is what the API wrote
    if not _NUMBER.fullmatch(text):
        raise Illegible("is not a number")
    if len(text) > _LONGEST_NUMBER:
        raise Illegible("is too long for a time")
    return text


def _since_epoch(micros: int) -> datetime:
    if not _FIRST <= micros < _LAST:
        raise Illegible(OUT_OF_RANGE)
    return EPOCH + timedelta(microseconds=micros)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    return _checked(lambda: moment + by)


def _checked(make: Callable[[], T]) -> T:
    try:
        return make()
    except (ValueError, OverflowError) as error:
        raise Illegible(f"names no time ({error})") from None
