"""One answer and its address in, the draft of a source file out. Pure: nothing is asked, nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

from snapshotter.core.proposing.address import Address, doubled, source_name, stream_name
from snapshotter.core.proposing.draft import GUESS, LIKELY, SURE, Draft, Said, variable
from snapshotter.core.proposing.fields import DayFound, IdFound, columns_of, find_day, find_id
from snapshotter.core.proposing.shapes import Found, find_records
from snapshotter.core.proposing.spans import Asked, Written, find_span, looks_like_span
from snapshotter.core.proposing.turning import Page, Turning, find_total, find_turning
from snapshotter.core.proposing.writing import write
from snapshotter.frozen import dataclass

_DATED = (
    'Is the end date included? If so, say bounds = "[]"; until then one date too many is asked, which does no harm.'
)
_WHOLE = (
    "Does one answer (with its pages) hold everything there is? If it holds the latest records only, those that fall"
    " out of it would count as removed: look for a way to ask by time, or for the newest first."
)
_NAMELESS = "no zone is named"


@dataclass(frozen=True, slots=True)
class Seen:
    """One good answer: its address, its headers, and its body as plain values."""

    address: Address
    url: str  # where it came from in the end
    headers: Sequence[tuple[str, str]]  # names in lower case
    body: Any
    is_ndjson: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A source file with how sure each line of it is."""

    source: str
    stream: str
    records: int
    findings: tuple[Said, ...]
    questions: tuple[str, ...]
    secrets: Mapping[str, str]
    text: str


def propose(seen: Seen, *, today: date, name: str | None = None) -> Proposal:
    """The file that one answer suggests; it loads without a problem."""
    draft, count = _drafted(seen, today, name)
    return Proposal(
        draft.source, draft.stream, count, draft.findings(), draft.questions, dict(draft.secrets), write(draft)
    )


def _drafted(seen: Seen, today: date, name: str | None) -> tuple[Draft, int]:
    address = seen.address
    found = find_records(seen.body)
    columns = columns_of(found.records)
    is_list = found.shape != "single"
    day = find_day(columns, len(found.records)) if is_list else None
    identity = find_id(columns, len(found.records), time=None if day is None else day.place) if is_list else None
    asked = find_span(address.pairs) if day is not None else None
    turning = _turning(seen, found, asked) if is_list else Turning()
    kind, order = _kind(day, asked, found)
    taken = {*turning.takes, *(asked.names if asked is not None else ())}
    draft = Draft(
        source=name or source_name(address),
        stream=stream_name(address),
        base_url=address.base_url,
        path=doubled(address.path),
        kind=kind,
        about=_about(seen, len(found.records)),
        params=_params(address, taken),
        records=(*_records(found, is_ndjson=seen.is_ndjson), *_id(identity), *order, *_expectation(kind, found)),
        paginate=_paginate(turning, kind, order),
        client=_client(seen, turning),
        rest=_rest(seen, found, asked),
    )
    draft = _with_secrets(draft, address)
    draft = _with_day(draft, day)
    if asked is not None and day is not None:
        draft = _with_window(draft, asked, day, today=today)
    whole = (_WHOLE,) if kind.value == "snapshot" and is_list else ()
    questions = (*whole, *_address_questions(seen, asked, day, taken), *_questions(identity, turning, day))
    return replace(draft, questions=(*questions, *draft.questions)), len(found.records)


def _about(seen: Seen, count: int) -> tuple[str, ...]:
    return (
        f"Proposed from one answer with {count} record{'s' if count != 1 else ''}: {seen.address.shown}",
        "Nothing is guessed at run time: what this file says is done. The comments tell how sure each line is and why.",
    )


def _records(found: Found, *, is_ndjson: bool) -> tuple[Said, ...]:
    said = [Said("records", found.path, found.sure, found.why)]
    if is_ndjson:
        said.append(Said("decode", "ndjson", SURE, "the answer has one document a line"))
    if found.shape != "list":
        said.append(Said("as", found.shape))
    return (*said, *(Said(key, path) for key, path in found.extra.items()))


def _id(identity: IdFound | None) -> tuple[Said, ...]:
    return () if identity is None else (Said("id", identity.value, identity.sure, identity.why),)


