"""What a commit says: a subject that a person reads in `git log --oneline`, what changed, and trailers for programs.

Only our own words stand at the beginning of a line and in the last paragraph, so no text of an API can pass for a
subject, a trailer or git's `---`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from snapshotter.codec import instant_text
from snapshotter.core.days import day_at
from snapshotter.core.details import came
from snapshotter.core.escaping import escape
from snapshotter.core.ledger import CHANGING
from snapshotter.core.missing import lost_fact
from snapshotter.core.runs import in_order
from snapshotter.core.wording import counted
from snapshotter.frozen import dataclass
from snapshotter.model import Change, DayFact, JobStory, MissFact, Reason, RunRecord, Window

SUBJECT = 78  # so that `git log --oneline` keeps it on one line of a wide terminal
WIDTH = 76
DAYS_TOLD = 20
LINES_TOLD = 10  # of one day
NEW_DAYS_TOLD = 40
MISSES_TOLD = 10
NOTES_TOLD = 10
WINDOWS_TOLD = 10

Changes = Mapping[date | None, Change]


def message(records: Sequence[RunRecord], changes: Changes) -> str:
    """The message of the commit that brings these run records of one stream (waiting ones too) and their data."""
    told = _told(records)
    paragraphs = [_subject(told), *_body(told, changes), "\n".join(f"{key}: {value}" for key, value in _trailers(told))]
    return "\n\n".join(paragraphs) + "\n"


@dataclass(frozen=True, slots=True)
class _Told:
    """Everything that a message tells, gathered from the records."""

    records: tuple[RunRecord, ...]  # oldest first
    stories: tuple[JobStory, ...]
    new: Mapping[date | None, DayFact]  # None: the document without a day
    changed: Mapping[date | None, DayFact]
    missed: tuple[JobStory, ...]

    @property
    def key(self) -> str:
        return f"{self.records[-1].source}/{self.records[-1].stream}"

    def name(self, day: date | None) -> str:
        """A day, or what the one document without a day is."""
        if day is not None:
            return day.isoformat()
        return "undated records" if any(story.window or story.days for story in self.stories) else "snapshot"


def _told(records: Sequence[RunRecord]) -> _Told:
    ordered = tuple(in_order(records))
    stories = tuple(story for record in ordered for story in record.stories)
    facts: dict[date | None, DayFact] = {}
    for story in stories:
        for day, fact in [*story.days.items(), (None, story.dateless)]:
            if fact is not None and fact.change in CHANGING:
                facts[day] = _both(facts.get(day), fact)
    return _Told(
        ordered,
        stories,
        {day: fact for day, fact in _sorted(facts) if fact.change == "new"},
        {day: fact for day, fact in _sorted(facts) if fact.change != "new"},
        tuple(_last_misses(stories)),
    )


def _both(old: DayFact | None, new: DayFact) -> DayFact:
    """One fact for a day that two windows of the commit touched."""
    if old is None:
        return new
    return DayFact(
        new.records,
        new.sha256,
        old.change if old.change == "new" else new.change,
        old.added + new.added,
        old.removed + new.removed,
        old.edited + new.edited,
        cut_short=old.cut_short or new.cut_short,
    )


def _sorted(facts: Mapping[date | None, DayFact]) -> list[tuple[date | None, DayFact]]:
    return sorted(facts.items(), key=lambda item: item[0] or date.min)


def _last_misses(stories: Iterable[JobStory]) -> Iterable[JobStory]:
    """The stories that missed, without those that a later story of the same job made good."""
    latest = {story.job: story for story in stories}
    return (story for story in latest.values() if story.miss is not None and story.history_ends is None)


# --- subject ---


def _subject(told: _Told) -> str:
    """The longest telling that fits; what happened to the data goes before the misses."""
    news = _news_words(told)
    tails = [f"; {words}" for words in _miss_words(told)]
    texts = [f"{told.key}: {words}{tail}" for tail in tails or [""] for words in news]
    texts += [f"{told.key}: {words}" for words in news]
    return next((text for text in texts if len(text) <= SUBJECT), texts[-1])


def _news_words(told: _Told) -> list[str]:
    """What happened, longest telling first."""
    if None in told.new or None in told.changed:
        return _dateless_words(told)
    if not told.new and not told.changed:
        return ["no new data"] if told.missed else _nothing_words(told)
    days = [day for day in (*told.new, *told.changed) if day is not None]
    span = _days_words(min(days), max(days))
    if not told.changed:
        records = counted(sum(fact.records for fact in told.new.values()), "record")
        if len(days) == 1:
            return [f"{span} new ({records})", f"{span} new"]
        short = f"{len(days)} days new, {span}"
        return [f"{short} ({records})", short, f"{len(days)} days new"]
    if not told.new:
        return _changed_words(list(told.changed.values()), span)
    short = f"{counted(len(told.new), 'day')} new, {len(told.changed)} changed"
    return [f"{short}, {span}", short]


def _changed_words(facts: Sequence[DayFact], span: str) -> list[str]:
    counts = _counts(sum(f.added for f in facts), sum(f.edited for f in facts), removed=sum(f.removed for f in facts))
    verb = "emptied" if all(fact.change == "emptied" for fact in facts) else "changed"
    short = f"{span} {verb}" if len(facts) == 1 else f"{len(facts)} days {verb}, {span}"
    return [f"{short}: {counts}", short] if counts else [short]


def _dateless_words(told: _Told) -> list[str]:
    thing = told.name(None)
    days = len(told.new) + len(told.changed) - 1
    more = f", {counted(days, 'day')} new or changed" if days else ""
    if None in told.new:
        return [f"{thing} new ({counted(told.new[None].records, 'record')}){more}", f"{thing} new{more}"]
    fact = told.changed[None]
    counts = _counts(fact.added, fact.edited, removed=fact.removed)
    return [f"{thing} changed: {counts}{more}", f"{thing} changed{more}"] if counts else [f"{thing} changed{more}"]


def _nothing_words(told: _Told) -> list[str]:
    if any(story.history_ends for story in told.stories):
        return ["no records, the end of history is found", "the end of history is found"]
    proved = [story for story in told.stories if story.proved is not None]
    decided = [story for story in told.stories if story.reason is Reason.DECIDED]
    if decided:
        days = [_days_words(*_days_of(story.window, story.zone)) for story in decided if story.window]
        return [f"a version of {', '.join(days)} {decided[-1].stop}"] if days else [f"a version {decided[-1].stop}"]
    if any(story.details for story in told.stories):
        return [came(fact for story in told.stories for fact in story.details)]
    if not proved:
        return [f"no news in {counted(len(told.records), 'run')}"]
    spans = [_days_of(story.proved, story.zone) for story in proved if story.proved is not None]
    words = _days_words(min(first for first, _ in spans), max(last for _, last in spans))
    if any(fact.records for story in proved for fact in story.days.values()):
        return [f"proved again, no news, {words}", "proved again, no news"]
    return [f"proved, no new records, {words}", "proved, no new records"]


def _miss_words(told: _Told) -> list[str]:
    """Which days were missed and why, longest telling first."""
    misses = [story.miss for story in told.missed if story.miss]
    if not misses:
        return []
    states, whys = {miss.state for miss in misses}, {_short_why(miss) for miss in misses}
    state = next(iter(states)) if len(states) == 1 else "not proved"
    words = f"{state} ({next(iter(whys))})" if len(whys) == 1 else state
    spans = [_days_of(story.window, story.zone) for story in told.missed if story.window]
    if not spans:
        return [words]
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    return [f"{_days_words(first, last)} {words}", f"{counted((last - first).days + 1, 'day')} {words}", words]


def _short_why(miss: MissFact) -> str:
    return str(miss.status) if miss.status is not None else escape(miss.kind, 20)


# --- body ---


def _body(told: _Told, changes: Changes) -> Iterator[str]:
    if told.changed:
        changed = [_changed_lines(told.name(day), fact, changes.get(day)) for day, fact in _largest_first(told.changed)]
        more = len(told.changed) - DAYS_TOLD
        yield "\n".join([*changed, f"And {counted(more, 'more day')} changed."] if more > 0 else changed)
    if told.new:
        new = [f"{told.name(day)} ({fact.records:,})" for day, fact in told.new.items()]
        rest = f" and {len(new) - NEW_DAYS_TOLD:,} more" if len(new) > NEW_DAYS_TOLD else ""
        yield _wrap(f"New: {', '.join(new[:NEW_DAYS_TOLD])}{rest}.")
    if told.missed:
        yield "\n".join(_miss_lines(told.missed))
    for story in told.stories:
        span = story.proved or story.window
        if story.history_ends is not None and span is not None:
            before = day_at(story.history_before or span.start, story.zone)
            words = f"History begins at {before}: {escape(story.history_ends, 200)}"
            yield _wrap(
                f"{words}.{' Not settled until it is seen again on another day.' if story.history_doubted else ''}"
            )
    for story in told.stories:
        if story.lost is not None:
            yield _wrap(f"Lost for good: {lost_fact(story.lost, at=story.at).why}.")
    for note in [note for record in told.records for note in record.notes][:NOTES_TOLD]:
        yield _wrap(f"Note: {escape(note, 400)}")


def _largest_first(changed: Mapping[date | None, DayFact]) -> list[tuple[date | None, DayFact]]:
    return sorted(changed.items(), key=lambda item: -(item[1].added + item[1].removed + item[1].edited))[:DAYS_TOLD]


def _changed_lines(name: str, fact: DayFact, change: Change | None) -> str:
    counts = _counts(fact.added, fact.edited, removed=fact.removed) or fact.change
    lines = [f"{name}: {counts}{', now empty' if fact.change == 'emptied' else ''}"]
    told = change.lines if change else ()
    lines += [_wrap(escape(line, 400), indent="  ") for line in told[:LINES_TOLD]]
    if fact.cut_short or (change is not None and change.cut_short):
        lines.append("  … cut short: describing it took too long (see `snap diff`)")
    elif len(told) > LINES_TOLD:
        more = fact.added + fact.edited + fact.removed - LINES_TOLD
        lines.append(f"  … and {f'{more:,} ' if more > 0 else ''}more (see `snap diff`)")
    return "\n".join(lines)


def _miss_lines(missed: Sequence[JobStory]) -> Iterable[str]:
    for story in missed[:MISSES_TOLD]:
        miss = story.miss
        if miss is None:
            continue
        days = f"{_days_words(*_days_of(story.window, story.zone))} " if story.window else ""
        status = f" {miss.status}" if miss.status is not None else ""
        why = escape(miss.why, 300)
        yield _wrap(f"Missed: {days}{miss.state}, {escape(miss.kind, 40)}{status}: {why}{_tries_words(miss)}")
    if len(missed) > MISSES_TOLD:
        yield f"Missed: {counted(len(missed) - MISSES_TOLD, 'more window')}"


def _tries_words(miss: MissFact) -> str:
    tries = f"; try {miss.tries}, first at {_minute(miss.first)}" if miss.tries > 1 and miss.first else ""
    return tries + (f"; next try {_minute(miss.next_try)}" if miss.next_try else "")


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


# --- trailers ---


def _trailers(told: _Told) -> Iterable[tuple[str, str]]:
    last = told.records[-1]
    yield "Run", last.run
    if len(told.records) > 1:
        yield "Earlier-Records", str(len(told.records) - 1)
    yield "Source", last.source
    yield "Stream", last.stream
    yield from _window_trailers([story.window for story in told.stories if story.window])
    if last.observed is not None:
        yield "Observed", instant_text(last.observed)
    if told.stories:
        yield "Reason", ", ".join(dict.fromkeys(story.reason.value for story in told.stories))
    yield "Requests", str(sum(story.requests for story in told.stories))
    for key, facts in (("Days-Saved", told.new), ("Days-Changed", told.changed)):
        if days := sum(day is not None for day in facts):
            yield key, str(days)
    if told.new or told.changed:
        yield "Records", str(sum(fact.records for fact in (*told.new.values(), *told.changed.values())))
    if told.missed:
        yield "Missed", str(len(told.missed))
    if stops := dict.fromkeys(escape(story.stop, 40) for story in told.stories):
        yield "Stop", ", ".join(stops)


def _window_trailers(windows: Sequence[Window]) -> Iterable[tuple[str, str]]:
    distinct = sorted(set(windows))
    if len(distinct) <= WINDOWS_TOLD:
        yield from (("Window", f"{instant_text(one.start)}/{instant_text(one.end)}") for one in distinct)
        return
    start, end = distinct[0].start, max(window.end for window in distinct)
    yield "Window", f"{instant_text(start)}/{instant_text(end)}"
    yield "Windows", str(len(distinct))


# --- words ---


def _counts(added: int, edited: int, *, removed: int) -> str:
    parts = ((added, "added"), (edited, "edited"), (removed, "removed"))
    return ", ".join(f"{number:,} {word}" for number, word in parts if number)


def _days_of(window: Window, zone: str) -> tuple[date, date]:
    """The first and the last day that a window touches."""
    last = max(window.start, window.end - timedelta(microseconds=1))
    return day_at(window.start, zone), day_at(last, zone)


def _days_words(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first} to {last}"


def _wrap(text: str, *, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)
