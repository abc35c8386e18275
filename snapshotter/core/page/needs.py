"""What waits for a person, what goes on by itself, and what to do, as cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from snapshotter.core.page.markup import Markup, el, join
from snapshotter.core.states import minute
from snapshotter.core.wording import counted
from snapshotter.model import QuarantineEntry
from snapshotter.results import HeldVersion, Notice
from snapshotter.results.days import Lack
from snapshotter.results.reporting import Report, Trouble

SHOWN = 6  # ranges of days, held versions, answers in a card


def needs(report: Report) -> Markup:
    """All cards: first what waits for a person."""
    waiting = [*map(_notice, report.alarms), *map(_trouble, report.waiting)]
    waiting += [_held(report.held)] if report.held else []
    others = [_trouble(trouble) for trouble in report.troubles if not trouble.waits]
    if report.quarantine:
        (others if report.knows_quarantine else waiting).append(_quarantine(report.quarantine))
    others += [_notice(notice) for notice in report.notices if notice.level == "info"]
    if report.waiting_spool:
        half = f"{counted(report.waiting_spool, 'window')} half fetched; the next fetch goes on there"
        others.append(_card("info", "half fetched", "", el("p", half)))
    parts: list[Markup] = [el("ul", *waiting, class_="cards")] if waiting else [el("p", "Nothing waits for you.")]
    if others:
        told = f"{counted(len(others), 'thing')} to know about, with nothing to do"
        parts.append(el("details", el("summary", told), el("ul", *others, class_="cards"), open=not waiting))
    return join(parts)


def _card(kind: str, badge: str, about: str, *inside: Markup | None) -> Markup:
    head = el("h3", el("span", badge, class_="badge"), about)
    return el("li", head, *inside, class_=f"card {kind}")


def _notice(notice: Notice) -> Markup:
    text = notice.text.removeprefix(f"{notice.about}: ") if notice.about else notice.text
    return _card(notice.level, notice.level, notice.about, el("p", text))


def _trouble(trouble: Trouble) -> Markup:
    lack = trouble.lack
    return _card(
        lack.state,
        lack.state,
        trouble.stream,
        el("p", days_words(trouble), class_="soft small"),
        el("p", lack.why[:1].upper() + lack.why[1:]) if lack.why else None,
        el("p", _since(lack), class_="soft small") if lack.first_seen is not None else None,
        *_steps(lack, more=trouble.stream if len(trouble.ranges) > 1 else None),
    )


def days_words(trouble: Trouble) -> str:
    """Which days: their number, and the newest ranges."""
    spans = [span(first, last) for first, last in trouble.ranges if first is not None or last is not None]
    if not spans:
        return counted(trouble.days, "day") if trouble.days else "The whole of it"
    more = f" and {len(spans) - SHOWN} more" if len(spans) > SHOWN else ""
    return f"{counted(trouble.days, 'day')}: {', '.join(spans[:SHOWN])}{more}"


def span(first: date | None, last: date | None) -> str:
    """A range of days."""
    if first is None:
        return f"until {last}"
    return f"{first}" if last is None or first == last else f"{first} to {last}"


def _since(lack: Lack) -> str:
    tries = f"{lack.tries} tries since" if lack.tries > 1 else "Tried"
    again = f", next {minute(lack.next_try)}" if lack.next_try is not None else ""
    last = f", last {minute(lack.last_try)}" if lack.tries > 1 and lack.last_try is not None else ""
    return f"{tries} {minute(lack.first_seen) if lack.first_seen else ''}{last}{again}"


def _steps(lack: Lack, *, more: str | None) -> Iterator[Markup]:
    commands = [*lack.commands, *([f"snap gaps {more}"] if more else [])]
    if lack.step:
        text = lack.step[:1].upper() + lack.step[1:]
        yield el("p", f"{text}:" if commands and not text.endswith(":") else text)
    if commands:
        yield el("pre", *(el("code", command) for command in commands))


def _held(held: Sequence[HeldVersion]) -> Markup:
    lines = [
        el("li", f"{version.stream} {version.day}".rstrip(), f": {counted(version.records, 'record')}",
           f" where {version.archived:,} stand" if version.archived is not None else "", f"; {version.why}")
        for version in held[:SHOWN]
    ]  # fmt: skip
    first = held[0]
    name = f"{first.stream} {first.day}".rstrip()
    commands = (f"snap diff {name} --held", f"snap held accept {name}", f"snap held reject {name}")
    return _card(
        "held",
        "held",
        f"{counted(len(held), 'newer version')} that {'looks' if len(held) == 1 else 'look'} worse than what stands",
        el("ul", *lines, _more(len(held)), class_="edits"),
        el("p", "Look, then take it or drop it:"),
        el("pre", *(el("code", command) for command in commands)),
    )


def _quarantine(entries: Sequence[QuarantineEntry]) -> Markup:
    alike: dict[tuple[str, str], list[QuarantineEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
        alike.setdefault((f"{entry.source}/{entry.stream}", f"{entry.reason}: {entry.message}"), []).append(entry)
    lines = [
        el("li", f"{stream}: {len(row):,}, the newest of {minute(row[0].at)}; {why}")
        for (stream, why), row in [*alike.items()][:SHOWN]
    ]
    return _card(
        "invalid",
        "quarantine",
        f"{counted(len(entries), 'answer')} that could not be used, kept byte for byte",
        el("ul", *lines, _more(len(alike)), class_="edits"),
        el("p", "Correct the source file, then read them again:"),
        el("pre", el("code", "snap quarantine"), el("code", "snap quarantine retry")),
    )


def _more(number: int) -> Markup | None:
    return el("li", f"and {number - SHOWN} more", class_="soft") if number > SHOWN else None
