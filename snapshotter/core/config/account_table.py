"""The table of one more account, as text to put at the end of a source file; every comment of the file stays."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from snapshotter.core.config.accounts import subtable
from snapshotter.core.config.kinds import NAME
from snapshotter.errors import ConfigError, UsageError

_SHARED = ("client_id", "client_secret", "token_url")  # of the application, which all accounts use
_SLOT = re.compile(r"\{secrets\.([^{}|]+)\}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def with_account(text: str, account: str, *, file: str) -> str:
    """A source file with `[accounts.NAME]` for one account more; `UsageError` where it has that one already."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from error
    if not re.fullmatch(NAME, account):
        raise UsageError(f"--as {account!r}: a name has small letters, digits, - and _ and starts with a letter")
    if account in subtable(raw, "accounts"):
        raise UsageError(f"{file} has the account {account!r} already; edit [accounts.{account}] there")
    return "\n".join([text.rstrip(), "", f"[accounts.{account}]", *_lines(raw, account), ""])


def _lines(raw: Mapping[str, Any], account: str) -> Iterator[str]:
    own, given = subtable(raw, "secrets"), subtable(raw, "vars")
    shared = {name for key in _SHARED for name in _SLOT.findall(str(subtable(raw, "auth").get(key, "")))}
    for name, value in given.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield f"# {_key(name, 'vars', own)} = {json.dumps(value, ensure_ascii=False)} # for all accounts so far"
    for name, where in own.items():
        key = _key(name, "secrets", given)
        place = where.get("from") if isinstance(where, dict) else where
        if name in shared or not isinstance(place, str):
            continue
        if place.startswith("env:"):
            yield f'{key} = "{place}_{re.sub("[^A-Z0-9]", "_", account.upper())}"'
        else:
            yield f"# {key} = {json.dumps(place, ensure_ascii=False)} # for all accounts so far"


def _key(name: str, kind: str, other: Mapping[str, Any]) -> str:
    key = name if _BARE.fullmatch(name) else json.dumps(name)
    return f"{kind}.{key}" if name in other else key
