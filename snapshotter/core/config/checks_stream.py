"""Mistakes of a stream that show only when several keys are looked at together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from snapshotter.core.config.derive import (
    calls_of,
    day_zone,
    granularity,
    is_dated,
    overlap_of,
    sent_resolution,
    stops,
    window_zone,
)
from snapshotter.core.config.kinds import is_date
from snapshotter.core.config.placeholders import slots_of
from snapshotter.core.config.problems import WrongValueError
from snapshotter.core.config.tables import At, Section
from snapshotter.core.spans import longest, span_text
from snapshotter.frozen import dataclass
from snapshotter.spec import Settings, Span

_DAY = Span(days=1)
_LIST_ACTIONS = ("end", "empty")


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream that is checked, with what lies around it."""

    stream: Section
    at: At
    source: Section
    settings: Settings | None

    def uses(self, root: str) -> set[str]:
        """The members of a root that its requests name."""
        return {slot.path for slot in slots_of(*calls_of(self.stream)) if slot.root == root}


def check_stream(stream: Section, at: At, *, source: Section, settings: Settings | None) -> None:
    """Report every mistake; a check that needs a value with a mistake of its own is silent."""
    seen = Seen(stream, at, source, settings)
    for check in _CHECKS:
        with suppress(WrongValueError):
            check(seen)


# --- kind, day and window ---


def _kind(seen: Seen) -> None:
    stream, at = seen.stream, seen.at
    if stream["kind"] == "snapshot":
        if stream["window"] is not None:
            (at / "window").wrong("a snapshot is one whole state and is not asked by time")
    elif stream["day"] is None:
        (at / "day").wrong('missing; a series is split by day (or say kind = "snapshot")')
    elif stream["window"] is None and stream["order"] != "newest_first":
        (at / "order").wrong('a series without a window is a feed and needs order = "newest_first"')


def _window_is_sent(seen: Seen) -> None:
    used = seen.uses("window")
    if seen.stream["window"] is None and used:
        seen.at.wrong("requests name {window.…}, but the stream has no window")
    if seen.stream["window"] is not None and not used and seen.stream["kind"] == "series":
        (seen.at / "window").wrong(
            'no request names it; write something like params = { since = "{window.start|iso}" }'
        )


def _granularity(seen: Seen) -> None:
    window = seen.stream["window"]
    if window is None:
        return
    at = seen.at / "window" / "granularity"
    sent, grain = sent_resolution(slots_of(*calls_of(seen.stream))), granularity(seen.stream)
    if grain is None:
        at.wrong(
            f"missing; with bounds {window['bounds']!r} the end is sent one granule earlier, so say how fine the"
            ' times of the API are, like granularity = "1ms"'
        )
    elif sent is not None and longest(grain) < longest(sent):
        at.wrong(f"finer than what is sent, which shows steps of {span_text(sent)}", span_text(grain))
    elif window["step"] is not None and longest(window["step"]) < longest(grain):
        (seen.at / "window" / "step").wrong(f"shorter than granularity ({span_text(grain)})", span_text(window["step"]))


def _span(seen: Seen) -> None:
    window = seen.stream["window"]
    if window is None or window["max_span"] is None:
        return
    at, most, wide = seen.at / "window", window["max_span"], overlap_of(window["overlap"])
    if window["step"] is not None and longest(window["step"]) > longest(most):
        (at / "step").wrong(f"wider than max_span ({span_text(most)})", span_text(window["step"]))
    elif longest(wide.before) + longest(wide.after) >= longest(most):
        (at / "overlap").wrong(f"leaves nothing of max_span ({span_text(most)})")


def _ends(seen: Seen) -> None:
    window = seen.stream["window"]
    if window is None or not (is_date(window["start"]) and is_date(window["end"])):
        return
    if window["end"] < window["start"]:
        (seen.at / "window" / "end").wrong(f"must not lie before start ({window['start']})", window["end"])


