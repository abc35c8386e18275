"""When a repository is tidied up, how it grows, and what a host would not take any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from snapshotter.frozen import dataclass

LOOSE = 1000  # objects
PACKS = 30
FRESH = 4 << 20  # bytes that came since versions were last stored as differences
MONTH = timedelta(days=30)
SHORTEST = timedelta(days=7)  # growth over less than this says nothing
LONGEST = timedelta(days=120)
_GB = 1 << 30
# What GitHub documents; others are not far from it.
HOST_FULL = 5 * _GB  # recommended at most
HOST_PUSH = 2 * _GB


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


def warnings(size: int, by_month: int | None) -> Iterator[str]:
    """What a host like GitHub would not take, now or within a year."""
    if size >= HOST_FULL:
        yield f"the repository holds {shown(size)}; hosts like GitHub recommend at most {shown(HOST_FULL)}"
    elif by_month and size + 12 * by_month >= HOST_FULL:
        months = max(1, (HOST_FULL - size) // by_month)
        yield f"in about {months} months the repository reaches {shown(HOST_FULL)}; hosts like GitHub recommend no more"
    if by_month is not None and by_month >= HOST_PUSH:
        yield f"it grows by {shown(by_month)} a month; one push to GitHub takes {shown(HOST_PUSH)}: push every day"


def shown(size: int) -> str:
    """A size for people."""
    for unit, step in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"
