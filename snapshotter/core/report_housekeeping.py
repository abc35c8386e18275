"""What `rename`, `remove`, `copy` and `restore --test` did or would do, in words."""

from __future__ import annotations

from snapshotter.core import report_care
from snapshotter.core.escaping import escape
from snapshotter.results.housekeeping import Copied, Reshaped, Restored


def reshaped(result: Reshaped) -> str:
    """`rename`, `remove`."""
    lines = [f"{old} -> {new}" if new else f"{old} goes" for old, new in result.streams]
    counts = f"{_count(result.documents, 'document')}, {_count(result.run_records, 'run record')}"
    lines += [f"{counts}; source files: {', '.join(result.files) or 'none'}"]
    lines += [escape(note, 600) for note in result.notes]
    if result.commit is None:
        lines += ["nothing was done yet"]
    else:
        lines += [f"done in one commit ({result.commit[:8]}); what was before stands in its history"]
    return "\n".join(lines)


def copied(result: Copied) -> str:
    """`copy`."""
    lines = [f"{result.path}: {result.kept:,} of {_count(result.commits, 'commit')}"]
    lines += [f"without {name}" for name in result.left_out]
    if result.masked:
        lines += [f"{_count(result.masked, 'version')} of files had the text, which is hidden now"]
    if result.records:
        lines += [f"{_count(result.records, 'record')} that held it left out of versions of documents"]
    lines += [escape(note, 600) for note in result.notes]
    return "\n".join([*lines, report_care.verified(result.verified)])


_RELATIONS = {
    "same": "it has everything that is committed here",
    "behind": "it lacks {behind} that stand here since {since}; push them",
    "ahead": "it has {ahead} that this archive lacks; pull them",
    "apart": "the two went apart: it lacks {behind}, and this archive lacks {ahead}",
    "empty": "it has no archive (no branch main)",
}


def restored(result: Restored) -> str:
    """`restore --test`."""
    words = _RELATIONS[result.relation].format(
        behind=_count(result.behind, "commit"), ahead=_count(result.ahead, "commit"), since=result.since
    )
    lines = [f"{escape(result.remote, 200)}: {words}"]
    if result.verified is not None:
        lines += [f"a clone of it, looked at: {report_care.verified(result.verified)}"]
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
