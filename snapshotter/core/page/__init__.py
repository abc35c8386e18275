"""The report as one page for a browser: whole in itself, no script, nothing loaded, every text from outside escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from snapshotter.core import overview
from snapshotter.core.maintaining import shown
from snapshotter.core.page import days, tables
from snapshotter.core.page.markup import Markup, el, join
from snapshotter.core.page.needs import needs
from snapshotter.core.page.style import SHEET, source
from snapshotter.core.wording import counted
from snapshotter.results.reporting import Cover, Report

Section = tuple[str, str, Markup]  # id, heading, inside


def page(report: Report) -> str:
    """The whole document."""
    policy = f"default-src 'none'; style-src {source()}; base-uri 'none'; form-action 'none'"
    head = (
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{report.archive}: report of {report.at:%Y-%m-%d}"),
        el("style", Markup(SHEET)),
    )
    sections = _sections(report)
    body = (
        el("a", "Skip to what needs you", href="#needs", class_="skip"),
        days.shapes(),
        _header(report),
        _contents(sections),
        el("main", _tiles(report), *(_section(*section) for section in sections)),
        _footer(report),
    )
    return f"<!doctype html>\n{el('html', el('head', *head), el('body', *body), lang='en')}\n"


def _sections(report: Report) -> list[Section]:
    found = [
        ("needs", "What needs you", needs(report)),
        ("days", "Days", _coverage(report)),
        ("changes", f"Changes found since {report.since}", tables.changes(report.changes, more=report.more_changes)),
        ("runs", "Runs", tables.runs(report.runs)),
        ("budgets", "Requests and budgets", tables.budgets(report.limits)),
        ("growth", "Growth", tables.growth(report.growth, report.restore)),
        ("staleness", "Staleness", tables.staleness(report.staleness, report.surprises)),
    ]
    return found + ([("expiry", "Next to expire", tables.expiries(report.expiries))] if report.expiries else [])


def _section(name: str, heading: str, inside: Markup) -> Markup:
    return el("section", el("h2", heading, id=f"{name}-h"), inside, id=name, aria_labelledby=f"{name}-h")


def _contents(sections: Sequence[Section]) -> Markup:
    links = [el("li", el("a", heading.partition(" since ")[0], href=f"#{name}")) for name, heading, _ in sections]
    return el("nav", el("ul", *links), aria_label="Contents")


# --- head and foot ---


def _header(report: Report) -> Markup:
    return el(
        "header",
        el("p", "Report of the archive", class_="soft small"),
        el("h1", report.archive),
        el("p", f"{long_date(report.at)}, {report.at:%H:%M} UTC", class_="soft"),
        _verdict(report.needs),
    )


def _verdict(number: int) -> Markup:
    ring = el("circle", cx=10, cy=10, r=8.2, fill="none", stroke="currentColor", stroke_width=1.8)
    mark = "M10 5.6v5.4M10 14.1v.1" if number else "M6.3 10.4l2.6 2.6 4.9-5.4"
    path = el("path", d=mark, fill="none", stroke="currentColor", stroke_width=1.9, stroke_linecap="round",
              stroke_linejoin="round")  # fmt: skip
    icon = el("svg", ring, path, viewBox="0 0 20 20", class_="warn" if number else "good", aria_hidden="true")
    words = "All is well: nothing waits for you"
    if number:
        words = "1 thing waits for you" if number == 1 else f"{number} things wait for you"
    return el("a", icon, words, href="#needs", class_="verdict")


def _tiles(report: Report) -> Markup:
    there, wanted = overview.share(report.counts)
    tiles = [(percent(there, wanted), f"{there:,} of {wanted:,}", "Days that are there")] if wanted else []
    names = {cover.status.stream.partition("/")[0] for cover in report.streams}
    tiles += [
        (f"{len(report.streams):,}", f"of {counted(len(names), 'source')}", "Streams"),
        (f"{sum(cover.status.records for cover in report.streams):,}", "as they are now", "Records"),
        (_at_least(report), f"since {report.since}", "Documents changed"),
        (shown(report.growth.bytes), _by_month(report), "On this disk"),
    ]
    if report.expiries:
        first = report.expiries[0]
        tiles.append((f"{first.at:%Y-%m-%d}", first.source, "Next to expire"))
    drawn = [el("div", el("dt", name), el("dd", figure), el("dd", more, class_="soft small"))
             for figure, more, name in tiles]  # fmt: skip
    return el("dl", *drawn, class_="tiles")


def _at_least(report: Report) -> str:
    return f"{len(report.changes):,}{'+' if report.more_changes else ''}"


def _by_month(report: Report) -> str:
    grows = report.growth.bytes_a_month
    return f"+{shown(grows)} a month" if grows is not None else "growth not known yet"


def _footer(report: Report) -> Markup:
    head = f", commit {report.head[:8]}" if report.head else ""
    where = f"Made by snap {report.snap} from {report.path}{head}. "
    again = (el("code", "snap report --html FILE"), " makes it anew. This page loads nothing and runs no script.")
    return el("footer", el("p", where, *again))


# --- days ---


def _coverage(report: Report) -> Markup:
    if not report.streams:
        return el("p", "No sources yet; ", el("code", "snap add"), " adds one.")
    dated = any(cover.days or cover.years for cover in report.streams)
    parts = [el("p", f"{report.first} to {report.last}, a week a column.", class_="soft small"), days.legend()]
    return join([*(parts if dated else []), *(_stream(cover, report) for cover in report.streams)])


def _stream(cover: Cover, report: Report) -> Markup:
    status = cover.status
    told = counted(status.records, "record")
    if status.last_good is not None:
        told += f" · last good answer {status.last_good:%Y-%m-%d %H:%M} UTC"
    return el(
        "article",
        el("header", el("h3", status.stream), el("span", told, class_="soft small")),
        el("p", status.summary[:1].upper() + status.summary[1:], class_="small"),
        days.calendar(cover.days, (report.first, report.last)) if cover.days else None,
        *_figures(cover),
        class_="card stream",
    )


def _figures(cover: Cover) -> Iterator[Markup]:
    if cover.days:
        yield el("details", el("summary", "Month by month, in figures"), days.by_month(cover.days))
    if cover.years:
        first, last = cover.years[-1].year, cover.years[0].year
        words = f"Before: {first}" if first == last else f"Before: {first} to {last}, year by year"
        yield el("details", el("summary", words), days.by_year(cover.years), open=not cover.days)


# --- words ---


def percent(part: int, whole: int) -> str:
    """A share that says 100 % only where all is there."""
    if part == whole:
        return "100 %"
    return f"{1000 * part // whole / 10:.1f} %"


def long_date(at: datetime) -> str:
    """`5 February 2018`."""
    return f"{at.day} {at:%B %Y}"
