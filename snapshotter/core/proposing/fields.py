"""Which member of the records is their id, and which one is their day."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from snapshotter.core import instants
from snapshotter.core.instants import Illegible
from snapshotter.core.proposing.address import snake
from snapshotter.core.proposing.draft import GUESS, LIKELY, SURE
from snapshotter.core.proposing.shapes import jmespath
from snapshotter.frozen import dataclass

DEEPEST = 3
MOST = 5_000  # records that are looked at
_UTC = ZoneInfo("UTC")
_ZONED = re.compile(r".*[T ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_MIDNIGHT = re.compile(r".*[T ]00:?00(:?00(\.0+)?)?([Zz]|[+-]\d\d(:?\d\d)?)?", re.ASCII)

_DIGITS = re.compile(r"\d{9,19}(\.\d{1,9})?", re.ASCII)

Place = tuple[str, ...]


def columns_of(records: Sequence[Any]) -> dict[Place, list[Any]]:
    """The plain values of the records, by where they stand; None where a record has none."""
    found: dict[Place, list[Any]] = {}
    for number, record in enumerate(records[:MOST]):
        for place, value in _scalars(record, ()):
            column = found.setdefault(place, [])
            column += [None] * (number - len(column))
            column.append(value)
    for column in found.values():
        column.extend([None] * (min(len(records), MOST) - len(column)))
    return found


def _scalars(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict):
        if len(place) < DEEPEST:
            for name, member in value.items():
                yield from _scalars(member, (*place, name))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield place, value


# --- the id ---

_ID_NAMES = tuple(
    (re.compile(pattern), score)
    for pattern, score in (
        (r"id", 10.0),
        (r"_?id|uuid|guid|uid|key", 9.0),
        (r".*_(uuid|guid)|.*id", 6.0),
        (r"code|slug|sha\d*|hash|permalink|number|no|nr|ref|reference|isbn|doi", 5.0),
        (r"name|url|uri|href|link|title|path|login", 3.0),
    )
)


@dataclass(frozen=True, slots=True)
class IdFound:
    """What `id` will say."""

    value: object
    sure: str
    why: str
    question: str = ""


def find_id(columns: dict[Place, list[Any]], count: int, *, time: Place | None) -> IdFound:
    """The field, or pair of fields, that is another one in every record; else the content itself."""
    if count == 0:
        return IdFound("hash", GUESS, "no record was seen", "Which field makes a record the same record?")
    best = max(_unique(columns), default=None)
    if best is not None:
        score, place = best[0], best[2]
        return _named(place, count, score)
    doubled = next((place for place, _ in columns.items() if place in (("id",), ("_id",))), None)
    question = f"{jmespath(doubled)} is not unique here: what makes a record the same record?" if doubled else ""
    if time is not None and time in columns:
        return _by_time(columns, time, question)
    question = question or "Which fields make a record the same record? Without, an edited record is another record."
    return IdFound("hash", GUESS, "no single field is unique and complete, so the content is the identity", question)


def _named(place: Place, count: int, score: float) -> IdFound:
    sure = SURE if score >= 9 and count >= 10 else LIKELY if score >= 5 and count > 1 else GUESS
    why = f"all {count} records have it, each with another value" if count > 1 else "one record only was seen"
    return IdFound(jmespath(place), sure, why)


def _unique(columns: dict[Place, list[Any]]) -> Iterator[tuple[float, int, Place]]:
    for number, (place, values) in enumerate(columns.items()):
        score = next((score for form, score in _ID_NAMES if place and form.fullmatch(snake(place[-1]))), 0.0)
        if place == ():
            score = 9.0  # the records are plain values
        if score and _is_unique(values):
            yield score - 1.5 * max(len(place) - 1, 0), -number, place


def _is_unique(values: Sequence[Any]) -> bool:
    return all(value is not None and value != "" for value in values) and len(set(map(repr, values))) == len(values)


def _by_time(columns: dict[Place, list[Any]], time: Place, question: str) -> IdFound:
    question = question or "Is the time enough to know a record again? A corrected time would make it another record."
    if _is_unique(columns[time]):
        return IdFound(jmespath(time), LIKELY, "no field is named like an id, and no two have the same time", question)
    for place, values in columns.items():
        texts = all(isinstance(value, str) and len(value) < 40 for value in values)
        if place != time and texts and _is_unique(list(zip(columns[time], values, strict=True))):
            both = [jmespath(time), jmespath(place)]
            return IdFound(both, GUESS, "only together are they another one in every record", question)
    return IdFound("hash", GUESS, "no field is unique and complete, so the content is the identity", question)


# --- the day ---

_DAY_NAMES = tuple(
    (re.compile(pattern), score)
    for pattern, score in (
        (r".*(updated|modified|changed|edited|synced|fetched|generated|last|pushed|retrieved|closed|merged).*", 3.0),
        (r".*(end|ended|ends|finish|finished|stop|expires?|expiry|due|birth|birthday|until|deleted).*", 2.0),
        (r"day|date|datum|calendar_?date", 10.0),
        (r"time|timestamp|datetime|date_time|ts|epoch|dt|time_?stamp", 9.5),
        (r"created(_at|_on|_time|_date|_utc|_ts)?|creation_(date|time)", 9.0),
        (r"(start|started|begin|beg|began|begun|bedtime_start)(_.*)?", 8.5),
        (r"(occurred|happened|measured|recorded|observed|taken|played|event|listened)(_.*)?", 8.5),
        (r"(published|posted|added|submitted|sent|received|time|date|pub)(_.*)?", 8.0),
        (r".*(date|day|time|stamp).*", 6.0),
        (r".*_(at|on|ts|ms)|at|when|moment|instant|origin|occurred", 5.5),
    )
)  # fmt: skip


_TIMES = re.compile(r"t|time|times|timing|when|date|dates|timestamps?", re.ASCII)  # an object of moments
_ID = re.compile(r".*(id|key|code|number|no|nr|ref|phone)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DayFound:
    """What the `day` table will say."""

    place: Place
    parse: str
    sure: str
    why: str
    is_naive: bool = False
    is_complete: bool = True
    questions: tuple[str, ...] = ()
    moments: tuple[datetime | None, ...] = ()  # of each record, to see the order

    @property
    def field(self) -> str:
        """Where it stands, as JMESPath."""
        return jmespath(self.place)

    @property
    def is_dated(self) -> bool:
        """Whether it names a day and no instant."""
        return self.parse in ("date", "prefix") or self.parse.startswith("fmt:")


@dataclass(frozen=True, slots=True)
class _Form:
    parse: str
    read: Callable[[Any], Any]
    is_naive: bool = False
    question: str = ""


def find_day(columns: dict[Place, list[Any]], count: int) -> DayFound | None:
    """The field that best says when a record was, and how it is written."""
    found: list[tuple[float, int, Place, _Form]] = []
    for number, (place, values) in enumerate(columns.items()):
        if not place:
            continue
        known = [value for value in values if value is not None and value != ""]
        score = _day_score(place)
        form = _form_of(known, is_named=score >= 5, is_id=bool(_ID.fullmatch(snake(place[-1])))) if known else None
        if form is not None:
            missing = 1 - len(known) / len(values)
            local = 0.7 if "local" in place[-1].lower() else 0.0
            lacking = 2 + 5 * missing if missing else 0.0  # a time that every record has goes before a finer name
            total = (score or 1.0) + local - 0.4 * (len(place) - 1) - lacking
            found.append((total, -number, place, form))
    if not found:
        return None
    best = max(found, key=lambda item: item[:2])
    return _day(best[0], best[2], best[3], columns[best[2]], rivals=[item[2] for item in found], count=count)


def _day_score(place: Place) -> float:
    """How much a name promises to be the time of a record; in an object that is named like a time, any name does."""
    score = next((score for form, score in _DAY_NAMES if form.fullmatch(snake(place[-1]))), 0.0)
    return score or (5.5 if len(place) > 1 and _TIMES.fullmatch(snake(place[-2])) else 0.0)


def _day(score: float, place: Place, form: _Form, values: list[Any], *, rivals: list[Place], count: int) -> DayFound:
    known = [value for value in values if value is not None and value != ""]
    parse, questions = form.parse, [form.question] if form.question else []
    is_false_z = "local" in place[-1].lower() and parse == "instant" and _claims_utc(known)
    if is_false_z:
        parse = "prefix"
        questions.append(
            f"{jmespath(place)} ends in Z, but its name says local time: is the Z false? Taken so, the day is the one"
            " that is written."
        )
    elif parse == "instant" and count > 1 and all(_MIDNIGHT.fullmatch(str(value)) for value in known):
        questions.append(f'{jmespath(place)} is always midnight: if it means a day, say parse = "prefix".')
    missing = len(values) - len(known)
    others = [jmespath(rival) for rival in rivals if rival != place]
    is_alone = not others and not parse.startswith("epoch")
    is_sure = score >= 8 and count >= 2 and not questions and not missing
    sure = SURE if is_sure else LIKELY if score >= 5 or is_alone else GUESS
    why = f"{len(known)} of {len(values)} records have it, written like {_shown(known[0])}"
    if others:
        why += f"; {', '.join(others[:4])} would do as well" if len(others) > 1 else f"; there is also {others[0]}"
    moments = tuple(_moment(form, value) for value in values)
    return DayFound(place, parse, sure, why, form.is_naive and not is_false_z, not missing, tuple(questions), moments)


def _shown(value: Any) -> str:
    return str(value)[:40]


def _claims_utc(values: Sequence[Any]) -> bool:
    return all(str(value).endswith(("Z", "z", "+00:00", "+0000")) for value in values)


def _moment(form: _Form, value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    found = form.read(value)
    return found if isinstance(found, datetime) else datetime(found.year, found.month, found.day, tzinfo=_UTC)


def _form_of(values: Sequence[Any], *, is_named: bool, is_id: bool = False) -> _Form | None:
    """The one way of writing time that fits all values."""
    if all(isinstance(value, str) for value in values):
        text = _form_of_texts(values)
        if text is not None:
            return text
        if not all(_DIGITS.fullmatch(value) for value in values):
            return None
        return _form_of_numbers([float(value) for value in values], is_named=is_named)
    if all(isinstance(value, int | float) for value in values):
        form = _form_of_numbers(values, is_named=is_named or not is_id)
        # Thirteen digits in the years of an API are hardly anything else; other numbers need a name.
        return form if is_named or (form is not None and form.parse == "epoch_ms") else None
    return None


def _form_of_texts(values: Sequence[str]) -> _Form | None:
    zoned = [bool(_ZONED.fullmatch(value)) for value in values]
    forms = [
        _Form("date", instants.read_date),
        _Form("instant", lambda value: instants.read_instant(value, _UTC), is_naive=not all(zoned)),
        _Form("prefix", instants.read_prefix),
        _Form("http_date", instants.read_http_date),
        *(_written(form) for form in ("%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")),
    ]
    found = next((form for form in forms if _reads(form, values)), None)
    if found is not None:
        return found
    slashed = [form for form in (_written("%m/%d/%Y"), _written("%d/%m/%Y")) if _reads(form, values)]
    if len(slashed) == 2:
        return _Form(
            slashed[0].parse, slashed[0].read, question="Month or day first? Every date seen here reads both ways."
        )
    return slashed[0] if slashed else None


def _written(form: str) -> _Form:
    has_time = "%H" in form
    read: Callable[[Any], Any] = (
        (lambda value: instants.read_format_instant(value, form, _UTC))
        if has_time
        else (lambda value: instants.read_format_date(value, form))
    )
    return _Form(f"fmt:{form}", read, is_naive=has_time)


_EPOCHS = (("epoch", 1), ("epoch_ms", 10**3), ("epoch_us", 10**6), ("epoch_ns", 10**9))
_FROM, _TO = 200_000_000, 4_100_000_000  # 1976 to 2099, in seconds


def _form_of_numbers(values: Sequence[Any], *, is_named: bool) -> _Form | None:
    for unit, factor in _EPOCHS:
        if all(_FROM * factor <= value <= _TO * factor for value in values):
            if not is_named:
                return None
            return _Form(unit, lambda value, unit=unit: instants.read_epoch(value, unit))  # type: ignore[misc]
    return None


def _reads(form: _Form, values: Sequence[Any]) -> bool:
    try:
        for value in values:
            form.read(value)
    except Illegible:
        return False
    return True
