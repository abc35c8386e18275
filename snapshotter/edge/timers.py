"""The timers of this machine: the user's crontab, and systemd for the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which
from subprocess import run

from snapshotter.edge.files import Disk, Folder
from snapshotter.errors import UsageError

SECONDS = 60.0


def has(program: str, env: Mapping[str, str]) -> bool:
    """Whether a program is there."""
    return which(program, path=env.get("PATH")) is not None


def crontab(env: Mapping[str, str]) -> str:
    """The user's crontab; empty if there is none."""
    code, out, err = _told(["crontab", "-l"], env)
    if code and "no crontab" not in err.lower():
        raise UsageError(f"crontab -l: {err.strip() or f'exit code {code}'}")
    return out if not code else ""


def set_crontab(text: str, env: Mapping[str, str]) -> None:
    """Replace the user's crontab."""
    code, _, err = _told(["crontab", "-"], env, given=text)
    if code:
        raise UsageError(f"crontab: {err.strip() or f'exit code {code}'}")


def systemd_runs(env: Mapping[str, str]) -> bool:
    """Whether systemd runs for this user."""
    return has("systemctl", env) and _told(["systemctl", "--user", "show-environment"], env)[0] == 0


def systemctl(env: Mapping[str, str], *words: str) -> None:
    """Have systemd do something for the user."""
    code, _, err = _told(["systemctl", "--user", *words], env)
    if code:
        raise UsageError(f"systemctl --user {' '.join(words)}: {err.strip() or f'exit code {code}'}")


class Units:
    """The user's own unit files."""

    def __init__(self, env: Mapping[str, str], disk: Disk) -> None:
        base = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else Path(env.get("HOME") or "/") / ".config"
        self._path = base / "systemd/user"
        self._disk = disk

    def read(self, name: str) -> str | None:
        """One of them."""
        data = Folder(self._path).read(name) if self._path.is_dir() else None
        return None if data is None else data.decode("utf-8", "replace")

    def write(self, name: str, text: str) -> None:
        """Put one there."""
        self._path.mkdir(parents=True, exist_ok=True)
        Folder(self._path, disk=self._disk).write(name, text.encode(), mode=0o644)

    def remove(self, name: str) -> None:
        """Take one away."""
        Folder(self._path, disk=self._disk).remove(name)


def _told(words: Sequence[str], env: Mapping[str, str], *, given: str | None = None) -> tuple[int, str, str]:
    program = which(words[0], path=env.get("PATH"))
    if program is None:
        raise UsageError(f"{words[0]} was not found on PATH; `snap schedule --print KIND` prints what others take")
    done = run(
        [program, *words[1:]],
        env={**env, "LC_ALL": "C"},
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
