"""Which parameters of an address name a span of time, and how it is written there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from snapshotter.core import instants
from snapshotter.core.instants import Illegible
from snapshotter.core.proposing.address import snake
from snapshotter.frozen import dataclass

_STARTS = (
    "since", "start", "from", "starttime", "start_time", "start_date", "startdate", "start_datetime", "start_at",
    "after", "begin", "begin_date", "date_begin", "time_min", "min_date", "min_time", "date_from", "from_date",
    "time_from", "date_start", "min_timestamp", "start_ts", "startts", "from_time", "oldest", "first", "gte", "gt",
    "date_min", "start_day", "dt_from", "start_timestamp", "period_start", "begin_time",
)  # fmt: skip
_ENDS = (
    "until", "end", "to", "endtime", "end_time", "end_date", "enddate", "end_datetime", "end_at", "before", "stop",
    "finish", "time_max", "max_date", "max_time", "date_to", "to_date", "time_to", "date_end", "max_timestamp",
    "end_ts", "endts", "to_time", "latest", "last", "lte", "lt", "date_max", "end_day", "dt_to", "end_timestamp",
    "period_end", "till", "stop_time",
)  # fmt: skip
_PREFIX = re.compile(r"(created|updated|modified|published|filter|date|time|timestamp)(_at)?_(?=.)")
_UNIT = re.compile(r"_(ms|millis|s|sec|ts|epoch|unix|utc)$")
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Written:
    """A moment in an address: when, and the filter that writes it so."""

    name: str
    moment: datetime
    filter: str
    is_date: bool
    is_naive: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The span that an address asks for."""

    start: Written
    end: Written | None

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that name it."""
        return tuple(side.name for side in (self.start, self.end) if side is not None)

    @property
    def days(self) -> int:
        """How many days it is wide, at least one."""
        if self.end is None:
            return 1
        wide = self.end.moment - self.start.moment + (timedelta(days=1) if self.end.is_date else timedelta())
        return max(1, -(-wide // timedelta(days=1)))


def find_span(pairs: Sequence[tuple[str, str]]) -> Asked | None:
    """The start, and the end if there is one, that an address names in a way we can write again."""
    start = next((read for name, value in pairs if _is(name, _STARTS) and (read := _written(name, value))), None)
    end = next((read for name, value in pairs if _is(name, _ENDS) and (read := _written(name, value))), None)
    if start is None or (end is not None and end.moment < start.moment):
        return None
    return Asked(start, end)


def looks_like_span(name: str) -> bool:
    """Whether a parameter has a name as windows have."""
    return _is(name, _STARTS) or _is(name, _ENDS)


def _is(name: str, known: Sequence[str]) -> bool:
    plain = snake(name)
    return any(form in known for form in (plain, _PREFIX.sub("", plain), _UNIT.sub("", plain)))


def _written(name: str, value: str) -> Written | None:
    """How a value is written, if it is a moment."""
    if re.fullmatch(r"\d{9,10}|\d{12,13}", value, re.ASCII):
        unit = "epoch" if len(value) <= 10 else "epoch_ms"
        return Written(name, instants.read_epoch(int(value), unit), unit, is_date=False)
    try:
        if len(value) == len("2024-05-01"):
            day = instants.read_date(value)
            return Written(name, datetime(day.year, day.month, day.day, tzinfo=UTC), "date", is_date=True)
        moment = instants.read_instant(value, _UTC)
    except Illegible:
        return None
    form, is_naive = _filter(value)
    return Written(name, moment, form, is_date=False, is_naive=is_naive) if value[4] == "-" else None


def _filter(value: str) -> tuple[str, bool]:
    """The filter that writes an instant as this one is written, and whether it has no zone."""
    if re.fullmatch(r".*[T ]\d\d.*[+-]\d\d:?\d\d", value):
        return "iso_offset", False
    if value.endswith(("Z", "z")):
        return ("iso_ms" if "." in value else "iso"), False
    between = "T" if "T" in value else " "
    return f"fmt:%Y-%m-%d{between}%H:%M{':%S' if value.count(':') > 1 else ''}", True
