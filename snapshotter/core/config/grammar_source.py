"""The tables of a source file."""

from __future__ import annotations

from typing import Any

from snapshotter.core.config.calls import (
    credential,
    headers,
    parameters,
    secret_references,
    variables,
)
from snapshotter.core.config.grammar_stream import ERRORS, LAYER, STREAM, TEMPLATE
from snapshotter.core.config.kinds import (
    duration,
    flag,
    header_name,
    host,
    list_of,
    name,
    one_of,
    size,
    text,
    url,
    whole,
    zone,
)
from snapshotter.core.config.placeholders import CALLS, CREDENTIALS, EARLY
from snapshotter.core.config.tables import At, Key, Kind, Schema, Table, a_layer, a_list_of_tables, a_table
from snapshotter.core.config.unions import named, named_layers

FORMAT = 1


def _format() -> Kind:
    def read(raw: Any, at: At) -> Any:
        if raw == FORMAT and isinstance(raw, int) and not isinstance(raw, bool):
            return raw
        if isinstance(raw, int) and raw > FORMAT:
            return at.wrong(f"this file is for a newer snap; this one reads format {FORMAT}", raw)
        return at.wrong(f"must be {FORMAT}", raw)

    return Kind("number", read, lambda: {"const": FORMAT})


FORMAT_KEY = Key("format", _format(), "Version of this grammar.", needed=True, example="1")

TIMEOUT = Table(
    "timeout",
    "How long is waited.",
    (
        Key("connect", duration(), "For a connection.", default="10s"),
        Key("read", duration(), "For the next piece of an answer.", default="60s"),
    ),
)

CLIENT = Table(
    "client",
    "Where the API is and how it is spoken to.",
    (
        Key(
            "base_url", url(), "Address that all paths go on from.", needed=True, example='"https://api.example.org/v1"'
        ),
        Key("headers", headers(CALLS), "Headers of every request.", example='{ Accept = "application/json" }'),
        Key("user_agent", text(), "Who asks.", default_note="snap and its version", example='"snap (+me@example.org)"'),
        Key(
            "timeout", a_table(TIMEOUT), "How long is waited.", default={}, example='{ connect = "10s", read = "60s" }'
        ),
        Key("allow_hosts", list_of(host()), "Other hosts that a next address may name.", example='["cdn.example.org"]'),
        Key("max_body", size(), "A larger answer is refused.", default="64MiB"),
        Key(
            "max_window",
            size(),
            "What takes more memory is refused: the records of a window, or one answer.",
            default_note="a third of the memory there is",
            example='"1GiB"',
        ),
        Key(
            "conditional", flag(), "Ask with ETag and Last-Modified, so that nothing new costs nothing.", default=False
        ),
        Key("allow_http", flag(), "Send secrets over http: to other machines too.", default=False),
    ),
)

_TOKENS = ("bearer", "api_key")
_OAUTH = ("oauth2",)
_JWT = ("jwt_bearer",)
_SCHEMES = ("bearer", "oauth2", "jwt_bearer", "command")

