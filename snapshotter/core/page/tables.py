"""The figures of a report as tables: changes, runs, budgets, growth, staleness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from snapshotter.core.diff import name_of
from snapshotter.core.maintaining import shown
from snapshotter.core.page.markup import Markup, el, join
from snapshotter.core.refreshing.findings import surprising
from snapshotter.core.rehearsing import line
from snapshotter.core.wording import counted
from snapshotter.model import Edit, FieldEdit
from snapshotter.results import BudgetLeft, LaneLeft, LimitsLeft
from snapshotter.results.past import RunLine
from snapshotter.results.rehearsing import Tried
from snapshotter.results.reporting import Expiry, Found, Growth
from snapshotter.results.staleness import Staleness

AT_ONCE, EDITS, FIELDS = 2, 10, 6  # of one change that are told
VALUE = 120
SIGNS = {"added": ("+", "plus"), "removed": ("−", "minus"), "changed": ("~", "soft")}


def table(caption: str, columns: Sequence[tuple[str, bool]], rows: Sequence[Markup]) -> Markup:
    """A table that scrolls by itself where it is too wide; columns with figures stand right."""
    heads = [el("th", name, scope="col", class_="num" if right else None) for name, right in columns]
    inside = el("table", el("caption", caption), el("thead", el("tr", *heads)), el("tbody", *rows))
    return el("div", inside, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _num(number: int, *, sign: str = "") -> Markup:
    return el("td", f"{sign}{number:,}" if number else "–", class_="num")


# --- changes ---


def changes(found: Sequence[Found], *, more: bool) -> Markup:
    """What changed after it was archived, each with its records."""
    if not found:
        return el("p", "Nothing that was archived has changed since.", class_="soft")
    columns = (("Document", False), ("Found", False), ("Added", True), ("Removed", True), ("Changed", True),
               ("Versions", True))  # fmt: skip
    rows = [row for change in found for row in _change(change)]
    caption = f"The newest {len(found)}; `snap versions` lists all" if more else "Newest first"
    return table(caption, columns, rows)


def _change(change: Found) -> Iterator[Markup]:
    hidden = change.added + change.removed + change.edited - len(change.edits[:EDITS])
    lines = [_edit(edit) for edit in change.edits[:EDITS]]
    lines += [el("li", f"and {hidden:,} more {'record' if hidden == 1 else 'records'}")] if lines and hidden > 0 else []
    first, rest = lines[:AT_ONCE], lines[AT_ONCE:]
    told = el("ul", *first, class_="edits soft") if first else None
    more = el("details", el("summary", f"{len(rest)} more"), el("ul", *rest, class_="edits soft")) if rest else None
    yield el(
        "tr",
        el("th", f"{change.stream} {change.day}".rstrip(), told, more, scope="row"),
        el("td", f"{change.at:%Y-%m-%d %H:%M}", class_="nowrap"),
        _num(change.added, sign="+"),
        _num(change.removed, sign="−"),
        _num(change.edited),
        el("td", f"{change.versions:,}", class_="num"),
    )


def _edit(edit: Edit) -> Markup:
    sign, kind = SIGNS[edit.kind]
    fields = [part for field in edit.fields[:FIELDS] for part in ("; ", *_field(field))][1:]
    more = edit.more + max(0, len(edit.fields) - FIELDS)
    rest = f"; and {more:,} more fields" if more else ""
    head = (el("span", sign, class_=kind), " ", el("strong", name_of(edit)), ": " if fields or edit.note else "")
    return el("li", *head, *fields, edit.note or None, rest)


def _field(field: FieldEdit) -> Iterator[Markup | str]:
    if field.path:
        yield f"{field.path} "
    yield el("del", _cut(field.old)) if field.old is not None else "(none)"
    yield " → "
    yield el("ins", _cut(field.new)) if field.new is not None else "(none)"


def _cut(text: str) -> str:
    return text if len(text) <= VALUE else text[: VALUE - 1] + "…"


# --- runs ---


def runs(lines: Sequence[RunLine]) -> Markup:
    """The newest runs."""
    if not lines:
        return el("p", "No run yet.", class_="soft")
    columns = (("Began", False), ("Command", False), ("Streams", True), ("Requests", True), ("New days", True),
               ("Changed", True), ("Problems", True), ("Took", True))  # fmt: skip
    rows = [
        el("tr", el("th", f"{line.started:%Y-%m-%d %H:%M}", scope="row", class_="nowrap"), el("td", line.command),
           _num(len(line.streams)), _num(line.requests), _num(line.days_new), _num(line.days_changed),
           _num(line.problems), el("td", _seconds((line.at - line.started).total_seconds()), class_="num"))
        for line in lines
    ]  # fmt: skip
    requests = sum(line.requests for line in lines)
    return table(f"The newest {len(lines)}, {requests:,} requests in all; times in UTC", columns, rows)


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


# --- budgets ---


def budgets(limits: LimitsLeft) -> Markup:
    """What is left of every rate limit."""
    rows = [row for lane in limits.lanes for row in _lane(lane)]
    notes = [el("p", f"{notice.about}: {notice.text}", class_="soft small") for notice in limits.notices]
    if not rows:
        return join([el("p", "No lane has asked anything yet.", class_="soft"), *notes])
    columns = (("Lane", False), ("Limit", False), ("Used", True), ("Of", True), ("Left", False), ("More from", False))
    return join([table("As far as the APIs have told", columns, rows), *notes])


def _lane(lane: LaneLeft) -> Iterator[Markup]:
    name = el("th", lane.lane, el("div", ", ".join(lane.sources), class_="soft small"), scope="row",
              rowspan=max(1, len(lane.budgets)))  # fmt: skip
    if not lane.budgets:
        words = f"none known; a request every {lane.min_interval:g} s"
        yield el("tr", name, el("td", words, colspan=5, class_="soft"))
    for place, budget in enumerate(lane.budgets):
        yield el("tr", name if place == 0 else None, *_budget(budget))


def _budget(budget: BudgetLeft) -> Iterator[Markup]:
    yield el("td", budget.name)
    yield el("td", f"{budget.used:,}" if budget.used is not None else "–", class_="num")
    yield el("td", f"{budget.limit:,}" if budget.limit is not None else "–", class_="num")
    left = el("div", f"{budget.remaining:,}", class_="small")
    yield el("td", left, bar(budget.remaining, budget.limit) if budget.limit else None, class_="bar")
    yield el("td", f"{budget.until:%m-%d %H:%M}" if budget.until is not None else "–", class_="nowrap")


def bar(part: int, whole: int) -> Markup:
    """How much of a whole, for the eye only: the figure stands beside it."""
    width = min(100.0, 100 * part / whole) if whole > 0 else 0.0
    drawn = (el("rect", class_="c", x=0, y=0, width=100, height=10),
             el("rect", class_="l3", x=0, y=0, width=f"{width:.1f}", height=10))  # fmt: skip
    return el("svg", *drawn, viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")


# --- growth, staleness, expiry ---


def growth(found: Growth, restore: Tried | None = None) -> Markup:
    """How the archive grows, and whether a restore was tried."""
    by_month = f", growing by about {shown(found.bytes_a_month)} a month" if found.bytes_a_month is not None else ""
    commits = f" {counted(found.commits, 'commit')} in the time that is shown." if found.commits else ""
    words = el("p", f"{shown(found.bytes)} on this disk{by_month}.{commits}")
    tried = el("p", f"{line(restore)[:1].upper()}{line(restore)[1:]}.") if restore is not None else None
    minded = [el("p", f"{warning[:1].upper()}{warning[1:]}.") for warning in found.warnings]
    return join([words, *minded, tried, _months(found.records) if found.records else None])


def _months(records: Mapping[str, int]) -> Markup:
    most = max(records.values()) or 1
    rows = [
        el("tr", el("th", month, scope="row", class_="nowrap"), el("td", f"{count:,}", class_="num"),
           el("td", bar(count, most), class_="bar"))
        for month, count in records.items()
    ]  # fmt: skip
    return table("Records by the month of their day", (("Month", False), ("Records", True), ("", False)), rows)


def staleness(found: Sequence[Staleness], surprises: Mapping[str, Sequence[date]]) -> Markup:
    """How much of what is stored differs from its source by now, and what changed that was held to be settled."""
    told = [el("p", f"{stream}: {surprising(days)}.") for stream, days in surprises.items()]
    return join([_drawn(found), *told])


def _drawn(found: Sequence[Staleness]) -> Markup:
    if not found:
        words = "Not known: no stored day was drawn by chance and asked again yet (`snap refresh` does that)."
        return el("p", words, class_="soft")
    columns = (("Stream", False), ("Differ", True), ("95 % sure between", True), ("Drawn", True), ("Changed", True))
    rows = [
        el("tr", el("th", one.stream, scope="row"), el("td", f"{one.share:.1%}", class_="num"),
           el("td", f"{one.low:.1%} and {one.high:.1%}", class_="num"), _num(one.days), _num(one.changed))
        for one in found
    ]  # fmt: skip
    return table("Stored days that differ from the source, by those drawn by chance", columns, rows)


def expiries(found: Sequence[Expiry]) -> Markup:
    """What ends unless somebody renews it."""
    columns = (("Source", False), ("Ends", False), ("Renew with", False))
    rows = [
        el("tr", el("th", one.source, scope="row"), el("td", f"{one.at:%Y-%m-%d %H:%M}", class_="nowrap"),
           el("td", el("code", one.renew)))
        for one in found
    ]  # fmt: skip
    return table("Authorizations that are not renewed by themselves", columns, rows)