def _day_source(seen: Seen) -> None:
    day = seen.stream["day"]
    if day is None:
        return
    names = [name for name in ("field", "first_of", "template", "from") if day[name] is not None]
    if len(names) != 1:
        found = f"; found {' and '.join(names)}" if names else ""
        (seen.at / "day").wrong(f"needs exactly one of field, first_of, template and from{found}")
    if day["naive"] is not None and (is_dated(day) or day["parse"].startswith(("epoch", "http"))):
        (seen.at / "day" / "naive").wrong(f"parse = {day['parse']!r} never needs it")


def _day_of_window(seen: Seen) -> None:
    day, window = seen.stream["day"], seen.stream["window"]
    if day is None or day["from"] is None:
        return
    if window is None:
        (seen.at / "day" / "from").wrong("there is no window to take the day from")
    elif window["step"] != _DAY or granularity(seen.stream) != _DAY:
        (seen.at / "day" / "from").wrong('needs window.step = "1d" and window.granularity = "1d"')
    elif not overlap_of(window["overlap"]).is_zero:
        (seen.at / "window" / "overlap").wrong("the answer names no days, so nothing could be put in its own window")


def _zones(seen: Seen) -> None:
    day, window = seen.stream["day"], seen.stream["window"]
    if day is None or window is None or not is_dated(day) or not overlap_of(window["overlap"]).is_zero:
        return
    asked, cut = window_zone(seen.stream, seen.settings), day_zone(day, seen.settings)
    if asked != cut:
        (seen.at / "window" / "zone").wrong(
            f"records name days of {cut}, but windows are cut in {asked}; use the same zone, or ask wider with overlap"
        )


# --- records ---


def _shape(seen: Seen) -> None:
    stream, at = seen.stream, seen.at
    for name in ("rows", "columns"):
        if stream["as"] == "rows" and stream[name] is None:
            (at / name).wrong('missing; as = "rows" needs rows and columns')
        if stream["as"] != "rows" and stream[name] is not None:
            (at / name).wrong('belongs to as = "rows" only')
    if stream["as"] == "single" and stream["paginate"]["type"] != "none":
        (at / "paginate").wrong('as = "single" has one record, so there are no pages')


def _identity(seen: Seen) -> None:
    stream, at = seen.stream, seen.at
    if stream["ignore"] and stream["id"] in (None, "hash"):
        (at / "ignore").wrong("needs an id, so that a record can be compared with its older self")
    if stream["details"] and stream["id"] is None:
        for name, detail in stream["details"].items():
            if detail["name"] is None:
                (at / "details" / name).wrong("needs an id of the stream, or a name, for its files")


# --- paging ---


def _stops(seen: Seen) -> None:
    paginate = seen.stream["paginate"]
    at, chosen = seen.at / "paginate" / "stop", stops(paginate)
    if "known_record" in chosen:
        if seen.stream["id"] is None:
            at.wrong("known_record needs an id")
        if seen.stream["order"] != "newest_first":
            at.wrong('known_record needs order = "newest_first", else newer records may follow')
        if seen.stream["kind"] == "snapshot":
            at.wrong("known_record would cut a snapshot short")
    if "short_page" in chosen and paginate.get("size") is None:
        at.wrong("short_page needs size, to know a full page")
    counts = paginate["type"] in ("page_number", "offset")
    ends = {"empty_page", "short_page"} & set(chosen) or paginate["total"] or paginate["has_more"]
    if counts and not ends:
        at.wrong("nothing ends the walk; add empty_page")


def _param(seen: Seen) -> None:
    paginate, named = seen.stream["paginate"], seen.uses("page")
    type_of, at = paginate["type"], seen.at / "paginate"
    own = {"page_number": "number", "offset": "offset", "cursor": "cursor"}.get(type_of)
    for member in sorted(named - {own, "size"}):
        seen.at.wrong(f"requests name {{page.{member}}}, but paginate.type is {type_of!r}")
    if "size" in named and paginate.get("size") is None:
        seen.at.wrong("requests name {page.size}, but paginate.size is missing")
    if own is None:
        return
    if own in named and paginate["param"] is not None:
        (at / "param").wrong(f"a request names {{page.{own}}} already; use one of them")
    if own not in named and paginate["param"] is None:
        message = f"missing; say which parameter carries it, or write {{page.{own}}} into the request"
        if type_of == "cursor":
            at.report.warn(at.path, "without param every cursor must be an object of parameters")
        else:
            (at / "param").wrong(message)
    _size(seen, at, named)


