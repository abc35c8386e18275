"""`record` and `test` in words for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snapshotter.core.escaping import escape
from snapshotter.results.bench import Played, Recorded, Tested, TestedStream

MARKS = {True: "ok", False: "FAILED", None: "-"}
MOST_DAYS = 14
WIDTH = 24


def recorded(result: Recorded) -> str:
    """`record`: what is in the file, and what to do with it."""
    days = "" if result.since is None else f", days {result.since} to {result.until}"
    if result.path is None:
        return f"{result.stream}: would be asked once{days}; nothing was asked or written"
    lines = [
        f"Recorded {result.stream}: {_many(result.exchanges, 'answer')}{days}",
        f"  {escape(result.path)} ({result.size:,} bytes)",
        "  secrets stand by name; cookies, credentials and token exchanges are left out",
    ]
    if result.scrubbed:
        lines.append(f"  stand-ins at {', '.join(map(escape, result.scrubbed))}")
    else:
        lines.append("  personal values are as they came: look through it, and use --scrub PATH")
    if result.cut:
        lines.append("  it ends before the API had no more, as --pages said")
    return "\n".join([*lines, "", f"Next: snap test {escape(result.path)}"])


def tested(result: Tested) -> str:
    """`test`: a paragraph a recording."""
    return "\n\n".join("\n".join(_stream(stream)) for stream in result.streams)


def _stream(stream: TestedStream) -> Iterator[str]:
    yield f"{stream.stream}, {escape(stream.recording)} with {escape(stream.source_file)}"
    records = _many(stream.records, "record")
    yield f"  {_many(stream.requests, 'request')}, {records}; paging ended: {_counts(stream.stops) or 'never'}"
    if stream.states:
        yield f"  days: {_counts(stream.states)}"
    shown = list(stream.days.items())
    for day, count in shown[:MOST_DAYS]:
        yield f"    {day}  {count:>6}"
    if len(shown) > MOST_DAYS:
        yield f"    and {len(shown) - MOST_DAYS} more documents"
    for problem in stream.problems:
        yield f"  FAILED  {escape(problem)}"
    yield f"  {'':6}  {'scenario':{WIDTH}}came of it"
    yield from (_line(played) for played in stream.scenarios)


def _line(played: Played) -> str:
    line = f"  {MARKS[played.passed]:6}  {played.scenario:{WIDTH}}{escape(played.got)}"
    if played.passed is not None and played.got != played.expected:
        line += f" (usually: {played.expected})"
    return line


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items() if count)
