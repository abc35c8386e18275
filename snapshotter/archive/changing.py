"""Descriptions that changed: compared with what each stream's last run worked from, held back, accepted by the user.

A run record names the blobs of the settings it worked from. A file that was not committed then is kept beside the
archive (`.git/snap/settings`), so that it can be compared too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from snapshotter import __version__
from snapshotter.archive.opening import Opened, catch_up, for_writing, waiting
from snapshotter.archive.recalling import records_named
from snapshotter.core import changing, paths, runs
from snapshotter.core.changing import ACCEPT, Effect, KeyChange, Saved
from snapshotter.core.config import load_settings, load_source
from snapshotter.edge.files import Folder
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Damaged, UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import Batch, FileChange, RunRecord
from snapshotter.results import Notice
from snapshotter.results.changing import Accepted, ChangedKey, ChangedStream
from snapshotter.spec import Source, Stream

KEPT = "settings"  # folder of what was not committed when a run worked from it
_DECIDED = ("held ",)  # commands whose records come from single decisions, not from the description
_LOOKED_AT = 50  # records back


@dataclass(frozen=True, slots=True)
class Found:
    """What changed in one stream."""

    stream: Stream
    run: str
    keys: tuple[KeyChange, ...]
    saved: Saved

    @property
    def why_stopped(self) -> str | None:
        """Why nothing may be asked of it, or None."""
        return changing.why_stopped(self.stream.key, self.keys, self.saved)

    def told(self) -> ChangedStream:
        """The same for people and scripts."""
        keys = tuple(
            ChangedKey(item.key, item.effect.value, item.was, item.now, changing.consequence(item, self.saved))
            for item in self.keys
        )
        return ChangedStream(self.stream.key, self.run, keys, self.why_stopped or "")


def changed(opened: Opened, source: Source, stream: Stream) -> Found | None:
    """What a stream's description says otherwise than in its last run; None: nothing, or that cannot be known."""
    if not opened.store.names(f"{stream.key}/{runs.FOLDER}") and not waiting(opened, stream.key):
        return _back_again(opened, stream)  # nothing ran yet: then the ledger need not be opened either
    record = _baseline(opened, stream.key)
    if record is None:
        return None
    files = opened.described.files
    if all(record.settings.get(path) == files.get(path) for path in (paths.SETTINGS, source.file)):
        return None
    old = _described_by(opened, record, source)
    before = old.streams.get(stream.name) if old is not None else None
    if old is None or before is None:
        return None
    keys = (*changing.changes(before, stream), *changing.changes_of_source(old, source))
    return Found(stream, record.run, keys, _saved(opened, stream)) if keys else None


def _back_again(opened: Opened, stream: Stream) -> Found | None:
    """A stream that was removed from the archive and is described again."""
    stone = opened.store.read(paths.tombstone(stream.key))
    if stone is None:
        return None
    since = re.search(rb'"at": "(\d{4}-\d\d-\d\d)', stone)
    key = changing.back_again(since[1].decode() if since else "")
    return Found(stream, "", (key,), Saved(is_removed=True))


def all_changed(opened: Opened, chosen: Sequence[tuple[Source, Stream]]) -> tuple[Found, ...]:
    """The streams among these whose description changed."""
    found = (changed(opened, source, stream) for source, stream in chosen)
    return tuple(item for item in found if item is not None)


def judged(found: Sequence[Found]) -> tuple[Mapping[str, str], tuple[Notice, ...]]:
    """The streams that may not be asked, with why; and what of the others' changes a person should know."""
    stopped = {item.stream.key: why for item in found if (why := item.why_stopped) is not None}
    notices = [
        Notice("warning", item.stream.key, f"its description changed ({key}): {changing.consequence(key, item.saved)}")
        for item in found
        if item.stream.key not in stopped and not item.saved.is_nothing
        for key in item.keys
        if key.effect is Effect.ANSWERS
    ]
    return stopped, tuple(notices)


def keep_settings(opened: Opened) -> None:
    """Keep the text of settings that a run works from and nobody has committed yet."""
    store = opened.store
    head = store.head()
    loose = [(path, blob) for path, blob in opened.described.files.items() if store.blob_id(path, head) != blob]
    if not loose:
        return
    tree = Folder(opened.root)
    for path, blob in loose:
        data = tree.read(path)
        if data is not None and store.id_of(data) == blob:
            folder = Folder(opened.local, disk=opened.world.disk)
            if folder.read(f"{KEPT}/{blob}") is None:
                folder.write(f"{KEPT}/{blob}", data)


# --- the description of the last run ---


def _saved(opened: Opened, stream: Stream) -> Saved:
    known = opened.cache.ledger(stream.key, days=())
    return Saved(known.totals.filled, known.dateless is not None, len(known.proved))


