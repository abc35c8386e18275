"""What a source file may say and this version does not act on yet: told to the user, never silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from snapshotter.spec import RefreshRule, Source, Stream


def unused_in(source: Source) -> tuple[str, ...]:
    """The parts of a source file that have no effect, in words."""
    return tuple(f"streams.{stream.name}.{words}" for stream in source.streams.values() for words in _in_stream(stream))


def _in_stream(stream: Stream) -> Iterator[str]:
    if stream.details:
        names = ", ".join(detail.name for detail in stream.details)
        yield f"details ({names}): details are not asked for by this version; the list is archived"
    if stream.refresh != RefreshRule():
        yield "refresh: complete days are asked again within `lookback` only by this version"
    if stream.horizon is not None:
        yield "horizon: this version does not warn before an API forgets"
