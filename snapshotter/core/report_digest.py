"""A digest: the report as text, under a subject that says the most of it in a line."""

from __future__ import annotations

from snapshotter.core import report_whole
from snapshotter.core.escaping import escape
from snapshotter.core.notifying import Message
from snapshotter.core.wording import counted
from snapshotter.results.reporting import Report


def message(report: Report, rhythm: str, *, grown: int | None) -> Message:
    """The digest of one rhythm; `grown`: bytes since the last one."""
    words = []
    if report.needs:
        words.append(f"{counted(report.needs, 'thing')} {'waits' if report.needs == 1 else 'wait'} for you")
    if report.missing:
        words.append(f"{counted(report.missing, 'day')} missing")
    if report.changes:
        words.append(f"{counted(len(report.changes), 'change')}{' at least' if report.more_changes else ''}")
    subject = f"snap: {escape(report.archive)}: {rhythm} digest: {', '.join(words) or 'all is well'}"
    return Message(subject, report_whole.text(report, grown=grown) + "\n")
