"""How a user says yes to an application in a browser, and how the answer comes back: OAuth's authorization code.

The answer comes to a listener on this machine, or is pasted. A state that nobody can guess ties it to this question,
and a verifier (PKCE) makes its code useless to whoever else sees it.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit

from snapshotter.edge.world import Clock
from snapshotter.errors import Refused
from snapshotter.frozen import dataclass
from snapshotter.spec import OAuth2Auth

PATIENCE = 600.0  # seconds that a person has for saying yes
LOOPBACK, PASTE = "loopback", "paste"
_POLL = 0.1
_HERE = "127.0.0.1"
_LONGEST_QUOTE = 200
_PAGE = b"snap has got the answer. You can close this window.\n"


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked, and what is needed to understand the answer."""

    url: str
    redirect: str | None
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def question(auth: OAuth2Auth, client: str, *, redirect: str | None, chance: random.Random) -> Question:
    """The address where the user says yes."""
    state, verifier = _random(chance), _random(chance)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    fields = [("response_type", "code"), ("client_id", client)]
    fields += [("redirect_uri", redirect)] if redirect is not None else []
    fields += [("scope", auth.scope_separator.join(auth.scopes))] if auth.scopes else []
    fields += [("state", state), ("code_challenge", challenge), ("code_challenge_method", "S256")]
    more = [(name, text) for name, value in auth.authorize_params.items() for text in _texts(value)]
    named = {name for name, _ in more}
    pairs = [pair for pair in fields if pair[0] not in named] + more
    query = "&".join(f"{quote(name, safe='')}={quote(text, safe=',:+')}" for name, text in pairs)
    address = auth.authorize_url or ""
    return Question(f"{address}{'&' if urlsplit(address).query else '?'}{query}", redirect, state, verifier)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user's yes gave: a code to trade, and the scopes, where the service tells them with it."""

    code: str = field(repr=False)
    scope: str | None = None


def consent_in(answer: Mapping[str, str], asked: Question, *, source: str) -> Consent:
    """The code of an answer; raises `Refused` where the user said no, or it answers another question."""
    if answer.get("state") != asked.state:
        raise Refused(f"{source}: the answer does not belong to this question (its state differs); start again")
    if "code" in answer:
        return Consent(answer["code"], answer.get("scope"))
    words = ": ".join(answer[name] for name in ("error", "error_description") if answer.get(name))
    shown = words[:_LONGEST_QUOTE].encode("unicode_escape").decode()
    raise Refused(f"{source}: the service gave no code ({shown or 'and no reason'}); start again and agree")


def pasted(text: str, asked: Question, *, source: str) -> Consent:
    """The code in what a user pasted: the address that the browser was sent to, or the bare code."""
    text = text.strip()
    if "://" in text or "code=" in text or "error=" in text:
        split = urlsplit(text)
        return consent_in(dict(parse_qsl(split.query or split.fragment or text.lstrip("?"))), asked, source=source)
    if not text or any(char.isspace() for char in text):
        raise Refused(f"{source}: that is no code and no address with one; start again")
    return Consent(text)


def not_granted(scopes: Sequence[str], granted: str | None) -> tuple[str, ...]:
    """The scopes that were asked for and not given; a service that tells none gave all (RFC 6749, 5.1)."""
    given = set(re.split(r"[\s,]+", granted)) if granted is not None else set(scopes)
    return tuple(scope for scope in scopes if scope not in given)


class Listener:
    """Waits on this machine for the browser to bring the answer; a context manager."""

    def __init__(self, redirect: str = LOOPBACK) -> None:
        split = urlsplit("" if redirect == LOOPBACK else redirect)
        self._answer: dict[str, str] | None = None
        self._path = split.path or "/"
        try:
            self._server = _Server((_HERE, split.port or 0), self._handler())
        except OSError as error:
            raise Refused(
                f"{_HERE}:{split.port or 0} cannot be listened on: {error.strerror}; free that port"
            ) from error
        port = self._server.server_address[1]
        self.redirect = f"http://{_HERE}:{port}/" if redirect == LOOPBACK else redirect

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.server_close()

    def wait(
        self, clock: Clock, *, seconds: float = PATIENCE, stopped: Callable[[], bool] = lambda: False
    ) -> dict[str, str]:
        """The parameters of the first answer; raises `Refused` when none comes."""
        until = clock.monotonic() + seconds
        while self._answer is None and clock.monotonic() < until and not stopped():
            self._server.handle_request()
        if self._answer is None:
            raise Refused(f"no answer came within {seconds:g} s; start again, or set auth.redirect = 'paste'")
        return self._answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                """Take the answer; anything else that a browser asks for is not here."""
                split = urlsplit(self.path)
                found = dict(parse_qsl(split.query))
                is_answer = split.path == listener._path and ("code" in found or "error" in found)
                try:
                    self._reply(200 if is_answer else 404, _PAGE if is_answer else b"")
                finally:  # only now: whoever waits may end the whole process at once
                    if is_answer and listener._answer is None:
                        listener._answer = found

            def _reply(self, status: int, page: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named there
                """Say nothing: the address holds the code."""

        return Handler


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    timeout = _POLL

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nobody's concern."""


def way_back(redirect: str) -> str | None:
    """The address to listen at, as `Listener` takes it; None where the answer is pasted."""
    if redirect == LOOPBACK:
        return LOOPBACK
    split = urlsplit(redirect)
    is_here = split.scheme == "http" and split.hostname in ("localhost", _HERE) and split.port is not None
    return redirect if is_here else None


def _random(chance: random.Random) -> str:
    return base64.urlsafe_b64encode(chance.getrandbits(256).to_bytes(32)).decode().rstrip("=")


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return [str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)]
