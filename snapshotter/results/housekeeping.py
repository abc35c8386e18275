"""What `rename`, `remove`, `copy` and `restore --test` did or would do."""

from __future__ import annotations

from snapshotter.frozen import dataclass
from snapshotter.results import Verified


@dataclass(frozen=True, slots=True)
class Reshaped:
    """`rename`, `remove`: what goes where, in one commit."""

    streams: tuple[tuple[str, str], ...]  # each stream and its new name; "" for one that is removed
    documents: int
    run_records: int
    files: tuple[str, ...]  # source files that are edited, moved or removed
    commit: str | None  # None: only looked
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """`copy`: the new archive, and what is not in it."""

    path: str
    head: str | None
    commits: int  # of the old archive
    kept: int  # commits of the new one
    left_out: tuple[str, ...]  # sources and streams
    masked: int  # versions of files in which a text was hidden
    records: int  # records left out of versions of documents
    verified: Verified
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """`restore --test`: a clone of the remote, looked at as a whole, beside this archive."""

    remote: str
    head: str | None  # of the remote
    here: str | None
    relation: str  # same, behind, ahead, apart, empty
    behind: int  # commits that the remote lacks
    ahead: int  # commits that it has and this archive lacks
    since: str  # when the first commit was made that it lacks
    verified: Verified | None
