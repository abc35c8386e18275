"""Tidying up the repository under the archive's lock: packs are joined, nothing is dropped, the effect is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from snapshotter.archive.opening import Opened, for_writing
from snapshotter.core import maintaining
from snapshotter.core.maintaining import Heap, Sample
from snapshotter.core.troubles import DAMAGE, DISK
from snapshotter.edge.state import JsonFile
from snapshotter.edge.store.command import Git
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, DiskRefused, SnapError
from snapshotter.results import Exit, Notice
from snapshotter.results.maintaining import Maintained
from snapshotter.spec import Span

MEMORY = "maintenance.json"


def maintain(path: Path, world: World, *, dry_run: bool = False, wait: float = 0.0) -> Maintained:
    """Tidy up now, whether it is due or not."""
    with for_writing(path, world, command="snap maintain", wait=wait) as opened:
        return _maintain(opened, force=not dry_run, may=not dry_run)


def after_run(opened: Opened) -> tuple[list[Notice], set[Exit]]:
    """At the end of a run: remember the size, and tidy up where that is due."""
    wanted = opened.described.settings.maintenance.get("auto", True) is True
    try:
        done = _maintain(opened, force=False, may=wanted)
    except (DiskRefused, Damaged) as error:  # everything is saved, but the next run may not be so lucky
        about, code = (DISK, Exit.DISK) if isinstance(error, DiskRefused) else (DAMAGE, Exit.DAMAGED)
        return [Notice("error", about, f"tidying up: {error}")], {code}
    except SnapError as error:
        return [Notice("warning", "maintenance", str(error))], set()
    return list(done.notices), set()


def growth(opened: Opened) -> tuple[int, int | None]:
    """How large the repository is, and by how many bytes it grows a month; None: too early to say."""
    _, _, samples = _remembered(JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk))
    size = _size(opened.root / ".git/objects")
    return size, maintaining.growth(maintaining.sampled(samples, Sample(opened.world.clock.now(), size)))


def _maintain(opened: Opened, *, force: bool, may: bool) -> Maintained:
    now = opened.world.clock.now()
    memory = JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk)
    last, told, samples = _remembered(memory)
    every = opened.described.settings.maintenance.get("every")
    span = every.rough() if isinstance(every, Span) else timedelta(days=7)
    before = _heap(opened, told)
    due = maintaining.is_due(before, last=last, every=span, now=now)
    notices: list[Notice] = []
    after, done = before, False
    if may and (due or force):
        whole = force or before.whole
        failed = _tidy(opened, whole=whole)
        after, done, last = _heap(opened, told), True, now
        if whole and not failed:
            after = replace(after, told=after.bytes)
        notices += failed
        still = maintaining.is_due(after, last=None, every=span, now=now)
        if still and after.loose >= before.loose and after.packs >= before.packs:
            words = f"tidying up had no effect: {after.packs} packs and {after.loose} loose objects; see `git fsck`"
            notices.append(Notice("warning", "maintenance", words))
    samples = maintaining.sampled(samples, Sample(now, after.bytes))
    if may:
        memory.write(_plain(last, after.told, samples))
    by_month = maintaining.growth(samples)
    notices += [Notice("warning", "size", words) for words in maintaining.warnings(after.bytes, by_month)]
    return Maintained(
        due, done, before.loose, before.packs, after.loose, after.packs, after.bytes, by_month, tuple(notices)
    )


def _tidy(opened: Opened, *, whole: bool) -> list[Notice]:
    """Packs of like size are joined and loose objects packed; what nothing names stays too.

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
    notices = []
    for step in steps:
        code, lines = git.told(*step)
        if code:
            words = lines[-1] if lines else f"exit code {code}"
            name = next(word for word in step if word in {"repack", "commit-graph"})
            notices.append(Notice("warning", "maintenance", f"git {name}: {words}"))
    opened.store.reopen()
    return notices


def _heap(opened: Opened, told: int) -> Heap:
    counts = opened.store.object_counts()
    return Heap(counts.loose, counts.packs, _size(opened.root / ".git/objects"), told)


def _size(objects: Path) -> int:
    return sum(path.stat().st_size for path in (objects / "pack").glob("*") if path.is_file())


def _remembered(memory: JsonFile) -> tuple[datetime | None, int, tuple[Sample, ...]]:
    try:
        known = memory.read()
        last = known.get("last")
        samples = tuple(Sample(datetime.fromisoformat(at), int(size)) for at, size in known.get("samples", []))
        return (datetime.fromisoformat(last) if last else None), int(known.get("told", 0)), samples
    except (SnapError, ValueError, TypeError):  # whoever forgets begins to count anew
        return None, 0, ()


def _plain(last: datetime | None, told: int, samples: tuple[Sample, ...]) -> dict[str, object]:
    return {
        "told": told,
        "last": last.isoformat() if last else None,
        "samples": [[one.at.isoformat(), one.bytes] for one in samples],
    }
