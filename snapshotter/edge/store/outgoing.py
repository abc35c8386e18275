"""What a push would carry away: its commits, the files that each wrote, and every new object's bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from snapshotter.edge.store.command import Git, clean_environment
from snapshotter.errors import Damaged

_NONE = "0" * 40


class Outgoing:
    """The objects that some tips have and a remote has not."""

    def __init__(self, git_dir: Path, env: Mapping[str, str], *, tips: Sequence[str], known: Sequence[str]) -> None:
        self._dir = git_dir
        self._env = clean_environment(env)
        self._git = Git(git_dir, env)
        self._range = (*tips, "--not", *known)

    def objects(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Id, kind, path (may be empty) and bytes of every new commit, tag and file."""
        listed = self._git.run("rev-list", "--objects", *self._range).decode(errors="replace").splitlines()
        names = dict(line.partition(" ")[::2] for line in listed)
        command = ["git", f"--git-dir={self._dir}", "cat-file", "--batch"]
        with subprocess.Popen(command, env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            ask, answer = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
            wanted = list(names)
            for start in range(0, len(wanted), 500):  # a bounded step, so that neither pipe fills up unread
                step = wanted[start : start + 500]
                ask.write("".join(f"{oid}\n" for oid in step).encode())
                ask.flush()
                yield from self._answers(step, names, answer, ask, last=start + 500 >= len(wanted))

    def _answers(
        self, step: Sequence[str], names: Mapping[str, str], answer: IO[bytes], ask: IO[bytes], *, last: bool
    ) -> Iterator[tuple[str, str, str, bytes]]:
        if last:
            ask.close()
        for oid in step:
            head = answer.readline().decode().split()
            if len(head) != 3:
                raise Damaged(f"{self._dir}: {oid} cannot be read; run `snap verify --full`")
            data = answer.read(int(head[2]))
            answer.read(1)
            if head[1] != "tree":
                yield oid, head[1], names[oid], data

    def touched(self) -> Iterator[tuple[str, list[tuple[str, str, str | None, bool]]]]:
        """Each new commit, with path, mode, blob and newness of the files it wrote; a merge: what is no parent's."""
        pieces = self._git.records(
            "log", "-c", "--raw", "-z", "-r", "--root", "--no-abbrev", "--no-renames", "--no-ext-diff",
            "--format=format:commit %H", *self._range, "--",
        )  # fmt: skip
        commit, files = "", list[tuple[str, str, str | None, bool]]()
        for piece in pieces:
            text = piece.decode(errors="surrogateescape").lstrip("\n")
            head, _, rest = text.partition("\n")
            if head.startswith("commit "):
                if commit:
                    yield commit, files
                commit, files = head.split(" ")[1], []
                text = rest
            if text.startswith(":"):
                path = next(pieces, b"").decode(errors="surrogateescape")
                files.append((path, *_written(text)))
        if commit:
            yield commit, files

    def blob(self, oid: str) -> bytes:
        """The content of a file that an earlier commit holds too."""
        return self._git.run("cat-file", "blob", oid)


def _written(line: str) -> tuple[str, str | None, bool]:
    """Mode, blob and newness that a raw line tells: a colon and a column for each parent, then those of the commit."""
    columns = line.lstrip(":").split(" ")
    parents = len(line) - len(line.lstrip(":"))
    old, new = columns[parents + 1 : -2], columns[-2]
    return columns[parents], None if new == _NONE else new, all(one == _NONE for one in old)
