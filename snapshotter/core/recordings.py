"""A recording of one stream: the exchanges of one walk or more, as a file that people read, review and commit.

An address of the API's own host is kept without the host, so that a recording does not depend on where it was made.
What is asked is found again by what it asks for; the values of `moving` parameters (those that name a time) may differ.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from snapshotter.canonical import Json, decode, encode, encode_indented
from snapshotter.codec import Malformed, from_plain, instant_text
from snapshotter.errors import Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.spec import Slot, Stream, Template

FORMAT = 1
FOLDER = "recordings"
_FORM = re.compile(r"\{secrets\.([^{}|]+)\|[a-z0-9.]+\}")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, its secrets by name. `body` is None, a JSON value, or the pairs of a form."""

    method: str
    url: str
    body: Json | Pairs = None
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """One exchange of a recording."""

    asked: Asked
    answered: Answered


@dataclass(frozen=True, slots=True)
class Recording:
    """What was asked of one stream at one time, and what came."""

    source: str
    stream: str
    at: datetime  # when the run began that was recorded
    exchanges: tuple[Taken, ...]
    since: date | None = None  # the days that were asked for; None: the stream is not asked by day
    until: date | None = None
    cut: bool = False  # ended after so many pages, before the API had no more
    scrubbed: tuple[str, ...] = ()  # paths whose values are stand-ins
    snap: str = ""

    @property
    def key(self) -> str:
        """`source/stream`."""
        return f"{self.source}/{self.stream}"


# --- as a file ---


