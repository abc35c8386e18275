"""What `record` and `test` give back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from snapshotter.frozen import dataclass
from snapshotter.results import RunLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions(RunLimits):
    """What a user may say to `record`."""

    since: date | None = None
    until: date | None = None
    pages: int | None = None
    file: str | None = None  # None: `recordings/SOURCE/STREAM.json` in the archive
    scrub: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """`record`: where it is written, what is in it, what was hidden."""

    stream: str
    path: str | None  # None: nothing was written (`--dry-run`)
    exchanges: int
    size: int  # bytes of the file
    cut: bool
    records: int
    scrubbed: tuple[str, ...]
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """One way of playing a recording: what should come of it, and what did. `passed` None: it does not apply."""

    scenario: str
    expected: str
    got: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class TestedStream:
    """One recording, played in every way."""

    stream: str
    recording: str
    source_file: str
    requests: int
    records: int
    days: Mapping[str, int]  # day -> records of its document
    states: Mapping[str, int]  # state -> days
    stops: Mapping[str, int]  # why paging ended -> how often
    scenarios: tuple[Played, ...]
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything went as it should."""
        return not self.problems and all(played.passed is not False for played in self.scenarios)


@dataclass(frozen=True, slots=True)
class Tested:
    """`test`."""

    streams: tuple[TestedStream, ...]

    @property
    def good(self) -> bool:
        """Whether everything went as it should."""
        return all(stream.good for stream in self.streams)
