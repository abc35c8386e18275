"""Exit codes, by consequence. On its own, so that `snap --help` needs nothing else."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, by consequence."""

    DONE = 0
    BUG = 1
    CONFIG = 2
    SOME_DAYS = 3
    NOT_TOLD = 4
    DAMAGED = 5
    DISK = 74
    BUSY = 75
    INTERRUPTED = 130


# Where several apply, the first of these is the code of the whole (design page, 5).
PRECEDENCE = (
    Exit.BUG, Exit.DAMAGED, Exit.DISK, Exit.INTERRUPTED, Exit.BUSY, Exit.CONFIG, Exit.NOT_TOLD, Exit.SOME_DAYS,
)  # fmt: skip


def worst(codes: set[Exit]) -> Exit:
    """The one exit code for several consequences."""
    return next((code for code in PRECEDENCE if code in codes), Exit.DONE)
