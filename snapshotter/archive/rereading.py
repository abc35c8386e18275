"""`snap quarantine retry`: read kept answers with the source file of today; what can be read is merged into its days.

No API is asked. An answer is a part of what was asked, so that it adds and changes and never removes. Where the archive
has heard later about the same, the later answer stays, and so does the entry if it says something else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from snapshotter.archive.changing import changed
from snapshotter.archive.committing import Committer
from snapshotter.archive.opening import Opened, catch_up_places, for_writing
from snapshotter.archive.trust import secrets_of, trust_of
from snapshotter.core import documents, intervals, ledger, paths, rereading, resuming, runs, weighing
from snapshotter.core.changing import cut_otherwise
from snapshotter.core.records import Reader
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Unreadable, UsageError
from snapshotter.masking import Masker
from snapshotter.model import Job, MissFact, PageFact, PageRecords, QuarantineEntry, Reason, Record
from snapshotter.results import Reread
from snapshotter.spec import Kind, NoPaging, Source, Stream
from snapshotter.walks import Walked

PART = MissFact(
    "partial", "reread", "an answer of it was read again from the quarantine; the window is to be asked again"
)

DROP = "what it says differs from later answers, which stay; `snap quarantine drop {}` if it is of no use"


def retry(path: Path, name: str | None, world: World, *, wait: float = 0.0) -> tuple[Reread, ...]:
    """Read one kept answer again, or all, oldest first; what became of each."""
    with for_writing(path, world, command="snap quarantine retry", wait=wait) as opened:
        return _Rereading(opened).all(name)


class _Rereading:
    """One run over the quarantine."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        world = opened.world
        self.quarantine = Quarantine(opened.local / "quarantine", world.clock, disk=world.disk)
        now = world.clock.now()
        run = runs.run_id(now, world.chance.getrandbits(24))
        spool = Spool(opened.local / "spool", world.clock, disk=world.disk)
        self.committer = Committer(opened, spool, run=run, command="quarantine retry", started=now)

    def all(self, name: str | None) -> tuple[Reread, ...]:
        """Every entry, or the one of that name."""
        entries = self.quarantine.entries() if name is None else (self.quarantine.entry(name),)
        told = tuple(self._one(entry) for entry in entries)
        self.opened.store.finish()
        return told

    def _one(self, entry: QuarantineEntry) -> Reread:
        try:
            result = self._read(entry)
        except (Unreadable, UsageError, ConfigError) as error:
            return Reread(entry.name, entry.job, "unreadable", str(error))
        if result.outcome in ("stored", "known"):
            self.quarantine.drop(entry.name)
        return result

    def _read(self, entry: QuarantineEntry) -> Reread:
        body = self.quarantine.get(entry.name)
        if not entry.job:
            raise UsageError(f"nothing tells what it answered; look at it with `snap quarantine show {entry.name}`")
        source, stream = self.opened.stream(f"{entry.source}/{entry.stream}")
        job = resuming.job_named(entry.job, pages=1)
        if job is None:
            raise UsageError(f"{entry.job!r} is no job that this snap knows")
        job = replace(job, picked=entry.facts.get("picked", ""))
        self._check_secret(source, body)
        found = changed(self.opened, source, stream)
        if found is not None and found.why_stopped is not None:
            raise ConfigError(found.why_stopped)
        as_records = entry.facts.get("form") == "records"
        room = weighing.room(source, self.opened.world.memory())
        page = rereading.read(Reader(stream), body, window=job.window, as_records=as_records, room=room)
        if stream.day is None:
            return self._state(source, stream, entry, job, page)
        why = cut_otherwise(stream, ledger.zones(self.opened.cache.ledger(stream.key, days=())))
        if why is not None:
            raise ConfigError(why)
        return self._part(source, stream, entry, job, page)

    def _check_secret(self, source: Source, body: bytes) -> None:
        gathered = secrets_of(source, self.opened, trust_of(self.opened))
        if gathered.missing:
            name, hint = gathered.missing[0]
            raise ConfigError(f"whether it holds the secret {name!r} cannot be told while that is missing: {hint}")
        masker = Masker(gathered.values, [name for name, ref in source.secrets.items() if ref.public])
        held = masker.found_in(body)
        if held is not None:
            raise Unreadable("secret", f"the answer holds the value of the secret {held!r}")

    # --- what it is worth ---

    def _state(self, source: Source, stream: Stream, entry: QuarantineEntry, job: Job, page: PageRecords) -> Reread:
        """A whole state is taken from one answer only if it came in one."""
        if stream.kind is not Kind.SNAPSHOT or not isinstance(stream.paging, NoPaging):
            words = (
                f"a state that comes in pages cannot be pieced together; `snap fetch {stream.key}` asks for it again"
            )
            raise UsageError(f"{words}, then `snap quarantine drop {entry.name}`")
        whole = self.opened.cache.ledger(stream.key, days=()).whole
        if whole is not None and whole.at >= entry.at:
            now = self.opened.store.read(paths.snapshot(stream.key))
            is_same = now is not None and documents.settle_snapshot(stream, page.records, now) is None
            return _known(entry, page) if is_same else _overtaken(entry, page)
        return self._land(source, stream, entry, _walked(job, entry, page, reason=Reason.RETRY, good=True))

    def _part(self, source: Source, stream: Stream, entry: QuarantineEntry, job: Job, page: PageRecords) -> Reread:
        """The records of a series that are still news."""
        known = self.opened.cache.ledger(stream.key)
        head = self.opened.store.head()
        keys = [record.key for record in page.records if record.key is not None]
        if head is not None:
            catch_up_places(self.opened, stream, head)
        sifted = rereading.sift(page.records, known, self.opened.cache.places(stream.key, keys), entry.at)
        differing = self._differing(stream, sifted.overtaken)
        if not sifted.fresh:
            return _overtaken(entry, page) if differing else _known(entry, page)
        left_out = {**page.left_out, **({"overtaken": len(sifted.overtaken)} if sifted.overtaken else {})}
        fresh = PageRecords(sifted.fresh, page.received, left_out, page.envelope, page.notes)
        proofs = intervals.union(rereading.newer_proofs(known, entry.at))
        is_answered = job.window is not None and intervals.covers(proofs, job.window)
        reason = Reason.DECIDED if is_answered else Reason.RETRY
        walked = _walked(job, entry, fresh, reason=reason, good=False, miss=None if is_answered else PART)
        result = self._land(source, stream, entry, walked)
        return replace(result, outcome="in part") if differing and result.outcome != "unreadable" else result

    def _differing(self, stream: Stream, overtaken: Collection[Record]) -> bool:
        """Whether one of these records does not stand in the archive just as it is."""
        reader = Reader(stream)
        for day in {record.day for record in overtaken}:
            data = self.opened.store.read(paths.document(stream.key, day))
            there = {record.text for record in reader.document(data, day=day)} if data is not None else set()
            if any(record.text not in there for record in overtaken if record.day == day):
                return True
        return False

    def _land(self, source: Source, stream: Stream, entry: QuarantineEntry, walked: Walked) -> Reread:
        landed = self.committer.land(source, stream, walked, last=False)
        miss = landed.story.miss
        if miss is not None and miss.state == "invalid":
            return Reread(entry.name, entry.job, "unreadable", miss.why)
        is_new = bool(landed.story.days or landed.story.dateless)
        commit = landed.committed.commit if landed.committed is not None and is_new else None
        why = "; ".join(f"held: {words}" for words in landed.held.values())
        return Reread(entry.name, entry.job, "stored" if is_new else "known", why, landed.story.stored, commit)


def _known(entry: QuarantineEntry, page: PageRecords) -> Reread:
    return Reread(entry.name, entry.job, "known", records=len(page.records))


def _overtaken(entry: QuarantineEntry, page: PageRecords) -> Reread:
    return Reread(entry.name, entry.job, "overtaken", DROP.format(entry.name), len(page.records))


def _walked(
    job: Job, entry: QuarantineEntry, page: PageRecords, *, reason: Reason, good: bool, miss: MissFact | None = None
) -> Walked:
    """The answer as if it had come just now, but at its own time."""
    status = entry.facts.get("status", "")
    told = PageFact(
        number=0,
        status=int(status) if status.isdigit() else 0,
        request=f"(quarantine {entry.name})",
        sha256=entry.sha256,
        size=entry.size,
        received=entry.at,
        records=page.received,
        replayed=True,
    )
    return Walked(
        job=Job(job.source, job.stream, job.window, reason, f"read again from the quarantine, {entry.name}"),
        stop="reread",
        good=good,
        records=page.records,
        pages=(told,),
        requests=0,
        at=entry.at,
        received=page.received,
        left_out=page.left_out,
        envelope=page.envelope,
        notes=page.notes,
        miss=miss,
        keeps_spool=True,
    )