def _baseline(opened: Opened, stream: str) -> RunRecord | None:
    """The latest record that came from the description as a whole."""
    newest = opened.cache.ledger(stream, days=()).turn
    found: list[RunRecord] = []
    for record in records_named(opened, stream, opened.cache.told(stream, limit=_LOOKED_AT)):
        if not record.command.startswith(_DECIDED):
            found.append(record)
            if record.turn >= newest:
                break
        elif record.turn >= newest:  # it took the last turn; the one before it is the latest of ours
            newest = record.turn - 1
    return max(found, key=lambda record: record.turn, default=None)


def _described_by(opened: Opened, record: RunRecord, source: Source) -> Source | None:
    """The source as the file of that record described it."""
    file = next((path for path in record.settings if path != paths.SETTINGS), None)
    text = _text(opened, record.settings.get(file or "", ""))
    settings_text = _text(opened, record.settings.get(paths.SETTINGS, ""))
    if file is None or text is None:
        return None
    settings = load_settings(settings_text)[0] if settings_text is not None else opened.described.settings
    sources = load_source(text, file=file, settings=settings).sources
    named = [item for item in sources if item.name == source.name] or [
        item for item in sources if item.account == source.account
    ]
    return named[0] if named else None


def _text(opened: Opened, blob: str) -> str | None:
    """A settings file by its blob: from the archive, or from what was kept beside it."""
    if not blob:
        return None
    kept = Folder(opened.local).read(f"{KEPT}/{blob}")
    if kept is not None:
        return kept.decode(errors="replace")
    try:
        return opened.store.blob(blob).decode(errors="replace")
    except Damaged:  # it was never committed, and this is another machine: nothing to compare with
        return None


# --- saying that it is meant ---


def accept(path: Path, targets: Collection[str], world: World, *, wait: float = 0.0) -> Accepted:
    """Record that the changes of these streams are meant; the files that say so are committed with it."""
    if not targets:
        raise UsageError("--accept: name what is meant, like `snap check strava/activities --accept`")
    with for_writing(path, world, command=f"snap {ACCEPT}", wait=wait) as opened:
        chosen = opened.streams(targets)
        found = all_changed(opened, chosen)
        _refuse_final(found)
        if not found:
            return Accepted((), None)
        sources = {stream.key: source for source, stream in chosen}
        told = [_record(opened, sources[item.stream.key], item) for item in found]
        files = [FileChange(runs.path_of(record), runs.encode(record)) for record in told]
        files += _uncommitted(opened, {sources[item.stream.key].file for item in found})
        now = world.clock.now()
        commit = opened.store.commit(Batch(tuple(files), _message(found, told[0].run), now), opened.store.head())
        catch_up(opened.cache, opened)
        opened.store.finish()
        return Accepted(tuple(item.told() for item in found), commit)


def _refuse_final(found: Sequence[Found]) -> None:
    for item in found:
        final = [key for key in item.keys if key.is_final and not item.saved.is_nothing]
        if final:
            ways = changing.ways_on(item.stream.key, final)
            raise ConfigError(f"{item.stream.key}: {final[0]}: {changing.consequence(final[0], item.saved)}; {ways}")


def _record(opened: Opened, source: Source, item: Found) -> RunRecord:
    now = opened.world.clock.now()
    files = opened.described.files
    return RunRecord(
        run=runs.run_id(now, opened.world.chance.getrandbits(24)),
        sequence=1,
        closes=True,
        snap=__version__,
        command=ACCEPT,
        started=now,
        at=now,
        source=source.name,
        stream=item.stream.name,
        settings={name: files[name] for name in (paths.SETTINGS, source.file)},
        stories=(),
        notes=tuple(f"accepted {key}" for key in item.keys),
        turn=opened.cache.ledger(item.stream.key, days=()).turn + 1,
    )


def _uncommitted(opened: Opened, files: Collection[str]) -> list[FileChange]:
    """The files that describe these streams, where they are not committed as they were read."""
    described, head = opened.described.files, opened.store.head()
    tree = Folder(opened.root)
    found = []
    for path in sorted({*files, paths.SETTINGS}):
        data = tree.read(path)
        if data is None or opened.store.id_of(data) != described[path]:
            raise Damaged(f"{path} changed while it was read; run it again")
        if opened.store.blob_id(path, head) != described[path]:
            found.append(FileChange(path, data))
    return found


def _message(found: Sequence[Found], run: str) -> str:
    names = ", ".join(item.stream.key for item in found)
    subject = f"Accept what changed in {names if len(names) < 50 else f'{len(found)} streams'}"
    lines = [f"{item.stream.key}: {key}" for item in found for key in item.keys]
    return "\n\n".join((subject, "\n".join(f"- {line}" for line in lines), f"Run: {run}")) + "\n"
