"""One thing to ask, as the plans of all commands name it."""

from __future__ import annotations

from snapshotter.frozen import dataclass
from snapshotter.model import Job
from snapshotter.spec import Source, Stream


@dataclass(frozen=True, slots=True)
class Work:
    """One job with what it is about."""

    source: Source
    stream: Stream
    job: Job
    follows: bool = False  # it has something to ask only where other work of its stream brings that