def _size(seen: Seen, at: At, named: set[str]) -> None:
    paginate = seen.stream["paginate"]
    if paginate["size_param"] is not None and paginate["size"] is None:
        (at / "size").wrong("missing; size_param sends it")
    if paginate["size_param"] is not None and "size" in named:
        (at / "size_param").wrong("a request names {page.size} already; use one of them")
    if paginate["into"] == "json" and seen.stream["json"] is None:
        (at / "into").wrong("the stream has no json body")


# --- requests, answers, refreshing ---


def _body(seen: Seen) -> None:
    stream, at = seen.stream, seen.at
    if stream["json"] is not None and stream["form"] is not None:
        (at / "form").wrong("a request has one body; json is given too")
    for name in ("json", "form"):
        if stream[name] is not None and stream["method"] == "GET":
            (at / name).wrong('a body needs method = "POST"')
    if seen.source["auth"]["type"] == "body" and (stream["method"] == "GET" or stream["form"] is not None):
        (at / "method").wrong('auth type "body" adds to a JSON body, so the stream needs method = "POST" and no form')


def _details(seen: Seen) -> None:
    for name, detail in (seen.stream["details"] or {}).items():
        with suppress(WrongValueError):
            _detail(detail, seen.at / "details" / name)


def _detail(detail: Section, at: At) -> None:
    if not any(slot.root == "record" for slot in slots_of(detail["path"], detail["params"])):
        (at / "path").wrong('names nothing of the record; write it like "/items/{record.id}"')
    if detail["fetch_if"] == "stale" and detail["stale_after"] is None:
        (at / "stale_after").wrong('missing; fetch_if = "stale" needs it')
    check_errors(detail["errors"], at / "errors", not_here=_LIST_ACTIONS, where="a detail has no pages")


def _errors(seen: Seen) -> None:
    check_errors(
        seen.stream["errors"], seen.at / "errors", not_here=("tombstone",), where="only a detail leaves a tombstone"
    )


def check_errors(rules: tuple[Any, ...] | None, at: At, *, not_here: tuple[str, ...], where: str) -> None:
    """Report rules without a condition, and actions that mean nothing at this place."""
    for index, rule in enumerate(rules or ()):
        with suppress(WrongValueError):
            if rule["status"] is None and rule["body"] is None and rule["header"] is None:
                (at / index).wrong("needs status, body or header; without one it would hold for every answer")
            if rule["action"] in not_here:
                (at / index / "action").wrong(where, rule["action"])


def _refresh(seen: Seen) -> None:
    refresh = seen.stream["refresh"]
    at, ages = seen.at / "refresh", [longest(age) for age in refresh["recheck"] or ()]
    if refresh["policy"] == "ladder" and not ages:
        (at / "recheck").wrong('missing; policy = "ladder" needs it')
    if ages != sorted(set(ages)):
        (at / "recheck").wrong("ages must rise")
    if refresh["floor"] and refresh["ceiling"] and longest(refresh["floor"]) > longest(refresh["ceiling"]):
        (at / "ceiling").wrong(f"shorter than floor ({span_text(refresh['floor'])})", span_text(refresh["ceiling"]))


def _horizon(seen: Seen) -> None:
    horizon = seen.stream["horizon"]
    if horizon is not None and all(value is None for value in horizon.values()):
        (seen.at / "horizon").wrong("needs items, age or poll")
    elif horizon is not None and seen.stream["window"] is not None:
        (seen.at / "horizon").wrong(
            "a stream with a window is asked by time; only one that is asked as a whole has a horizon"
        )


_CHECKS: tuple[Callable[[Seen], None], ...] = (
    _kind, _window_is_sent, _granularity, _span, _ends, _day_source, _day_of_window, _zones,
    _shape, _identity, _stops, _param, _body, _details, _errors, _refresh, _horizon,
)  # fmt: skip
