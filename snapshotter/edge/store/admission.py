"""Which folders may be an archive: one's own plain repository, whole and with its files. All others get the fix."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import pygit2

from snapshotter.edge.store.journal import JOURNAL
from snapshotter.errors import Damaged, UsageError

_MAKE = "`snap init FOLDER` makes an archive"
_BARE = {"HEAD", "objects", "refs"}


def check_openable(path: Path) -> None:
    """`UsageError` unless the folder is a repository that can be an archive."""
    if not path.is_dir():
        raise UsageError(f"{path}: is not a folder; {_MAKE}")
    git = path / ".git"
    if not git.exists() and path.joinpath("HEAD").exists() and {entry.name for entry in path.iterdir()} >= _BARE:
        raise UsageError(
            f"{path}: is a bare repository, without files; make an archive of it: `snap clone {path} FOLDER`"
        )
    if not git.exists():
        raise UsageError(f"{path}: is not an archive (it has no .git); {_MAKE}")
    if git.is_symlink() or not git.is_dir():
        raise UsageError(f"{path}: its .git lies elsewhere (a worktree, a submodule or a link); use the main folder")
    _check_owner(path)
    _check_owner(git)
    _check_whole(path, _settings(git / "config"))


def check_creatable(path: Path) -> None:
    """`UsageError` unless an archive may be made here: nothing, an empty folder, or an `init` that was cut short."""
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path}: is a file; name a new or an empty folder")
    _check_owner(path)
    names = sorted(entry.name for entry in path.iterdir())
    if {"snap.toml", ".git"} <= set(names):
        raise UsageError(f"{path}: is an archive already; `snap status` shows it")
    if names and not is_half_made(path) and not (names == [".git"] and _holds_no_commit(path / ".git")):
        raise UsageError(f"{path}: is not empty (it holds {names[0]!r}); name a new or an empty folder")


def find_root(start: Path) -> Path:
    """The archive that a folder lies in: the nearest one upwards with `snap.toml` and `.git`."""
    for folder in (start, *start.parents):
        if ((folder / "snap.toml").is_file() and (folder / ".git").exists()) or is_half_made(folder):
            return folder
    raise UsageError(
        f"{start}: lies in no archive; go into one, name it with `--archive`, or make one with `snap init FOLDER`"
    )


def is_half_made(path: Path) -> bool:
    """Whether an `init` was killed behind its commit: the files of an archive are on their way into this folder."""
    git = path / ".git"
    return (git / JOURNAL).is_file() and not (path / "snap.toml").exists() and not _holds_no_commit(git)


def _check_owner(path: Path) -> None:
    owner, me = path.stat().st_uid, os.geteuid()
    if owner != me:
        name, mine = _user(owner), _user(me)
        raise UsageError(
            f"{path}: belongs to {name}, and snap runs as {mine}; run it as {name} (`sudo -u {name} snap …`, "
            f"or that user's crontab), or hand the archive over: `chown -R {mine} {path}`"
        )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _check_whole(path: Path, settings: Mapping[str, str]) -> None:
    if settings.get("extensions.objectformat", "sha1") != "sha1":
        raise UsageError(f"{path}: uses SHA-256 object ids, which libgit2 cannot read; make a new archive and import")
    if settings.get("extensions.refstorage", "files") != "files":
        raise UsageError(f"{path}: keeps references in a reftable; run `git -C {path} refs migrate --ref-format=files`")
    if settings.get("core.bare") == "true" or "core.worktree" in settings:
        raise UsageError(f"{path}: its .git/config moves the files elsewhere (core.bare, core.worktree); unset that")
    shallow = path / ".git/shallow"
    if shallow.exists() and shallow.stat().st_size:
        raise UsageError(f"{path}: is a shallow clone, history is cut; run `git -C {path} fetch --unshallow`")
    partial = [key for key in settings if key.endswith((".promisor", ".partialclonefilter"))]
    if partial or "extensions.partialclone" in settings:
        unset = [f"git -C {path} config --unset {key}" for key in settings if key in partial or "partialclone" in key]
        remote = partial[0].split(".", 1)[1].rpartition(".")[0] if partial else "origin"
        steps = " && ".join((f"git -C {path} fetch --refetch --no-filter {remote}", *dict.fromkeys(unset)))
        raise UsageError(f"{path}: is a partial clone, contents are missing; run `{steps}`")


def _settings(config: Path) -> Mapping[str, str]:
    try:
        return {entry.name.lower(): entry.value or "true" for entry in pygit2.Config(str(config))}
    except (pygit2.GitError, OSError, ValueError) as error:
        raise Damaged(f"{config}: git cannot read it: {error}") from error


def _holds_no_commit(git: Path) -> bool:
    return (
        git.is_dir()
        and not any(path.is_file() for path in (git / "refs").rglob("*"))
        and not (git / "packed-refs").exists()
    )
