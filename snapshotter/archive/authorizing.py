"""`snap auth`: a user says yes to an application once, and its tokens are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.trust import secrets_of, trust_of, why_not
from snapshotter.edge.consent import (
    PASTE,
    Consent,
    Listener,
    Question,
    consent_in,
    not_granted,
    pasted,
    question,
    way_back,
)
from snapshotter.edge.http import Sender
from snapshotter.edge.keys import Keys
from snapshotter.edge.tokens import Tokens
from snapshotter.edge.world import World
from snapshotter.errors import Refused, UsageError
from snapshotter.masking import Masker
from snapshotter.results import Authorized
from snapshotter.spec import OAuth2Auth, Source

Show = Callable[[str], None]
Ask = Callable[[], str]


def authorize(path: Path, name: str, world: World, *, show: Show, ask: Ask) -> Authorized:
    """Have the user say yes, trade the code for tokens, and keep them where every run looks for them.

    `show` is given the address to open, `ask` gives what the user pastes.
    """
    opened = open_archive(path, world)
    source, auth = _source(opened, name)
    trust = trust_of(opened)
    if (why := why_not(source, trust)) is not None:
        raise Refused(f"{source.name}: {why}")
    secrets = secrets_of(source, opened, trust).values  # a seed may be missing: that is why we are here
    masker = Masker(secrets, [name for name, ref in source.secrets.items() if ref.public])
    sender = Sender(source, secrets, masker, world)
    try:
        client = Keys(source.name, secrets, source.secrets).fill(auth.client_id)
        asked, consent = _consent(source, auth, client, world=world, show=show, ask=ask)
        tokens = sender.redeem(consent.code, redirect=asked.redirect, verifier=asked.verifier)
    finally:
        sender.close()
    return Authorized(
        source.name,
        _moment(tokens),
        renewable=tokens.refresh is not None,
        stream=next(iter(source.streams)),
        lacking=not_granted(auth.scopes, tokens.scope or consent.scope),
    )


def _source(opened: Opened, name: str) -> tuple[Source, OAuth2Auth]:
    source, _ = opened.streams([name])[0]
    auth = source.auth
    if name != source.name:
        raise UsageError(f"{name} is a stream; authorize its source: snap auth {source.name}")
    if not isinstance(auth, OAuth2Auth) or auth.authorize_url is None:
        raise UsageError(f"{source.name} needs no authorization: it has no auth.authorize_url in {source.file}")
    return source, auth


def _consent(
    source: Source, auth: OAuth2Auth, client: str, *, world: World, show: Show, ask: Ask
) -> tuple[Question, Consent]:
    """What was asked, and what was given."""
    here = way_back(auth.redirect)
    if here is None:
        redirect = None if auth.redirect == PASTE else auth.redirect
        asked = question(auth, client, redirect=redirect, chance=world.chance)
        show(asked.url)
        return asked, pasted(ask(), asked, source=source.name)
    with Listener(here) as listener:
        asked = question(auth, client, redirect=listener.redirect, chance=world.chance)
        show(asked.url)
        return asked, consent_in(listener.wait(world.clock), asked, source=source.name)


def _moment(tokens: Tokens) -> datetime | None:
    return None if tokens.expires is None else datetime.fromtimestamp(tokens.expires, UTC)
