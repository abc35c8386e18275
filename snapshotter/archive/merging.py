"""Two lines of one archive become one: what each changed is taken, what both changed of a stream is joined.

Where what stands then is neither what the run records of the one line say nor those of the other, a run record of the
merge says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime

from snapshotter import __version__
from snapshotter.archive.opening import Described, Opened, describe, waiting
from snapshotter.core import details, joining, ledger, paths, runs, sharing, verifying
from snapshotter.core.joining import Joined, Side
from snapshotter.core.verifying import part_of
from snapshotter.core.wording import counted
from snapshotter.errors import CouldNotTell
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import DayFact, DetailFact, JobStory, Reason, RunRecord
from snapshotter.results.sharing import Overruled
from snapshotter.spec import Stream

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Lines:
    """Two lines since they were one: what each changed, and the run records that each wrote; ours with what waits."""

    base: str
    ours: str
    theirs: str
    here: Mapping[str, str | None]
    there: Mapping[str, str | None]
    mine: Sequence[RunRecord]
    others: Sequence[RunRecord]


@dataclass(frozen=True, slots=True)
class Joint:
    """A merge that no branch names yet."""

    commit: str
    overruled: tuple[Overruled, ...]


def lines_of(opened: Opened, base: str, theirs: str) -> Lines:
    """Read what both lines changed."""
    store = opened.store
    ours = store.head() or ""
    here, there = dict(store.changed(base, ours)), dict(store.changed(base, theirs))
    mine, others = (tuple(_records(opened, changed)) for changed in (here, there))
    return Lines(base, ours, theirs, here, there, (*mine, *waiting(opened)), others)


def merge(opened: Opened, lines: Lines, remote: str, *, commits: int) -> Joint:
    """Write the merge; `CouldNotTell` where only the user knows what is meant."""
    store, now = opened.store, opened.world.clock.now()
    imported = {runs.path_of(one) for one in lines.mine if one.observed is not None}
    imported &= {runs.path_of(one) for one in lines.others if one.observed is not None}
    union = sharing.unite(lines.here, lines.there, imported=imported)
    if union.conflicts:
        listed = ", ".join(union.conflicts[:_LISTED])
        way_on = f"run `git pull --no-rebase {remote} main`, settle it there and commit"
        raise CouldNotTell(
            f"both sides changed {listed} since they were one, and only you know what is meant: {way_on}"
        )
    work = _Merging(opened, lines, now)
    taken = dict(union.taken)
    for stream in sorted({*union.both, *_shared(lines)}):
        work.stream(stream, union.both.get(stream, ()))
    taken |= work.taken
    taken = {path: blob for path, blob in taken.items() if blob != store.blob_id(path, lines.ours)}
    message = sharing.merge_message(remote, commits, work.overruled)
    return Joint(store.join(lines.theirs, taken, parent=lines.ours, at=now, message=message), tuple(work.overruled))


def _records(opened: Opened, changed: Mapping[str, str | None]) -> Iterator[RunRecord]:
    for path, blob in changed.items():
        if blob is not None and part_of(path).kind == "record":
            yield runs.decode(opened.store.blob(blob), path)


def _key(record: RunRecord) -> str:
    return f"{record.source}/{record.stream}"


def _shared(lines: Lines) -> set[str]:
    """The streams that both lines asked for."""
    return set(map(_key, lines.mine)) & set(map(_key, lines.others))


@dataclass(slots=True)
class _Told:
    """What a run record of the merge tells of a stream."""

    days: dict[date | None, DayFact] = field(default_factory=dict)
    details: list[DetailFact] = field(default_factory=list)


class _Merging:
    """The streams of a merge, one after the other."""

    def __init__(self, opened: Opened, lines: Lines, now: datetime) -> None:
        self.opened = opened
        self.lines = lines
        self.now = now
        self.taken: dict[str, str | None] = {}
        self.overruled: list[Overruled] = []
        self._side = opened.store.side_line(lines.ours)
        self._described: Described | None = None
        self._run = runs.run_id(now, opened.world.chance.getrandbits(24))

    def stream(self, key: str, both: Sequence[str]) -> None:
        """Join one stream; `both`: the paths of its data that both lines changed unlike."""
        records = [one for one in (*self.lines.mine, *self.lines.others) if _key(one) == key]
        stream = self._stream(key)
        if stream is None:
            self._undescribed(both, records)
            return
        mine, others = (tuple(one for one in line if _key(one) == key) for line in (self.lines.mine, self.lines.others))
        told = _Told()
        places: Mapping[bytes, date | None] = {}
        if stream.day is None:
            self._state(stream, mine, others, told)
        else:
            places = self._days(stream, mine, others, told)
        self._held(stream, mine, others, both)
        self._details(stream, mine, others, places=places, told=told)
        if told.days or told.details:
            self._record(stream, records, told)
        self._side.finish()

    def _stream(self, key: str) -> Stream | None:
        if self._described is None:
            self._described = describe(self.opened.root, self.opened.store, commit=self.lines.theirs)
        for described in (self.opened.described, self._described):
            for source in described.sources.values():
                for stream in source.streams.values():
                    if stream.key == key:
                        return stream
        return None

    def _undescribed(self, both: Sequence[str], records: Sequence[RunRecord]) -> None:
        store = self.opened.store
        for path in both:
            ours, theirs = self.lines.here[path], self.lines.there[path]
            digests = {blob: sharing.digest(store.blob(blob)) for blob in (ours, theirs) if blob is not None}
            side = sharing.later(path, ours, theirs, records=records, digests=digests)
            self.taken[path] = theirs if side == "theirs" else ours
            self.overruled.append(Overruled(path, side))

    # --- documents ---

    def _days(
        self, stream: Stream, mine: tuple[RunRecord, ...], others: tuple[RunRecord, ...], told: _Told
    ) -> Mapping[bytes, date | None]:
        changed = [
            path
            for path in {**self.lines.here, **self.lines.there}
            if (part := part_of(path)).kind == "document" and part.stream == stream.key
        ]
        unlike = {part_of(path).day: path for path in changed if self._differ(path)}
        base, ours, theirs = (self._read(unlike, rev) for rev in (self.lines.base, self.lines.ours, self.lines.theirs))
        joined = joining.join(stream, base, Side(ours, mine), Side(theirs, others))
        known = ledger.fold_all(StreamLedger(stream.key), (*mine, *others))
        for day, path in unlike.items():
            self._place(path, day, joined, ours.get(day), theirs.get(day))
            self._tell(day, joined.documents.get(day), known, told, before=ours.get(day))
        return joined.places

    def _differ(self, path: str) -> bool:
        here, there = self.lines.here, self.lines.there
        return path not in here or path not in there or here[path] != there[path]

    def _read(self, unlike: Mapping[date | None, str], rev: str) -> dict[date | None, bytes]:
        read = {day: self.opened.store.read(path, rev) for day, path in unlike.items()}
        return {day: data for day, data in read.items() if data is not None}

    def _place(self, path: str, day: date | None, joined: Joined, ours: bytes | None, theirs: bytes | None) -> None:
        new = joined.documents.get(day)
        self.taken[path] = None if new is None else self._side.put(new)
        if path in self.lines.here and path in self.lines.there:
            kept: dict[bytes | None, str] = {theirs: "theirs", ours: "ours"}
            side = kept.get(new, "both")
            self.overruled.append(Overruled(path, side, joined.unlike.get(day, ())))  # type: ignore[arg-type]

    def _tell(
        self, day: date | None, new: bytes | None, known: StreamLedger, told: _Told, *, before: bytes | None
    ) -> None:
        recorded = verifying.known(known, day)
        if new is None or recorded is None or recorded.sha256 == sharing.digest(new):
            return
        records = joining.count(new)
        change = "new" if before is None else "changed" if records else "emptied"
        told.days[day] = DayFact(records, sharing.digest(new), change)  # type: ignore[arg-type]

    def _state(self, stream: Stream, mine: tuple[RunRecord, ...], others: tuple[RunRecord, ...], told: _Told) -> None:
        path = paths.snapshot(stream.key)
        if path not in {**self.lines.here, **self.lines.there} or not self._differ(path):
            return
        sides = {
            name: Side({None: data} if (data := self.opened.store.read(path, rev)) is not None else {}, records)
            for name, rev, records in (("ours", self.lines.ours, mine), ("theirs", self.lines.theirs, others))
        }
        newer = joining.newer_state(sides["ours"], sides["theirs"])
        data = newer.documents.get(None)
        if data is None:
            return
        self.taken[path] = self._side.put(data)
        if path in self.lines.here and path in self.lines.there:
            self.overruled.append(Overruled(path, "ours" if newer is sides["ours"] else "theirs"))
        known = ledger.fold_all(StreamLedger(stream.key), (*mine, *others))
        self._tell(None, data, known, told, before=sides["ours"].documents.get(None))

    # --- what lies beside them ---

    def _held(
        self, stream: Stream, mine: tuple[RunRecord, ...], others: tuple[RunRecord, ...], both: Sequence[str]
    ) -> None:
        for path in both:
            part = part_of(path)
            if part.kind != "held":
                continue
            sides = Side({}, mine), Side({}, others)
            is_ours = joining.newer_offer(stream, part.day, *sides) is sides[0]
            self.taken[path] = self.lines.here[path] if is_ours else self.lines.there[path]
            self.overruled.append(Overruled(path, "ours" if is_ours else "theirs"))

    def _details(
        self,
        stream: Stream,
        mine: tuple[RunRecord, ...],
        others: tuple[RunRecord, ...],
        *,
        places: Mapping[bytes, date | None],
        told: _Told,
    ) -> None:
        """The later answer about each detail stands, under the day on which its record stands now."""
        ours, theirs = details.fold(mine), details.fold(others)
        for key in sorted({*ours, *theirs}):
            found = (ours.get(key), self.lines.ours), (theirs.get(key), self.lines.theirs)
            sides = [(fact, rev) for fact, rev in found if fact is not None]
            fact, rev = max(sides, key=lambda side: (side[0].at, side[0].file is not None))
            day = places.get(fact.id.encode(), fact.day)
            new = fact
            if day != fact.day:
                new = replace(fact, day=day, file=None if fact.file is None else details.moved(fact.file, day))
            if len(sides) == 1 and new == fact:
                continue
            files = {f"{stream.key}/{one.detail}/{one.file}" for one, _ in sides if one.file is not None}
            self.taken |= dict.fromkeys(files, None)
            if fact.file is not None:
                blob = self.opened.store.blob_id(f"{stream.key}/{fact.detail}/{fact.file}", rev)
                self.taken[f"{stream.key}/{new.detail}/{new.file}"] = blob
            if sides[0][0] != sides[-1][0] or new != fact:
                told.details.append(new)

    def _record(self, stream: Stream, records: Sequence[RunRecord], told: _Told) -> None:
        turn = max([self.opened.cache.ledger(stream.key, days=()).turn, *(one.turn for one in records)])
        story = JobStory(
            job=stream.key,
            reason=Reason.MERGE,
            why=f"two machines archived it; {counted(len(self.lines.others), 'run record')} came with the merge",
            window=None,
            proved=None,
            zone=stream.day.zone if stream.day is not None else "UTC",
            stop="merged",
            at=max((story.at for one in records for story in one.stories), default=self.now),
            requests=0,
            days={day: fact for day, fact in told.days.items() if day is not None},
            dateless=told.days.get(None),
            details=tuple(told.details),
        )
        record = RunRecord(
            run=self._run,
            sequence=1,
            closes=True,
            snap=__version__,
            command="merge",
            started=self.now,
            at=self.now,
            source=stream.source,
            stream=stream.name,
            settings=runs.in_order(records)[-1].settings,
            stories=(story,),
            machine=self.opened.machine,
            turn=turn + 1,
        )
        self.taken[runs.path_of(record)] = self._side.put(runs.encode(record))
