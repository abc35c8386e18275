"""How tokens are obtained: from an OAuth token endpoint, with a signed assertion, or from a command.

A token endpoint's answer is read here and goes nowhere else: it is not spooled, not logged, not shown.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from snapshotter.edge.exchange import Draft, Exchange, Fields, Lost
from snapshotter.edge.keys import Keys
from snapshotter.edge.secrets import run_command
from snapshotter.edge.tokens import Tokens
from snapshotter.edge.world import World
from snapshotter.errors import Refused
from snapshotter.model import Miss, Response
from snapshotter.spec import CommandAuth, JwtBearerAuth, OAuth2Auth

_EPOCH_FROM = 1e9  # a larger number is a point in time, a smaller one a length of time
_ASK_LATER = (408, 425, 429)
_LONGEST_QUOTE = 200
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Grant(Protocol):
    """A way to a token."""

    def obtain(self, old: Tokens | None) -> Tokens:
        """New tokens; raises `Lost`, with `Miss.AUTH` when only the user can help."""
        ...


class OAuthGrant:
    """OAuth 2: a refresh token, or the client's own credentials."""

    def __init__(self, auth: OAuth2Auth, keys: Keys, *, exchange: Exchange, world: World) -> None:
        self._auth = auth
        self._keys = keys
        self._exchange = exchange
        self._world = world

    def obtain(self, old: Tokens | None) -> Tokens:
        """Ask the token endpoint; the refresh token of the source file is used only where no later one is known."""
        fields: dict[str, str] = {"grant_type": self._auth.grant_type}
        refresh = None
        if self._auth.grant_type == "refresh_token":
            refresh = (old.refresh if old else None) or self._seed()
            fields["refresh_token"] = refresh
        elif self._auth.scopes:
            fields["scope"] = self._auth.scope_separator.join(self._auth.scopes)
        draft = self._with_client(fields)
        answer = TokenAnswer(self._exchange(draft), source=self._keys.source, expires=self._auth.expires)
        return answer.tokens(self._world.clock.now().timestamp(), refresh=refresh, help_words=self._help())

    def redeem(self, code: str, *, redirect: str | None, verifier: str) -> Tokens:
        """Trade the code that a user brought for the first tokens; raises `Lost`."""
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        fields |= {"redirect_uri": redirect} if redirect is not None else {}
        answer = TokenAnswer(
            self._exchange(self._with_client(fields)), source=self._keys.source, expires=self._auth.expires
        )
        return answer.tokens(self._world.clock.now().timestamp(), refresh=None, help_words=self._help())

    def _seed(self) -> str:
        seed = self._auth.refresh_token
        if seed is None or not self._keys.has_all(seed):
            raise Lost(Miss.AUTH, f"there is no refresh token yet; {self._help()}")
        return self._keys.fill(seed)

    def _help(self) -> str:
        seed = self._auth.refresh_token
        ways = [f"run `snap auth {self._keys.source}`"] if self._auth.authorize_url else []
        ways += [f"{self._keys.how_to_set(seed)} anew"] if seed is not None else []
        return ", or ".join(ways) or "check auth.client_id and auth.client_secret"

    def _with_client(self, fields: dict[str, str]) -> Draft:
        client = self._keys.fill(self._auth.client_id)
        secret = "" if self._auth.client_secret is None else self._keys.fill(self._auth.client_secret)
        headers: Fields = (("Accept", "application/json"),)
        if self._auth.client_auth == "basic":
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            headers = (*headers, ("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        else:
            fields |= {"client_id": client} | (
                {"client_secret": secret} if self._auth.client_secret is not None else {}
            )
        draft = Draft("POST", self._auth.token_url, headers, has_secrets=True)
        return _with_fields(draft, fields, encoding=self._auth.encoding)


class JwtGrant:
    """RFC 7523: an assertion signed with a private key, as service accounts use it."""

    def __init__(self, auth: JwtBearerAuth, keys: Keys, *, exchange: Exchange, world: World) -> None:
        self._auth = auth
        self._keys = keys
        self._exchange = exchange
        self._world = world

    def obtain(self, old: Tokens | None) -> Tokens:
        """Sign an assertion and exchange it for a token."""
        now = self._world.clock.now().timestamp()
        fields = {"grant_type": _JWT_GRANT, "assertion": self._assertion(int(now))}
        draft = Draft("POST", self._auth.token_url, (("Accept", "application/json"),), has_secrets=True)
        answer = self._exchange(_with_fields(draft, fields, encoding="form"))
        words = f"check the key, issuer and scopes ({self._keys.how_to_set(self._auth.key)})"
        return TokenAnswer(answer, source=self._keys.source).tokens(now, refresh=None, help_words=words)

    def _assertion(self, now: int) -> str:
        pem, key_id = _private_key(self._keys.fill(self._auth.key))
        lifetime = int(self._auth.lifetime.rough().total_seconds())
        claims: dict[str, object] = {
            "iss": self._keys.fill(self._auth.issuer),
            "aud": self._auth.audience,
            "iat": now,
            "exp": now + lifetime,
        }
        if self._auth.subject is not None:
            claims["sub"] = self._keys.fill(self._auth.subject)
        if self._auth.scopes:
            claims["scope"] = " ".join(self._auth.scopes)
        head = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
        signed = f"{_segment(head)}.{_segment(claims)}"
        return f"{signed}.{_base64url(self._signature(pem, signed.encode()))}"

    def _signature(self, pem: bytes, data: bytes) -> bytes:
        try:
            hashes = importlib.import_module("cryptography.hazmat.primitives.hashes")
            padding = importlib.import_module("cryptography.hazmat.primitives.asymmetric.padding")
            serialization = importlib.import_module("cryptography.hazmat.primitives.serialization")
        except ImportError as error:
            raise Refused(
                f"{self._keys.source}: auth.type = 'jwt_bearer' needs the cryptography library; "
                "run `pip install 'snapshotter[jwt]'`"
            ) from error
        try:
            key = serialization.load_pem_private_key(pem, password=None)
            return bytes(key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
        except (ValueError, TypeError, AttributeError):  # their texts may quote the key
            raise Refused(
                f"{self._keys.source}: auth.key is not an RSA private key in PEM form without a password; "
                f"{self._keys.how_to_set(self._auth.key)}"
            ) from None


class CommandGrant:
    """A command of the user's prints the token: bare, or as `{"token": …, "expires_in": …}`."""

    def __init__(self, auth: CommandAuth, keys: Keys, *, world: World) -> None:
        self._auth = auth
        self._keys = keys
        self._world = world

    def obtain(self, old: Tokens | None) -> Tokens:
        """Run the command."""
        home = Path(self._world.env.get("HOME") or "/")
        printed, problem = run_command(self._auth.argv, self._world.env, cwd=home)
        if problem is not None:
            raise Lost(Miss.AUTH, f"the token command `{' '.join(self._auth.argv)}`: {problem}")
        now = self._world.clock.now().timestamp()
        text = printed.decode("utf-8", "replace").strip()
        value = _json_object(text.encode()) if text.startswith("{") else {"token": text}
        token = (value or {}).get("token") or (value or {}).get("access_token")
        if not isinstance(token, str):
            raise Lost(Miss.AUTH, f"the token command `{' '.join(self._auth.argv)}` printed no token")
        return Tokens(token, obtained=now, expires=_expiry(value or {}, "expires_in", now))


class TokenAnswer:
    """What a token endpoint said."""

    def __init__(self, response: Response, *, source: str, expires: str = "expires_in") -> None:
        self._response = response
        self._source = source
        self._expires = expires
        self._fields = _fields_of(response)
        self._host = urlsplit(response.url).hostname or "?"

    def tokens(self, now: float, *, refresh: str | None, help_words: str) -> Tokens:
        """The new tokens; a refresh token that was not replaced goes on."""
        access = (self._fields or {}).get("access_token")
        if not 200 <= self._response.status < 300 or not isinstance(access, str) or not access:
            raise self._refusal(help_words)
        fields = self._fields or {}
        newer = fields.get("refresh_token")
        return Tokens(
            access,
            obtained=now,
            expires=_expiry(fields, self._expires, now),
            refresh=newer if isinstance(newer, str) and newer else refresh,
            refresh_expires=_expiry(fields, "refresh_token_expires_in", now)
            or _expiry(fields, "refresh_expires_in", now),
            scope=fields["scope"] if isinstance(fields.get("scope"), str) else None,
        )

    def _refusal(self, help_words: str) -> Lost:
        status = self._response.status
        said = self._said()
        head = f"the token endpoint at {self._host} answered {status}"
        if status in _ASK_LATER or status >= 500:
            return Lost(Miss.OTHER, f"{head}{said}", _seconds(self._response.header("retry-after")))
        if 300 <= status < 400:
            return Lost(Miss.AUTH, f"{head}, a redirect; write the final address as auth.token_url")
        if self._fields is None and 200 <= status < 300:
            return Lost(Miss.OTHER, f"{head} with something that is no JSON object (a maintenance page?)")
        if not said and 200 <= status < 300:
            return Lost(Miss.AUTH, f"{head} without an access token; {help_words}")
        return Lost(Miss.AUTH, f"{head}{said}; {help_words}")

    def _said(self) -> str:
        fields = self._fields or {}
        words = [fields.get(name) for name in ("error", "error_description", "message")]
        texts = [word for word in words if isinstance(word, str) and word]
        quoted = ": ".join(texts)[:_LONGEST_QUOTE]
        return f" ({quoted.encode('unicode_escape').decode()})" if quoted else ""


# --- inside ---


def _with_fields(draft: Draft, fields: Mapping[str, str], *, encoding: str) -> Draft:
    if encoding == "json":
        return Draft(draft.method, draft.url, draft.headers, json=dict(fields), has_secrets=True)
    return Draft(draft.method, draft.url, draft.headers, form=tuple(fields.items()), has_secrets=True)


def _fields_of(response: Response) -> Mapping[str, Any] | None:
    if "x-www-form-urlencoded" in (response.header("content-type") or ""):
        return dict(parse_qsl(response.body.decode("utf-8", "replace")))
    return _json_object(response.body)


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _expiry(fields: Mapping[str, Any], path: str, now: float) -> float | None:
    """When a token ends: a length of time from now, seconds since 1970, or a date in ISO form."""
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str) and (instant := _instant(value)) is not None:
        return instant
    number = _seconds(value)
    if number is None:
        return None
    return number if number > _EPOCH_FROM else now + number


def _instant(text: str) -> float | None:
    if text.isdecimal():
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None


def _private_key(text: str) -> tuple[bytes, str | None]:
    """The PEM and its id, out of a PEM or of the JSON file of a service account."""
    account = _json_object(text.encode()) if text.lstrip().startswith("{") else None
    if account is None:
        return text.encode(), None
    key_id = account.get("private_key_id")
    return str(account.get("private_key", "")).encode(), key_id if isinstance(key_id, str) else None


def _segment(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
