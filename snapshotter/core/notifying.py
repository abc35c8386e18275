"""From what is wrong to who is told what and when: states, not events.

A trouble that only a person can end is told at once; one that may pass by itself only after it has lasted. While it
goes on it is told again after 1, 3, 7 and 14 days; its end is told once, if its beginning was.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from snapshotter.core.escaping import escape
from snapshotter.core.wording import counted
from snapshotter.frozen import dataclass
from snapshotter.results import Ran

PATIENCE = timedelta(hours=24)  # how long trouble that may pass is waited out
EARLY = timedelta(minutes=30)  # a timer does not come to the second: so much earlier counts as in time
REMINDERS = tuple(timedelta(days=days) for days in (1, 3, 7, 14))
# A path or a command is never broken.
_WRAP = textwrap.TextWrapper(
    78, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)
SUBJECT = 80  # characters of a trouble
LISTED = 12  # troubles in one message

When = Literal["change", "problem", "always"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now. `key` stays the same while it lasts; no value of the user's is in it."""

    key: str
    words: str
    lasting: bool  # only a person can end it
    ends: bool = True  # what is lost stays lost: nobody is told that it is good again


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble as it is remembered between runs."""

    trouble: Trouble
    since: datetime
    told: int = 0  # how often; 0: it was waited out so far


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The states to remember, and what there is to say of their change."""

    standing: Mapping[str, Standing]
    new: tuple[Standing, ...]
    again: tuple[Standing, ...]
    fixed: tuple[Standing, ...]

    @property
    def is_news(self) -> bool:
        """Whether somebody should hear of it."""
        return bool(self.new or self.again or self.fixed)


def decide(before: Mapping[str, Standing], troubles: Iterable[Trouble], now: datetime) -> Decided:
    """What has become of each trouble since the last run."""
    standing: dict[str, Standing] = {}
    new: list[Standing] = []
    again: list[Standing] = []
    for trouble in troubles:
        if trouble.key in standing:
            continue
        seen = replace(before.get(trouble.key, Standing(trouble, now)), trouble=trouble)
        age = max(timedelta(0), now - seen.since) + EARLY
        if not seen.told and (trouble.lasting or age >= PATIENCE):
            seen = replace(seen, told=1 + _passed(age))
            new.append(seen)
        elif seen.told and _passed(age) >= seen.told:
            seen = replace(seen, told=1 + _passed(age))
            again.append(seen)
        standing[trouble.key] = seen
    fixed = [one for key, one in before.items() if key not in standing and one.told and one.trouble.ends]
    return Decided(standing, tuple(new), tuple(again), tuple(fixed))


def _passed(age: timedelta) -> int:
    return sum(age >= reminder for reminder in REMINDERS)


def wanted(when: str, decided: Decided) -> bool:
    """Whether somebody who chose `when` hears of this run."""
    match when:
        case "always":
            return True
        case "problem":
            return decided.is_news or any(one.told for one in decided.standing.values())
        case _:
            return decided.is_news


def message(archive: str, decided: Decided, *, host: str) -> Message:
    """The words for one run."""
    bad = sum(1 for one in decided.standing.values() if one.told)
    parts = [
        *_section("New", decided.new),
        *_section("Still so", decided.again),
        *_section("Fixed", [_without_step(one) for one in decided.fixed]),
    ]
    rest = bad - len(decided.new) - len(decided.again)
    if rest:
        parts.append(f"{rest} told before and still so; `snap status` lists all.\n")
    text = "\n".join(parts) or "Nothing is wrong.\n"
    return Message(
        f"snap: {escape(archive)}: {_head(decided, bad)}", f"{text}\nArchive {escape(archive)} on {escape(host)}.\n"
    )


def _head(decided: Decided, bad: int) -> str:
    """What the subject says: the one thing that there is to say, or how many."""
    told = [*decided.new, *decided.again]
    if not bad:
        return "all is well again" if decided.fixed else "all is well"
    if bad == 1 and len(told) == 1:
        words = " ".join(_without_step(told[0]).trouble.words.split())  # a subject is one line
        short = words if len(words) <= SUBJECT else words[: SUBJECT - 1].rsplit(" ", 1)[0] + "…"
        return short if decided.new else f"still so: {short}"
    new = f", {len(decided.new)} new" if decided.new and len(decided.new) < bad else ""
    return f"{counted(bad, 'problem')}{new}"


def _without_step(fixed: Standing) -> Standing:
    """What is over asks nobody for anything."""
    return replace(fixed, trouble=replace(fixed.trouble, words=fixed.trouble.words.partition(";")[0]))


def _section(title: str, standing: Collection[Standing]) -> list[str]:
    if not standing:
        return []
    told = [f"{one.trouble.words} (since {one.since:%Y-%m-%d %H:%M} UTC)" for one in list(standing)[:LISTED]]
    lines = [_WRAP.fill(words) for words in told]
    more = [f"  and {len(standing) - LISTED} more"] if len(standing) > LISTED else []
    return ["\n".join([f"{title}:", *lines, *more]) + "\n"]


def digest_due(last: datetime | None, every: str | None, now: datetime) -> bool:
    """Whether a digest is to be sent: `daily`, `weekly`, or never."""
    if every is None:
        return False
    span = timedelta(days=1 if every == "daily" else 7)
    return last is None or now - last >= span - EARLY


def metrics(ran: Ran, *, missing: Mapping[str, int], good: bool) -> str:
    """The run in the text format of Prometheus."""
    days = {stream: float(number) for stream, number in missing.items()}
    rows = [
        ("snap_last_run_timestamp_seconds", "When the last run ended.", {"": ran.finished.timestamp()}),
        ("snap_last_run_exit_code", "Its exit code.", {"": float(int(ran.exit))}),
        ("snap_last_run_requests", "Requests that it sent.", {"": float(sum(one.requests for one in ran.streams))}),
        ("snap_last_run_commits", "Commits that it made.", {"": float(len(ran.commits))}),
        ("snap_last_run_good", "Whether all that it got is saved and pushed, and all is told.", {"": float(good)}),
        (
            "snap_missing_days",
            "Days that were asked and could not be had since.",
            days,
        ),
    ]
    lines: list[str] = []
    for name, words, values in rows:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        for stream, value in values.items():
            label = f'{{stream="{stream}"}}' if stream else ""
            lines.append(f"{name}{label} {value:.15g}")
    return "\n".join(lines) + "\n"
