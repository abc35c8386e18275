"""`snap held`: versions that were offered and looked worse than what stands; the user takes one or drops it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from snapshotter.archive.committing import REJECTED, Committer
from snapshotter.archive.details import following
from snapshotter.archive.looking import UNDATED, document_path
from snapshotter.archive.opening import Opened, catch_up_places, for_writing, open_archive
from snapshotter.archive.settling import Settled
from snapshotter.archive.versioning import versions
from snapshotter.core import days, documents, held_notes, paths, runs
from snapshotter.core.diff import bounded, summarise
from snapshotter.core.records import Reader
from snapshotter.core.refreshing import observing
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import Damaged, Unreadable, UsageError
from snapshotter.model import Change, DayFact, FileChange, Job, JobStory, Reason, Record, Version, Window
from snapshotter.results import HeldSettled, HeldVersion
from snapshotter.spec import Source, Stream


def held(path: Path, targets: Collection[str], world: World) -> tuple[HeldVersion, ...]:
    """What waits, stream by stream."""
    opened = open_archive(path, world)
    with opened.closing():
        return tuple(version for _, stream in opened.streams(targets) for version in _versions(opened, stream))


def accept(path: Path, target: str, day: str | None, world: World, *, wait: float = 0.0) -> HeldSettled:
    """Let the version that waits take the place of the one that stands, in one commit."""
    return _settled(path, target, day, world, wait=wait, accepts=True)


def reject(path: Path, target: str, day: str | None, world: World, *, wait: float = 0.0) -> HeldSettled:
    """Drop the version that waits, in one commit; history keeps it."""
    return _settled(path, target, day, world, wait=wait, accepts=False)


# --- looking ---


def _versions(opened: Opened, stream: Stream) -> Iterator[HeldVersion]:
    reader = Reader(stream)
    for path, _ in opened.store.paths(paths.held("", stream.key).rstrip("/")):
        yield _version(opened, stream, path, reader)


def _version(opened: Opened, stream: Stream, path: str, reader: Reader) -> HeldVersion:
    stands = path.replace("/_held/", "/", 1)
    day = paths.day_of(stands, stream.key)
    offered = next(iter(versions(opened, path, limit=1)))
    old = opened.store.read(stands)
    return HeldVersion(
        stream=stream.key,
        day=day.isoformat() if day else UNDATED if stream.day is not None else "",
        path=path,
        records=len(_records(reader, opened.store.read(path) or b"[]\n", day=day, path=path)),
        archived=None if old is None else len(_records(reader, old, day=day, path=stands)),
        since=offered.at,
        why=_offering(opened, stream, path, day)[0],
    )


def _records(reader: Reader, data: bytes, *, day: date | None, path: str) -> list[Record]:
    try:
        return reader.document(data, day=day)
    except Unreadable as error:
        raise Damaged(f"{path} cannot be read: {error.message}; see who changed it with git log -p {path}") from error


Offering = tuple[str, JobStory | None]  # why a version was not taken, and the story that says so


def _offering(opened: Opened, stream: Stream, waits: str, day: date | None) -> Offering:
    """What the run record says that offered it; later ones may have carried it on."""
    for offered in versions(opened, waits):
        found = ("", None) if offered.blob is None else _noted(opened, stream, offered, day)
        if found[1] is not None or offered.blob is None:
            return found
    return "", None


def _noted(opened: Opened, stream: Stream, offered: Version, day: date | None) -> Offering:
    folder = f"{stream.key}/{runs.FOLDER}"
    before = opened.store.resolve(f"{offered.commit}~1")
    for path, blob in opened.store.changed(before, offered.commit, folder):
        if blob is not None:
            record = runs.decode(opened.store.blob(blob), path)
            found = [
                (why, story) for story in record.stories for one, why in held_notes.told(story.notes) if one == day
            ]
            if found:
                return found[-1]
    return "", None


# --- deciding ---


def _settled(path: Path, target: str, day: str | None, world: World, *, wait: float, accepts: bool) -> HeldSettled:
    verb = "accept" if accepts else "reject"
    with for_writing(path, world, command=f"snap held {verb}", wait=wait) as opened:
        source, stream = opened.stream(target)
        stands = document_path(stream, day)
        waits = paths.held(stands, stream.key)
        if opened.store.read(waits) is None:
            raise UsageError(f"{stands}: no version of it waits; `snap held` lists what does")
        version = _version(opened, stream, waits, Reader(stream))
        decided = _accepted(opened, stream, version) if accepts else _rejected(opened, stream, version)
        commit = _committed(opened, source, stream, following(opened, stream, decided), verb=verb)
        return HeldSettled(version, accepted=accepts, commit=commit)


def _committed(opened: Opened, source: Source, stream: Stream, decided: Settled, *, verb: str) -> str:
    world = opened.world
    now = world.clock.now()
    run = runs.run_id(now, world.chance.getrandbits(24))
    spool = Spool(opened.local / "spool", world.clock, disk=world.disk)
    committer = Committer(opened, spool, run=run, command=f"held {verb}", started=now)
    commit = committer.commit(source, stream, decided).commit
    opened.store.finish()
    return commit


def _accepted(opened: Opened, stream: Stream, version: HeldVersion) -> Settled:
    stands = version.path.replace("/_held/", "/", 1)
    day = paths.day_of(stands, stream.key)
    reader = Reader(stream)
    new = opened.store.read(version.path) or b"[]\n"
    old = opened.store.read(stands)
    after = _records(reader, new, day=day, path=version.path)
    before = [] if old is None else _records(reader, old, day=day, path=stands)
    change = summarise(before, after, ignore=stream.selection.ignore, clock=opened.world.clock.monotonic)
    files = [FileChange(stands, new), FileChange(version.path, None)]
    facts = {day: _fact(new, old, change, records=len(after))}
    changes = {day: change}
    for other, moved in _moved(opened, stream, after, day).items():
        files.append(FileChange(paths.document(stream.key, other), moved.new))
        facts[other] = _fact(moved.new, moved.old, moved.change, records=moved.records)
        changes[other] = moved.change
    story = _story(opened, stream, version, why=f"the user accepted a held version: {version.why}", stop="accepted")
    days_now = {key: fact for key, fact in facts.items() if key is not None}
    story = replace(story, stored=len(after), days=days_now, dateless=facts.get(None))
    offering = _offering(opened, stream, version.path, day)[1]
    if day is not None and offering is not None:
        story = observing.decided(story, offering, day)
    places = {record.key: day for record in after if record.key is not None and stream.day is not None}
    return Settled(tuple(files), story, changes, places)


def _rejected(opened: Opened, stream: Stream, version: HeldVersion) -> Settled:
    sha256 = hashlib.sha256(opened.store.read(version.path) or b"").hexdigest()
    why = f"the user rejected a held version (SHA-256 {sha256}): {version.why}"
    return Settled((FileChange(version.path, None),), _story(opened, stream, version, why=why, stop=REJECTED))


def _moved(
    opened: Opened, stream: Stream, records: list[Record], day: date | None
) -> dict[date | None, documents.DocumentChange]:
    """What becomes of other days on which ids of the accepted version stand now: an id stands on one day."""
    head = opened.store.head()
    if stream.day is None or head is None:
        return {}
    catch_up_places(opened, stream, head)
    found = opened.cache.places(stream.key, [record.key for record in records if record.key is not None])
    elsewhere = {key: place for key, place in found.items() if place != day}
    read = {place: opened.store.read(paths.document(stream.key, place)) for place in set(elsewhere.values())}
    outcome = documents.settle(
        stream,
        span=None,
        replaces=False,
        records=records,
        old={place: data for place, data in read.items() if data is not None},
        elsewhere=elsewhere,
    )
    return {place: change for place, change in outcome.documents.items() if place != day}


def _story(opened: Opened, stream: Stream, version: HeldVersion, *, why: str, stop: str) -> JobStory:
    day = date.fromisoformat(version.day) if version.day not in ("", UNDATED) else None
    zone = stream.day.zone if stream.day is not None else "UTC"
    window: Window | None = days.day_bounds(day, zone) if day is not None else None
    job = Job(stream.source, stream.name, window, Reason.DECIDED, why)
    return JobStory(
        job=job.name,
        reason=job.reason,
        why=why,
        window=window,
        proved=None,
        zone=zone,
        stop=stop,
        at=version.since,
        requests=0,
    )


def _fact(new: bytes, old: bytes | None, change: Change, *, records: int) -> DayFact:
    return DayFact(
        records=records,
        sha256=hashlib.sha256(new).hexdigest(),
        change="new" if old is None else "changed" if records else "emptied",
        added=change.added,
        removed=change.removed,
        edited=change.changed,
        edits=bounded(change.edits),
        cut_short=change.cut_short,
    )
