"""What a process under torture does: a fetch, or another command that writes. Deeds can be sent to other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

from snapshotter.archive import (
    adding,
    backing_up,
    copying,
    fetching,
    holding,
    housekeeping,
    looking,
    maintaining,
    refreshing,
    rereading,
    setup,
    sharing,
)
from snapshotter.archive.backing_up import Lock, Wanted
from snapshotter.archive.copying import CopyOptions
from snapshotter.edge.world import World
from snapshotter.results import Exit, FetchOptions, Progress, Ran
from snapshotter.results.refreshing import RefreshOptions

Told = Mapping[str, object]
Deed = Callable[[Path, World], Told]
DONE: Told = {"ended": int(Exit.DONE)}


def _silent(step: Progress) -> None:
    """Nobody is watching."""


def _ran(ran: Ran) -> Told:
    return {
        "ended": int(ran.exit),
        "commits": [item.commit for item in ran.commits],
        "notices": [f"{notice.level}: {notice.text}" for notice in ran.notices],
        "error": "; ".join(problem.why for problem in ran.problems),
    }


def _committed(commit: str | None) -> Told:
    return {**DONE, "commits": [commit] if commit else []}


# --- runs ---


def fetch(options: FetchOptions) -> Deed:
    return partial(_fetch, options=options)


def _fetch(archive: Path, world: World, *, options: FetchOptions) -> Told:
    return _ran(fetching.fetch(archive, options, world, tell=_silent))


FETCH = fetch(FetchOptions())


def refresh(archive: Path, world: World) -> Told:
    """Every complete day once more."""
    return _ran(refreshing.refresh(archive, RefreshOptions(since=date(2026, 1, 1)), world, tell=_silent))


# --- what a user decides ---


def accept(day: str) -> Deed:
    return partial(_decide, day=day, accepts=True)


def reject(day: str) -> Deed:
    return partial(_decide, day=day, accepts=False)


def _decide(archive: Path, world: World, *, day: str, accepts: bool) -> Told:
    decide = holding.accept if accepts else holding.reject
    return _committed(decide(archive, "demo/items", day, world).commit)


def reread(archive: Path, world: World) -> Told:
    """Read what is in the quarantine again."""
    return {**DONE, "commits": [one.commit for one in rereading.retry(archive, None, world) if one.commit]}


def drop(archive: Path, world: World) -> Told:
    """Throw away what is in the quarantine."""
    for entry in looking.quarantined(archive, world):
        looking.drop_quarantined(archive, entry.name, world)
    return DONE


# --- the archive as a whole ---


def init(archive: Path, world: World) -> Told:
    return _committed(setup.init(archive, world, zone="UTC").commit)


def add(name: str) -> Deed:
    return partial(_add, name=name)


def _add(archive: Path, world: World, *, name: str) -> Told:
    return _committed(adding.add(archive, name, world).commit)


def rename(old: str, new: str) -> Deed:
    return partial(_rename, old=old, new=new)


def _rename(archive: Path, world: World, *, old: str, new: str) -> Told:
    return _committed(housekeeping.rename(archive, old, new, world).commit)


def remove(target: str) -> Deed:
    return partial(_remove, target=target)


def _remove(archive: Path, world: World, *, target: str) -> Told:
    return _committed(housekeeping.remove(archive, target, world).commit)


def maintain(archive: Path, world: World) -> Told:
    """Pack what is loose, join packs."""
    notices = [f"{notice.level}: {notice.text}" for notice in maintaining.maintain(archive, world).notices]
    return {**DONE, "notices": notices}


def copy_without(target: str) -> Deed:
    """The deed's own folder is that of the copy; the archive lies beside it."""
    return partial(_copy, target=target)


def _copy(copied: Path, world: World, *, target: str) -> Told:
    options = CopyOptions(without=(target,))
    looked = copying.copy(copied.with_name("original"), copied, options, world, tell=_silent)
    assert looked.verified.damage == ()
    return DONE


# --- others ---


def push(archive: Path, world: World) -> Told:
    pushed = sharing.push(archive, world)
    failed = sharing.failure(pushed)
    if failed is not None:
        raise failed
    return DONE


def pull(archive: Path, world: World) -> Told:
    pulled = sharing.pull(archive, world)
    return {**DONE, "notices": [f"{notice.level}: {notice.text}" for notice in pulled.notices]}


def clone(archive: Path, world: World) -> Told:
    """The deed's own folder is that of the clone; the remote lies beside it."""
    sharing.clone(str(archive.with_name("remote.git")), archive, world)
    return DONE


def back_up(archive: Path, world: World) -> Told:
    """The next file of a folder of backups."""
    backing_up.backup(archive, Wanted(archive.with_name("backups"), Lock()), world)
    return DONE


def restore(archive: Path, world: World) -> Told:
    """The deed's own folder is that of the restored archive; a folder of backups lies beside it."""
    backing_up.restore(archive.with_name("backups"), archive, Lock(), world)
    return DONE
