"""Which of many jobs comes first, and whether what is new of a stream is due at all.

Time may end in the middle of any plan, so the order is the value: what cannot be had later comes before what can, and
no stream with much to do keeps the others waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from snapshotter.core import planning
from snapshotter.core.spans import span_text
from snapshotter.core.states import minute
from snapshotter.core.windows import frozen_end
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import Job, Reason
from snapshotter.spec import Stream

URGENCY = {
    Reason.RESUME: 0,
    Reason.SNAPSHOT: 1,
    Reason.FEED: 1,
    Reason.RECENT: 1,
    Reason.ASKED: 2,
    Reason.RETRY: 3,
    Reason.CONFIRM: 3,
    Reason.RECONCILE: 3,
    Reason.DETAIL: 4,
    Reason.REFRESH: 5,
    Reason.BACKFILL: 6,
    Reason.PROBE: 6,
    Reason.EDGE: 6,
}
AGAIN = frozenset({Reason.REFRESH, Reason.RECONCILE})  # days that are complete, asked once more
NEVER = float("inf")


def in_turn(jobs: Sequence[Job], overdue: Mapping[str, float]) -> list[int]:
    """The places of the jobs in the order of their turn: by urgency, then a stream after the other, one window each.

    `overdue`: how long what is new of a stream was not asked, in the measure of its `every`.
    """
    seen: Counter[tuple[int, str]] = Counter()
    keys: list[tuple[int, int, float, int]] = []
    for place, job in enumerate(jobs):
        urgency, stream = URGENCY[job.reason], f"{job.source}/{job.stream}"
        # What is chosen by its value stays in that order.
        rank = 0 if job.reason is Reason.REFRESH else seen[urgency, stream]
        late = 0.0 if job.reason is Reason.REFRESH else -overdue.get(stream, NEVER)
        seen[urgency, stream] += 1
        keys.append((urgency, rank, late, place))
    return [key[-1] for key in sorted(keys)]


@dataclass(frozen=True, slots=True)
class Due:
    """Whether what is new of a stream is asked now; `why` it is not."""

    overdue: float  # since it was asked last, in the measure of `every`
    why: str | None = None


def due(stream: Stream, known: StreamLedger, *, now: datetime) -> Due:
    """Whether it is time to ask for what is new; `known` has the proofs of the newest day that is proved."""
    last = _newest(known)
    every = stream.every.rough()
    if last is None:
        return Due(NEVER)
    overdue = max(0.0, (now - last) / every) if every else NEVER
    if planning.due(stream.every, last, now) or _lags_behind(stream, known, now):
        return Due(overdue)
    return Due(overdue, f"asked every {span_text(stream.every)}; due at {minute(last + every)}")


def _newest(known: StreamLedger) -> datetime | None:
    """When what is new was asked last with success."""
    if known.whole is not None:
        return known.whole.at
    if not known.proved:
        return None
    end = known.proved[-1].window.end
    return max((proof.at for proof in known.proofs if proof.window.end == end), default=None)


def _lags_behind(stream: Stream, known: StreamLedger, now: datetime) -> bool:
    """Whether a run of `every` ago would have proved more than is proved."""
    if stream.window is None or not known.proved:
        return False
    return known.proved[-1].window.end < frozen_end(stream.window, now - stream.every.rough())
