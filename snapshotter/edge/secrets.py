"""Secrets by reference: from the environment, a file, a keyring or a command; what is missing comes with a hint.

Nothing here shows a value: not in a message, not in a `repr`.
"""

from __future__ import annotations

import importlib
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.spec import SecretRef

LARGEST = 1 << 20
COMMAND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """The values that were found, and (name, hint) of those that were not."""

    values: Mapping[str, str] = field(repr=False)
    missing: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


class _Missing(Exception):
    """Why a secret has no value; the text is a hint for the user."""


def gather(
    refs: Mapping[str, SecretRef], env: Mapping[str, str], *, home: Path | None = None, trusted: bool = False
) -> Gathered:
    """The values of all references; commands are run only if the archive is trusted.

    `~` and relative paths are taken from `home` (by default HOME): a secret never lies in the archive.
    """
    base = home or Path(env.get("HOME") or "/")
    values: dict[str, str] = {}
    missing: list[tuple[str, str]] = []
    warnings: list[str] = []
    for name in sorted(refs):
        ref = refs[name]
        try:
            values[name] = _checked(_value(ref, env, base=base, trusted=trusted), ref)
        except _Missing as why:
            missing.append((name, str(why)))
        if ref.kind == "file" and name in values and (warning := _too_open(_path(ref.where, base))):
            warnings.append(f"secret {name!r}: {warning}")
    return Gathered(values, tuple(missing), tuple(warnings))


def hint(ref: SecretRef) -> str:
    """What the user does to give this secret a value."""
    match ref.kind:
        case "env":
            return f"set the environment variable {ref.where}"
        case "file":
            return f"put it into the file {ref.where}"
        case "keyring":
            service, user = _service_and_user(ref.where)
            return f"store it with `keyring set {service} {user}`"
        case "command":
            return f"make the command `{ref.where}` print it"


def keep(ref: SecretRef, value: str, env: Mapping[str, str], *, home: Path | None = None) -> str:
    """Put a secret into a new file that only its owner can read, or into the keyring; say where it is now."""
    if not value:
        raise UsageError("the secret is empty; nothing was kept")
    if ref.kind == "keyring":
        _into_keyring(ref, value)
        return f"the keyring, as {ref.where}"
    if ref.kind != "file":
        raise UsageError(f"a secret can be kept in a file or the keyring; {hint(ref)} yourself")
    path = _path(ref.where, home or Path(env.get("HOME") or "/"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; nothing was kept") from error
    return f"{path}, which only you can read"


def unfit_for_header(value: str) -> str | None:
    """Why a value cannot be sent in a header, in words that do not show it; None if it can."""
    if "\r" in value or "\n" in value:
        return "it holds a line break"
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        return "it holds a control character"
    if value != value.strip():
        return "it starts or ends with white space"
    if any(ord(char) > 0xFF for char in value):
        return "it holds a character that headers cannot carry (outside Latin-1)"
    return None


def run_command(
    argv: Sequence[str], env: Mapping[str, str], *, cwd: Path, seconds: float = COMMAND_SECONDS
) -> tuple[bytes, str | None]:
    """What a command printed, and why that cannot be used (None: it ended well). No shell, no terminal."""
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may hold anything, also what must not be seen
            start_new_session=True,  # so that all it started ends with it
        )
    except (OSError, ValueError) as error:
        return b"", f"it could not be started ({getattr(error, 'strerror', None) or type(error).__name__})"
    with process:
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return b"", f"it did not end within {seconds:g} s"
    if process.returncode != 0:
        return b"", f"it ended with code {process.returncode}"
    return printed, None


# --- inside ---


def _value(ref: SecretRef, env: Mapping[str, str], *, base: Path, trusted: bool) -> str:
    match ref.kind:
        case "env":
            return env.get(ref.where, "")
        case "file":
            return _from_file(ref, _path(ref.where, base))
        case "keyring":
            return _from_keyring(ref)
        case "command":
            return _from_command(ref, env, cwd=base, trusted=trusted)


def _checked(value: str, ref: SecretRef) -> str:
    if not value:
        raise _Missing(hint(ref))
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise _Missing(f"its value is not UTF-8 text; {hint(ref)}")
    return value


def _path(where: str, base: Path) -> Path:
    return base / where.removeprefix("~/") if where.startswith("~/") else base / where


def _from_file(ref: SecretRef, path: Path) -> str:
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe that nobody writes would block for ever
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _Missing(f"{path} is not a plain file; {hint(ref)}")
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise _Missing(f"{path}: {reason}; {hint(ref)}") from error
    if len(data) > LARGEST:
        raise _Missing(f"{path} is larger than 1 MiB; {hint(ref)}")
    return _text(data, ref)


def _text(data: bytes, ref: SecretRef) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Missing(f"its value is not UTF-8 text; {hint(ref)}") from error
    return text.removesuffix("\n").removesuffix("\r")


def _too_open(path: Path) -> str | None:
    """A warning if any user of this machine can read the file."""
    real = path.resolve()
    mode = real.stat().st_mode
    if mode & stat.S_IROTH and all(parent.stat().st_mode & stat.S_IXOTH for parent in real.parents):
        return f"every user of this machine can read {path} (mode {mode & 0o777:04o}); run `chmod 600 {path}`"
    return None


def _service_and_user(where: str) -> tuple[str, str]:
    service, _, user = where.rpartition("/")
    return service, user


def _from_keyring(ref: SecretRef) -> str:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError as error:
        raise _Missing("the keyring library is missing; run `pip install 'snapshotter[keyring]'`") from error
    service, user = _service_and_user(ref.where)
    try:
        return keyring.get_password(service, user) or ""
    except (errors.KeyringError, OSError, RuntimeError) as error:
        raise _Missing(f"the keyring cannot be read ({type(error).__name__}); unlock it, or {hint(ref)}") from error


def _into_keyring(ref: SecretRef, value: str) -> None:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError as error:
        raise UsageError("the keyring library is missing; run `pip install 'snapshotter[keyring]'`") from error
    try:
        keyring.set_password(*_service_and_user(ref.where), value)
    except (errors.KeyringError, OSError, RuntimeError) as error:
        raise UsageError(f"the keyring cannot be written ({type(error).__name__}); unlock it first") from error


def _from_command(ref: SecretRef, env: Mapping[str, str], *, cwd: Path, trusted: bool) -> str:
    if not trusted:
        raise _Missing(f"`{ref.where}` is run only for an archive that you trust; run `snap trust`")
    try:
        argv = shlex.split(ref.where)
    except ValueError as error:
        raise _Missing(f"`{ref.where}` is not a command line: {str(error).lower()}") from error
    if not argv:
        raise _Missing("the command is empty")
    printed, problem = run_command(argv, env, cwd=cwd)
    if problem is not None:
        raise _Missing(f"`{ref.where}`: {problem}; {hint(ref)}")
    return _text(printed, ref)
