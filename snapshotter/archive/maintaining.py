"""Tidying up the repository under the archive's lock: packs are joined, nothing is dropped, the effect is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from pathlib import Path

from snapshotter.archive.opening import Opened, for_writing
from snapshotter.archive.stopping import Stops
from snapshotter.core import maintaining
from snapshotter.core.maintaining import Heap, Sample
from snapshotter.core.troubles import DAMAGE, DISK
from snapshotter.edge.files import Folder
from snapshotter.edge.state import JsonFile
from snapshotter.edge.store.command import Git
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, DiskRefused, SnapError
from snapshotter.frozen import dataclass
from snapshotter.results import Exit, Notice
from snapshotter.results.maintaining import Maintained
from snapshotter.spec import Span

MEMORY = "maintenance.json"
SECONDS = 1800.0  # that a run tidies up


def maintain(path: Path, world: World, *, dry_run: bool = False, wait: float = 0.0) -> Maintained:
    """Tidy up now, whether it is due or not."""
    with for_writing(path, world, command="snap maintain", wait=wait) as opened:
        return _maintain(opened, force=not dry_run, may=not dry_run)


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends the tidying up before it is done; nothing is lost by that."""

    stopped: Callable[[], bool] = lambda: False
    seconds: float | None = None
    again: Callable[[], bool] = lambda: False  # whether the next run begins it anew, and not when it is due next


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered between runs."""

    last: datetime | None = None  # that it was tidied up
    told: int = 0  # bytes that are stored as differences
    samples: tuple[Sample, ...] = ()
    head: str | None = None  # up to which files were looked at
    large: Mapping[str, int] = field(default_factory=dict)
    warned: datetime | None = None  # of sizes, by a run


def after_run(opened: Opened, stops: Stops, *, seconds: float = SECONDS) -> tuple[list[Notice], set[Exit]]:
    """At the end of a run: remember the size, and tidy up where that is due and there is time.

    Whoever sends a signal waits for the end: it ends the tidying up too. Behind a deadline nothing is begun that takes
    long, and what was begun before it ends there, or after half an hour: a timer may not wait for a run for hours.
    """
    if stops.interrupted:
        return [], set()
    wanted = opened.described.settings.maintenance.get("auto", True) is True
    in_haste = stops.reason() == "deadline"
    ending = ("signal",) if in_haste else ("signal", "deadline")
    limits = Limits(lambda: stops.reason() in ending, seconds, again=lambda: stops.interrupted)
    try:
        done = _maintain(opened, force=False, may=wanted, in_haste=in_haste, limits=limits)
    except (DiskRefused, Damaged) as error:  # everything is saved, but the next run may not be so lucky
        about, code = (DISK, Exit.DISK) if isinstance(error, DiskRefused) else (DAMAGE, Exit.DAMAGED)
        return [Notice("error", about, f"tidying up: {error}")], {code}
    except SnapError as error:
        return [Notice("warning", "maintenance", str(error))], set()
    return list(done.notices), set()


def growth(opened: Opened) -> tuple[int, int | None, tuple[str, ...]]:
    """How large the repository is, by how many bytes it grows a month (None: too early to say), what a host minds."""
    known = _remembered(_memory(opened))
    size = packed(Folder(opened.root / ".git"))
    by_month = maintaining.growth(maintaining.sampled(known.samples, Sample(opened.world.clock.now(), size)))
    return size, by_month, _warnings(opened, size, by_month, known.large)


def _maintain(
    opened: Opened, *, force: bool, may: bool, in_haste: bool = False, limits: Limits = NO_LIMITS
) -> Maintained:
    now, memory = opened.world.clock.now(), _memory(opened)
    known = _remembered(memory)
    every = opened.described.settings.maintenance.get("every")
    span = every.rough() if isinstance(every, Span) else timedelta(days=7)
    before = _heap(opened, known.told)
    whole = force or (before.whole and not in_haste)
    small = replace(before, told=before.bytes)  # as if all of it were stored as differences
    due = maintaining.is_due(small if in_haste else before, last=known.last, every=span, now=now)
    notices: list[Notice] = []
    after, done = before, False
    if may and (due or force):
        failed, ended = _tidy(opened, limits, whole=whole)
        after, done = _heap(opened, known.told), not ended
        if whole and (ended or not failed):  # what takes too long is not begun anew before much more came
            after = replace(after, told=after.bytes)
        if not limits.again():
            known = replace(known, last=now, told=after.told)
            notices += failed
        still = done and maintaining.is_due(after, last=None, every=span, now=now)
        if still and (whole or not before.whole) and after.loose >= before.loose and after.packs >= before.packs:
            words = f"tidying up had no effect: {after.packs} packs and {after.loose} loose objects; see `git fsck`"
            notices.append(Notice("warning", "maintenance", words))
    known = _looked(opened, replace(known, samples=maintaining.sampled(known.samples, Sample(now, after.bytes))))
    by_month = maintaining.growth(known.samples)
    warnings = _warnings(opened, after.bytes, by_month, known.large)
    if warnings and (force or not may or maintaining.speaks(known.warned, now)):
        notices += [Notice("warning", "size", words) for words in warnings]
        known = replace(known, warned=now)
    if may:
        memory.write(_plain(known))
    return Maintained(
        due, done, before.loose, before.packs, after.loose, after.packs, after.bytes, by_month, tuple(notices)
    )


def _looked(opened: Opened, known: _Known) -> _Known:
    """Which files are large, by those that changed since somebody looked."""
    head = opened.store.head()
    if head is None or head == known.head:
        return known
    tree, large = Folder(opened.root), dict(known.large)
    since = known.head if known.head is not None and opened.store.has_ancestor(head, known.head) else None
    for path, blob in opened.store.changed(since, head):
        status = tree.status(path) if blob is not None else None
        if status is not None and status.st_size >= maintaining.LARGE:
            large[path] = status.st_size
        else:
            large.pop(path, None)
    return replace(known, head=head, large=large)


def _warnings(opened: Opened, size: int, by_month: int | None, large: Mapping[str, int]) -> tuple[str, ...]:
    if size < maintaining.SMALL and not large:
        return ()
    host = maintaining.host_of(opened.store.addresses())
    return tuple(maintaining.warnings(size, by_month, large=large, host=host))


def _tidy(opened: Opened, limits: Limits, *, whole: bool) -> tuple[list[Notice], bool]:
    """Packs of like size are joined and loose objects packed; what nothing names stays too. Tells what went wrong, and
    whether it was ended before it was done: git then leaves everything as it was.

    `whole`: everything, and each version stored as its difference from another. Git does not look for one between
    objects of one pack unless it is told to (`-f`), and our small packs are joined as they are.
    """
    git = Git(opened.root / ".git", opened.world.env)
    how = ("-a", "-k", "-f") if whole else ("--geometric=2",)
    settings = ("-c", "core.fsync=all", "-c", "pack.windowMemory=256m", "-c", "core.bigFileThreshold=64m")
    steps = (
        (*settings, "repack", "-d", "-l", "-q", *how),
        ("-c", "core.fsync=all", "commit-graph", "write", "--reachable", "--changed-paths", "--no-progress"),
    )
    notices, ended = [], False
    for step in steps:
        told = git.patiently(*step, stopped=limits.stopped, seconds=limits.seconds)
        name = next(word for word in step if word in {"repack", "commit-graph"})
        if told is None:
            ended = True
            words = f"git {name} was ended: it took too long; `snap maintain` lets it take its time"
            notices.append(Notice("warning", "maintenance", words))
            break
        code, lines = told
        if code:
            notices.append(
                Notice("warning", "maintenance", f"git {name}: {lines[-1] if lines else f'exit code {code}'}")
            )
    opened.store.reopen()
    return notices, ended


def _heap(opened: Opened, told: int) -> Heap:
    counts = opened.store.object_counts()
    return Heap(counts.loose, counts.packs, packed(Folder(opened.root / ".git")), told)


def packed(git: Folder) -> int:
    """The bytes of all packs below a `.git` folder. One that a git joins with others meanwhile counts nothing."""
    found = (git.status(f"objects/pack/{name}") for name in git.entries("objects/pack"))
    return sum(status.st_size for status in found if status is not None)


def _memory(opened: Opened) -> JsonFile:
    return JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk)


def _remembered(memory: JsonFile) -> _Known:
    try:
        known = memory.read()
        samples = tuple(Sample(datetime.fromisoformat(at), int(size)) for at, size in known.get("samples", []))
        large = {str(path): int(size) for path, size in known.get("large", {}).items()}
        told, warned = int(known.get("told", 0)), _instant(known.get("warned"))
        return _Known(_instant(known.get("last")), told, samples, known.get("head"), large, warned)
    except (SnapError, ValueError, TypeError, AttributeError):  # whoever forgets begins to count anew
        return _Known()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(known: _Known) -> dict[str, object]:
    return {
        "last": known.last.isoformat() if known.last else None,
        "told": known.told,
        "samples": [[one.at.isoformat(), one.bytes] for one in known.samples],
        "head": known.head,
        "large": dict(known.large),
        "warned": known.warned.isoformat() if known.warned else None,
    }
