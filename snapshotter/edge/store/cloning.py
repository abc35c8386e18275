"""A new archive filled from elsewhere: its branch fetched as a whole, its files put in place, two heads compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from snapshotter.edge.store.command import Git
from snapshotter.edge.store.repository import REFERENCE
from snapshotter.errors import CouldNotTell, Damaged

_BESIDE = "refs/snap/beside"


class Clone:
    """One archive that was just made and is filled by git."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._root = root
        self._git = Git(root / ".git", env)

    def fill(self, address: str) -> str | None:
        """Fetch the branch of an archive and put its files in place; None: there is no such branch."""
        code, lines = self._git.told("ls-remote", "--heads", "--", address, REFERENCE)
        if code:
            raise CouldNotTell(f"{address}: it cannot be asked: {_last(lines)}; check the address and your access")
        if not any(line.endswith(REFERENCE) for line in lines):
            return None
        self._fetch(address, f"+{REFERENCE}:{REFERENCE}")
        self.put_files()
        return self._git.run("rev-parse", "--verify", REFERENCE).decode().strip()

    def put_files(self) -> None:
        """Bring the working tree and the index to the branch."""
        code, lines = self._git.told(f"--work-tree={self._root}", "reset", "--hard", "--quiet", REFERENCE)
        if code:
            raise Damaged(f"{self._root}: git could not put the files in place: {_last(lines)}")

    def compare(self, address: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The commits that another archive has and this one lacks, and the other way round; oldest first."""
        self._fetch(address, f"+{REFERENCE}:{_BESIDE}")
        return self._between(REFERENCE, _BESIDE), self._between(_BESIDE, REFERENCE)

    def day_of(self, commit: str) -> str:
        """The day and time of a commit, for people."""
        return self._git.run("show", "-s", "--format=%ci", commit).decode()[:16]

    def _fetch(self, address: str, what: str) -> None:
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--update-head-ok")
        code, lines = self._git.told("fetch", *quiet, "--", address, what)
        if code:
            raise Damaged(f"{address}: git could not fetch all of it: {_last(lines)}; run `snap verify --full` there")

    def _between(self, had: str, has: str) -> tuple[str, ...]:
        return tuple(self._git.run("rev-list", "--reverse", f"{had}..{has}", "--").decode().split())


def address_of(root: Path, remote: str, env: Mapping[str, str], *, here: Path) -> str:
    """The address of a remote by its name in git's settings, else the address or the folder that is meant."""
    code, lines = Git(root / ".git", env).told("config", "--get", f"remote.{remote}.url")
    if code == 0 and lines:
        return _absolute(lines[0], root)
    return _absolute(remote, here)


def _absolute(address: str, here: Path) -> str:
    """git runs in another folder: a relative one is made whole."""
    folder = here / address
    return str(folder.absolute()) if "://" not in address and folder.exists() else address


def _last(lines: tuple[str, ...]) -> str:
    told = [line.strip() for line in lines if line.strip() and not line.startswith(("Please", "and the repo"))]
    fatal = [line for line in told if line.startswith(("fatal:", "error:", "ssh:"))]
    return (fatal or told or ["it said nothing"])[0].removeprefix("fatal: ").removeprefix("error: ").rstrip(".")
