"""One request, one answer: dressed with its secrets, within its limits, redirects followed by hand.

Trouble on the way is a `NoAnswer`, never an exception. A secret goes to the source's own origin and nowhere else.
Proxies and certificate authorities come from the given environment (`https_proxy`, `no_proxy`, `REQUESTS_CA_BUNDLE`);
cookies are neither kept nor sent, and netrc is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote, unquote, urljoin, urlsplit

from snapshotter import __version__
from snapshotter.edge.auth import Authorizer, TokenAuth, authorizer
from snapshotter.edge.exchange import Draft, Exchanged, Fields, Got, Lost
from snapshotter.edge.keys import Keys, holds_secrets
from snapshotter.edge.origins import Origin, origin_of, proxy_for, tidy, with_params, without_params
from snapshotter.edge.tokens import Tokens
from snapshotter.edge.world import World
from snapshotter.errors import Refused
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import Answer, FormBody, JsonBody, Miss, NoAnswer, Pairs, Request, Response, Text
from snapshotter.spec import NoAuth, Source

MOST_REDIRECTS = 5
_ALWAYS = (301, 302, 303, 307, 308)
_SAME_METHOD = (307, 308)
_HIDDEN = ("set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization", "authentication-info")
_STARS = "***"
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Habits:
    """What a sender may do, and whom it tells."""

    trusted: bool = False  # commands of the source file may run
    extra_turn: Callable[[], None] | None = None  # called before each further request that one `send` needs
    sent: Callable[[], None] | None = None  # called when a request has left; making a connection takes its time
    trace: Callable[[Exchanged], None] | None = None
    total: float | None = None  # seconds for a whole exchange; by default connect + 5 × read
    shows: Authorizer | None = None  # who asks, where `[auth]` is not to be followed here


class Sender:
    """Sends the requests of one source, one at a time."""

    def __init__(
        self, source: Source, secrets: Mapping[str, str], masker: Masker, world: World, *, habits: Habits | None = None
    ) -> None:
        from snapshotter.edge.http.wire import Limits, Wire  # noqa: PLC0415 - requests costs 50 ms; only asking pays

        self.source = source
        self.masker = masker
        self.world = world
        self.habits = habits or Habits()
        self._keys = Keys(source.name, secrets, source.secrets)
        self._home = _home_of(source)
        connect, read = (
            span.rough().total_seconds() for span in (source.client.connect_timeout, source.client.read_timeout)
        )
        total = self.habits.total or connect + 5 * read
        limits = Limits(connect=connect, read=read, total=total, body=source.client.max_body)
        self._hide_what_we_know(secrets)
        self._wire = Wire(limits, world.env, world.clock.monotonic, on_sent=self.habits.sent)
        self._carry = self._wire.exchange if world.carriage is None else world.carriage(self._wire.exchange)
        self._sent = 0
        if not isinstance(source.auth, NoAuth):
            self._check_encrypted()
        self._auth = self.habits.shows or authorizer(
            source, self._keys, exchange=self._ask_token_server, masker=masker, world=world, trusted=self.habits.trusted
        )

    def send(self, request: Request, *, extra_headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> Answer:
        """What came of the request; raises `Refused` only, when the source's own settings forbid to send it."""
        self._sent = 0
        try:
            if self._is_for_home(request):
                self._auth.prepare()
            return self._follow(request, tuple(dict(extra_headers).items()))
        except Lost as lost:
            return NoAnswer(lost.miss, self.masker.hide(lost.words), self.world.clock.now(), lost.again_after)

    def renew(self) -> bool:
        """Whether there is another credential to try after a 401."""
        self._sent = 1  # the refused request took its turn; asking for a token needs another
        return self._auth.renew()

    def lend(self) -> str | NoAnswer | None:
        """What a request shows in its Authorization header if another process sends it; None: nothing that changes."""
        if not isinstance(self._auth, TokenAuth):
            return None
        self._sent = 0
        try:
            self._auth.prepare()
            shown = self._auth.shown()
        except Lost as lost:
            return NoAnswer(lost.miss, self.masker.hide(lost.words), self.world.clock.now(), lost.again_after)
        if self._sent and self.habits.extra_turn is not None:
            self.habits.extra_turn()  # the token server was asked: what comes now is one request more
        return shown

    def redeem(self, code: str, *, redirect: str | None, verifier: str) -> Tokens:
        """Trade a user's authorization code for tokens and keep them; raises `Refused`."""
        self._sent = 0
        if not isinstance(self._auth, TokenAuth):
            raise Refused(f"{self.source.name}: there is nothing to authorize")
        try:
            return self._auth.redeem(code, redirect=redirect, verifier=verifier)
        except Lost as lost:
            raise Refused(f"{self.source.name}: {self.masker.hide(lost.words)}") from lost

    def describe(self, request: Request) -> str:
        """The request in one masked line."""
        return describe(request, self.masker)

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    # --- what may be sent where ---

    def _is_for_home(self, request: Request) -> bool:
        origin = origin_of(tidy(request.url))
        self._check_origin(origin, "the next page is said to be at")
        if origin != self._home and _has_secret_body(request):
            raise Lost(Miss.ORIGIN, f"a body with secrets was to go to {origin}; they go to {self._home} only")
        return origin == self._home

    def _check_encrypted(self) -> None:
        if self._home.scheme == "http" and not self._home.is_loopback and not self.source.client.allow_http:
            raise Refused(
                f"{self.source.name}: client.base_url is {self._home}, where secrets would travel in the open; "
                "write it with https, or set client.allow_http = true"
            )

    def _check_origin(self, origin: Origin, what: str) -> None:
        if origin == self._home:
            return
        if self._home.scheme == "https" and origin.scheme == "http":
            raise Lost(Miss.ORIGIN, f"{what} {origin}, which is not encrypted; it was not asked")
        if not origin.is_named_by(self.source.client.allow_hosts):
            raise Lost(
                Miss.ORIGIN,
                f"{what} {origin}, another origin than {self._home}; it was not asked. "
                f"If that is meant, add {_as_listed(origin)!r} to client.allow_hosts",
            )

    # --- dressing ---

    def _draft(self, request: Request, extra: Fields) -> tuple[Draft, str]:
        """The request with its secrets, and its URL as it may be shown."""
        plain = tidy(request.url)
        at_home = origin_of(plain) == self._home
        params = request.params if at_home else _without_secret_values(request.params)
        headers = request.headers if at_home else _without_secret_values(request.headers)
        draft = Draft(
            request.method.upper(),
            self._for_origin(with_params(plain, self._filled(params)), at_home=at_home),
            self._headers(headers, extra),
            json=self._keys.fill_all(request.body.value) if isinstance(request.body, JsonBody) else None,
            form=self._filled(request.body.fields) if isinstance(request.body, FormBody) else None,
            has_secrets=at_home and (holds_secrets(_values(params, headers)) or _has_secret_body(request)),
        )
        shown = self.masker.hide(_shown_url(with_params(plain, _named(params))))
        return (self._dressed(draft) if at_home else draft), shown

    def _dressed(self, draft: Draft) -> Draft:
        dressed = self._auth.dress(draft)
        if dressed.has_secrets:
            self._check_encrypted()
        return dressed

    def _for_origin(self, url: str, *, at_home: bool) -> str:
        """Away from home, a URL loses the parameters that hold a secret; it is not asked if one stands elsewhere."""
        if at_home:
            return url
        kept = without_params(url, lambda _, value: self._is_secret(value))
        if self._is_secret(kept):
            raise Lost(Miss.ORIGIN, f"an address at {origin_of(kept)} holds a secret; it was not asked")
        return kept

    def _is_secret(self, text: str) -> bool:
        return self.masker.hide(text) != text

    def _headers(self, headers: Pairs, extra: Fields) -> Fields:
        agent = self.source.client.user_agent or f"snapshotter/{__version__}"
        usual = {"accept": ("Accept", "application/json"), "user-agent": ("User-Agent", agent)}
        given = [(name, self._keys.for_header(text, name)) for name, text in headers] + list(extra)
        ours = {"accept-encoding": ("Accept-Encoding", "gzip, deflate")}
        merged = usual | {name.lower(): (name, value) for name, value in given} | ours
        return tuple(pair for name, pair in merged.items() if name != "cookie")

    def _filled(self, pairs: Pairs) -> Fields:
        return tuple((name, self._keys.fill(text)) for name, text in pairs)

    # --- sending ---

    def _follow(self, request: Request, extra: Fields) -> Answer:
        draft, shown = self._draft(request, extra)
        began = self.world.clock.monotonic()
        asked = {draft.url}
        for _ in range(MOST_REDIRECTS + 1):
            got = self._exchange(draft, shown)
            target = _redirect_target(got, draft)
            if target is None:
                return self._response(got, shown, self.world.clock.monotonic() - began)
            draft, shown = self._redirected(request, draft, target, extra)
            if draft.url in asked:
                raise Lost(Miss.REDIRECT, f"{self._home} redirects in a circle (a login page that wants cookies?)")
            asked.add(draft.url)
        raise Lost(Miss.REDIRECT, f"{self._home} redirects more than {MOST_REDIRECTS} times")

    def _redirected(self, request: Request, draft: Draft, target: str, extra: Fields) -> tuple[Draft, str]:
        url = tidy(target)
        origin = origin_of(url)
        was_at_home = origin_of(draft.url) == self._home
        if draft.method not in ("GET", "HEAD") and origin != self._home:
            raise Lost(Miss.ORIGIN, f"a {draft.method} is redirected to {origin}, another origin; it was not asked")
        self._check_origin(origin, "it is redirected to")
        at_home = was_at_home and origin == self._home  # once away, a secret does not come along again
        moved = replace(draft, url=self._for_origin(url, at_home=at_home))
        shown = self.masker.hide(moved.url)
        if at_home:
            return self._dressed(replace(moved, headers=self._headers(request.headers, extra))), shown
        public = self._headers(_without_secret_values(request.headers), extra)
        return replace(moved, headers=public, json=None, form=None, has_secrets=False), shown

    def _exchange(self, draft: Draft, shown: str) -> Got:
        if self._sent and self.habits.extra_turn is not None:
            self.habits.extra_turn()
        self._sent += 1
        began = self.world.clock.monotonic()
        try:
            got = self._carry(_with_type(draft), _body(draft))
        except Lost as lost:
            self._trace(draft, shown, began, problem=lost.words)
            raise
        self._trace(draft, shown, began, got=got)
        return got

    def _ask_token_server(self, draft: Draft) -> Response:
        agent = self.source.client.user_agent or f"snapshotter/{__version__}"
        named = draft.with_header("User-Agent", agent).with_header("Accept-Encoding", "gzip, deflate")
        host = origin_of(tidy(draft.url))
        try:
            got = self._exchange(named, str(host))
        except Lost as lost:
            raise Lost(lost.miss, f"the token endpoint could not be asked: {lost.words}", lost.again_after) from lost
        return self._response(got, str(host), 0.0)

    def _response(self, got: Got, url: str, seconds: float) -> Response:
        headers = tuple((name, _STARS if name in _HIDDEN else value) for name, value in got.headers)
        is_data = 200 <= got.status < 300
        body = got.body if is_data else self.masker.hide_bytes(got.body)  # errors are quoted, and may quote a key
        return Response(got.status, headers, body, self.world.clock.now(), url, seconds)

    def _trace(
        self, draft: Draft, shown: str, began: float, *, got: Got | None = None, problem: str | None = None
    ) -> None:
        if self.habits.trace is None:
            return
        sent = tuple((name, self.masker.hide(value)) for name, value in draft.headers)
        self.habits.trace(
            Exchanged(
                method=draft.method,
                url=shown,
                sent=tuple((name, _STARS if name.lower() in _HIDDEN else value) for name, value in sent),
                status=None if got is None else got.status,
                received=() if got is None else _masked_headers(got.headers, self.masker),
                size=0 if got is None else len(got.body),
                seconds=self.world.clock.monotonic() - began,
                problem=None if problem is None else self.masker.hide(problem),
            )
        )

    def _hide_what_we_know(self, secrets: Mapping[str, str]) -> None:
        for name, value in secrets.items():
            if name not in self.source.secrets or not self.source.secrets[name].public:
                self.masker.add(name, value)
        password = urlsplit(proxy_for(self._home, self.world.env) or "").password
        self.masker.add("proxy.password", unquote(password or ""))


