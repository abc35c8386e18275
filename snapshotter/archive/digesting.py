"""What goes out daily or weekly, whatever happened: the report as text, with what is new since the last digest."""

from __future__ import annotations

from datetime import timedelta

from snapshotter.archive import reporting
from snapshotter.archive.opening import Opened
from snapshotter.archive.remembering import Digested
from snapshotter.core import report_digest
from snapshotter.core.notifying import Message
from snapshotter.frozen import dataclass

FIRST = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}  # so far back looks the first one


@dataclass(frozen=True, slots=True)
class Summed:
    """A digest, and what to remember of it."""

    message: Message
    sent: Digested


def digest(opened: Opened, rhythm: str, last: Digested | None) -> Summed:
    """A digest for everybody of one rhythm."""
    now = opened.world.clock.now()
    since = (last.at if last is not None else now - FIRST[rhythm]).date()
    report = reporting.report(opened.root, opened.world, since=since)
    size = report.growth.bytes
    message = report_digest.message(report, rhythm, grown=None if last is None else size - last.bytes)
    return Summed(message, Digested(now, size))