def _expectation(kind: Said, found: Found) -> tuple[Said, ...]:
    """A state that shrinks is held: perhaps the answer was never the whole of it."""
    if kind.value != "snapshot" or found.shape == "single":
        return ()
    why = "a version that loses more is held until somebody has looked; perhaps one answer is not the whole state"
    return (Said("expect", {"max_drop": "20%"}, GUESS, why),)


def _turning(seen: Seen, found: Found, asked: Asked | None) -> Turning:
    taken = asked.names if asked is not None else ()
    return find_turning(
        Page(
            url=seen.url,
            headers=seen.headers,
            body=seen.body,
            inside=found.inside,
            received=len(found.records),
            pairs=[pair for pair in seen.address.pairs if pair[0] not in taken],
        )
    )


def _kind(day: DayFound | None, asked: Asked | None, found: Found) -> tuple[Said, tuple[Said, ...]]:
    """Series or snapshot, and the order that a feed needs."""
    if day is None:
        why = "the answer is one thing" if found.shape == "single" else "no field of the records says when they were"
        return Said("kind", "snapshot", LIKELY if found.records else GUESS, why), ()
    if asked is not None:
        return Said("kind", "series", SURE, f"it is asked by time: {', '.join(asked.names)}"), ()
    known = [moment for moment in day.moments if moment is not None]
    if len(set(known)) > 1 and all(later >= earlier for later, earlier in pairwise(known)):
        why = "the newest record comes first, and the address names no span of time: a feed, read until something known"
        return Said("kind", "series", LIKELY, why), (Said("order", "newest_first", LIKELY, "as seen; it is checked"),)
    why = "the address names no span of time and the newest record does not come first: a whole state, asked whole"
    return Said("kind", "snapshot", GUESS, why), ()


def _paginate(turning: Turning, kind: Said, order: tuple[Said, ...]) -> tuple[Said, ...]:
    """The paginator; a feed also ends at what is known."""
    if not order or not turning.is_paged:
        return turning.said
    stop = next((said.value for said in turning.said if said.key == "stop"), ["no_next"])
    rest = tuple(said for said in turning.said if said.key != "stop")
    ends = [*(stop if isinstance(stop, list) else []), "known_record"]
    return (*rest, Said("stop", ends))


def _client(seen: Seen, turning: Turning) -> tuple[Said, ...]:
    said = [Said("allow_hosts", [turning.allow], GUESS, "the next page lies there")] if turning.allow else []
    if any(name in ("etag", "last-modified") for name, _ in seen.headers):
        said.append(Said("conditional", value=True, sure=LIKELY, why="the answer has an ETag or a Last-Modified"))
    return tuple(said)


def _params(address: Address, taken: set[str]) -> dict[str, object]:
    params: dict[str, object] = {}
    for name, value in address.pairs:
        if name not in taken:
            _add(params, name, doubled(value))
    return params


def _add(params: dict[str, object], name: str, text: str) -> None:
    """A parameter more; a name that is there already is sent twice."""
    before = params.get(name)
    params[name] = text if before is None else [*(before if isinstance(before, list) else [before]), text]


def _with_secrets(draft: Draft, address: Address) -> Draft:
    """Secrets by name: one in the query becomes the [auth] of the source, further ones stay parameters."""
    if not address.credentials:
        return draft
    found = {item.name: variable(draft.source, item.name) for item in address.credentials}
    in_query = [item for item in address.credentials if item.param]
    if any(not item.param for item in address.credentials):
        auth: dict[str, object] = {"type": "basic", "username": "{secrets.username}", "password": "{secrets.password}"}
    else:
        first = in_query.pop(0)
        auth = {"type": "api_key", "in": "query", "name": first.param, "token": f"{{secrets.{first.name}}}"}
    params = dict(draft.params)
    for item in in_query:
        _add(params, item.param, f"{{secrets.{item.name}}}")
    return replace(draft, secrets=found, auth=auth, params=params)


def _with_day(draft: Draft, day: DayFound | None) -> Draft:
    if day is None:
        return draft
    said = [Said("field", day.field, day.sure, day.why), Said("parse", day.parse)]
    if day.is_naive:
        said.append(Said("naive", "UTC", GUESS, f"{_NAMELESS} in the times of the answer"))
    if not day.is_complete:
        said.append(Said("missing", "undated", LIKELY, "some records have none"))
    hint = (
        'zone = "Europe/Berlin" would say whose days these are; by default it is the zone of snap.toml'
        if day.is_dated
        else 'zone = "Europe/Berlin" would cut the days there; by default the zone of snap.toml does'
    )
    return replace(draft, day=tuple(said), day_hint=hint)


