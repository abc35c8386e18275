"""Which commits touched a document: those of the line that leads straight to the head.

The line begins behind the newest merge (or at the first commit), since there each commit has one parent, so that their
order is certain. What lies below is for git to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from snapshotter.edge.cache.file import CacheFile
from snapshotter.frozen import dataclass
from snapshotter.model import Touched

STRIDE = 1 << 32  # places that one call may take: more than there are commits
SOME = 1_000  # rows written at once


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one path."""

    head: str  # where the line ends
    base: str | None  # the commit below it, of which nothing is known here; None: it begins at a first commit
    commits: tuple[str, ...]  # of the line, those that touched the path, newest first


class CommitRows:
    """The commits of the line, by the paths that they touched."""

    def __init__(self, file: Callable[[], CacheFile]) -> None:
        self._of = file

    @property
    def _file(self) -> CacheFile:
        return self._of()

    def head(self) -> str | None:
        """Where the line ends; None: there is none yet."""
        with self._file.reading():
            return self._noted("line")

    def of(self, path: str) -> Line | None:
        """What is known of a path; None: there is no line yet."""
        with self._file.reading():
            head, base = self._noted("line"), self._noted("base")
            found = self._file.rows("SELECT id FROM touched WHERE path = ? ORDER BY place DESC", path)
        return None if head is None else Line(head, base, tuple(raw.hex() for (raw,) in found))

    def follow(self, head: str, newest_first: Iterable[Touched], *, after: str | None) -> None:
        """Let the line that ended at `after` end at a new head, by what the commits between touched.

        Where they do not lead back to its end, or one of them is a merge, it begins anew behind that.
        """
        with self._file.writing():
            if self._noted("line") != after:
                return  # another process was here meanwhile
            top = int(self._noted("top") or 0)
            end = self._add(newest_first, head, top=top, after=after)
            if end != after:
                self._file.run("DELETE FROM touched WHERE place <= ?", top)
                self._note("base", end)
            self._note("line", head)
            self._note("top", str(top + STRIDE))

    def _add(self, newest_first: Iterable[Touched], head: str, *, top: int, after: str | None) -> str | None:
        """Write the rows of the commits that lead down from the head; gives the first one that is not among them."""
        expected: str | None = head
        rows: list[tuple[str, int, bytes]] = []
        for number, one in enumerate(newest_first):
            if expected == after or one.commit != expected or len(one.parents) > 1:
                break
            rows += [(path, top + STRIDE - number, bytes.fromhex(one.commit)) for path in one.paths]
            if len(rows) >= SOME:
                self._insert(rows)
            expected = one.parents[0] if one.parents else None
        self._insert(rows)
        return expected

    def _insert(self, rows: list[tuple[str, int, bytes]]) -> None:
        self._file.run_each("INSERT INTO touched VALUES (?, ?, ?)", rows)
        rows.clear()

    def _noted(self, name: str) -> str | None:
        row = self._file.one("SELECT value FROM meta WHERE name = ?", name)
        return None if row is None or row[0] is None else str(row[0])

    def _note(self, name: str, value: str | None) -> None:
        self._file.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
