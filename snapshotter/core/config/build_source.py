"""A source and the settings, read and checked, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snapshotter.core.config.build_stream import build_errors, build_stream
from snapshotter.spec import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    Client,
    CommandAuth,
    JwtBearerAuth,
    NoAuth,
    OAuth2Auth,
    Pacing,
    RateHeaders,
    RateLimit,
    Remote,
    Retry,
    Settings,
    Source,
)

Table = Mapping[str, Any]


def build_source(
    source: Table, streams: Mapping[str, Table], *, file: str, account: str | None, settings: Settings | None
) -> Source:
    """The source of one account (or of the file, where it has none)."""
    name = source["source"] if account is None else f"{source['source']}-{account}"
    errors = build_errors(source["errors"])
    return Source(
        name=name,
        api=source["source"],
        file=file,
        account=account,
        secrets=source["secrets"] or {},
        client=_client(source["client"]),
        auth=_auth(source["auth"]),
        rate_limits=tuple(_limit(table) for table in source["rate_limits"]),
        rate_headers=tuple(_headers(table) for table in source["rate_headers"]),
        pacing=Pacing(**source["pacing"]),
        retry=Retry(**source["retry"]),
        streams={
            key: build_stream(key, stream, source=name, errors=errors, settings=settings)
            for key, stream in streams.items()
        },
    )


def build_settings(table: Table, *, defaults: Table) -> Settings:
    """The settings; `defaults` stay as they are written, because sources fill in their placeholders."""
    return Settings(
        zone=table["zone"],
        secrets=table["secrets"] or {},
        deadline=table["run"]["deadline"],
        max_requests=table["run"]["max_requests"],
        remote=Remote(**table["remote"]),
        notify=tuple(_said(rule) for rule in table["notify"]),
        ping=_said(table["ping"] or {}),
        metrics=_said(table["metrics"]),
        maintenance=_said(table["maintenance"]),
        defaults=defaults,
    )


def _said(table: Table) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not None}


def _client(table: Table) -> Client:
    return Client(
        base_url=table["base_url"].rstrip("/"),
        headers=table["headers"] or {},
        user_agent=table["user_agent"],
        connect_timeout=table["timeout"]["connect"],
        read_timeout=table["timeout"]["read"],
        allow_hosts=table["allow_hosts"] or (),
        max_body=table["max_body"],
        max_window=table["max_window"],
        conditional=table["conditional"],
        allow_http=table["allow_http"],
    )


def _auth(table: Table) -> Auth:
    match table["type"]:
        case "bearer":
            return BearerAuth(table["token"], table["scheme"])
        case "basic":
            return BasicAuth(table["username"], table["password"])
        case "api_key":
            return ApiKeyAuth(table["in"], table["name"], table["token"])
        case "body":
            return BodyAuth(table["fields"])
        case "oauth2":
            plain = {name: value for name, value in table.items() if name not in ("type", "authorize_params", "scopes")}
            return OAuth2Auth(**plain, authorize_params=table["authorize_params"] or {}, scopes=table["scopes"] or ())
        case "jwt_bearer":
            return _jwt_bearer(table)
        case "command":
            return CommandAuth(table["argv"], table["scheme"])
        case _:
            return NoAuth()


def _jwt_bearer(table: Table) -> JwtBearerAuth:
    return JwtBearerAuth(
        token_url=table["token_url"],
        key=table["key"],
        issuer=table["issuer"],
        audience=table["audience"] or table["token_url"],
        subject=table["subject"],
        scopes=table["scopes"] or (),
        lifetime=table["lifetime"],
        scheme=table["scheme"],
    )


def _limit(table: Table) -> RateLimit:
    match = table["match"] or {}
    return RateLimit(
        name=table["name"],
        limit=table["limit"],
        interval=table["interval"],
        kind=table["kind"],
        zone=table["zone"],
        reserve=table["reserve"],
        method=match.get("method"),
        path=match.get("path"),
    )


def _headers(table: Table) -> RateHeaders:
    names = ("limit", "remaining", "used", "reset", "reset_format", "adopt")
    return RateHeaders(limits=table["for"] or (), **{name: table[name] for name in names})