def _with_window(draft: Draft, asked: Asked, day: DayFound, *, today: date) -> Draft:
    """The span of the address as a window, its width as the step."""
    since = min(asked.start.moment.date(), today)
    variables = Said("since", since.isoformat(), GUESS, "as in the address; put here how far back you want to go")
    start, end = asked.start, asked.end
    window = [Said("start", "{vars.since}")]
    params = {start.name: _rendered("start", start)}
    if end is not None:
        params[end.name] = _rendered("end", end)
        wide = min(asked.days, 31)
        why = "as wide as the address asks" if wide == asked.days else "the address asks wider; 31 days are handy"
        window.append(Said("step", f"{wide}d", LIKELY if wide == asked.days else GUESS, why))
        if _is_unsure_of_zone(asked, day):
            why = "the zone of its dates is not known: a day more is asked at both ends, what lies outside is left out"
            window.append(Said("overlap", "1d", GUESS, why))
        if _is_included(asked, day):
            window.append(Said("bounds", "[]", SURE, f"records of {end.moment.date()}, the last date, came with it"))
    window.append(Said("lookback", "7d", GUESS, "asked again in every run, for what the API adds or mends late"))
    window.append(Said("params", params, SURE, "so they stand in the address"))
    return replace(draft, variables=(variables,), window=tuple(window))


def _is_included(asked: Asked, day: DayFound) -> bool:
    """Whether records of the last date that was asked were seen; else it is safer to ask for one date too many."""
    last = max((moment for moment in day.moments if moment is not None), default=None)
    if asked.end is None or last is None or not (asked.start.is_date and asked.end.is_date):
        return False
    return last.date() == asked.end.moment.date()


def _is_unsure_of_zone(asked: Asked, day: DayFound) -> bool:
    """Whether dates are sent that somebody's zone cuts, while records are placed by their instants."""
    return asked.start.is_date and not day.is_dated


def _rendered(side: str, written: Written) -> str:
    return f"{{window.{side}|{written.filter}}}"


# --- what a person has to settle ---


def _questions(identity: IdFound | None, turning: Turning, day: DayFound | None) -> list[str]:
    found = [identity.question] if identity is not None and identity.question else []
    found += turning.questions
    if day is not None:
        found += day.questions
        if day.is_naive:
            found.append(f"{day.field} names no zone: in which one is it meant? The file says UTC.")
        elif day.is_dated:
            found.append(f"In which zone are the days of {day.field}? By default that of snap.toml.")
    return found


def _address_questions(seen: Seen, asked: Asked | None, day: DayFound | None, taken: set[str]) -> list[str]:
    address = seen.address
    found = [
        f"{item.param or item.name} was taken for a secret ({item.why}); if it is none, make it a parameter"
        for item in address.credentials
    ]
    if address.path_holds_token:
        found.append("The path has a part that looks like a key, and a path must not hold secrets: what is it?")
    if asked is None:
        names = [name for name, _ in address.pairs if looks_like_span(name) and name not in taken]
        why = "no field of the records was found to be a time" if day is None else "is not understood"
        found += [f"{name} looks like a span of time, but {why}; it is sent as it is" for name in names]
        return found
    if asked.end is not None and asked.end.is_date and day is not None and not _is_included(asked, day):
        found.append(_DATED)
    if asked.start.is_naive:
        found.append("The times in the address name no zone: are they UTC? (window.zone says so otherwise)")
    if day is not None and _is_unsure_of_zone(asked, day):
        found.append("In which zone are the dates of the address? Say it as window.zone; then overlap can go.")
    return found


def _rest(seen: Seen, found: Found, asked: Asked | None) -> tuple[str, ...]:
    if found.shape == "single":
        return ()
    lines = [f"Perhaps: {words}" for words in find_total(seen.body, len(found.records))]
    if asked is None:
        lines.append("If the API can be asked by time, say so in a window; then every day is proved by itself:")
        lines.append('window = { start = "2020-01-01", params = { since = "{window.start|iso}" } }')
    return tuple(lines)
