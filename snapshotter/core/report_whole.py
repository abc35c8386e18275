"""The report as text of 80 columns, for a terminal and for mail: counts and names, nothing that an API said."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from snapshotter.core import overview, rehearsing
from snapshotter.core.escaping import escape
from snapshotter.core.maintaining import shown
from snapshotter.core.refreshing.findings import staleness_words, surprising
from snapshotter.core.wording import counted
from snapshotter.model import DayState
from snapshotter.results.past import RunLine
from snapshotter.results.reporting import LACKING, Cover, Report, Trouble

WIDTH = 80
MOST = 12  # lines of one kind


def text(report: Report, *, grown: int | None = None) -> str:
    """The whole of it; `grown`: bytes since the day that events are told from, where somebody knows."""
    name = escape(report.archive)
    lines = [f"{name}, {report.at:%Y-%m-%d %H:%M} UTC", "", *_needs(report), ""]
    lines += [_days(report), *(line for cover in report.streams for line in _stream(cover)), ""]
    lines += [f"Since {report.since}", *_events(report, grown), "", "Now", *_now(report)]
    return "\n".join(lines)


def _days(report: Report) -> str:
    if not report.streams:
        return "No stream is described yet"
    return f"Days ({report.missing:,} missing)" if report.missing else "Days (none missing)"


def _needs(report: Report) -> Iterator[str]:
    if not report.needs:
        yield "All is well: nothing waits for you."
        return
    yield "1 thing waits for you:" if report.needs == 1 else f"{report.needs} things wait for you:"
    lines = [f"{escape(notice.about) or 'the archive'}: {notice.level} (`snap status`)" for notice in report.alarms]
    lines += [_trouble(trouble) for trouble in report.waiting]
    yield from _shortened(lines)
    if report.held:
        yield f"  {counted(len(report.held), 'held version')} (`snap held`)"
    if report.quarantine:
        yield f"  {counted(len(report.quarantine), 'unusable answer')} kept (`snap quarantine`)"


def _trouble(trouble: Trouble) -> str:
    days = f"{counted(trouble.days, 'day')} " if trouble.days else ""
    return f"{trouble.stream}: {days}{trouble.lack.state}, {trouble.lack.cause} (`snap gaps {trouble.stream}`)"


def _shortened(lines: list[str]) -> Iterator[str]:
    for line in lines[:MOST]:
        yield from _wrapped(line)
    if len(lines) > MOST:
        yield f"  and {len(lines) - MOST} more"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _stream(cover: Cover) -> Iterator[str]:
    status = cover.status
    there, wanted = overview.share(status.counts)
    days = f"{there:,} of {wanted:,} days" if wanted else "one whole state" if status.records else "nothing yet"
    last = f", last {status.last}" if status.last is not None else ""
    yield from _wrapped(f"{status.stream}: {days}{last}, {counted(status.records, 'record')}")
    lacking = [f"{status.counts[state]:,} {_word(state)}" for state in LACKING if status.counts.get(state)]
    if lacking:
        yield f"    lacking: {', '.join(lacking)}"


def _word(state: DayState) -> str:
    return "never asked" if state is DayState.UNTRIED else state.value


def _events(report: Report, grown: int | None) -> Iterator[str]:
    more = " at least" if report.more_changes else ""
    yield f"  {counted(len(report.changes), 'document')} changed after being archived{more}"
    streams: dict[str, int] = {}
    for change in report.changes:
        streams[change.stream] = streams.get(change.stream, 0) + 1
    yield from _shortened([f"  {stream}: {number:,}" for stream, number in streams.items()])
    yield f"  {_runs(report.runs)}"
    more_bytes = f", {shown(grown)} more" if grown is not None and grown > 0 else ""
    yield f"  {counted(report.growth.commits, 'commit')}{more_bytes}"


def _runs(lines: Iterable[RunLine]) -> str:
    lines = [*lines]
    if not lines:
        return "no run"
    failed = sum(line.problems > 0 for line in lines)
    requests = sum(line.requests for line in lines)
    with_problems = f", {failed} with problems" if failed else ""
    return f"the newest {counted(len(lines), 'run')}: {counted(requests, 'request')}{with_problems}"


def _now(report: Report) -> Iterator[str]:
    size, grows = report.growth.bytes, report.growth.bytes_a_month
    yield f"  {shown(size)} on this disk{f', {shown(grows)} more a month' if grows is not None else ''}"
    for words in report.growth.warnings:
        yield from _wrapped(words)
    if report.restore is not None:
        yield from _wrapped(rehearsing.line(report.restore))
    spent = [f"{left.lane} {left.budgets[0].remaining:,} of {left.budgets[0].limit or 0:,}" for left in
             report.limits.lanes if left.budgets]  # fmt: skip
    if spent:
        yield from _shortened([f"requests left: {', '.join(spent)}"])
    yield from _shortened([f"{one.stream}: {staleness_words(one)}" for one in report.staleness])
    yield from _shortened([f"{stream}: {surprising(days)}" for stream, days in report.surprises.items()])
    for number, expiry in enumerate(report.expiries[:MOST]):
        left = (expiry.at - report.at).days
        when = f"on {expiry.at:%Y-%m-%d}, in {counted(left, 'day')}" if left >= 0 else f"ended {expiry.at:%Y-%m-%d}"
        which = "the next authorization to end" if not number else "then"
        yield from _wrapped(f"{which}: {expiry.source}, {when} (to renew it: {expiry.renew})")
