"""How a request shows who asks: every kind of `[auth]`, applied to a draft right before it is sent.

Tokens that are obtained on the way are masked from that moment, durable before their first use, and renewed when a
server refuses them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from typing import Any, Protocol, assert_never
from urllib.parse import urlsplit

from snapshotter.edge.exchange import Draft, Exchange, Lost
from snapshotter.edge.grants import CommandGrant, Grant, JwtGrant, OAuthGrant
from snapshotter.edge.keys import Keys, holds_secrets
from snapshotter.edge.origins import origin_of, tidy, with_param
from snapshotter.edge.secrets import unfit_for_header
from snapshotter.edge.tokens import KeyringVault, Tokens, Vault, grant_name
from snapshotter.edge.world import World
from snapshotter.errors import Refused
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import Miss
from snapshotter.spec import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    CommandAuth,
    JwtBearerAuth,
    NoAuth,
    OAuth2Auth,
    Source,
    Span,
)

_SOON = Span(microseconds=300_000_000)


class Authorizer(Protocol):
    """Shows who asks."""

    def prepare(self) -> None:
        """Have what `dress` needs, asking a server for it if need be; raises `Lost`."""
        ...

    def dress(self, draft: Draft) -> Draft:
        """The draft with the credential in it."""
        ...

    def renew(self) -> bool:
        """Get another credential after this one was refused; False where there is none."""
        ...


def authorizer(
    source: Source, keys: Keys, *, exchange: Exchange, masker: Masker, world: World, trusted: bool
) -> Authorizer:
    """The way that the source's `[auth]` describes; raises `Refused` where it cannot work."""
    match source.auth:
        case OAuth2Auth() as auth:
            _check_token_url(auth.token_url, source)
            vault = vault_of(source.name, auth, keys, world)
            renewing = TokenAuth(
                OAuthGrant(auth, keys, exchange=exchange, world=world), vault, world=world, masker=masker
            )
            return renewing.named(source.name, scheme=auth.scheme, before=auth.refresh_before)
        case JwtBearerAuth() as auth:
            _check_token_url(auth.token_url, source)
            grant = JwtGrant(auth, keys, exchange=exchange, world=world)
            return TokenAuth(grant, Memory(), world=world, masker=masker).named(source.name, scheme=auth.scheme)
        case CommandAuth() as auth:
            if not trusted:
                command = " ".join(auth.argv)
                raise Refused(f"{source.name}: `{command}` is run only for an archive that you trust; run `snap trust`")
            running = TokenAuth(CommandGrant(auth, keys, world=world), Memory(), world=world, masker=masker)
            return running.named(source.name, scheme=auth.scheme)
        case other:
            return Fixed(_dresser(other, keys, masker))


# --- credentials that do not change ---


@dataclass(frozen=True, slots=True)
class Fixed:
    """A credential from `[secrets]`, or none."""

    dresser: Callable[[Draft], Draft] = field(repr=False)

    def prepare(self) -> None:
        """Nothing to do."""

    def dress(self, draft: Draft) -> Draft:
        """The draft with the credential in it."""
        return self.dresser(draft)

    def renew(self) -> bool:
        """There is no other one."""
        return False


def _dresser(
    auth: NoAuth | BearerAuth | BasicAuth | ApiKeyAuth | BodyAuth, keys: Keys, masker: Masker
) -> Callable[[Draft], Draft]:
    match auth:
        case NoAuth():
            return lambda draft: draft
        case BearerAuth(token, scheme):
            bearer = f"{scheme} {keys.for_header(token, 'Authorization')}"
            return lambda draft: draft.with_header("Authorization", bearer)
        case BasicAuth():
            basic = f"Basic {_basic(auth, keys, masker)}"
            return lambda draft: draft.with_header("Authorization", basic)
        case ApiKeyAuth("header", name, token):
            key = keys.for_header(token, name)
            return lambda draft: draft.with_header(name, key)
        case ApiKeyAuth(_, name, token):
            value = keys.fill(token)
            return lambda draft: replace(draft, url=with_param(draft.url, name, value), has_secrets=True)
        case BodyAuth(fields):
            filled = keys.fill_all(fields)
            return lambda draft: _with_body_fields(draft, filled, keys)
        case _:
            assert_never(auth)


def _basic(auth: BasicAuth, keys: Keys, masker: Masker) -> str:
    user, password = keys.fill(auth.username), keys.fill(auth.password)
    if ":" in user:
        raise Refused(f"{keys.source}: auth.username holds a colon, which Basic authentication cannot carry")
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    masker.add(f"{keys.source}.basic", pair)
    return pair


def _with_body_fields(draft: Draft, fields: Mapping[str, Any], keys: Keys) -> Draft:
    if draft.method in ("GET", "HEAD"):
        raise Refused(f"{keys.source}: auth.type = 'body' needs streams with method = 'POST'")
    if draft.form is not None:
        added = tuple((name, _as_text(value)) for name, value in fields.items())
        kept = tuple(pair for pair in draft.form if pair[0] not in fields)
        return replace(draft, form=(*kept, *added), has_secrets=True)
    if draft.json is not None and not isinstance(draft.json, Mapping):
        raise Refused(f"{keys.source}: auth.type = 'body' needs a JSON object as body, to put its fields into")
    return replace(draft, json={**(draft.json or {}), **fields}, has_secrets=True)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


# --- credentials that end ---


class Memory:
    """Keeps tokens for this process only: they cost nothing to obtain again."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else can reach it."""
        yield

    def read(self) -> Tokens | None:
        """The tokens as last written, or None."""
        return self._tokens

    def rehearse(self) -> None:
        """There is always room."""

    def write(self, tokens: Tokens) -> None:
        """Keep the tokens."""
        self._tokens = tokens


