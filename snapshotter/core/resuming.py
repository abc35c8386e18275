"""Jobs read back from their names, as the spool keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote

from snapshotter.model import Job, Reason, SpoolEntry, Window


def job_waiting(name: str, first: SpoolEntry | None, *, pages: int) -> Job | None:
    """The job of responses that wait in the spool; what is left of a refresh is one still, with all its care."""
    job = job_named(name, pages=pages)
    if job is None or first is None or not first.picked:
        return job
    return replace(job, picked=first.picked, expected_ppm=first.expected_ppm)


def job_named(name: str, *, pages: int) -> Job | None:
    """The job whose responses wait in the spool under this name; None for a name that is not one of a job."""
    key, *rest = name.split(" ")
    source, slash, stream = key.partition("/")
    if not slash or len(rest) not in (0, 2):
        return None
    why = "1 page waits in the spool" if pages == 1 else f"{pages} pages wait in the spool"
    if not rest:
        return Job(source, stream, None, Reason.RESUME, why)
    try:
        start, end = (datetime.fromisoformat(text) for text in rest)
    except ValueError:
        return None
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        return None
    return Job(source, stream, Window(start, end), Reason.RESUME, why)


def item_named(name: str, job: Job) -> str | None:
    """The record whose detail waits in the spool under this name; None where it is no name of the job's."""
    before, found, item = name.partition(" ")
    return unquote(item) if found and before == f"{job.source}/{job.stream}/{job.detail}" else None
