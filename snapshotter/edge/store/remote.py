"""git's command line where it speaks to a remote: the user's own way there counts, and so do the hooks."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from snapshotter.edge.store.command import clean_environment
from snapshotter.edge.store.repository import BRANCH, REFERENCE
from snapshotter.errors import CouldNotTell, UsageError

SECONDS = 1800.0
_WAY_THERE = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_PROXY_COMMAND")
_SETTINGS = {
    "protocol.ext.allow": "never",
    "maintenance.auto": "false",
    "gc.auto": "0",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "core.fsync": "all",
}
Told = tuple[int, tuple[str, ...]]


class Remoting:
    """The remotes of one archive."""

    def __init__(self, root: Path, env: Mapping[str, str], *, seconds: float = SECONDS) -> None:
        self._root = root
        self._env = clean_environment(env) | {name: env[name] for name in _WAY_THERE if name in env}
        self._seconds = seconds

    def names(self) -> tuple[str, ...]:
        """The remotes that git knows."""
        return self._run("remote")[1]

    def tracked(self, remote: str) -> str | None:
        """The commit that the remote's branch had when it was last seen."""
        code, lines = self._run("rev-parse", "--verify", "--quiet", f"refs/remotes/{remote}/{BRANCH}")
        return lines[0] if code == 0 and lines else None

    def push(self, remote: str) -> Told:
        """Push the archive's branch; the guard in the archive's own hooks runs."""
        return self._run("push", "--porcelain", "--no-force", remote, f"{REFERENCE}:{REFERENCE}", hooks=".git/hooks")

    def fetch(self, remote: str) -> Told:
        """Bring the remote's branch here; a rewritten one is refused by git, since nothing is forced."""
        spec = f"{REFERENCE}:refs/remotes/{remote}/{BRANCH}"
        return self._run("fetch", "--no-tags", "--no-write-fetch-head", remote, spec)

    def base(self, one: str, other: str) -> str | None:
        """The last commit that two lines share."""
        code, lines = self._run("merge-base", one, other)
        return lines[0] if code == 0 and lines else None

    def count(self, after: str | None, upto: str) -> int:
        """How many commits `upto` has that `after` has not."""
        rest = ("--not", after) if after else ()
        return int(self._run("rev-list", "--count", upto, *rest)[1][0])

    def _run(self, *arguments: str, hooks: str = os.devnull) -> Told:
        return told(arguments, env=self._env, cwd=self._root, seconds=self._seconds, hooks=hooks)


def told(
    arguments: tuple[str, ...], *, env: Mapping[str, str], cwd: Path, seconds: float = SECONDS, hooks: str = os.devnull
) -> Told:
    """The exit code and the lines of one git command; one that takes too long is ended with all it started."""
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = ["git", "--no-pager", *settings, "-c", f"core.hooksPath={hooks}", *arguments]
    try:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UsageError("git was not found on PATH; install git, or set PATH for snap") from error
    with process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise CouldNotTell(f"git {arguments[0]} did not end within {seconds:g} s; try it by hand") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    return process.returncode, tuple(output.decode(errors="replace").splitlines())


def clone(url: str, path: Path, env: Mapping[str, str]) -> Told:
    """Copy a repository whole, without running anything of it and without its files yet."""
    kept = clean_environment(env) | {name: env[name] for name in _WAY_THERE if name in env}
    words = ("clone", "--no-checkout", "--template=", "--no-recurse-submodules", "--origin", "origin")
    return told((*words, "--branch", BRANCH, "--", url, str(path)), env=kept, cwd=Path("/"))


def check_out(root: Path, env: Mapping[str, str]) -> Told:
    """Write the files of a fresh clone."""
    return told(("-C", str(root), "reset", "--quiet", "--hard", REFERENCE), env=clean_environment(env), cwd=root)


def forget(root: Path, env: Mapping[str, str]) -> None:
    """Let a clone know its origin no more."""
    told(("-C", str(root), "remote", "remove", "origin"), env=clean_environment(env), cwd=root)
