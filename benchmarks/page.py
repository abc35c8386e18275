"""The rows as a table for the terminal, and as tables and plots for docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from math import log10
from operator import attrgetter
from pathlib import Path

import rows
from rows import Row

DOCS = Path(__file__).parent.parent / "docs"
MARKER = "<!-- made by `make bench` -->"
INK = 'font-family="sans-serif" font-size="12"'


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_topics(found: Sequence[Row]) -> list[Row]:
    """What belongs together side by side, in the order of first mention."""
    order = {topic: place for place, topic in enumerate(dict.fromkeys(row.topic for row in found))}
    return sorted(found, key=lambda row: order[row.topic])


def goal(row: Row) -> str:
    """What the ratio should be, and whether it is."""
    if row.goal is None:
        return ""
    return f"{'≥' if row.more else '≤'} {row.goal:g}"


def verdict(row: Row) -> str:
    """In a word."""
    return {None: "", True: "met", False: "MISSED"}[row.met]


def text(found: Sequence[Row]) -> str:
    """The table for the terminal."""
    lines = [f"{'':48} {'ours':>15}   {'beside':<46} {'theirs':>8} {'ratio':>7} {'goal':>7}"]
    for topic, some in groupby(in_topics(found), key=attrgetter("topic")):
        lines.append(topic)
        for row in some:
            ours = f"{number(row.ours)} {row.unit}"
            lines.append(
                f"  {row.what:46} {ours:>15}   {row.against:<46} {number(row.theirs):>8} {number(row.ratio):>7}"
                f" {goal(row):>7} {verdict(row)}".rstrip()
            )
    return "\n".join(lines)


def tables(found: Sequence[Row]) -> Iterator[str]:
    """The same as Markdown, a table a topic."""
    for topic, some in groupby(in_topics(found), key=attrgetter("topic")):
        yield from (f"### {topic}", "", "| | ours | beside | theirs | ratio | goal |", "|---|---|---|---|---|---|")
        for row in some:
            ratio = number(row.ratio) + (f" ({number(row.cpu)} of CPU)" if row.cpu else "")
            told = f"{goal(row)}, {verdict(row)}" if row.goal is not None else "–"
            ours, theirs = (f"{number(value)} {row.unit}" for value in (row.ours, row.theirs))
            yield f"| {row.what} | {ours} | {row.against} | {theirs} | {ratio} | {told} |"
        yield ""


def goals_plot(found: Sequence[Row]) -> str:
    """How far each figure is from its goal, on a scale of powers of ten: to the right of the line is better."""
    aimed = [row for row in found if row.goal and row.ratio]  # a goal of none at all has no scale
    high, middle, wide = 18, 500, 130
    lines = []
    for place, row in enumerate(aimed):
        assert row.goal is not None
        far = log10(row.ratio / row.goal if row.more else row.goal / row.ratio)
        far, y = max(-1.5, min(2.5, far)), 30 + high * place
        left, width = (middle, far * wide) if far > 0 else (middle + far * wide, -far * wide)
        colour = "#2a7f62" if row.met else "#b3402a"
        name = row.what if len(row.what) < 45 else f"{row.what[:44]}…"
        lines.append(f'<text x="285" y="{y + 11}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect x="{left:.1f}" y="{y}" width="{max(width, 1):.1f}" height="13" fill="{colour}"/>')
    size = 44 + high * len(aimed)
    marks = [(power, f"{10.0**power:g} ×") for power in (-1, 0, 1, 2)]
    for power, words in marks:
        x = middle + power * wide
        lines.append(
            f'<line x1="{x}" y1="24" x2="{x}" y2="{size - 10}" stroke="#888" stroke-width="{1 + (power == 0)}"/>'
        )
        lines.append(f'<text x="{x}" y="18" text-anchor="middle">{words}</text>')
    return _picture("How many times better than its goal each figure is", 850, size, lines)


def flat_plot(found: Sequence[Row]) -> str:
    """The time of each command on a small and on a big archive."""
    both = [row for row in found if row.topic == "Flat" and row.unit == "ms"]
    most = max((max(row.ours, row.theirs) for row in both), default=1.0)
    lines = []
    for place, row in enumerate(both):
        y = 14 + 34 * place
        lines.append(f'<text x="250" y="{y + 15}" text-anchor="end">{escape(row.what)}</text>')
        for down, (value, colour) in enumerate(((row.theirs, "#9aa7b5"), (row.ours, "#2a7f62"))):
            width = 400 * value / most
            lines.append(f'<rect x="258" y="{y + 13 * down}" width="{width:.1f}" height="12" fill="{colour}"/>')
            lines.append(f'<text x="{262 + width:.1f}" y="{y + 10 + 13 * down}" font-size="10">{value:.0f} ms</text>')
    return _picture(
        "The same command on a small archive (above) and on a big one (below)", 730, 24 + 34 * len(both), lines
    )


def _picture(title: str, width: int, height: int, lines: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {INK}>'
    ground = f'<title>{title}</title><rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, ground, *lines, "</svg>", ""])


def made(about: dict[str, str], found: Sequence[Row]) -> str:
    """What stands below the marker."""
    on = "; ".join(f"{name}: {value}" for name, value in about.items())
    return "\n".join([MARKER, "", f"Measured on: {on}.", "", *tables(found)]).rstrip() + "\n"


def write(about: dict[str, str], found: Sequence[Row], docs: Path = DOCS) -> None:
    """Put tables and plots where people read them."""
    file = docs / "performance.md"
    head = file.read_text(encoding="utf-8").split(MARKER)[0]
    file.write_text(head + made(about, found), encoding="utf-8")
    (docs / "performance-goals.svg").write_text(goals_plot(found), encoding="utf-8")
    (docs / "performance-flat.svg").write_text(flat_plot(found), encoding="utf-8")


def read(file: Path) -> tuple[dict[str, str], list[Row]]:
    """What results.json holds."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return found["machine"], [rows.Row(**row) for row in found["rows"]]
