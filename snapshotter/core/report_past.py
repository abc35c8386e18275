"""Past runs in words for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from snapshotter.core.diff import line_of
from snapshotter.core.escaping import escape
from snapshotter.core.ledger import SILENT
from snapshotter.core.refreshing.findings import again, surprising
from snapshotter.core.report import span
from snapshotter.core.wording import counted
from snapshotter.model import DayFact, JobStory, RunRecord
from snapshotter.results.past import LogLine, RunLine, RunLog, RunStory

LONGEST = 400
MOST_PAGES = 10
MOST_DAYS = 14
MOST_EDITS = 10


def run_lines(lines: Sequence[RunLine]) -> str:
    """`runs`: newest first."""
    told: list[str] = []
    for line in lines:
        days = [f"{line.days_new:,} new"] if line.days_new else []
        days += [f"{line.days_changed:,} changed"] if line.days_changed else []
        wrong = [counted(line.problems, "problem")] if line.problems else []
        what = ", ".join([*(days or ["nothing new"]), counted(line.requests, "request"), *wrong])
        told += [f"{line.run}  {line.started:%Y-%m-%d %H:%M}  {line.command}: {what}"]
    return "\n".join(told or ["no runs"])


def run_story(story: RunStory) -> str:
    """`runs show`: the plan, then what one run asked, what came and why it stopped."""
    first = story.records[0]
    requests = sum(told.requests for record in story.records for told in record.stories)
    ended = story.finished or max(record.at for record in story.records)
    seconds = max(0.0, (ended - first.started).total_seconds())
    code = f", exit code {story.exit}" if story.exit is not None else ""
    lines = [
        f"{story.run}: snap {escape(first.snap, 40)} {escape(first.command, 80)}",
        f"started {first.started:%Y-%m-%d %H:%M:%S} UTC, {counted(requests, 'request')} in {seconds:,.0f} s{code}",
    ]
    if story.planned:
        lines += ["", "planned", *(f"  {key}: {counted(count, 'window')}" for key, count in story.planned.items())]
    notes = list(dict.fromkeys(note for record in story.records for note in record.notes))
    if notes or story.told:
        lines += ["", "told", *(f"  note: {_safe(note)}" for note in notes)]
        lines += [f"  {line.event.replace('_', ' ')}: {_about(line)}{_safe(line.text)}" for line in story.told]
    for record in story.records:
        for told in record.stories:
            lines += _story_lines(record, told)
    if story.logged:
        lines += ["", f"step by step: snap runs log {story.run}"]
    return "\n".join(lines)


def run_log(log: RunLog) -> str:
    """`runs log`: one event a line."""
    lines = [f"{line.at:%H:%M:%S.%f}"[:12] + f"  {line.event:<9}  {_log_words(line)}".rstrip() for line in log.lines]
    head = f"{log.run}, {log.lines[0].at:%Y-%m-%d} UTC" if log.lines else log.run
    more = [f"and {counted(log.hidden, 'finer event')}: --level all"] if log.hidden else []
    return "\n".join([head, *lines, *more])


def _log_words(line: LogLine) -> str:
    facts = line.facts
    if line.event == "exchange":
        came = facts.get("status") or escape(facts.get("problem", "no answer"), 100)
        size = f", {int(facts.get('size', 0)):,} bytes in {facts.get('seconds')} s"
        return f"{_about(line)}{escape(facts.get('method', ''), 10)} {_safe(facts.get('url', ''))}: {came}{size}"
    rest = ", ".join(f"{key} {_safe(value)}" for key, value in facts.items())
    return f"{_about(line)}{_safe(line.text)}{' ' if line.text and rest else ''}{f'({rest})' if rest else ''}"


def _about(line: LogLine) -> str:
    return f"{_safe(line.about)}: " if line.about else ""


def _story_lines(record: RunRecord, story: JobStory) -> Iterator[str]:
    asked = "everything" if story.window is None else span(story.window)
    whole = story.window is None and story.miss is None and story.reason not in SILENT
    proved = "proved" if story.proved is not None or whole else "not proved"
    yield ""
    yield f"{record.source}/{record.stream} {asked} ({story.reason.value}): {escape(story.stop, 60)}, {proved}"
    yield f"  why: {_safe(story.why)}"
    came = f"{counted(story.requests, 'request')}, {counted(story.received, 'record')} received"
    yield f"  {came}, at {story.at:%H:%M:%S}"
    yield from (f"  left out by {_safe(reason)}: {count}" for reason, count in story.left_out.items())
    yield from _shortened(
        [f"{page.status} {_safe(page.request)}: {counted(page.records, 'record')}" for page in story.pages], MOST_PAGES
    )
    yield from _shortened(
        [f"{day} {fact.change}: {counted(fact.records, 'record')}" for day, fact in facts_of(story).items()], MOST_DAYS
    )
    if told := again(story.rechecks):
        yield f"  {told}"
    if story.surprises:
        yield f"  surprise: {surprising(story.surprises)}"
    edits = [line_of(edit) for fact in facts_of(story).values() for edit in fact.edits]
    yield from _shortened([_safe(line) for line in edits], MOST_EDITS)
    if story.miss is not None:
        kept = f"; kept as {story.miss.quarantine}" if story.miss.quarantine else ""
        yield f"  {story.miss.state}: {_safe(story.miss.why)}{kept}"
    yield from (f"  note: {_safe(note)}" for note in story.notes)


def _shortened(lines: Sequence[str], most: int) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:most])
    if len(lines) > most:
        yield f"  ... and {len(lines) - most} more (--json shows all)"


def facts_of(story: JobStory) -> Mapping[str, DayFact]:
    """What a try found about each day, and about the document without a day."""
    facts = {day.isoformat(): fact for day, fact in sorted(story.days.items())}
    return facts | ({"document": story.dateless} if story.dateless is not None else {})


def _safe(text: str) -> str:
    return escape(text, LONGEST)
