"""`refresh --dry-run` and `--explain` in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from snapshotter.core import report
from snapshotter.core.escaping import escape
from snapshotter.core.refreshing.findings import staleness_words
from snapshotter.core.refreshing.policy import Rule
from snapshotter.core.wording import counted
from snapshotter.model import HeldBack, Job
from snapshotter.results.refreshing import LaneBudget, RefreshPlan

FEW = 3
WIDTH = 80


def planned(result: RefreshPlan, *, explains: bool = False) -> str:
    """Every window with why it was chosen; explained, also how well the choosing does."""
    lines = [report.notice(item) for item in result.notices]
    streams = dict.fromkeys(f"{job.source}/{job.stream}" for job in result.jobs)
    for key in streams:
        jobs = [job for job in result.jobs if f"{job.source}/{job.stream}" == key]
        lines.append(f"{key}: {counted(len(jobs), 'window')}")
        lines += [line for job in jobs for line in _job(job)]
    if not result.jobs:
        lines.append("nothing to ask again")
    lines += _held_back(result.held_back)
    if explains:
        lines += _explained(result)
    return "\n".join(lines)


def _job(job: Job) -> list[str]:
    words = f"  {job.picked:<8} {escape(job.why, 400)}"
    return textwrap.wrap(words, WIDTH, subsequent_indent=" " * 11, break_on_hyphens=False, drop_whitespace=True)


def _held_back(items: Sequence[HeldBack]) -> Iterator[str]:
    """What is left for later; of many for the same reason, how many."""
    grouped: dict[tuple[str, str], list[HeldBack]] = {}
    for item in items:
        grouped.setdefault((f"{item.job.source}/{item.job.stream}", item.why), []).append(item)
    for (key, why), held in grouped.items():
        if len(held) > FEW:
            yield f"held back: {key}: {counted(len(held), 'window')}: {escape(why)}"
        else:
            yield from (f"held back: {key}: {escape(item.job.why)}: {escape(why)}" for item in held)


def _explained(result: RefreshPlan) -> Iterator[str]:
    if any(job.picked == Rule.VALUE.value for job in result.jobs):
        yield "worth: how many changes are likely to be found and to last, a request"
    for lane in result.lanes:
        yield from _lane(lane)
    if not result.staleness:
        yield "no stored day was drawn by chance and asked again yet: how many differ from the source is not known"
    for one in result.staleness:
        yield f"{one.stream}: {staleness_words(one)}"
    for band in result.calibration:
        yield (
            f"{band.stream}: of {band.requests} requests with a chance of {band.low:.0%} to {band.high:.0%},"
            f" {band.expected:.1f} were expected to find a change and {band.seen} did"
        )


def _lane(lane: LaneBudget) -> Iterator[str]:
    name = escape(lane.lane)
    run = "" if lane.run is None else f" of at most {lane.run} in this run"
    yield f"{name}: {lane.budget} requests a day for this, {lane.spent} spent today, {lane.chosen} chosen now{run}"
    if lane.needed > lane.budget:
        yield f"  too few to ask every day again within its ceiling: that takes {lane.needed:g} a day (refresh.budget)"
