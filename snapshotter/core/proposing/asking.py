"""A person's answers about an API, and the draft that they make."""

from __future__ import annotations

from dataclasses import field

from snapshotter.core.proposing.address import Address, doubled
from snapshotter.core.proposing.draft import Draft, Said, variable
from snapshotter.frozen import dataclass

SIGN_INS = ("none", "bearer", "header", "query", "basic")
PAGERS = ("none", "link_header", "next_url", "cursor", "page_number", "offset")
TIMES = ("date", "iso", "iso_ms", "iso_offset", "epoch", "epoch_ms")


@dataclass(frozen=True, slots=True)
class Answers:
    """What `snap new` was told. An empty text means that there is none."""

    source: str
    stream: str
    address: Address
    sign_in: str = "none"
    key_name: str = ""  # of the header or parameter that carries the key
    records: str = "@"
    id: str = ""
    day: str = ""
    parse: str = "date"
    naive: str = ""
    start_param: str = ""
    end_param: str = ""
    time_form: str = "date"
    since: str = ""
    step: str = "30d"
    newest_first: bool = False
    pager: str = "none"
    pager_place: str = ""  # where the next address or cursor stands
    pager_param: str = ""
    size: int = 0
    size_param: str = ""
    about: tuple[str, ...] = field(default=())


def drafted(told: Answers) -> Draft:
    """The file that these answers describe."""
    taken = {told.start_param, told.end_param, told.pager_param, told.size_param, told.key_name}
    secrets, auth = _sign_in(told)
    is_series = bool(told.day) and bool(told.start_param or told.newest_first)
    records = [Said("records", told.records), Said("id", told.id or "hash")]
    if told.day and told.newest_first and not told.start_param:
        records.append(Said("order", "newest_first"))
    return Draft(
        source=told.source,
        stream=told.stream,
        base_url=told.address.base_url,
        path=doubled(told.address.path),
        kind=Said("kind", "series" if is_series else "snapshot"),
        about=told.about,
        variables=(Said("since", told.since),) if is_series and told.start_param else (),
        secrets=secrets,
        auth=auth,
        params={name: doubled(value) for name, value in told.address.pairs if name not in taken},
        records=tuple(records),
        paginate=_paginate(told),
        window=_window(told) if is_series and told.start_param else (),
        day=_day(told),
    )


def _sign_in(told: Answers) -> tuple[dict[str, str], dict[str, object]]:
    key, source = "{secrets.key}", told.source
    secrets = {"key": variable(source, "key")}
    match told.sign_in:
        case "bearer":
            return secrets, {"type": "bearer", "token": key}
        case "header" | "query":
            return secrets, {"type": "api_key", "in": told.sign_in, "name": told.key_name, "token": key}
        case "basic":
            both = {name: variable(source, name) for name in ("username", "password")}
            return both, {"type": "basic", **{name: f"{{secrets.{name}}}" for name in both}}
        case _:
            return {}, {}


def _paginate(told: Answers) -> tuple[Said, ...]:
    if told.pager == "none":
        return ()
    said = [Said("type", told.pager)]
    if told.pager_place:
        said.append(Said("next" if told.pager == "next_url" else "cursor", told.pager_place))
    if told.pager_param:
        said.append(Said("param", told.pager_param))
    if told.size and told.size_param:
        said += [Said("size", told.size), Said("size_param", told.size_param)]
    if told.pager in ("page_number", "offset"):
        said.append(Said("stop", ["short_page", "empty_page"] if told.size and told.size_param else ["empty_page"]))
    return tuple(said)


def _window(told: Answers) -> tuple[Said, ...]:
    params = {told.start_param: f"{{window.start|{told.time_form}}}"}
    step: tuple[Said, ...] = ()
    if told.end_param:
        params[told.end_param] = f"{{window.end|{told.time_form}}}"
        step = (Said("step", told.step),)
    return (Said("start", "{vars.since}"), *step, Said("lookback", "7d"), Said("params", params))


def _day(told: Answers) -> tuple[Said, ...]:
    if not told.day:
        return ()
    naive = (Said("naive", told.naive),) if told.naive else ()
    return (Said("field", told.day), Said("parse", told.parse), *naive)
