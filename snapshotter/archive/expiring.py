"""Tokens whose end is known ahead, for whoever looks at the status. Reads what is kept on disk, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from snapshotter.archive.hindering import QUIET
from snapshotter.archive.opening import Opened
from snapshotter.edge.secrets import gather
from snapshotter.errors import SnapError
from snapshotter.results import Notice
from snapshotter.results.reporting import Expiry
from snapshotter.spec import OAuth2Auth, Source

AHEAD = timedelta(days=14)


def expiring(opened: Opened, source: Source, *, now: datetime) -> Iterator[Notice]:
    """What a person must renew soon: a grant that ends within two weeks and is not renewed by itself."""
    for found in expiries(opened, source):
        if found.at <= now + AHEAD:
            what = "its authorization ended" if found.at <= now else "its authorization ends"
            text = f"{what} at {found.at:%Y-%m-%d %H:%M} UTC; renew it with: {found.renew}"
            yield Notice("warning", source.name, text)


def expiries(opened: Opened, source: Source) -> Iterator[Expiry]:
    """When a grant ends that is not renewed by itself, if that is known."""
    auth = source.auth
    if not isinstance(auth, OAuth2Auth) or auth.token_store != "state":  # noqa: S105 - a keyring may ask the user
        return
    from snapshotter.edge.auth import vault_of  # noqa: PLC0415 - only sources with tokens pay for it
    from snapshotter.edge.keys import Keys  # noqa: PLC0415

    quiet = {name: ref for name, ref in source.secrets.items() if ref.kind in QUIET}
    keys = Keys(source.name, gather(quiet, opened.world.env).values, source.secrets)
    try:
        tokens = vault_of(source.name, auth, keys, opened.world).read()
    except SnapError:  # a secret is missing or the file is damaged: a fetch says so
        return
    if tokens is None:
        return
    ends = tokens.refresh_expires if tokens.refresh is not None else tokens.expires
    if ends is None or (tokens.refresh is None and auth.grant_type != "refresh_token"):
        return
    again = f"snap auth {source.name}" if auth.authorize_url is not None else "a new refresh token in its secret"
    yield Expiry(source.name, datetime.fromtimestamp(ends, UTC), again)
