"""Errors, named by their consequence: who must act.

SnapError
├── ConfigError      the user changes a file            exit 2
├── UsageError       the user changes the command line  exit 2
├── Refused          this source stops, others go on    exit 3
├── Busy             somebody else holds the archive    exit 75
├── Damaged          the archive is not as it was left  exit 5
│   └── ArchiveMoved somebody else committed first      exit 5
├── DiskRefused      full, read-only, I/O               exit 74
├── CouldNotTell     saved, but a push or message failed exit 4
└── Unreadable       bytes that cannot become values; they are kept (an outcome, not an exit)

Fields go positionally to `super().__init__`, so that an error survives a process pool.
"""

from __future__ import annotations


class SnapError(Exception):
    """Anything that a person is told in one line, without a traceback."""


class ConfigError(SnapError):
    """A file says something that cannot be done; the message names file, key, value and the next step."""


class UsageError(SnapError):
    """The command line asks for something that is not there."""


class Refused(SnapError):
    """A source cannot go on (no secret, not allowed); the others do."""


class Busy(SnapError):
    """Another run holds the archive."""


class Damaged(SnapError):
    """The archive is not as it was left."""


class ArchiveMoved(Damaged):
    """Somebody else committed between our look and our commit."""


class DiskRefused(SnapError):
    """The disk would not take it: full, no inodes, read-only, I/O error."""


class CouldNotTell(SnapError):
    """Everything is saved, but a push or a message did not go out."""


class Unreadable(SnapError):
    """Bytes that cannot become values without loss. `reason` is one word of the list in `canonical`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