def to_bytes(recording: Recording) -> bytes:
    """The recording as its file has it."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "snap": recording.snap,
        "source": recording.source,
        "stream": recording.stream,
        "at": instant_text(recording.at),
    }
    if recording.since is not None and recording.until is not None:
        head |= {"since": recording.since.isoformat(), "until": recording.until.isoformat()}
    if recording.cut:
        head["cut"] = True
    if recording.scrubbed:
        head["scrubbed"] = list(recording.scrubbed)
    return encode_indented(head | {"exchanges": [_exchange(taken) for taken in recording.exchanges]})


def _exchange(taken: Taken) -> dict[str, Any]:
    asked, answered = taken.asked, taken.answered
    request: dict[str, Any] = {"method": asked.method, "url": asked.url, "headers": _listed(asked.headers)}
    if isinstance(asked.body, tuple):
        request["form"] = _listed(asked.body)
    elif asked.body is not None:
        request["json"] = asked.body
    response = {"status": answered.status, "headers": _listed(answered.headers), **_body(answered.body)}
    return {"request": request, "response": response}


def _listed(pairs: Pairs) -> list[list[str]]:
    return [list(pair) for pair in pairs]


def _body(body: bytes) -> dict[str, Any]:
    """The body as a value where it is one, which is easy to read and to review; else as text; else in base64."""
    with suppress(Unreadable):
        return {"json": decode(body).value}
    with suppress(UnicodeDecodeError):
        return {"text": body.decode("utf-8")}
    return {"base64": base64.b64encode(body).decode()}


def from_bytes(data: bytes, name: str) -> Recording:
    """The recording in a file; `UsageError` with what is wrong about it."""
    try:
        value = decode(data).value
    except Unreadable as error:
        raise UsageError(f"{name} is no recording: {error}") from error
    if not isinstance(value, dict) or "exchanges" not in value or value.get("format") is None:
        raise UsageError(f"{name} is no recording; `snap record SOURCE/STREAM` makes one")
    if value["format"] != FORMAT:
        raise UsageError(f"{name} has the format {value['format']!r}, and this snap reads {FORMAT}; upgrade snap")
    try:
        return Recording(
            source=from_plain(str, value.get("source")),
            stream=from_plain(str, value.get("stream")),
            at=from_plain(datetime, value.get("at")),
            exchanges=tuple(_taken(item) for item in value["exchanges"]),
            since=_day(value.get("since")),
            until=_day(value.get("until")),
            cut=value.get("cut") is True,
            scrubbed=tuple(str(path) for path in value.get("scrubbed", ())),
            snap=str(value.get("snap", "")),
        )
    except (Malformed, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise UsageError(f"{name} is damaged: {type(error).__name__}: {error}") from error


def _day(value: object) -> date | None:
    return None if value is None else from_plain(date, value)


def _taken(item: Mapping[str, Any]) -> Taken:
    request, response = item["request"], item["response"]
    body = _pairs(request["form"]) if "form" in request else request.get("json")
    asked = Asked(str(request["method"]), str(request["url"]), body, _pairs(request.get("headers", ())))
    if "json" in response:
        came = encode(response["json"])
    elif "text" in response:
        came = str(response["text"]).encode()
    else:
        came = base64.b64decode(response["base64"], validate=True)
    return Taken(asked, Answered(int(response["status"]), _pairs(response.get("headers", ())), came))


def _pairs(value: Sequence[Sequence[str]]) -> Pairs:
    return tuple((str(name), str(text)) for name, text in value)


# --- finding an answer ---


class Shelf:
    """The answers of a recording, found by what is asked."""

    def __init__(self, recording: Recording, moving: Collection[str], *, moving_path: bool = False) -> None:
        self._rows = [(_Question(taken.asked), taken) for taken in recording.exchanges]
        self._moving = frozenset(moving)
        self._moving_path = moving_path
        self._given: Counter[int] = Counter()

    def find(self, asked: Asked) -> Answered | None:
        """The answer to the nearest question, of several alike one after the other; None: it was never asked."""
        question = _Question(asked)
        near = [
            (question.nearness(other, self._moving), -self._given[place], -place)
            for place, (other, _) in enumerate(self._rows)
            if question.is_like(other, self._moving, moving_path=self._moving_path)
        ]
        if not near:
            return None
        place = -max(near)[2]
        self._given[place] += 1
        return self._rows[place][1].answered


class _Question:
    """A request in parts that can be compared."""

    def __init__(self, asked: Asked) -> None:
        parts = urlsplit(asked.url)
        self.target = (asked.method, parts.netloc, parts.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        if isinstance(asked.body, tuple):
            pairs += list(asked.body)
        elif isinstance(asked.body, dict):
            pairs += [(name, encode(value).decode()) for name, value in asked.body.items()]
        elif asked.body is not None:
            pairs.append(("", encode(asked.body).decode()))
        self.pairs = [(name, _FORM.sub(r"{secrets.\1}", text)) for name, text in pairs]

    def is_like(self, other: _Question, moving: Collection[str], *, moving_path: bool) -> bool:
        if self.target[:2] != other.target[:2] or (self.target[2] != other.target[2] and not moving_path):
            return False
        return self._still(moving) == other._still(moving)

    def _still(self, moving: Collection[str]) -> Counter[tuple[str, str]]:
        return Counter((name, "" if name in moving else text) for name, text in self.pairs)

    def nearness(self, other: _Question, moving: Collection[str]) -> int:
        same = Counter(self.pairs) & Counter(other.pairs)
        segments = zip(self.target[2].split("/"), other.target[2].split("/"), strict=False)
        return sum(same.values()) + sum(one == two for one, two in segments)


def moving_parts(stream: Stream) -> tuple[frozenset[str], bool]:
    """The names of what a stream sends that name a time, and whether its path does."""
    sent = [stream.params, stream.form or {}, stream.json if isinstance(stream.json, Mapping) else {}]
    if stream.window is not None:
        sent.append(stream.window.params)
    names = {name for some in sent for name, value in some.items() if _names_time(value)}
    return frozenset(names), _names_time(stream.path)


def _names_time(value: object) -> bool:
    match value:
        case Template(parts):
            return any(isinstance(part, Slot) and part.root in ("window", "run") for part in parts)
        case Mapping():
            return any(_names_time(inner) for inner in value.values())
        case list() | tuple():
            return any(_names_time(inner) for inner in value)
        case _:
            return False


def form_pairs(body: str) -> Pairs:
    """The pairs of a form's text."""
    return tuple(parse_qsl(body, keep_blank_values=True))


def plain_json(value: object) -> Json:
    """A JSON value as a request has it, as an exact one."""
    return decode(json.dumps(value).encode()).value
