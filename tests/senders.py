"""Builders for whatever sends: a source, a world, a sender, hiding what a test does not care about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from snapshotter.edge.http import Habits, Sender
from snapshotter.edge.world import SystemClock, World
from snapshotter.masking import Masker
from snapshotter.model import Request, Secretive
from snapshotter.spec import Auth, Client, NoAuth, Pacing, Retry, SecretRef, Slot, Source, Span, Template

SECRET = "sekrit-token-1"


class AClock(SystemClock):
    """A clock whose date can be moved; its stopwatch is the real one."""

    def __init__(self, now: datetime = datetime(2024, 5, 1, 12, tzinfo=UTC)) -> None:
        self.date = now

    def now(self) -> datetime:
        return self.date

    def move(self, **by: float) -> None:
        self.date += timedelta(**by)


def seconds(amount: float) -> Span:
    return Span(microseconds=int(amount * 1_000_000))


def secret(name: str = "token") -> Template:
    """`{secrets.NAME}` as a source file has it."""
    return Template((Slot("secrets", name),))


def secretive(before: str = "", name: str = "token", after: str = "") -> Secretive:
    """`{secrets.NAME}` as a request has it."""
    return Secretive(tuple(part for part in (before, Slot("secrets", name), after) if part))


def a_source(
    base_url: str, auth: Auth | None = None, *, secrets: Mapping[str, SecretRef] | None = None, **client: Any
) -> Source:
    refs = {
        name: SecretRef(name, "env", name.upper()) for name in ("token", "client_id", "client_secret", "refresh_token")
    }
    quick = {"connect_timeout": seconds(5), "read_timeout": seconds(5)}
    return Source(
        name="demo",
        api="demo",
        file="sources/demo.toml",
        account=None,
        secrets=refs if secrets is None else secrets,
        client=Client(base_url, **(quick | client)),
        auth=auth or NoAuth(),
        rate_limits=(),
        rate_headers=(),
        pacing=Pacing(),
        retry=Retry(),
        streams={},
    )


def a_world(state: Path, env: Mapping[str, str] | None = None, clock: Any = None) -> World:
    return World(env=env or {}, state=state, clock=clock or AClock())


@contextmanager
def a_sender(
    source: Source | str,
    *,
    secrets: Mapping[str, str] | None = None,
    masker: Masker | None = None,
    world: World | None = None,
    habits: Habits | None = None,
) -> Iterator[Sender]:
    made = a_source(source) if isinstance(source, str) else source
    values = {"token": SECRET} if secrets is None else secrets
    sender = Sender(made, values, masker or Masker(), world or a_world(Path("/nonexistent")), habits=habits)
    try:
        yield sender
    finally:
        sender.close()


def a_request(url: str, **changes: Any) -> Request:
    return replace(Request("GET", url), **changes)
