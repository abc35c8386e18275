"""Bundles: history as files, which git alone can read too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from snapshotter.edge.store.command import Git
from snapshotter.edge.store.repository import REFERENCE
from snapshotter.errors import CouldNotTell

_EVERYTHING = ("--branches", "--tags")


class Bundles:
    """The bundles of one archive."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._git = Git(root / ".git", env)

    def make(self, file: Path, *, after: str | None) -> None:
        """Write what came after a commit, or everything, and look whether it can be used."""
        rest = () if after is None else ("--not", after)
        self._told("bundle", "create", "--quiet", str(file), *_EVERYTHING, *rest)
        self._told("bundle", "verify", "--quiet", str(file))

    def take(self, file: Path) -> None:
        """Bring in what a bundle holds; the files stay as they are until somebody checks them out."""
        grown = (f"{REFERENCE}:{REFERENCE}", "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
        self._told("fetch", "--quiet", "--no-write-fetch-head", "--update-head-ok", "--", str(file), *grown)

    def count(self, after: str | None = None) -> int:
        """How many commits came after one, or there are."""
        rest = () if after is None else ("--not", after)
        return int(self._git.run("rev-list", "--count", REFERENCE, *rest))

    def _told(self, *words: str) -> None:
        code, lines = self._git.told(*words)
        if code:
            told = [line for line in lines if line.startswith(("fatal:", "error:"))] or list(lines)
            raise CouldNotTell(f"git {words[0]}: {told[0] if told else f'exit code {code}'}")
