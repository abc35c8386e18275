"""The JSON Schemas that source files name for their records, read from the archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snapshotter.archive.opening import Opened
from snapshotter.core.conforming import RecordSchema
from snapshotter.edge.files import Folder
from snapshotter.errors import ConfigError
from snapshotter.spec import Stream


def schema_of(opened: Opened, stream: Stream) -> RecordSchema | None:
    """The schema of a stream; `ConfigError` where it cannot be used, None where none is named."""
    file = stream.expect.schema
    if file is None:
        return None
    text = Folder(opened.root).read(file)
    if text is None:
        raise ConfigError(f"{file}: no such file in the archive; expect.schema of {stream.key} names it")
    return RecordSchema(text, file=file)


def unusable(opened: Opened, streams: Iterable[Stream]) -> Mapping[str, str]:
    """The streams whose schema cannot be used, and why."""
    found: dict[str, str] = {}
    for stream in streams:
        try:
            schema_of(opened, stream)
        except ConfigError as error:
            found[stream.key] = str(error)
    return found
