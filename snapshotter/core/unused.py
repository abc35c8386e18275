"""What a source file may say and this version does not act on yet: told to the user, never silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from snapshotter.spec import Source, Stream


def unused_in(source: Source) -> tuple[str, ...]:
    """The parts of a source file that have no effect, in words."""
    return tuple(f"streams.{stream.name}.{words}" for stream in source.streams.values() for words in _in_stream(stream))


def _in_stream(stream: Stream) -> Iterator[str]:
    if names := ", ".join(detail.name for detail in stream.details if detail.store == "merge"):
        yield f'details ({names}): store = "merge" keeps a file for each record in this version, like "item"'
