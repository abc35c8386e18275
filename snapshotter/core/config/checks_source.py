"""Mistakes of a source that show only when several tables are looked at together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from snapshotter.core.config.calls import holds_secret
from snapshotter.core.config.checks_stream import check_errors
from snapshotter.core.config.derive import calls_of
from snapshotter.core.config.kinds import is_loopback, split_url
from snapshotter.core.config.problems import WrongValueError, nearest
from snapshotter.core.config.tables import At, Section
from snapshotter.core.spans import longest
from snapshotter.spec import Span

_DAY = 86_400_000_000


def check_source(source: Section, at: At, *, streams: Iterable[Section]) -> None:
    """Report every mistake; a check that needs a value with a mistake of its own is silent."""
    for check in _CHECKS:
        with suppress(WrongValueError):
            check(source, at)
    with suppress(WrongValueError):
        _http(source, at, streams)


def _limits(source: Section, at: At) -> None:
    seen: set[str] = set()
    for index, limit in enumerate(source["rate_limits"]):
        with suppress(WrongValueError):
            place = at / "rate_limits" / index
            if limit["name"] in seen:
                (place / "name").wrong("two limits have this name", limit["name"])
            seen.add(limit["name"])
            if limit["reserve"] >= limit["limit"]:
                (place / "reserve").wrong(f"nothing would be left of {limit['limit']}", limit["reserve"])
            if limit["kind"] == "fixed" and not _is_aligned(limit["interval"]):
                (place / "interval").wrong(
                    "a fixed limit starts again by the clock: the interval must divide a day, or be 1d, or months"
                    " that divide a year"
                )


def _is_aligned(span: Span) -> bool:
    if span.months:
        return 12 % span.months == 0 and not span.days and not span.microseconds
    if span.days:
        return span.days == 1 and not span.microseconds
    return _DAY % span.microseconds == 0


def _rate_headers(source: Section, at: At) -> None:
    for index, headers in enumerate(source["rate_headers"]):
        with suppress(WrongValueError):
            place = at / "rate_headers" / index
            if headers["remaining"] is None and headers["used"] is None:
                place.wrong("needs remaining or used, to know what is left")
            if headers["adopt"] and headers["limit"] is None:
                (place / "limit").wrong("missing; adopt takes the limit from it")


def _names_of_limits(source: Section, at: At) -> None:
    known = [limit["name"] for limit in source["rate_limits"]]
    for index, headers in enumerate(source["rate_headers"]):
        with suppress(WrongValueError):
            for number, name in enumerate(headers["for"] or ()):
                if name not in known:
                    place = at / "rate_headers" / index / "for" / number
                    place.wrong("no limit has this name", name, hint=nearest(name, known))


def _retry(source: Section, at: At) -> None:
    retry = source["retry"]
    if longest(retry["base"]) > longest(retry["cap"]):
        (at / "retry" / "base").wrong("longer than cap")


def _errors(source: Section, at: At) -> None:
    check_errors(
        source["errors"], at / "errors", not_here=("tombstone",), where="only a detail leaves a tombstone; put it there"
    )


def _auth(source: Section, at: At) -> None:
    auth, place = source["auth"], at / "auth"
    match auth["type"]:
        case "basic" if not holds_secret([auth["username"], auth["password"]]):
            (place / "password").wrong(
                'a secret must not stand in this file; name it in [secrets] and write "{secrets.NAME}" here'
            )
        case "body" if not holds_secret(auth["fields"]):
            (place / "fields").wrong("needs a secret, as {secrets.NAME}")
        case "oauth2":
            _oauth2(auth, place)


def _oauth2(auth: Section, place: At) -> None:
    is_refresh = auth["grant_type"] == "refresh_token"
    if is_refresh and auth["refresh_token"] is None and auth["authorize_url"] is None:
        (place / "refresh_token").wrong("missing; get a first one from the service and name it here")
    if not is_refresh and auth["client_secret"] is None:
        (place / "client_secret").wrong('missing; grant_type = "client_credentials" needs it')
    if auth["client_auth"] == "basic" and auth["client_secret"] is None:
        (place / "client_secret").wrong('missing; client_auth = "basic" needs it')
    redirect = split_url(auth["redirect"])
    is_address = redirect is not None and redirect.scheme in ("http", "https") and redirect.netloc
    if auth["redirect"] not in ("loopback", "paste") and not is_address:
        (place / "redirect").wrong("must be loopback, paste or an address")


def _http(source: Section, at: At, streams: Iterable[Section]) -> None:
    client = source["client"]
    if client["allow_http"] or not _sends_secrets(source, streams):
        return
    auth = source["auth"]
    places: list[tuple[At, Any]] = [(at / "client" / "base_url", client["base_url"])]
    places += [(at / "auth" / name, auth.get(name)) for name in ("token_url", "authorize_url")]
    for place, address in places:
        parts = split_url(address) if address is not None else None
        if parts is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            place.wrong(
                "secrets would travel in the open; use https: (or say allow_http = true in [client], if that is meant)"
            )


def _sends_secrets(source: Section, streams: Iterable[Section]) -> bool:
    if source["auth"]["type"] != "none" or holds_secret(source["client"]["headers"]):
        return True
    calls: list[Any] = []
    for stream in streams:
        calls += calls_of(stream)
        details = (stream["details"] or {}).values()
        calls += [detail["params"] for detail in details]
    return holds_secret(calls)


_CHECKS: tuple[Callable[[Section, At], None], ...] = (_limits, _rate_headers, _names_of_limits, _retry, _errors, _auth)
