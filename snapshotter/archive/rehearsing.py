"""Whether the remote would restore, tried by runs themselves as often as `remote.restore_test` says."""

from __future__ import annotations

from typing import cast

from snapshotter.archive.opening import Opened
from snapshotter.codec import from_plain, to_plain
from snapshotter.core import rehearsing
from snapshotter.core.troubles import DISK
from snapshotter.edge.state import JsonFile
from snapshotter.errors import DiskRefused, SnapError
from snapshotter.results import Exit, Notice
from snapshotter.results.rehearsing import Tried

MEMORY = "restore.json"


def after_push(opened: Opened) -> tuple[list[Notice], set[Exit]]:
    """Try it where that is due, and say what the last try found for as long as that is bad."""
    every = opened.described.settings.remote.restore_test
    if every is None:
        return [], set()
    if rehearsing.is_due(last(opened), every=every.rough(), now=opened.world.clock.now()):
        tried = _tried(opened)
        try:
            _memory(opened).write(cast("dict[str, object]", to_plain(tried)))
        except DiskRefused as error:  # all is saved; the next run tries again
            return [Notice("error", DISK, f"the try of the remote cannot be remembered: {error}")], {Exit.DISK}
    found = trouble(opened)
    return ([found], {Exit.NOT_TOLD}) if found is not None else ([], set())


def trouble(opened: Opened) -> Notice | None:
    """What is wrong with the remote, by the last try."""
    known = last(opened) if opened.described.settings.remote.restore_test is not None else None
    return rehearsing.notice(known) if known is not None else None


def last(opened: Opened) -> Tried | None:
    """What the last try found."""
    try:
        known = _memory(opened).read()
        return from_plain(Tried, known) if known else None
    except (SnapError, ValueError):  # whoever forgets tries once more
        return None


def _tried(opened: Opened) -> Tried:
    from snapshotter.archive import restoring  # noqa: PLC0415 - needed once in weeks, and brings much with it
    from snapshotter.core import report_housekeeping  # noqa: PLC0415
    from snapshotter.edge.store import remote  # noqa: PLC0415

    settings, now = opened.described.settings.remote, opened.world.clock.now()
    if settings.name not in remote.Remoting(opened.root, opened.world.env).names():
        return Tried(now, settings.name, good=False, words="git knows no remote of this name (`git remote`)")
    try:
        found = restoring.try_restore(opened.root, settings.name, opened.world, tell=opened.tell)
    except SnapError as error:
        return Tried(now, settings.name, good=False, words=str(error))
    good = rehearsing.is_good(found, pushes=settings.push)
    return Tried(now, settings.name, good, report_housekeeping.restored(found))


def _memory(opened: Opened) -> JsonFile:
    return JsonFile(opened.local / MEMORY, durable=False, disk=opened.world.disk)
