"""Versions of paths, differences between commits, and commits by name or date."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from snapshotter.edge.store.command import Git
from snapshotter.edge.store.objects import FOLDER, Entry, tree_order
from snapshotter.edge.store.repository import REFERENCE, Repository
from snapshotter.errors import UsageError
from snapshotter.model import Touched, Version

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HEAD = re.compile(rb"\x01([0-9a-f]{40}(?: [0-9a-f]{40})*) ?")
_AT_ONCE = 1_000  # commits named to git on one command line
_FORMAT = "--format=tformat:%H%x00%ct%x00%B%x00"


def files_below(repository: Repository, commit: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Path and blob id of each file at or below a path, sorted."""
    entry = repository.entry(commit, prefix)
    if entry is None:
        return
    if entry[0] != FOLDER:
        yield prefix, entry[1].hex()
        return
    yield from _files(repository, entry[1], f"{prefix}/" if prefix else "")


def _files(repository: Repository, tree: bytes, where: str) -> Iterator[tuple[str, str]]:
    for name, (mode, raw) in repository.tree(tree).items():
        path = where + name.decode(errors="surrogateescape")
        if mode == FOLDER:
            yield from _files(repository, raw, f"{path}/")
        else:
            yield path, raw.hex()


def differences(
    repository: Repository, old: str | None, new: str, *, prefix: str, among: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, str | None]]:
    """Path and new blob id (None: gone) of each file that differs; folders that are the same are not opened.

    `among`: of the names right below the prefix only these.
    """
    before = repository.entry(old, prefix) if old else None
    after = repository.entry(new, prefix)
    yield from _differing_at(repository, before, after, path=prefix, among=among)


def _differing_at(
    repository: Repository,
    old: Entry | None,
    new: Entry | None,
    *,
    path: str,
    among: Callable[[str], bool] | None = None,
) -> Iterator[tuple[str, str | None]]:
    if old == new:
        return
    if new and new[0] != FOLDER:
        yield path, new[1].hex()
    elif old and old[0] != FOLDER:
        yield path, None
    before, after = _inside(repository, old), _inside(repository, new)
    where = f"{path}/" if path else ""
    for name, _ in sorted((before | after).items(), key=tree_order):
        inner = name.decode(errors="surrogateescape")
        if among is None or among(inner):
            yield from _differing_at(repository, before.get(name), after.get(name), path=where + inner)


def _inside(repository: Repository, entry: Entry | None) -> dict[bytes, Entry]:
    return dict(repository.tree(entry[1])) if entry and entry[0] == FOLDER else {}


def versions(
    repository: Repository,
    git: Git,
    path: str,
    *,
    limit: int | None,
    since: datetime | None = None,
    also: Collection[str] = (),
    upto: str = REFERENCE,
) -> Iterator[Version]:
    """The commits that changed a path (a file, or anything below a folder), newest first, side lines included.

    With `since` git stops looking at commits that are older; `also`: where the same file lay before; `upto`: the commit
    to begin at.
    """
    if repository.tip() is None:
        return
    count = () if limit is None else (f"--max-count={limit}",)
    if since is not None:
        count = (*count, f"--since=@{int(since.timestamp())} +0000")
    where = [f":(literal){one}" for one in (path, *also)]
    yield from _told(repository, git, "--full-history", *count, upto, "--", *where, paths=(path, *also))


def versions_at(repository: Repository, git: Git, path: str, commits: Sequence[str]) -> Iterator[Version]:
    """The versions of a path that these commits made, in this order."""
    for start in range(0, len(commits), _AT_ONCE):
        some = commits[start : start + _AT_ONCE]
        yield from _told(repository, git, "--no-walk=unsorted", *some, "--", paths=(path,))


