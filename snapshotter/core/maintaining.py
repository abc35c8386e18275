"""When a repository is tidied up, how it grows, and what a host would not take any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from snapshotter.core.escaping import escape
from snapshotter.core.wording import counted
from snapshotter.frozen import dataclass

LISTED = 5  # files in a warning
LOOSE = 1000  # objects
PACKS = 30
FRESH = 4 << 20  # bytes that came since versions were last stored as differences
MONTH = timedelta(days=30)
SHORTEST = timedelta(days=7)  # growth over less than this says nothing
LONGEST = timedelta(days=120)
QUIET = timedelta(days=7)  # for so long a run that has warned of sizes says no more of them
_MB, _GB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class Host:
    """What a host takes, by its own words; where these come from stands in docs/how-to.md."""

    name: str
    full: int  # bytes of a repository
    refuses: bool  # more than that; else it recommends no more
    push: int  # bytes at once
    file_warned: int
    file: int  # bytes of one file


GITHUB = Host("GitHub", 10 * _GB, refuses=False, push=2 * _GB, file_warned=50 * _MB, file=100 * _MB)
BITBUCKET = Host("Bitbucket", 4 * _GB, refuses=True, push=7 * _GB // 2, file_warned=50 * _MB, file=100 * _MB)
LARGE = 50 * _MB  # from here on a file is remembered
SMALL = 64 * _MB  # no repository below this comes near any limit within a year


def host_of(addresses: Iterable[str]) -> Host:
    """The host whose limits count: the one of a remote, else those of GitHub, the strictest for files."""
    return BITBUCKET if any("bitbucket.org" in address for address in addresses) else GITHUB


@dataclass(frozen=True, slots=True)
class Sample:
    """How large the repository was."""

    at: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Heap:
    """What lies in a repository; `told` bytes of it were there when versions were last stored as differences."""

    loose: int  # objects
    packs: int
    bytes: int
    told: int = 0

    @property
    def whole(self) -> bool:
        """Whether so much came since that everything is worth being looked through for differences.

        A third of the whole: what has to be read then doubles only with the archive, so that no byte is read often.
        """
        return self.bytes - self.told >= max(FRESH, self.told // 2)


def is_due(heap: Heap, *, last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether there is something to tidy up, and it was not done just before."""
    if heap.loose < LOOSE and heap.packs < PACKS and not heap.whole:
        return False
    return last is None or abs(now - last) >= every


def sampled(samples: Sequence[Sample], new: Sample) -> tuple[Sample, ...]:
    """The samples with a new one: one a day, for as long as a forecast looks back."""
    kept = [one for one in samples if timedelta(0) < new.at - one.at < LONGEST]
    if kept and new.at - kept[-1].at < timedelta(days=1):
        return tuple(kept)
    return (*kept, new)


def growth(samples: Sequence[Sample]) -> int | None:
    """Bytes a month, or None while it is too early to say."""
    if not samples or samples[-1].at - samples[0].at < SHORTEST:
        return None
    span = samples[-1].at - samples[0].at
    return max(0, round((samples[-1].bytes - samples[0].bytes) * (MONTH / span)))


def warnings(size: int, by_month: int | None, *, large: Mapping[str, int], host: Host) -> Iterator[str]:
    """What a host would not take, now or within a year."""
    limit = f"{host.name} {'takes' if host.refuses else 'recommends'} at most {shown(host.full)}"
    if size >= host.full:
        yield f"the repository holds {shown(size)}; {limit}"
    elif by_month and size + 12 * by_month >= host.full:
        months = max(1, (host.full - size) // by_month)
        yield f"in about {counted(months, 'month')} the repository reaches {shown(host.full)}; {limit}"
    if by_month is not None and by_month >= host.push:
        yield f"it grows by {shown(by_month)} a month; {host.name} takes {shown(host.push)} a push: push every day"
    for path, bytes_of in sorted(large.items(), key=lambda pair: -pair[1])[:LISTED]:
        if bytes_of >= host.file_warned:
            verb = "refuses" if bytes_of > host.file else "warns, and refuses"
            minds = f"{escape(path)} holds {shown(bytes_of)}; {host.name} {verb} files over {shown(host.file)}"
            yield f"{minds}: let the source file leave something out (`drop`, `keep_if`), or push elsewhere"


def speaks(warned: datetime | None, now: datetime) -> bool:
    """Whether a run says it: a timer that says the same every hour is not read."""
    return warned is None or abs(now - warned) >= QUIET


def shown(size: int) -> str:
    """A size for people."""
    for unit, step in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"