AUTH = Table(
    "auth",
    "How the API knows you. Secrets stand in `[secrets]` and are named here as `{secrets.NAME}`.",
    (
        Key("type", one_of("none", "bearer", "basic", "api_key", "body", "oauth2", "jwt_bearer", "command"),
            "The way to authenticate.", needed=True, example='"bearer"'),
        Key("token", credential(), "The token or key.", needed=True, example='"{secrets.token}"', types=_TOKENS),
        Key("scheme", text(), "Word before the token.", default="Bearer", types=_SCHEMES),
        Key("username", credential(may_be_written=True), "User name.", needed=True, example='"{vars.user}"',
            types=("basic",)),
        Key("password", credential(may_be_written=True), "Password; a secret, unless the user name is one.",
            needed=True, example='"{secrets.password}"', types=("basic",)),
        Key("in", one_of("header", "query"), "Where the key is sent.", default="header", types=("api_key",)),
        Key("name", text(), "Name of the header or parameter.", needed=True, example='"X-Api-Key"', types=("api_key",)),
        Key("fields", parameters(CREDENTIALS), "Members added to the JSON body of every request.", needed=True,
            example='{ access_token = "{secrets.token}" }', types=("body",)),
        Key("argv", list_of(text(), least=1), "Command whose output is the token.", needed=True,
            example='["my-token", "--print"]', types=("command",)),
        Key("grant_type", one_of("refresh_token", "client_credentials"), "How a token is got.",
            default="refresh_token", types=_OAUTH),
        Key("token_url", url(may_have_query=True), "Where tokens are got.", needed=True,
            example='"https://example.org/oauth/token"', types=(*_OAUTH, "jwt_bearer")),
        Key("client_id", credential(may_be_written=True), "Id of the application.", needed=True,
            example='"{secrets.client_id}"', types=_OAUTH),
        Key("client_secret", credential(), "Secret of the application.", example='"{secrets.app}"', types=_OAUTH),
        Key("refresh_token", credential(), "First refresh token; later ones are kept by snap.",
            example='"{secrets.refresh_token}"', types=_OAUTH),
        Key("authorize_url", url(may_have_query=True), "Where you say yes to an application.",
            example='"https://example.org/oauth/authorize"', types=_OAUTH),
        Key("authorize_params", parameters(EARLY), "More parameters for it.", example='{ duration = "permanent" }',
            types=_OAUTH),
        Key("redirect", text(), "`loopback`, `paste`, or the address registered with the API.", default="loopback",
            types=_OAUTH),
        Key("scopes", list_of(text()), "What is asked for.", example='["read"]', types=(*_OAUTH, "jwt_bearer")),
        Key("scope_separator", one_of(" ", ",", "+"), "What stands between scopes.", default=" ", types=_OAUTH),
        Key("client_auth", one_of("body", "basic"), "How the application shows itself.", default="body", types=_OAUTH),
        Key("encoding", one_of("form", "json"), "Body of the token request.", default="form", types=_OAUTH),
        Key("expires", text(), "Member of the token answer with its lifetime or end.", default="expires_in",
            example='"expires_at"', types=_OAUTH),
        Key("rotates", flag(), "Whether a refresh token is replaced when it is used.", default=True, types=_OAUTH),
        Key("token_store", one_of("state", "keyring"), "Where tokens are kept, never in the archive.", default="state",
            types=_OAUTH),
        Key("refresh_before", duration(may_be_zero=True), "So long before its end a token is renewed.", default="5m",
            types=_OAUTH),
        Key("key", credential(), "Private key of the account, usually from a file.", needed=True,
            example='"{secrets.key}"', types=_JWT),
        Key("issuer", credential(may_be_written=True), "Who signs (`iss`).", needed=True,
            example='"{vars.service_account}"', types=_JWT),
        Key("subject", credential(may_be_written=True), "For whom (`sub`).", example='"{vars.mail}"', types=_JWT),
        Key("audience", text(), "For which service (`aud`).", default_note="`token_url`",
            example='"https://oauth2.example.org/token"', types=_JWT),
        Key("lifetime", duration(), "How long a signed request holds.", default="1h", types=_JWT),
    ),
    by_type=True,
)  # fmt: skip

MATCH = Table(
    "match",
    "Which requests count.",
    (
        Key("method", one_of("GET", "POST"), "Only requests with this method.", example='"GET"'),
        Key("path", text(), "Only requests whose path matches, with * and ?.", example='"/search/*"'),
    ),
)

RATE_LIMITS = Table(
    "rate_limits",
    "A limit as the API states it. Nothing is sent while one is known to be spent.",
    (
        Key("name", text(), "Its name, for messages and `[[rate_headers]]`.", needed=True, example='"short"'),
        Key("limit", whole(1), "So many requests.", needed=True, example="100"),
        Key("interval", duration(), "In this time.", needed=True, example='"15m"'),
        Key(
            "kind",
            one_of("fixed", "sliding"),
            "`fixed` starts again by the clock, `sliding` looks back from now.",
            default="sliding",
        ),
        Key("zone", zone(), "Whose clock, for `fixed`.", default="UTC"),
        Key("reserve", whole(0), "So many are left for others.", default=0),
        Key("match", a_table(MATCH), "Which requests count.", default_note="all", example='{ method = "GET" }'),
    ),
)

RATE_HEADERS = Table(
    "rate_headers",
    "Headers in which the server says how much is left.",
    (
        Key("for", list_of(text(), least=1), "Names of limits, in the order of the header's comma list.",
            default_note="the headers alone are the limit", example='["short", "day"]'),
        Key("limit", header_name(), "Header with the limit.", example='"x-ratelimit-limit"'),
        Key("remaining", header_name(), "Header with what is left.", example='"x-ratelimit-remaining"'),
        Key("used", header_name(), "Header with what is used.", example='"x-ratelimit-usage"'),
        Key("reset", header_name(), "Header that says when it starts again.", example='"x-ratelimit-reset"'),
        Key("reset_format", one_of("epoch", "epoch_ms", "delta", "http_date", "iso"), "How that is written.",
            default="epoch"),
        Key("adopt", flag(), "Believe the server's limit instead of the one written here.", default=False),
    ),
)  # fmt: skip

