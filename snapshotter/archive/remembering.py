"""What was told to whom, kept between runs, so that nobody hears twice of one thing: even while the disk is full.

It lies in `.git/snap`. On a full disk it is written over in the room that it has; where not even that goes (a disk
that turned read-only), a copy lies in the user's state folder, which may be on another disk, and the later one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from hashlib import sha256

from snapshotter.archive.opening import Opened
from snapshotter.codec import from_plain, to_plain
from snapshotter.core.notifying import Standing
from snapshotter.edge.files import Folder
from snapshotter.edge.state import JsonFile
from snapshotter.errors import DiskRefused, SnapError
from snapshotter.frozen import dataclass

STANDING = "standing.json"
ELSEWHERE = "told"  # a folder of the user's state
ROOM = 8192  # bytes that it has to spare


@dataclass(frozen=True, slots=True)
class Digested:
    """When a digest went out, and how large the repository was."""

    at: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was told until now."""

    standing: Mapping[str, Standing] = field(default_factory=dict)
    digests: Mapping[str, Digested] = field(default_factory=dict)  # by rhythm
    at: datetime | None = None


class Memory:
    """What one archive remembers of its messages."""

    def __init__(self, opened: Opened) -> None:
        disk = opened.world.disk
        name = sha256(str(opened.root.resolve()).encode()).hexdigest()[:16]
        self._here = JsonFile(opened.local / STANDING, disk=disk, room=ROOM)
        self._there = JsonFile(opened.world.state / ELSEWHERE / f"{name}.json", durable=False, disk=disk)

    def read(self) -> Told:
        """The newest that is known."""
        here, there = _read(self._here), _read(self._there)
        if there.at is not None and (here.at is None or there.at > here.at):
            return there
        return here

    def write(self, told: Told) -> None:
        """Remember it at the best place that takes it; the error of the first one says why none does."""
        plain = _plain(told)
        try:
            self._here.write(plain)
        except DiskRefused as error:
            if not (_goes(self._here.write_over, plain) or _goes(self._there.write, plain)):
                raise error from None
        else:
            if self._there.path.exists():
                Folder(self._there.path.parent, disk=self._there.disk).remove(self._there.path.name)


def _goes(write: Callable[[Mapping[str, object]], None], plain: Mapping[str, object]) -> bool:
    try:
        write(plain)
    except SnapError:
        return False
    return True


def _plain(told: Told) -> dict[str, object]:
    return {
        "at": told.at.isoformat() if told.at is not None else None,
        "standing": {key: to_plain(one) for key, one in told.standing.items()},
        "digests": {name: to_plain(one) for name, one in told.digests.items()},
    }


def _read(file: JsonFile) -> Told:
    try:
        known = file.read()
        at = known.get("at")
        return Told(
            {key: from_plain(Standing, value) for key, value in known.get("standing", {}).items()},
            {name: from_plain(Digested, value) for name, value in known.get("digests", {}).items()},
            datetime.fromisoformat(at) if at else None,
        )
    except (SnapError, ValueError, TypeError, AttributeError):  # whoever forgets tells once more
        return Told()
