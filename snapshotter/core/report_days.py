"""Gaps and the story of a day in words for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date

from snapshotter.core import report_details
from snapshotter.core.escaping import escape
from snapshotter.core.report import notice
from snapshotter.core.states import minute
from snapshotter.core.wording import counted
from snapshotter.results.days import DayStory, DayTry, DayVersion, Evidence, Gap, Gaps, Lack

WIDTH = 80
LONGEST = 400
MOST = 20  # tries of a day that are shown
HASH = 12


def gaps(result: Gaps) -> str:
    """`gaps`: ranges with reasons, and what to do about each."""
    lines = [notice(item) for item in result.notices]
    for gap in result.gaps:
        lines += [_head(gap), *_wrapped(gap.lack.why), *_since(gap.lack)]
        lines += [*_evidence(gap.lack.evidence, shown=result.explained), *_steps(gap.lack), ""]
    if not result.gaps and any(item.level == "error" for item in result.notices):
        lines += ["no gaps in what could be looked at", ""]
    elif not result.gaps:
        lines += ["no gaps: every day that is over is there, or proved empty", ""]
    if result.details:
        lines += ["details, which are asked record by record:", *report_details.lacking(result.details, _wrapped), ""]
    if result.settled:
        lines += ["nothing to do about these:"]
        lines += [line for gap in result.settled for line in _wrapped(f"{_head(gap)}: {gap.lack.why}")]
    return "\n".join(lines).rstrip()


def _head(gap: Gap) -> str:
    if gap.first is None:
        which = f" until {gap.last}" if gap.last is not None else f" {counted(gap.days, 'day')}" if gap.days else ""
        return f"{gap.stream}{which}: {gap.lack.state}"
    days = f" ({gap.days:,} days)" if gap.days > 1 else ""
    return f"{gap.stream} {_span(gap.first, gap.last)}{days}: {gap.lack.state}"


def _since(lack: Lack) -> Iterator[str]:
    if lack.first_seen is None or lack.last_try is None:
        return
    tries = f"{lack.tries} tries since {minute(lack.first_seen)}, last" if lack.tries > 1 else "tried"
    again = f", next {minute(lack.next_try)}" if lack.next_try is not None else ", given up" if lack.given_up else ""
    yield from _wrapped(f"{tries} {minute(lack.last_try)}{again}")


def _evidence(evidence: Evidence | None, *, shown: bool) -> Iterator[str]:
    if evidence is None or not shown:
        return
    words = [f"run {evidence.run}"]
    words += [f"status {evidence.status}"] if evidence.status is not None else []
    words += [f"kept as {evidence.quarantine}"] if evidence.quarantine is not None else []
    yield from _wrapped(f"evidence: {', '.join(words)}")
    if evidence.sha256 is not None:
        yield f"  body {evidence.sha256}"


def _steps(lack: Lack) -> Iterator[str]:
    if lack.step:
        yield from _wrapped(f"{lack.step}:" if lack.commands and not lack.step.endswith(":") else lack.step)
    yield from (f"    {escape(command, LONGEST)}" for command in lack.commands)


# --- one day ---


def day_story(story: DayStory) -> str:
    """`why`: the whole story of one day."""
    name = story.stream if story.day is None else f"{story.stream} {story.day}"
    lines = [f"{name}: {story.state}{', another version waits' if story.held else ''}", *_wrapped(story.sentence)]
    if story.lack is not None:
        lines += [*_since(story.lack), *_evidence(story.lack.evidence, shown=True)]
    lines += _block("details that are not there", list(report_details.lacking(story.details, _wrapped)))
    lines += _block("tries, newest first", [line for item in story.tries[:MOST] for line in _try(item)])
    if len(story.tries) > MOST:
        lines += [f"  ... and {len(story.tries) - MOST} before (--json shows all)"]
    lines += _block("versions, newest first", [line for item in story.versions for line in _version(item)])
    told = [f"{minute(item.at)}  {escape(item.what, 40)}: {escape(item.why, LONGEST)}" for item in story.decisions]
    lines += _block("decisions", [line for words in told for line in _wrapped(words)])
    lines += _block("next", [line for words in _next(story) for line in _command(words)])
    return "\n".join(lines)


def _next(story: DayStory) -> Iterator[str]:
    """What comes; with a version that waits for the user it is never nothing."""
    if story.held:
        which = story.stream if story.day is None else f"{story.stream} {story.day}"
        yield "another version waits (`snap held` says why); one of:"
        yield from (f"snap held {verb} {which}" for verb in ("accept", "reject"))
    yield from (words.removeprefix("nothing; ") if story.held else words for words in story.comes)


def _command(words: str) -> list[str]:
    """A command as it is to be typed, on one line; a sentence folded."""
    return [f"    {escape(words, LONGEST)}"] if words.startswith("snap ") else [*_wrapped(escape(words, LONGEST))]


def _block(head: str, lines: Sequence[str]) -> list[str]:
    return ["", head, *lines] if lines else []


def _try(item: DayTry) -> Iterator[str]:
    status = f" {item.status}" if item.status is not None else ""
    yield from _wrapped(f"{minute(item.at)}  {item.reason}{status}  {escape(item.outcome, LONGEST)}")
    asked = "everything" if item.first is None else _span(item.first, item.last)
    requests = f"{item.requests} request{'' if item.requests == 1 else 's'}"
    yield from _wrapped(f"asked {asked}, {requests}, stopped: {escape(item.stop, 60)}", indent=6)
    body = f", body {item.sha256[:HASH]}…" if item.sha256 is not None else ""
    yield f"      run {item.run}{body}"
    if item.quarantine is not None:
        yield f"      kept as {item.quarantine}"


def _version(item: DayVersion) -> Iterator[str]:
    if item.records is None:
        told = f"by hand: {escape(item.subject, 200)}" if item.run is None else escape(item.subject, 200)
    else:
        changes = f"+{item.added} −{item.removed} ~{item.edited}"
        told = f"{item.records:,} record{'' if item.records == 1 else 's'}  {changes}"
    yield from _wrapped(f"{item.commit[:8]}  {minute(item.at)}  {told}")


def _span(first: date | None, last: date | None) -> str:
    return f"{first}" if last is None or first == last else f"{first} to {last}"


def _wrapped(text: str, *, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        escape(text, LONGEST),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
        break_long_words=False,
    )
