"""Pushes, pulls and clones in words."""

from __future__ import annotations

from collections.abc import Iterable

from snapshotter.core.escaping import escape
from snapshotter.core.maintaining import shown
from snapshotter.results import Notice
from snapshotter.results.sharing import BackedUp, Cloned, Pulled, Pushed


def pushed(result: Pushed, *, dry_run: bool = False) -> str:
    """`push`; why one did not get through is an error, told elsewhere."""
    lines = list(_notices(result.notices))
    if result.state == "pushed":
        lines.append(f"{'would push' if dry_run else 'pushed'} {_commits(result.commits)} to {result.remote}")
    elif result.state == "same":
        lines.append(f"{result.remote} has everything")
    return "\n".join(lines)


def pulled(result: Pulled) -> str:
    """`pull`."""
    if not result.commits:
        return f"nothing new at {result.remote}"
    how = "merged" if result.merged else "took over"
    return "\n".join([f"{how} {_commits(result.commits)} from {result.remote}", *_notices(result.notices)])


def cloned(result: Cloned) -> str:
    """`clone`."""
    files = f" from {result.files} files" if result.files > 1 else ""
    head = f"{_commits(result.commits)} in {escape(result.path, 200)}{files}"
    steps = "next: go there, `snap trust` shows what its files would do here, `snap verify --full` looks for damage"
    return "\n".join([head, *_notices(result.notices), steps])


def backed_up(result: BackedUp) -> str:
    """`backup`."""
    path = escape(result.path, 200)
    if not result.commits:
        return f"nothing new since {path}"
    kind = "all of it" if result.is_full else "what is new"
    lines = [f"{path}: {shown(result.size)}, {_commits(result.commits)}, {kind}"]
    if result.is_full:
        lines.append("try it now: `snap from-backup` into a new folder, and there `snap verify --full`")
    return "\n".join(lines)


def _commits(count: int) -> str:
    return f"{count} commit{'' if count == 1 else 's'}"


def _notices(notices: Iterable[Notice]) -> Iterable[str]:
    for notice in notices:
        about = f"{escape(notice.about, 200)}: " if notice.about else ""
        yield f"{about}{escape(notice.text, 400)}"
