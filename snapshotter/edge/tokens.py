"""OAuth tokens in the user's state folder: one file a grant, readable by its owner only.

Who renews a token holds its lock from reading the old one until the new one is durable, so that no two processes spend
the same single-use refresh token and none is lost after it was spent.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from snapshotter.edge.files import Disk, Folder, disk_error
from snapshotter.edge.state import private_folder
from snapshotter.errors import Damaged, Refused, SnapError
from snapshotter.frozen import dataclass

_FORMAT = 1
_SERVICE = "snapshotter"
_PAGE = 4096  # more than tokens need


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant has given so far; times in seconds since 1970."""

    access: str = field(repr=False)
    obtained: float
    expires: float | None = None
    refresh: str | None = field(default=None, repr=False)
    refresh_expires: float | None = None
    scope: str | None = None  # what was granted, where the service told it just now; not kept

    def due(self, now: float, before: float) -> bool:
        """Whether it is time to renew: `before` seconds ahead of the end, but not in the first half of a short life."""
        if self.expires is None:
            return False
        return now >= self.expires - min(before, (self.expires - self.obtained) / 2)


class Vault:
    """Where the tokens of one grant are kept."""

    def __init__(self, state: Path, name: str, *, disk: Disk | None = None) -> None:
        self.name = name
        self._disk = disk
        self._root = state / "tokens"

    @property
    def path(self) -> Path:
        """The file, for messages."""
        return self._root / f"{self.name}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the grant, across threads and processes; freed by the kernel if we die."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._folder():
            fd = os.open(self._root / f"{self.name}.lock", flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def read(self) -> Tokens | None:
        """The tokens as last written, or None."""
        text = self._load()
        if text is None:
            return None
        try:
            return _parsed(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{self._where()} cannot be read as tokens; remove it, then authorize again") from error

    def rehearse(self) -> None:
        """Find out whether tokens could be kept, before a token is spent that cannot be had again."""
        with self._folder() as folder:
            folder.write(f"{self.name}.rehearsal", b" " * _PAGE, durable=True)
            folder.remove(f"{self.name}.rehearsal")

    def write(self, tokens: Tokens) -> None:
        """Keep the tokens; they are on the disk when this returns."""
        self._save(json.dumps(_plain(tokens)))

    def _load(self) -> str | None:
        with self._folder() as folder:
            data = folder.read(f"{self.name}.json")
        return None if data is None else data.decode("utf-8", "replace")

    def _save(self, text: str) -> None:
        with self._folder() as folder:
            folder.write(f"{self.name}.json", f"{text}\n".encode(), mode=0o600, durable=True)

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        """The folder of all tokens; what is wrong with it stops a source and says nothing about the archive."""
        try:
            folder = private_folder(self._root, disk=self._disk)
        except SnapError as error:
            raise _trouble(error) from error
        try:
            yield folder
        except OSError as error:
            raise _trouble(disk_error(error, self._root)) from error
        except Damaged as error:
            raise _trouble(error) from error

    def _where(self) -> str:
        return str(self.path)


class KeyringVault(Vault):
    """The same in the user's keyring; the lock stays a file."""

    def rehearse(self) -> None:
        """Nothing to rehearse: reading before has shown that the keyring is open."""

    def _load(self) -> str | None:
        text: str | None = self._ask(lambda keyring: keyring.get_password(_SERVICE, self.name))
        return text

    def _save(self, text: str) -> None:
        self._ask(lambda keyring: keyring.set_password(_SERVICE, self.name, text))

    def _where(self) -> str:
        return f"the keyring entry {_SERVICE}/{self.name}"

    def _ask(self, question: Any) -> Any:
        try:
            keyring = importlib.import_module("keyring")
            errors = importlib.import_module("keyring.errors")
        except ImportError as error:
            raise Refused(
                "auth.token_store: the keyring library is missing; pip install 'snapshotter[keyring]'"
            ) from error
        try:
            return question(keyring)
        except (errors.KeyringError, OSError, RuntimeError) as error:
            raise Refused(f"{self._where()} cannot be used ({type(error).__name__}); unlock the keyring") from error


def kept_values(state: Path) -> Iterator[str]:
    """Every access and refresh token in a state folder, for whoever looks whether one has leaked."""
    for path in sorted((state / "tokens").glob("*.json")):
        try:
            tokens = Vault(state, path.stem).read()
        except SnapError:  # what is no token cannot leak as one
            continue
        if tokens is not None:
            yield from (value for value in (tokens.access, tokens.refresh) if value)


def grant_name(host: str, *parts: str) -> str:
    """A file name for a grant, the same in every archive that uses it; the parts may be secret."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    safe = "".join(char if char.isalnum() or char in ".-" else "_" for char in host.lower())[:60]
    return f"{safe}-{digest[:24]}"


def _trouble(error: SnapError) -> SnapError:
    return Refused(str(error)) if isinstance(error, Damaged) else error


def _plain(tokens: Tokens) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "access_token": tokens.access,
        "obtained_at": tokens.obtained,
        "expires_at": tokens.expires,
        "refresh_token": tokens.refresh,
        "refresh_expires_at": tokens.refresh_expires,
    }


def _parsed(value: Mapping[str, Any]) -> Tokens:
    if value["format"] != _FORMAT or not isinstance(value["access_token"], str):
        raise ValueError("not our format")
    return Tokens(
        access=value["access_token"],
        obtained=float(value["obtained_at"]),
        expires=_number(value["expires_at"]),
        refresh=None if value["refresh_token"] is None else str(value["refresh_token"]),
        refresh_expires=_number(value["refresh_expires_at"]),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
