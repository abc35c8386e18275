"""What answers from a recording in place of the network, and what goes wrong on purpose."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from snapshotter.canonical import encode
from snapshotter.core.recordings import Answered, Asked, Recording, Shelf, moving_parts, plain_json
from snapshotter.core.scenarios import PAUSE, Fault
from snapshotter.core.scrubbing import Secrets
from snapshotter.edge.exchange import Carrier, Draft, Got, Lost
from snapshotter.edge.scratch import TurnedClock
from snapshotter.masking import Masker
from snapshotter.model import Miss
from snapshotter.spec import CommandAuth, JwtBearerAuth, OAuth2Auth, Source, Template

NO_ENDPOINT = "https://token.invalid/"
SLOWNESS = 45.0  # seconds that a slow answer takes


def made_up(source: Source) -> dict[str, str]:
    """A value for every secret, which opens nothing."""
    return {name: f"made-up-{name.replace('_', '-')}-0001" for name in source.secrets}


def without_a_world(source: Source) -> Source:
    """The source with ways to sign in that run no command, sign with no key and open no keyring."""
    match source.auth:
        case OAuth2Auth() as auth:
            seed = auth.refresh_token or Template(("made-up-refresh-0000",))  # as if somebody had said yes
            return replace(source, auth=replace(auth, refresh_token=seed, token_store="state"))  # noqa: S106 - a place
        case JwtBearerAuth(scheme=scheme) | CommandAuth(scheme=scheme):
            client = Template(("made-up-client",))
            return replace(source, auth=OAuth2Auth("client_credentials", NO_ENDPOINT, client, scheme=scheme))
        case _:
            return source


class Answers(Protocol):
    """Who has the answer to a request, if anybody: a recording, or whoever writes one."""

    def find(self, asked: Asked, /) -> Answered | None:
        """The answer; None: there is none."""
        ...


class Player:
    """Answers from a recording, in place of the network; one answer may come otherwise."""

    def __init__(
        self, recording: Recording, source: Source, clock: TurnedClock, *, answers: Answers | None = None
    ) -> None:
        stream = source.streams[recording.stream]
        names, path = moving_parts(stream)
        self._shelf: Answers = answers or Shelf(recording, names, moving_path=path)
        self._secrets = Secrets(made_up(source), Masker(made_up(source)))
        auth = without_a_world(source).auth
        self._token_url = auth.token_url if isinstance(auth, OAuth2Auth) else None
        self._expires = auth.expires if isinstance(auth, OAuth2Auth) else ""
        parts = urlsplit(source.client.base_url)
        self._home = f"{parts.scheme}://{parts.netloc}"
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = 0
        self._expired: str | None = None
        self._not_before: datetime | None = None
        self._last: Got | None = None
        self.count = 0
        self.fired = False
        self.early: float | None = None
        self.lacks: list[str] = []
        self._fault, self._place = Fault.NONE, -1

    def plan(self, fault: Fault, place: int | None) -> None:
        """Let the request at that place, from 0, be answered otherwise; None: no such request."""
        self._fault, self._place = fault, -1 if place is None else place

    def instead_of(self, carrier: Carrier) -> Carrier:
        """The carrier to use: this one. The network is not touched."""
        return self.carry

    def carry(self, draft: Draft, body: bytes | None, /) -> Got:
        """The answer."""
        with self._lock:
            if draft.url.partition("?")[0] == self._token_url:
                return self._token()
            number, self.count = self.count, self.count + 1
            self._watch_the_clock()
            good = self._recorded(draft)
            got = self._otherwise(draft, good) if self._is_hit(number, draft) else good
            self._last = good
            return got

    def _is_hit(self, number: int, draft: Draft) -> bool:
        if self._fault is Fault.EXPIRED and self._expired is not None:
            return _authorization(draft) == self._expired
        return self._place >= 0 and (number == self._place or (self._fault is Fault.ERRORS and number > self._place))

    def _watch_the_clock(self) -> None:
        if self._not_before is not None and self._clock.now() < self._not_before:
            self.early = (self._not_before - self._clock.now()).total_seconds()

    def _otherwise(self, draft: Draft, good: Got) -> Got:
        self.fired = True
        if self._fault in _REFUSALS:
            return _REFUSALS[self._fault]
        match self._fault:
            case Fault.REFUSED:
                self._not_before = self._clock.now() + timedelta(seconds=PAUSE)
                return Got(429, (("retry-after", str(PAUSE)),), b'{"message": "too many requests"}')
            case Fault.CUT:
                raise Lost(Miss.TRUNCATED, "the answer was cut short")
            case Fault.BROKEN:
                return replace(good, body=good.body[: len(good.body) // 2])
            case Fault.REPEATED:
                return self._last or good
            case Fault.EXPIRED:
                self._expired = _authorization(draft)
                return Got(401, (), b'{"message": "the token has expired"}')
            case Fault.TIMEOUT:
                self._clock.sleep(60)
                raise Lost(Miss.TIMEOUT, "the server sent nothing for 60 s")
            case _:
                self._clock.sleep(SLOWNESS)
                return good

    def _recorded(self, draft: Draft) -> Got:
        url = draft.url.removeprefix(self._home) if draft.url.startswith(f"{self._home}/") else draft.url
        body = draft.form if draft.form is not None else None if draft.json is None else plain_json(draft.json)
        named = self._secrets.pairs(body) if isinstance(body, tuple) else self._secrets.texts(body)
        asked = Asked(draft.method, self._secrets.url(url), named)
        found = self._shelf.find(asked)
        if found is None:
            self.lacks.append(f"{asked.method} {asked.url}")
            raise Lost(Miss.OTHER, f"the recording has no answer to {asked.method} {asked.url}")
        return Got(found.status, found.headers, found.body)

    def _token(self) -> Got:
        self._tokens += 1
        now = self._clock.now().astimezone(UTC).timestamp()
        body = {
            "access_token": f"made-up-access-{self._tokens:04}",
            "refresh_token": f"made-up-refresh-{self._tokens:04}",
            "token_type": "Bearer",
            "expires_in": 21_600,
        }
        if self._expires not in ("expires_in", "") and "." not in self._expires:
            body[self._expires] = int(now) + 21_600
        return Got(200, (("content-type", "application/json"),), encode(body))


def _authorization(draft: Draft) -> str:
    return next((value for name, value in draft.headers if name.lower() == "authorization"), "")


_REFUSALS = {
    Fault.ERROR: Got(503, (), b"<html>maintenance</html>"),
    Fault.ERRORS: Got(500, (), b'{"message": "internal error"}'),
}