def _told(repository: Repository, git: Git, *which: str, paths: Sequence[str]) -> Iterator[Version]:
    pieces = git.records(
        "log", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color", "--no-notes", "--encoding=UTF-8",
        _FORMAT, *which,
    )  # fmt: skip
    for commit, seconds, message in zip(pieces, pieces, pieces, strict=False):
        commit_id = commit.decode().strip()
        subject, _, body = message.decode(errors="replace").strip("\n").partition("\n")
        entries = (repository.entry(commit_id, one) for one in paths)
        entry = next((entry for entry in entries if entry is not None), None)
        yield Version(
            commit_id,
            datetime.fromtimestamp(int(seconds), UTC),
            subject,
            body.strip("\n"),
            entry[1].hex() if entry else None,
        )


def touched(git: Git, *, after: str | None, upto: str) -> Iterator[Touched]:
    """What each commit that `after` has not differs in from its parent, newest first; of a merge nothing."""
    found: Touched | None = None
    paths: list[str] = []
    for piece in git.records(
        "log", "--root", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color",
        "--no-notes", "--name-only", "-z", "--format=tformat:%x01%H %P", *([f"^{after}"] if after else []), upto, "--",
    ):  # fmt: skip
        head = _HEAD.fullmatch(piece.strip(b"\n"))
        if head is None:
            paths.append(piece.removeprefix(b"\n").decode(errors="surrogateescape"))
            continue
        if found is not None:
            yield replace(found, paths=tuple(paths))
        commit, *parents = head[1].decode().split()
        found, paths = Touched(commit, tuple(parents), ()), []
    if found is not None:
        yield replace(found, paths=tuple(paths))


def places(git: Git, folder: str, name: str) -> Iterator[str]:
    """Every path below a folder at which a file of that name ever lay, the one of now too."""
    found = git.records(
        "log", "--full-history", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color",
        "--no-notes", "--name-only", "-z", "--format=", REFERENCE, "--", f":(top,glob){folder}/**/{name}",
    )  # fmt: skip
    yield from dict.fromkeys(piece.strip(b"\n").decode(errors="surrogateescape") for piece in found if piece.strip())


def writes(git: Git, folder: str, *, after: str | None, upto: str) -> Iterator[tuple[datetime, str]]:
    """When each commit changed which file directly in a folder or in its folders of years; newest first."""
    at = datetime.fromtimestamp(0, UTC)
    for piece in git.records(
        "log", "--full-history", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color",
        "--no-notes", "--name-only", "-z", "--format=tformat:%x01%ct", *([f"^{after}"] if after else []), upto, "--",
        f":(top,glob){folder}/*.json", f":(top,glob){folder}/[0-9]*/*/*.json",
    ):  # fmt: skip
        text = piece.strip(b"\n").decode(errors="surrogateescape")
        if text.startswith("\x01"):
            at = datetime.fromtimestamp(int(text[1:]), UTC)
        elif text:
            yield at, text


def commits_since(git: Git, day: date) -> int:
    """How many commits were made on a day (UTC) or later."""
    code, lines = git.told("rev-list", "--count", f"--since={day.isoformat()}T00:00:00Z", "HEAD")
    return int(lines[0]) if not code and lines and lines[0].isdigit() else 0  # no commit yet is none


def resolve(repository: Repository, git: Git, text: str) -> str:
    """The commit of a revision, or the last one of the branch at or before a date (its end, in UTC) or an instant."""
    instant = _instant(text)
    if instant is None:
        found = repository.find(text) if text and not text.startswith("-") else None
        if found is None:
            raise UsageError(f"{text!r} is no revision of {repository.path}, no date (2018-02-05) and no instant")
        return found
    before = f"--before=@{int(instant.timestamp())} +0000"
    if repository.tip() is not None:
        for line in (("--first-parent",), ()):  # the archive as it stood here, else a side line that came in later
            found = git.run("rev-list", "--max-count=1", before, *line, REFERENCE, "--").decode().strip()
            if found:
                return found
    raise UsageError(f"{repository.path} holds no commit from {text} or before")


def _instant(text: str) -> datetime | None:
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        instant = datetime.fromisoformat(text) if "T" in text or " " in text else None
    except (ValueError, OverflowError):
        return None
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant
