"""Files that leave the machine locked: by gpg or age where they are installed, or by a passphrase of the user."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snapshotter.errors import CouldNotTell, UsageError

MAGIC = b"snapshotter sealed 1\n"
_SALT, _NONCE = 16, 12
SECONDS = 3600.0


def run_tool(argv: Sequence[str], env: Mapping[str, str], *, into: int | None = None) -> None:
    """Run git, gpg or age to its end; its last words where it fails. `into`: an open file for what it gives."""
    out, errors = (subprocess.PIPE, subprocess.STDOUT) if into is None else (into, subprocess.PIPE)
    try:
        done = subprocess.run(
            list(argv), env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=errors, check=False, timeout=SECONDS
        )
    except FileNotFoundError as error:
        raise UsageError(f"{argv[0]} is not installed here") from error
    except subprocess.TimeoutExpired as error:
        raise CouldNotTell(f"{argv[0]} did not end within an hour") from error
    if done.returncode:
        lines = (done.stderr or done.stdout or b"").decode(errors="replace").strip().splitlines()
        told = [line.removeprefix(f"{argv[0]}: ") for line in lines if "report unexpected" not in line]
        raise CouldNotTell(f"{argv[0]}: {told[-1] if told else f'exit code {done.returncode}'}")


def seal(data: bytes, passphrase: str) -> bytes:
    """The data, readable and changeable only with the passphrase (scrypt, AES-256-GCM)."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    body: bytes = _cipher(passphrase, salt).encrypt(nonce, data, MAGIC)
    return MAGIC + salt + nonce + body


def unseal(sealed: bytes, passphrase: str) -> bytes:
    """The data again; `UsageError` for another passphrase or a file that was changed."""
    if not sealed.startswith(MAGIC):
        raise UsageError("this is no file that `snap state export` wrote")
    rest = sealed[len(MAGIC) :]
    salt, nonce, body = rest[:_SALT], rest[_SALT : _SALT + _NONCE], rest[_SALT + _NONCE :]
    cipher = _cipher(passphrase, salt)
    try:
        data: bytes = cipher.decrypt(nonce, body, MAGIC)
    except importlib.import_module("cryptography.exceptions").InvalidTag as error:
        raise UsageError("the passphrase is not the one it was sealed with, or the file was changed") from error
    return data


def _cipher(passphrase: str, salt: bytes) -> Any:
    try:
        aead = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
    except ImportError as error:
        raise UsageError("the cryptography library is missing; run `pip install 'snapshotter[jwt]'`") from error
    key = hashlib.scrypt(passphrase.encode(), salt=salt, n=1 << 15, r=8, p=1, maxmem=1 << 26, dklen=32)
    return aead.AESGCM(key)


def passphrase_in(file: Path) -> str:
    """The first line of a file."""
    try:
        text = file.read_text().split("\n", 1)[0]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: the passphrase cannot be read ({type(error).__name__})") from error
    if len(text) < 8:
        raise UsageError(f"{file}: a passphrase has at least 8 characters")
    return text
