"""What a killed git or a killed snap left in `.git`, moved out of the way before a run.

Only under the archive's own lock: whatever is older than the run's start is then nobody's, unless a git of the
user is at work in the archive right now.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from snapshotter.edge.files import TEMPORARY, Folder
from snapshotter.edge.store.command import Git
from snapshotter.edge.store.index import COPY
from snapshotter.edge.store.journal import JOURNAL
from snapshotter.edge.store.packs import PACKS
from snapshotter.errors import Damaged

ASIDE = "snap/aside"
_LITTER = re.compile(rf"tmp_(obj|pack|idx|rev|mtimes|bitmap|midx|object)|\.tmp-\d+-pack-|{re.escape(TEMPORARY)}")
_WRITERS = {
    "add", "am", "bisect", "branch", "checkout", "cherry-pick", "clean", "commit", "fast-import", "fetch", "gc",
    "index-pack", "maintenance", "merge", "mv", "pack-objects", "pack-refs", "prune", "pull", "push", "rebase",
    "receive-pack", "repack", "reset", "restore", "revert", "rm", "stash", "switch", "tag", "unpack-objects",
    "update-index", "update-ref",
}  # fmt: skip
_FAR_AHEAD = timedelta(hours=1)


def clear_leftovers(git: Folder, started: datetime) -> tuple[str, ...]:
    """Move stale locks aside and remove half-written objects; gives what was done, in words."""
    stale = [path for path in _candidates(git) if _is_stale(git, path, started)]
    if not stale:
        return ()
    at_work = _git_at_work(git.root.parent)
    if at_work:
        return (f"left {len(stale)} leftovers of git where they are: {at_work} is at work in this archive",)
    notes = []
    removed = 0
    for path in stale:
        status = git.status(path)
        if status is None:
            continue  # whoever it belonged to has finished meanwhile
        if _is_litter(path, status):
            removed += git.remove(path)
            continue
        aside = f"{ASIDE}/{started:%Y%m%dT%H%M%SZ}-{path.replace('/', '-')}"
        if _moved(git, path, aside):
            notes.append(f"moved the stale .git/{path} to .git/{aside}")
    if removed:
        notes.append(f"removed {removed} half-written files from .git")
    return tuple(notes)


def complete_packs(git: Folder, command: Git, started: datetime) -> tuple[str, ...]:
    """Make the index of packs that lack it: of one that a killed git or snap was putting in place or removing.

    What such a pack holds lies elsewhere too, or was never named; but nobody removes what might be the last copy.
    """
    names = set(git.entries(PACKS))
    lone = [name for name in sorted(names) if name.endswith(".pack") and f"{name[:-5]}.idx" not in names]
    lone = [name for name in lone if _is_stale(git, f"{PACKS}/{name}", started)]
    if not lone or _git_at_work(git.root.parent):
        return ()
    notes = []
    for name in lone:
        made = f"{COPY}.pack"
        git.remove(made)
        way = ("-c", "core.fsync=all", "index-pack", "--no-rev-index", "-o", str(git.root / made))
        code, _ = command.told(*way, str(git.root / PACKS / name))
        index = git.read(made) if code == 0 else None
        if index:
            git.write(f"{PACKS}/{name[:-5]}.idx", index, mode=0o400)
            git.remove(made)
            notes.append(f"made the missing index of .git/{PACKS}/{name}")
            continue
        aside = f"{ASIDE}/{started:%Y%m%dT%H%M%SZ}-{name}"
        if _moved(git, f"{PACKS}/{name}", aside):
            notes.append(f"moved the unusable .git/{PACKS}/{name} to .git/{aside}")
    return tuple(notes)


def leftovers(git: Folder, now: datetime) -> tuple[str, ...]:
    """What a killed git or snap left in `.git`, as paths; nothing while a git of the user is at work here."""
    stale = tuple(path for path in _candidates(git) if _is_stale(git, path, now))
    return () if stale and _git_at_work(git.root.parent) else stale


def _candidates(git: Folder) -> Iterator[str]:
    for folder in ("", "hooks", "objects", "objects/info", "objects/info/commit-graphs", PACKS):
        for name in git.entries(folder):
            if name.endswith((".lock", ".pid")) or _LITTER.match(name):
                yield f"{folder}/{name}".lstrip("/")
    for shard in git.entries("objects"):
        if len(shard) == 2:
            yield from (f"objects/{shard}/{name}" for name in git.entries(f"objects/{shard}") if _LITTER.match(name))
    yield from _below(git, "refs")
    own = COPY.rpartition("/")[0]
    yield from (f"{own}/{name}" for name in git.entries(own) if f"{own}/{name}" != JOURNAL)


def _below(git: Folder, folder: str) -> Iterator[str]:
    for name in git.entries(folder):
        path = f"{folder}/{name}"
        if name.endswith(".lock"):
            yield path
        elif (status := git.status(path)) and stat.S_ISDIR(status.st_mode):
            yield from _below(git, path)


def _moved(git: Folder, path: str, aside: str) -> bool:
    """Whether it was there to be moved: its owner may let it go at any moment."""
    try:
        git.rename(path, aside, durable=False)
    except Damaged:
        if git.status(path) is not None:
            raise
        return False
    return True


def _is_litter(path: str, status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and (
        path.startswith(COPY) or _LITTER.match(path.rpartition("/")[2]) is not None
    )


def _is_stale(git: Folder, path: str, started: datetime) -> bool:
    status = git.status(path)
    if status is None:
        return False
    age = started.timestamp() - status.st_mtime
    return age > 0 or age < -_FAR_AHEAD.total_seconds()  # so far ahead that the clock was set back since


def _git_at_work(root: Path) -> str | None:
    """A git command that writes and has or names this archive as its folder, where the system shows its processes.

    One that names it was started by a snap, in no folder of its own, and may have outlived it.
    """
    ours = root / ".git"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            folder = (process / "cwd").readlink()
        except OSError:
            continue  # it has ended, or is somebody else's
        is_git = words[0].rpartition("/")[2].startswith("git") and _WRITERS & set(words)
        if is_git and (
            folder.is_relative_to(root)
            or any(Path(word.removeprefix("--git-dir=")).is_relative_to(ours) for word in words)
        ):
            return f"{' '.join(words).strip()!r} (process {process.name})"
    return None
