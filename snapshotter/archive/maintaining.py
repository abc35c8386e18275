"""Tidying up the repository under the archive's lock: packs are joined, nothing is dropped, the effect is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from snapshotter.archive.opening import Opened, for_writing
from snapshotter.core import maintaining
from snapshotter.core.maintaining import Sample
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
    _, samples = _remembered(JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk))
    size = _size(opened.root / ".git/objects")
    return size, maintaining.growth(maintaining.sampled(samples, Sample(opened.world.clock.now(), size)))


def _maintain(opened: Opened, *, force: bool, may: bool) -> Maintained:
    now = opened.world.clock.now()
    memory = JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk)
    last, samples = _remembered(memory)
    every = opened.described.settings.maintenance.get("every")
    span = every.rough() if isinstance(every, Span) else timedelta(days=7)
    before = opened.store.object_counts()
    due = maintaining.is_due(loose=before.loose, packs=before.packs, last=last, every=span, now=now)
    notices: list[Notice] = []
    after, done = before, False
    if may and (due or force):
        notices += _tidy(opened)
        after, done, last = opened.store.object_counts(), True, now
        still = maintaining.is_due(loose=after.loose, packs=after.packs, last=None, every=span, now=now)
        if still and after.loose >= before.loose and after.packs >= before.packs:
            words = f"tidying up had no effect: {after.packs} packs and {after.loose} loose objects; see `git fsck`"
            notices.append(Notice("warning", "maintenance", words))
    size = _size(opened.root / ".git/objects")
    samples = maintaining.sampled(samples, Sample(now, size))
    if may:
        memory.write(_plain(last, samples))
    by_month = maintaining.growth(samples)
    notices += [Notice("warning", "size", words) for words in maintaining.warnings(size, by_month)]
    return Maintained(due, done, before.loose, before.packs, after.loose, after.packs, size, by_month, tuple(notices))


def _tidy(opened: Opened) -> list[Notice]:
    """Packs of like size are joined and loose objects packed; what nothing names stays too."""
    git = Git(opened.root / ".git", opened.world.env)
    steps = (
        ("-c", "core.fsync=all", "repack", "-d", "-l", "-q", "--geometric=2"),
        ("-c", "core.fsync=all", "commit-graph", "write", "--reachable", "--changed-paths", "--no-progress"),
    )
    notices = []
    for step in steps:
        code, lines = git.told(*step)
        if code:
            words = lines[-1] if lines else f"exit code {code}"
            notices.append(Notice("warning", "maintenance", f"git {step[2]}: {words}"))
    opened.store.reopen()
    return notices


def _size(objects: Path) -> int:
    return sum(path.stat().st_size for path in (objects / "pack").glob("*") if path.is_file())


def _remembered(memory: JsonFile) -> tuple[datetime | None, tuple[Sample, ...]]:
    try:
        known = memory.read()
        last = known.get("last")
        samples = tuple(Sample(datetime.fromisoformat(at), int(size)) for at, size in known.get("samples", []))
        return (datetime.fromisoformat(last) if last else None), samples
    except (SnapError, ValueError, TypeError):  # whoever forgets begins to count anew
        return None, ()


def _plain(last: datetime | None, samples: tuple[Sample, ...]) -> dict[str, object]:
    return {
        "last": last.isoformat() if last else None,
        "samples": [[one.at.isoformat(), one.bytes] for one in samples],
    }
