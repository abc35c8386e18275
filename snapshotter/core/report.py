"""What the use cases gave back, in words for a terminal of 80 columns. Plain text; colour is put on elsewhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby

from snapshotter.core.escaping import escape
from snapshotter.core.refreshing.findings import staleness_words, surprising
from snapshotter.core.report_changing import changed
from snapshotter.core.report_details import words
from snapshotter.core.wording import counted
from snapshotter.model import HeldBack, Job, QuarantineEntry, Window
from snapshotter.results import (
    Checked,
    Created,
    DayProblem,
    Exit,
    LogEntry,
    Missing,
    Notice,
    Planned,
    Progress,
    Ran,
    Status,
    StreamStatus,
    Tried,
    TriedPage,
)

WIDTH = 80
MOST_DAYS = 12
MOST_COMMITS = 12
MOST_PROBLEMS = 3
MOST_ALIKE = 14  # windows of a plan that are asked for one reason
LONGEST = 400  # characters of one line that may come from outside


def created(result: Created) -> str:
    """After `init`."""
    lines = [f"Made an archive in {result.path}", *map(notice, result.notes), ""]
    lines += ["Next: go there, and add a source:", f"  cd {result.path}", "  snap add", "  snap add usgs-earthquakes"]
    lines += ["or, for an API of your own that no ready file is about:", '  snap try "https://…"']
    return _text(lines)


def missing(item: Missing) -> str:
    """A secret that is not there."""
    return f"{item.source}: the secret {item.secret!r} is missing: {item.hint}"


def checked(result: Checked) -> str:
    """`check`."""
    lines = [_safe(problem) for problem in result.problems]
    lines += [notice(note) for note in result.notes]
    lines += [missing(item) for item in result.missing]
    lines += [changed(result.changed)] if result.changed else []
    if result.problems:
        return _text([*lines, "", counted(len(result.problems), "mistake") + " found"])
    streams = sum(len(names) for names in result.sources.values())
    right = f"{counted(len(result.files), 'file')} right: {counted(len(result.sources), 'source')}"
    lines += [f"{right}, {counted(streams, 'stream')}"]
    if not result.sources:
        lines += ["", "Next: add a source with `snap add`"]
    return _text(lines)


def notice(item: Notice) -> str:
    """One thing that a person should know."""
    about = f"{item.about}: " if item.about and not item.text.startswith(item.about) else ""
    return f"{item.level}: {about}{_safe(item.text)}" if item.level != "info" else f"{about}{_safe(item.text)}"


# --- plans and runs ---


def planned(result: Planned) -> str:
    """`fetch --dry-run`: every window with its reason."""
    lines = [notice(item) for item in result.notices]
    by_stream: dict[str, list[Job]] = {}
    for job in result.jobs:
        by_stream.setdefault(f"{job.source}/{job.stream}", []).append(job)
    for key, jobs in by_stream.items():
        lines += [f"{key}: {counted(len(jobs), 'window')}"]
        lines += _planned_lines(jobs)
    if not result.jobs:
        lines += ["nothing to ask"]
    lines += [_held_back(item) for item in result.held_back]
    return _text(lines)


def _planned_lines(jobs: Sequence[Job]) -> Iterator[str]:
    """A line a window; of many that are asked for one reason only the first and the last."""
    for _, group in groupby(jobs, key=lambda job: (job.reason, _reason_alone(job))):
        alike = list(group)
        shown = alike if len(alike) <= MOST_ALIKE else [*alike[: MOST_ALIKE - 2], None, alike[-1]]
        for job in shown:
            if job is None:
                yield f"            … {counted(len(alike) - MOST_ALIKE + 1, 'window')} more like these …"
            else:
                yield f"  {job.reason.value:<9} {_safe(job.why)}"


def _reason_alone(job: Job) -> str:
    """Why it is asked, without what: `never asked` of `2024-05-01: never asked`."""
    return job.why.rpartition(": ")[2]


def _asked(job: Job) -> str:
    return "everything" if job.window is None else span(job.window)


def span(window: Window) -> str:
    """A window in words: whole days as days, else with the time."""
    start, end = window.start, window.end
    if start.time() == end.time() == datetime.min.time():
        return f"{start.date()} to {date.fromordinal(end.date().toordinal() - 1)}"
    return f"{start:%Y-%m-%d %H:%M} to {end:%m-%d %H:%M}"


def _held_back(item: HeldBack) -> str:
    return f"held back: {item.job.source}/{item.job.stream} {_asked(item.job)}: {_safe(item.why)}"


def ran(result: Ran) -> str:
    """The summary of a run."""
    lines = [notice(item) for item in result.notices]
    lines += [_commit_line(item.commit, item.subject) for item in result.commits[-MOST_COMMITS:]]
    if len(result.commits) > MOST_COMMITS:
        lines.insert(len(result.notices), f"... and {len(result.commits) - MOST_COMMITS} commits before")
    lines += problems(result.problems)
    lines += _held_back_lines(result.held_back)
    requests = sum(stream.requests for stream in result.streams)
    new = sum(stream.days_new for stream in result.streams)
    changed = sum(stream.days_changed for stream in result.streams)
    seconds = (result.finished - result.started).total_seconds()
    what = "nothing new" if not result.commits else f"{counted(new, 'day')} new, {changed} changed"
    ended = "interrupted; " if Exit.INTERRUPTED in result.codes else ""
    lines += [f"{ended}{what}; {counted(requests, 'request')} in {seconds:.0f} s"]
    return _text(lines)


def wrong(result: Ran) -> list[str]:
    """What a person must be told of a run even if nobody looks: problems, and what stands in the way."""
    told = [notice(item) for item in result.notices if item.level != "info"]
    told += problems(result.problems)
    if Exit.INTERRUPTED in result.codes:
        told += [f"interrupted; {counted(len(result.commits), 'commit')} saved before"]
    return told


def step(item: Progress) -> str:
    """One step of a run that is under way."""
    return _safe(item.text)


def quarantined(entries: Sequence[QuarantineEntry]) -> str:
    """`quarantine`: what is kept and why."""
    lines: list[str] = []
    for entry in entries:
        lines += [f"{entry.name}  {entry.at:%Y-%m-%d %H:%M}  {_safe(entry.job)}, {entry.size:,} bytes"]
        lines += [f"    {_safe(entry.reason)}: {_safe(entry.message)}"]
    return _text(lines or ["the quarantine is empty"])


def _commit_line(commit: str, subject: str) -> str:
    return f"{commit[:8]} {_safe(subject)}"


def _held_back_lines(items: Sequence[HeldBack]) -> list[str]:
    """What was left for later, one line a stream and reason."""
    grouped: dict[tuple[str, str], int] = {}
    for item in items:
        key = (f"{item.job.source}/{item.job.stream}", item.why)
        grouped[key] = grouped.get(key, 0) + 1
    return [f"held back: {key}: {counted(count, 'window')}: {_safe(why)}" for (key, why), count in grouped.items()]


def problems(items: Iterable[DayProblem]) -> list[str]:
    """Days that are not as they should be, with what to do."""
    lines: list[str] = []
    for item in items:
        days = _days(item.first, item.last)
        lines += [f"{item.state}: {item.stream}{days}: {_safe(item.why)}"]
        if item.next_step:
            lines += [f"  {_safe(item.next_step)}"]
    return lines


def _days(first: date | None, last: date | None) -> str:
    if first is None:
        return ""
    return f" {first}" if last is None or last == first else f" {first} to {last}"


# --- looking ---


def tried(result: Tried) -> str:
    """`try`: what one or two pages show."""
    lines = [f"{result.stream}, {span(result.window)}" if result.window is not None else result.stream]
    for number, page in enumerate(result.pages, start=1):
        lines += ["", f"page {number}", *_tried_page(page)]
    if result.first_record is not None:
        lines += ["", "first record", *(f"  {_safe(line)}" for line in result.first_record.splitlines())]
    if result.not_stored:
        lines += [
            "",
            "not stored (name it in `envelope` to keep it)",
            *(f"  {_safe(name)}" for name in result.not_stored),
        ]
    return _text([*lines, "", _safe(result.verdict)])


def _tried_page(page: TriedPage) -> list[str]:
    status = "no answer" if page.status is None else str(page.status)
    lines = [f"  {_safe(page.request)}", f"  {status}, {page.size:,} bytes in {page.seconds:.1f} s"]
    lines += [f"    {_safe(name)}: {_safe(value)}" for name, value in page.headers]
    if page.problem is not None:
        return [*lines, f"  problem: {_safe(page.problem)}"]
    lines += [f"  {counted(page.received, 'record')}, {page.kept} kept"]
    lines += [f"  left out by {_safe(reason)}: {count}" for reason, count in page.left_out.items()]
    shown = list(page.days.items())[:MOST_DAYS]
    lines += [f"    {day}  {counted(count, 'record')}" for day, count in shown]
    if len(page.days) > MOST_DAYS:
        lines += [f"    ... and {len(page.days) - MOST_DAYS} days more"]
    return [*lines, f"  then: {_safe(page.next)}"]


def log(entries: Sequence[LogEntry], *, oneline: bool = False) -> str:
    """`log`: newest first, with what changed."""
    lines: list[str] = []
    for entry in entries:
        lines += [f"{entry.commit[:8]} {entry.at:%Y-%m-%d %H:%M} {_safe(entry.subject)}"]
        if not oneline:
            lines += [f"    {_safe(line)}" for line in entry.lines]
    return _text(lines or ["no commits"])


def status(result: Status) -> str:
    """`status`: a line a stream, then what is wrong."""
    lines = [line for item in result.notices for line in _folded(notice(item))]
    if not result.streams:
        return _text([*lines, "no sources yet; add one with `snap add`"])
    for stream in result.streams:
        lines += [*_folded(f"{stream.stream}: {_safe(stream.summary)}"), *_status_details(stream)]
    if result.staleness is not None:
        lines += _folded(f"{counted(result.staleness.streams, 'stream')} together: {staleness_words(result.staleness)}")
    if result.waiting_spool:
        lines += [f"{counted(result.waiting_spool, 'window')} half fetched; the next fetch goes on there"]
    if result.quarantined:
        lines += [f"{counted(result.quarantined, 'unusable answer')} kept in the quarantine"]
    return _text(lines)


def _status_details(stream: StreamStatus) -> list[str]:
    good = f", last good answer {stream.last_good:%Y-%m-%d %H:%M} UTC" if stream.last_good is not None else ""
    said = stream.kind == "snapshot" and not stream.counts  # its line tells them
    lines = [f"  {counted(stream.records, 'record')}{good}"] if stream.records and not said else []
    lines += [f"  details {words(counts)}" for counts in stream.details]
    if stream.staleness is not None:
        lines += _folded(staleness_words(stream.staleness), indent="  ")
    if stream.surprises:
        lines += _folded(surprising(stream.surprises), indent="  ")
    if stream.held:
        lines += [f"  {counted(stream.held, 'version')} held back and waiting for you (`snap held`)"]
    for problem in stream.problems[:MOST_PROBLEMS]:
        told = f"{problem.state}{_days(problem.first, problem.last)}: {_safe(problem.why)}"
        lines += _folded(told, indent="  ")
        lines += _folded(_safe(problem.next_step), indent="    ") if problem.next_step else []
    if stream.problems or any(counts.failed for counts in stream.details):
        more = len(stream.problems) - MOST_PROBLEMS
        lines += [f"  {f'and {more} more; ' if more > 0 else ''}what to do: snap gaps {stream.stream}"]
    return lines


def _folded(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


# --- words ---


def _safe(text: str) -> str:
    return escape(text, LONGEST)


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines)