class TokenAuth:
    """A token that is obtained, kept and renewed."""

    def __init__(self, grant: Grant, vault: Vault | Memory, *, world: World, masker: Masker) -> None:
        self._grant = grant
        self._vault = vault
        self._world = world
        self._masker = masker
        self._name = ""
        self._scheme = "Bearer"
        self._before = 0.0
        self._tokens: Tokens | None = None
        self._refused: str | None = None

    def named(self, name: str, *, scheme: str, before: Span = _SOON) -> TokenAuth:
        """Say whose it is, how it is sent, and how long before its end it is renewed."""
        self._name = name
        self._scheme = scheme
        self._before = before.rough().total_seconds()
        return self

    def prepare(self) -> None:
        """Have a token that is good for now: ours, one that another process left, or a new one."""
        if self._tokens is not None and self._is_good(self._tokens):
            return
        with self._vault.locked():
            tokens = self._vault.read()
            self._hide(tokens)
            self._tokens = tokens if tokens is not None and self._is_good(tokens) else self._obtain(tokens)

    def dress(self, draft: Draft) -> Draft:
        """The draft with the token in its Authorization header."""
        return draft.with_header("Authorization", self.shown())

    def shown(self) -> str:
        """What stands in the Authorization header."""
        if self._tokens is None:
            raise Lost(Miss.AUTH, "no token was obtained before the request")
        return f"{self._scheme} {self._tokens.access}"

    def renew(self) -> bool:
        """Whether another try can work: there is a new token, or its server could only not be reached just now."""
        if self._tokens is not None:
            self._refused = self._tokens.access
        try:
            self.prepare()
        except Lost as lost:
            return lost.miss is not Miss.AUTH
        return True

    def redeem(self, code: str, *, redirect: str | None, verifier: str) -> Tokens:
        """Trade a user's code for tokens and keep them; raises `Lost`."""
        grant = self._grant
        if not isinstance(grant, OAuthGrant):
            raise Lost(Miss.AUTH, "there is nothing to authorize")
        self._masker.add(f"{self._name}.code", code)
        self._masker.add(f"{self._name}.code_verifier", verifier)
        with self._vault.locked():
            self._tokens = self._kept(lambda: grant.redeem(code, redirect=redirect, verifier=verifier))
        return self._tokens

    def _obtain(self, old: Tokens | None) -> Tokens:
        return self._kept(lambda: self._grant.obtain(old))

    def _kept(self, obtain: Callable[[], Tokens]) -> Tokens:
        self._vault.rehearse()
        tokens = obtain()
        self._hide(tokens)
        if why := unfit_for_header(tokens.access):
            raise Lost(Miss.AUTH, f"the token that was given cannot be sent in a header: {why}")
        self._vault.write(tokens)  # before its first use: the old refresh token may be spent by now
        self._refused = None
        return tokens

    def _is_good(self, tokens: Tokens) -> bool:
        return tokens.access != self._refused and not tokens.due(self._world.clock.now().timestamp(), self._before)

    def _hide(self, tokens: Tokens | None) -> None:
        if tokens is not None:
            self._masker.add(f"{self._name}.access_token", tokens.access)
            self._masker.add(f"{self._name}.refresh_token", tokens.refresh or "")


def vault_of(source: str, auth: OAuth2Auth, keys: Keys, world: World) -> Vault:
    """Where the grant's tokens are: one place for all archives that use the same client and seed.

    Another seed in `[secrets]` is another grant; without a seed, the source's name tells accounts apart.
    """
    seed = auth.refresh_token
    whose = f"seed:{keys.fill(seed)}" if seed is not None and keys.has_all(seed) else f"source:{source}"
    client = keys.fill(auth.client_id)
    host = urlsplit(auth.token_url).hostname or "token"
    name = grant_name(host, auth.token_url, auth.grant_type, client, " ".join(auth.scopes), whose)
    if auth.token_store == "keyring":  # noqa: S105 - a place, not a password
        return KeyringVault(world.state, name)
    return Vault(world.state, name, disk=world.disk)


def lane_of(source: Source, secrets: Mapping[str, str]) -> str:
    """The name of the lane: what shares its host and credential shares its limits; `pacing.lane` says otherwise."""
    if source.pacing.lane is not None:
        return source.pacing.lane
    host = urlsplit(source.client.base_url).netloc.lower()
    credential = _credential(source.auth, Keys(source.name, secrets, source.secrets))
    if not credential:
        return host
    return f"{host}-{hashlib.sha256(credential.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _credential(auth: Auth, keys: Keys) -> str:
    """What an API counts requests by: the client of OAuth2, else the secret itself."""
    match auth:
        case NoAuth():
            return ""
        case OAuth2Auth(client_id=client):
            return keys.fill(client)
        case BearerAuth(token) | ApiKeyAuth(_, _, token):
            return keys.fill(token)
        case BasicAuth(username, password):
            return f"{keys.fill(username)}\0{keys.fill(password)}"
        case BodyAuth(fields):
            return "\0".join(str(keys.fill_all(value)) for value in fields.values() if holds_secrets(value))
        case JwtBearerAuth(issuer=issuer):
            return keys.fill(issuer)
        case CommandAuth(argv):
            return "\0".join(argv)
        case _:
            assert_never(auth)


def _check_token_url(url: str, source: Source) -> None:
    try:
        origin = origin_of(tidy(url))
    except Lost as lost:
        raise Refused(f"{source.name}: auth.token_url: {lost.words}") from lost
    if origin.scheme == "http" and not origin.is_loopback and not source.client.allow_http:
        raise Refused(
            f"{source.name}: auth.token_url is {origin}, where secrets would travel in the open; "
            "write it with https, or set client.allow_http = true"
        )
