"""What is said about details."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from snapshotter.core.escaping import escape
from snapshotter.results.details import Counted, DetailLack

ID = 80  # characters of an id


def words(counts: Counted) -> str:
    """Their line: `activity: 812 of 1,000, 3 failed, 12 gone`."""
    parts = [f"{counts.name}: {counts.stored:,} of {counts.parents:,}"]
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    parts += [f"{counts.gone:,} gone"] if counts.gone else []
    return ", ".join(parts)


def lacking(items: Iterable[DetailLack], wrapped: Callable[[str], list[str]]) -> Iterator[str]:
    """Details that are not there: which, why, and what comes."""
    for item in items:
        days = "" if item.first is None else f" ({item.first})" if item.first == item.last else _days(item)
        which = f" {escape(item.ids[0], ID)}" if item.records == 1 and item.ids else f", {item.records:,} records"
        yield f"{item.stream}/{item.detail}{which}{days}: {item.state}"
        yield from wrapped(item.why)
        if item.records > 1:
            more = item.records - len(item.ids)
            named = ", ".join(escape(one, ID) for one in item.ids)
            yield from wrapped(f"records {named}{f' and {more:,} more' if more else ''}")
        if item.step:
            yield from wrapped(f"{item.step}:" if item.commands else item.step)
        yield from (f"    {escape(command, ID)}" for command in item.commands)


def _days(item: DetailLack) -> str:
    return f" ({item.first} to {item.last})"
