"""Moving the branch: compare and swap under git's own lock, synced, and read again before anybody says "saved"."""

from __future__ import annotations

from snapshotter.edge.files import Folder
from snapshotter.edge.store.repository import REFERENCE, Repository
from snapshotter.errors import ArchiveMoved, Busy, SnapError

_LOCK = f"{REFERENCE}.lock"
_NOBODY = "0" * 40


def check_tip(repository: Repository, expected: str | None) -> None:
    """`ArchiveMoved` unless the branch names the expected commit."""
    tip = repository.tip()
    if tip != expected:
        there, wanted = (commit[:12] if commit else "no commit" for commit in (tip, expected))
        raise ArchiveMoved(
            f"{repository.path}: the branch is at {there}, not at {wanted}: somebody else committed; run it again"
        )


def move_branch(repository: Repository, git: Folder, *, old: str | None, new: str) -> None:
    """Let the branch name `new` if it still names `old`.

    An error after the name appeared does not undo it: whoever goes on reads the branch first.
    """
    content = f"{new}\n".encode()
    if not git.create(_LOCK, content, durable=True):
        raise Busy(f"{repository.path}: another git command is changing the branch ({_LOCK} is there); run it again")
    try:
        check_tip(repository, old)
        git.rename(_LOCK, REFERENCE)
    except BaseException:
        if git.read(_LOCK) == content:  # it may have become the reference, and the lock be somebody else's
            git.remove(_LOCK)
        raise
    check_tip(repository, new)


def log_move(git: Folder, *, old: str | None, new: str, who: str, subject: str) -> str | None:
    """Note the move in git's reflog; gives a note where that failed, which loses nothing."""
    line = f"{old or _NOBODY} {new} {who}\tcommit: {subject}\n".encode(errors="backslashreplace")
    try:
        for name in (REFERENCE, "HEAD"):
            git.append(f"logs/{name}", line, durable=False)
    except SnapError as error:
        return f"the commit is saved, git's own log of it is not: {error}"
    return None