def describe(request: Request, masker: Masker) -> str:
    """A request in one masked line, as far as it fits."""
    url = _shown_url(with_params(request.url, _named(request.params)))
    body = ""
    if isinstance(request.body, FormBody):
        body = " form " + "&".join(f"{name}={value}" for name, value in _named(request.body.fields))
    elif isinstance(request.body, JsonBody):
        body = " json " + json.dumps(request.body.value, default=str, ensure_ascii=False)
    line = masker.hide(f"{request.method} {url}{body}")
    shown = line if line.isprintable() else "".join(map(_printable, line))
    return shown if len(shown) <= _LONGEST_LINE else shown[: _LONGEST_LINE - 1] + "…"


def _printable(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def shown_headers(response: Response, masker: Masker) -> Fields:
    """The headers worth keeping, masked: no cookies, no credentials."""
    return _masked_headers(response.headers, masker)


def sealed(response: Response, masker: Masker) -> Response:
    """The response as it may lie on disk: secrets in its address and headers stand by name. The body stays as it is."""
    if masker.is_empty:
        return response
    headers = tuple((name, masker.hide(value)) for name, value in response.headers)
    return replace(response, url=masker.hide(response.url), headers=headers)


def unsealed(response: Response, masker: Masker) -> Response:
    """A sealed response with the secrets in its headers again, so that a next page can be asked for."""
    return replace(response, headers=tuple((name, masker.restore(value)) for name, value in response.headers))


# --- inside ---


def _home_of(source: Source) -> Origin:
    try:
        return origin_of(tidy(source.client.base_url))
    except Lost as lost:
        raise Refused(f"{source.name}: client.base_url: {lost.words}") from lost


def _as_listed(origin: Origin) -> str:
    return str(origin).partition("://")[2]


def _named(pairs: Pairs) -> Fields:
    return tuple((name, str(text)) for name, text in pairs)


def _values(*pairs: Pairs) -> list[Text]:
    return [text for some in pairs for _, text in some]


def _without_secret_values(pairs: Pairs) -> Pairs:
    return tuple((name, text) for name, text in pairs if not holds_secrets(text))


def _has_secret_body(request: Request) -> bool:
    match request.body:
        case JsonBody(value):
            return holds_secrets(value)
        case FormBody(fields):
            return holds_secrets(_values(fields))
        case None:
            return False


def _shown_url(url: str) -> str:
    """A URL whose placeholders for secrets can be read."""
    return re.sub(r"%7Bsecrets\.([A-Za-z0-9_.-]+)%7D", r"{secrets.\1}", url)


def _redirect_target(got: Got, draft: Draft) -> str | None:
    """Where to ask instead, or None where the answer is taken as it is."""
    location = next((value for name, value in got.headers if name == "location"), None)
    if location is None or got.status not in _ALWAYS:
        return None
    if draft.method not in ("GET", "HEAD") and got.status not in _SAME_METHOD:
        return None
    try:
        return urljoin(draft.url, location)
    except ValueError as error:
        raise Lost(Miss.REDIRECT, "it redirects to something that is no address") from error


def _with_type(draft: Draft) -> Draft:
    if any(name.lower() == "content-type" for name, _ in draft.headers):
        return draft
    if draft.form is not None:
        return replace(draft, headers=(*draft.headers, ("Content-Type", "application/x-www-form-urlencoded")))
    if draft.json is not None:
        return replace(draft, headers=(*draft.headers, ("Content-Type", "application/json")))
    return draft


def _body(draft: Draft) -> bytes | None:
    if draft.form is not None:
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in draft.form).encode()
    if draft.json is not None:
        return json.dumps(draft.json, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return None if draft.method in ("GET", "HEAD") else b""


def _masked_headers(headers: Fields, masker: Masker) -> Fields:
    return tuple((name, masker.hide(value)) for name, value in headers if name not in _HIDDEN)
