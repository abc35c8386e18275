"""What the headers of one answer say about rate limits: the declared headers, and the IETF `RateLimit` fields.

Nothing here decides; a header that cannot be read says nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from snapshotter.core import instants
from snapshotter.core.escaping import escape
from snapshotter.frozen import dataclass
from snapshotter.spec import RateHeaders

FARTHEST = timedelta(days=32)  # no real limit lasts longer; a later reset is a misread one
UNTOLD = timedelta(seconds=60)  # how long an emptied limit is left alone when the server names no reset
_CUT = timedelta(seconds=1)  # a reset in whole seconds lies up to one before the real one
_EPOCH_FROM = 1_000_000_000
_LONGEST = 2_000  # characters of a field that are looked at
_MOST = 16  # items of a field that are looked at
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an answer says about one limit: a declared one, or (`name` is None) one that only the headers know."""

    name: str | None
    label: str
    limit: int | None = None
    remaining: int | None = None
    used: int | None = None
    until: datetime | None = None
    adopt: bool = False


def sightings(headers: Headers, rules: Sequence[RateHeaders], now: datetime) -> tuple[Sighting, ...]:
    """Every limit that the answer speaks of."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    joined = {name: ", ".join(values) for name, values in found.items()}
    return (*_declared(joined, rules, now), *_ietf(joined, now))


# --- declared headers ---


def _declared(headers: Mapping[str, str], rules: Sequence[RateHeaders], now: datetime) -> Iterator[Sighting]:
    for rule in rules:
        columns = [_column(headers, name) for name in (rule.limit, rule.remaining, rule.used)]
        resets = _resets(headers, rule, now)
        for place, name in enumerate(rule.limits or (None,)):
            limit, remaining, used = (_at(column, place) for column in columns)
            if limit is remaining is used is None:
                continue
            label = rule.remaining or rule.used or rule.limit or ""
            yield Sighting(
                name=name,
                label=label,
                limit=_whole(limit, math.floor),
                remaining=_first(_whole(remaining, math.floor), _less(limit, used)),
                used=_first(_whole(used, math.ceil), _less(limit, remaining)),
                until=resets[place] if place < len(resets) else None,
                adopt=rule.adopt,
            )


def _column(headers: Mapping[str, str], name: str | None) -> list[float | None]:
    return [_number(item) for item in headers.get((name or "").lower(), "").split(",")]


def _at(column: list[float | None], place: int) -> float | None:
    return column[place] if place < len(column) else None


def _number(text: str) -> float | None:
    """The number that an item begins with: `100`, `599.0`, and 100 of `100;w=60`."""
    try:
        number = float(text.split(";", maxsplit=1)[0])
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None


def _whole(number: float | None, rounded: Callable[[float], int]) -> int | None:
    return None if number is None else rounded(number)


def _less(limit: float | None, part: float | None) -> int | None:
    return None if limit is None or part is None else max(0, math.floor(limit - part))


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _resets(headers: Mapping[str, str], rule: RateHeaders, now: datetime) -> list[datetime | None]:
    text = headers.get((rule.reset or "").lower())
    if text is None:
        return []
    items = [text] if rule.reset_format == "http_date" else text.split(",")  # an HTTP date has a comma of its own
    return [_reset(item.strip(), rule.reset_format, headers=headers, now=now) for item in items]


def _reset(text: str, form: str, *, headers: Mapping[str, str], now: datetime) -> datetime | None:
    try:
        match form:
            case "delta":
                return _ahead(text, now)
            case "http_date":
                named = instants.read_http_date(text)
            case "iso":
                named = instants.read_instant(text, None)
            case _:
                named = instants.read_epoch(text, form)
    except instants.Illegible:
        return None
    return _plausible(now + (named - _server_time(headers, now)), now)


def _server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """The server's own clock where it tells it, so that a wrong clock on either side does not shorten a wait."""
    try:
        return instants.read_http_date(headers.get("date", "").strip())
    except instants.Illegible:
        return now


def _ahead(text: str, now: datetime) -> datetime | None:
    seconds = _number(text)
    if seconds is None or seconds > FARTHEST.total_seconds():
        return None
    return _plausible(now + timedelta(seconds=seconds), now)


def _plausible(moment: datetime, now: datetime) -> datetime | None:
    return moment + _CUT if now <= moment <= now + FARTHEST else None


# --- the IETF fields ---


def _ietf(headers: Mapping[str, str], now: datetime) -> Iterator[Sighting]:
    text = headers.get("ratelimit")
    if text is not None:
        yield from _one_member(text, now) if "=" in text.split(";")[0] else _items(headers, text, now)
    elif (remaining := _number(headers.get("ratelimit-remaining", ""))) is not None:
        limit = _number(headers.get("ratelimit-limit", "").split(",")[0])
        yield Sighting(
            name=None,
            label="ratelimit-remaining",
            limit=_whole(limit, math.floor),
            remaining=math.floor(remaining),
            until=_delta_or_epoch(headers.get("ratelimit-reset", ""), headers=headers, now=now),
        )


def _one_member(text: str, now: datetime) -> Iterator[Sighting]:
    """`limit=100, remaining=50, reset=5`, as the drafts up to 07 write it."""
    pairs = (item.strip().partition("=") for item in text.split(","))
    told = {name.strip().lower(): value for name, _, value in pairs}
    remaining = _number(told.get("remaining", ""))
    if remaining is not None:
        yield Sighting(
            name=None,
            label="ratelimit",
            limit=_whole(_number(told.get("limit", "")), math.floor),
            remaining=math.floor(remaining),
            until=_ahead(told.get("reset", ""), now),
        )


def _items(headers: Mapping[str, str], text: str, now: datetime) -> Iterator[Sighting]:
    """`"default";r=50;t=30` with the policies `"default";q=100;w=60`, as the drafts since 08 write it."""
    policies = dict(_listed(headers.get("ratelimit-policy", "")))
    for name, told in _listed(text):
        policy = policies.get(name, {})
        remaining = _number(told.get("r", ""))
        if remaining is None or policy.get("qu", "requests") != "requests":
            continue  # bytes and concurrency are no counts of requests
        yield Sighting(
            name=None,
            label=f"ratelimit {name}",
            limit=_whole(_number(policy.get("q", "")), math.floor),
            remaining=math.floor(remaining),
            until=_ahead(told.get("t", policy.get("w", "")), now),
        )


def _listed(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for item in _ITEM.findall(text[:_LONGEST])[:_MOST]:
        name, *parameters = (part.strip() for part in _PARAMETER.findall(item))
        pairs = (parameter.partition("=") for parameter in parameters)
        yield escape(name.strip('"'), 40), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def _delta_or_epoch(text: str, *, headers: Mapping[str, str], now: datetime) -> datetime | None:
    number = _number(text)
    form = "epoch" if number is not None and number >= _EPOCH_FROM else "delta"
    return _reset(text.strip(), form, headers=headers, now=now)