PACING = Table(
    "pacing",
    "How politely is asked.",
    (
        Key("lane", text(), "Name of the lane, where several sources share one limit.",
            default_note="host and credential", example='"my-app"'),
        Key("min_interval", duration(may_be_zero=True), "Least pause from request to request.", default="250ms"),
        Key("concurrency", whole(1, 16), "Requests at the same time.", default=1),
        Key("max_wait", duration(may_be_zero=True), "The longest wait for a limit within a run.", default="20m"),
        Key("when_exhausted", one_of("wait", "stop"), "When a limit is spent: wait, or save what is there and go on"
            " next time.", default="wait"),
        Key("persist", flag(), "Remember between runs what was used.", default=True),
    ),
)  # fmt: skip

RETRY = Table(
    "retry",
    "How often a failed request is tried again.",
    (
        Key("attempts", whole(1, 100), "Tries in all.", default=5),
        Key("base", duration(), "First pause; it doubles.", default="1s"),
        Key("cap", duration(), "Longest pause.", default="60s"),
        Key("jitter", flag(), "Vary the pauses by chance.", default=True),
        Key("statuses", list_of(whole(100, 599)), "Codes that are tried again.",
            default=[408, 425, 429, 500, 502, 503, 504, 522, 524, 529]),
        Key("total", duration(), "Most time for all tries of one request.", default="15m"),
    ),
)  # fmt: skip

ACCOUNT = Table(
    "accounts",
    "One account: values of its own for vars and secrets. `[accounts.anna]` in the file of `strava` makes the source"
    " `strava-anna`. A name that `[vars]` or `[secrets]` already has may stand here directly.",
    (
        Key("vars", variables(), "Values for this account.", example='{ user = "anna" }'),
        Key("secrets", secret_references(), "Secrets of this account.", example='{ token = "env:ANNA_TOKEN" }'),
    ),
)


def _accounts() -> Kind:
    """Accounts are read by `load`, which knows the names that they may override; here only their schema."""

    def schema() -> Schema:
        known = {key.name: key.kind.schema() for key in ACCOUNT.keys}
        one = {"type": "object", "description": ACCOUNT.doc, "properties": known}
        return {"type": "object", "propertyNames": name().schema(), "additionalProperties": one}

    return Kind("tables by name", lambda raw, at: raw, schema, (ACCOUNT,), "named")


def _streams() -> Kind:
    """Streams are read by `load`, which lays them over defaults and templates."""
    layers = named_layers(STREAM, name())

    def read(raw: Any, at: At) -> Any:
        found = named(raw, at, name=name())
        if not isinstance(found, dict):
            return found
        for key, table in found.items():
            if not isinstance(table, dict):
                (at / key).wrong("must be a table", table)
        return found or at.wrong("needs at least one stream, [streams.NAME]")

    def schema() -> Schema:
        return layers.schema() | {"minProperties": 1}

    return Kind("tables by name", read, schema, (STREAM,), "named")


SOURCE = Table(
    "",
    "One API, as `sources/NAME.toml`.",
    (
        FORMAT_KEY,
        Key("source", name(), "Name of the source and of its folder; it stays when you are renamed.", needed=True,
            example='"strava"'),
        Key("vars", variables(), "Values to fill in, for `{vars.NAME}`.", example='{ user = "octocat" }'),
        Key("secrets", secret_references(), "Where each secret is found: `env:NAME`, `file:PATH`,"
            " `keyring:SERVICE/USER`, `command:…`, or a table with `from` and `public`.",
            example='{ token = "env:MY_TOKEN" }'),
        Key("accounts", _accounts(), "Accounts of one API, side by side.", example='{ anna = { user = "anna" } }'),
        Key("client", a_table(CLIENT), "Where it is.", needed=True, example='{ base_url = "https://example.org" }'),
        Key("auth", a_table(AUTH), "How it knows you.", default={"type": "none"}),
        Key("rate_limits", a_list_of_tables(RATE_LIMITS), "Its limits.", default=[]),
        Key("rate_headers", a_list_of_tables(RATE_HEADERS), "Headers about them.", default=[]),
        Key("pacing", a_table(PACING), "How politely is asked.", default={}),
        Key("retry", a_table(RETRY), "How often is tried again.", default={}),
        Key("errors", a_list_of_tables(ERRORS), "Rules for answers, for every stream.", default=[]),
        Key("defaults", a_layer(LAYER), "What holds for every stream.", example='{ every = "6h" }'),
        Key("templates", named_layers(TEMPLATE, name()), "What streams with `use` have in common.",
            example='{ daily = { every = "1d" } }'),
        Key("streams", _streams(), "The endpoints.", needed=True,
            example='{ events = { path = "/events" } }'),
    ),
)  # fmt: skip
