"""One walk after the other into the archive: settle, tell, commit, and only then let the spool go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from snapshotter import __version__
from snapshotter.archive.conforming import schema_of
from snapshotter.archive.details import following
from snapshotter.archive.opening import Opened, catch_up, catch_up_places, documents_in, waiting
from snapshotter.archive.settling import Archived, Settled, settle
from snapshotter.core import (
    clocks,
    coverage,
    days,
    ends,
    held_notes,
    ledger,
    messages,
    missing,
    paths,
    planning,
    runs,
    weighing,
)
from snapshotter.core.conforming import RecordSchema
from snapshotter.core.documents import DocumentChange
from snapshotter.core.refreshing import observing
from snapshotter.edge.quarantine import Quarantine
from snapshotter.edge.spool import Spool
from snapshotter.errors import ArchiveMoved, Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import Batch, FileChange, Job, JobStory, MissFact, RunRecord, Touched, Window
from snapshotter.results import Committed, DayProblem, StreamRun
from snapshotter.spec import Shape, Source, Stream
from snapshotter.walks import Unusable, Walked

REJECTED = "rejected"  # how the story of a dropped version stops


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of one walk."""

    story: JobStory
    committed: Committed | None = None
    past: tuple[Job, ...] | None = None  # what is to be asked of the past instead of what was planned
    held: Mapping[date | None, str] = field(default_factory=dict)  # newly held days, and why


@dataclass(slots=True)
class Tally:
    """What a run did so far."""

    streams: dict[str, StreamRun] = field(default_factory=dict)
    commits: list[Committed] = field(default_factory=list)
    problems: list[DayProblem] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)
    surprises: dict[str, set[date]] = field(default_factory=dict)  # days that changed against expectation, by stream
    warnings: dict[str, str] = field(default_factory=dict)  # by source: what its answers say about its clock and ours
    closed: set[str] = field(default_factory=set)  # streams whose last record of this run is written


class Committer:
    """The one writer of a run."""

    def __init__(self, opened: Opened, spool: Spool, *, run: str, command: str, started: datetime) -> None:
        self.opened = opened
        self.spool = spool
        self.run = run
        self.command = command
        self.started = started
        self.tally = Tally()
        self.schemas: dict[str, RecordSchema | None] = {}  # of each stream, read once a run
        self.tip: str | None = None  # our last commit
        self.narrows = True  # whether new days that were refused with older ones are asked in parts at once
        self.written: dict[str, tuple[str | None, str | None]] = {}  # path -> blob before this run, and now
        self.quarantine = Quarantine(opened.local / "quarantine", opened.world.clock, disk=opened.world.disk)

    def land(self, source: Source, stream: Stream, walked: Walked, *, last: bool, final: bool = True) -> Landed:
        """Bring a walk into the archive; when this returns it is committed, or waits in `pending`.

        A walk that is not `final` is asked once more at once, so that what it misses is no problem yet.
        """
        try:
            landed = self._land(source, stream, walked, last=last)
        except ArchiveMoved:  # a commit by hand: look again, once
            catch_up(self.opened.cache, self.opened)
            landed = self._land(source, stream, walked, last=last)
        self._note_problems(stream, landed.story, landed.held, missed=final)
        if not walked.keeps_spool:
            self.spool.done(walked.job.name)
        return landed

    def commit(self, source: Source, stream: Stream, settled: Settled) -> Committed:
        """Commit what the user decided, which no walk brought."""
        record = self._closing(self._record(source, stream, (settled.story,)))
        return self._commit(stream, record, settled)

    def land_details(self, source: Source, stream: Stream, make: Callable[[], Settled]) -> Committed:
        """Commit what came of second calls; `make` settles it, again where somebody commits meanwhile."""
        for again in (False, True):
            try:
                self.mend()
                settled = make()
                record = self._closing(self._record(source, stream, (settled.story,)))
                committed = self._commit(stream, record, settled)
                break
            except ArchiveMoved:
                if again:
                    raise
                catch_up(self.opened.cache, self.opened)
        before = self.tally.streams.get(stream.key, StreamRun(stream.key))
        requests, commits = before.requests + settled.story.requests, before.commits + 1
        self.tally.streams[stream.key] = replace(before, requests=requests, commits=commits)
        return committed

    def _land(self, source: Source, stream: Stream, walked: Walked, *, last: bool) -> Landed:
        self.mend()
        settled, walked = self._settle(source, stream, walked)
        settled = following(self.opened, stream, settled)
        story = self._told(stream, walked, settled)
        record = self._record(source, stream, (story,))
        record, past = self._looked_back(stream, walked, record)
        (story,) = record.stories
        record = self._closing(record) if last and not past else record
        known = self.opened.cache.touched(stream.key, [record])
        news = bool(settled.files) or ledger.is_news(known, record, settle=_settle_time(stream))
        committed = None
        if news:
            committed = self._commit(stream, record, settled)
        else:
            self._wait(stream, record)
        self._count(stream, story, committed)
        return Landed(story, committed, past=past, held=settled.newly_held)

    @cached_property
    def _memory(self) -> int | None:
        """What there is, looked up once: a run lands thousands of windows."""
        return self.opened.world.memory()

    def _settle(self, source: Source, stream: Stream, walked: Walked) -> tuple[Settled, Walked]:
        archived = replace(self._archived(stream), room=weighing.room(source, self._memory))
        try:
            return settle(stream, walked, archived, started=self.started), walked
        except Unreadable as error:  # the records do not make a document together
            miss = MissFact("invalid", error.reason, error.message)
            unusable = Unusable(b"\n".join(record.text for record in walked.records), error.reason, error.message)
            empty = replace(walked, records=(), good=False, miss=miss, unusable=unusable)
            return settle(stream, empty, archived, started=self.started), empty

    # --- the story ---

    def _told(self, stream: Stream, walked: Walked, settled: Settled) -> JobStory:
        story = settled.story
        if story.miss is not None:
            known = self.opened.cache.ledger(stream.key, days=())
            miss = ledger.counted(known, story.miss, window=story.window, at=story.at)
            due = missing.next_try(miss, at=story.at, reason=story.reason)
            due = max(filter(None, (due, story.not_before)), default=None)
            story = replace(story, miss=replace(miss, next_try=due, quarantine=self._set_aside(stream, walked)))
        story = replace(story, withdrawn=self._withdrawn(stream, walked))
        notes = [held_notes.note(day, why) for day, why in settled.held.items()]
        story = self._compared(stream, story, settled)
        return replace(story, notes=(*story.notes, *notes))

    def _withdrawn(self, stream: Stream, walked: Walked) -> Window | None:
        """What runs of a clock that was ahead had proved, where this walk shows what time it is."""
        if not walked.requests or not walked.good or not clocks.tells_now(walked.told):
            return None
        if not clocks.speaks_of_the_future(self.opened.cache.ledger(stream.key, days=()), walked.at):
            return None
        return clocks.doubted(self.opened.cache.ledger(stream.key), walked.at)

    def _compared(self, stream: Stream, story: JobStory, settled: Settled) -> JobStory:
        """The story with what it tells of days that were asked before."""
        if story.window is None or story.proved is None:
            return story
        known = self.opened.cache.ledger(stream.key, days=tuple(_span_of(story.proved, story.zone)))
        again = observing.rechecks(known, story, held=settled.held)
        found = observing.surprises(story, expected_ppm=story.expected_ppm)
        return replace(story, rechecks=again, surprises=found)

    def _set_aside(self, stream: Stream, walked: Walked) -> str | None:
        if walked.unusable is None:
            return None
        # Records that do not make a document together are kept line by line; anything else is an answer as it came.
        facts = {"form": "answer" if walked.stop == "decode" else "records"}
        if walked.job.picked:
            facts["picked"] = walked.job.picked
        if walked.miss is not None and walked.miss.status is not None:
            facts["status"] = str(walked.miss.status)
        return self.quarantine.put(
            walked.unusable.body,
            source=stream.source,
            stream=stream.name,
            job=walked.job.name,
            reason=walked.unusable.reason,
            message=walked.unusable.message,
            facts=facts,
        ).name

    def _looked_back(
        self, stream: Stream, walked: Walked, record: RunRecord
    ) -> tuple[RunRecord, tuple[Job, ...] | None]:
        """The record with the end of history if this walk proves it, and what changes for the rest of the past."""
        (story,) = record.stories
        known = self.opened.cache.ledger(stream.key, days=())
        after = ledger.fold(known, record)
        in_parts = self.narrows and ends.is_asked_in_parts(story, after)
        may_tell = ends.may_tell(stream, story, known, after)
        if not (may_tell or in_parts):
            return record, None
        seen = clocks.trusted(story.at, walked.told)
        end = ends.told(stream, story, known=known, after=after, seen=seen) if may_tell else None
        if end is not None:
            story = replace(story, history_ends=end.how, history_before=end.before, history_doubted=end.doubted)
            record = replace(record, stories=(story,))
            after = ledger.fold(known, record)
        if not (in_parts or (end.turns if end is not None else story.reason in planning.PAST)):
            return record, None
        # Not as of the start of the run: what it missed itself would then seem to come from a clock that was ahead.
        now = max(self.started, story.at)
        state = planning.state_of(after)
        newest = ends.newest_part(stream, story, state) if in_parts else ()
        return record, (*newest, *planning.past_jobs(stream, state, now=now))

    def _closing(self, record: RunRecord) -> RunRecord:
        self.tally.closed.add(f"{record.source}/{record.stream}")
        return replace(record, closes=True)

    def _record(self, source: Source, stream: Stream, stories: tuple[JobStory, ...]) -> RunRecord:
        sequence = self.tally.sequences.get(stream.key, 0) + 1
        self.tally.sequences[stream.key] = sequence
        files = self.opened.described.files
        return RunRecord(
            run=self.run,
            sequence=sequence,
            closes=False,
            snap=__version__,
            command=self.command,
            started=self.started,
            at=self.opened.world.clock.now(),
            source=source.name,
            stream=stream.name,
            settings={path: files[path] for path in (paths.SETTINGS, source.file)},
            stories=stories,
            notes=self.opened.notes if sequence == 1 else (),
            machine=self.opened.machine,
            turn=self.opened.cache.ledger(stream.key, days=()).turn + 1,
        )

    # --- writing ---

    def _commit(self, stream: Stream, record: RunRecord, settled: Settled) -> Committed:
        store, cache = self.opened.store, self.opened.cache
        self.spool.sync()
        before = waiting(self.opened, stream.key)
        together = [*before, record]
        told = [FileChange(runs.path_of(item), runs.encode(item)) for item in together]
        message = messages.message(together, settled.changes)
        commit = self._commit_files((*settled.files, *told), message, at=record.at, news=(record,))
        if settled.places:
            cache.set_places(stream.key, settled.places, at=commit)
        self.opened.pending.remove(stream.key, [runs.file_name(item) for item in before])
        store.settle()
        committed = Committed(commit, stream.key, message.split("\n", 1)[0])
        self.tally.commits.append(committed)
        return committed

    def _wait(self, stream: Stream, record: RunRecord) -> None:
        self.opened.pending.put(stream.key, runs.file_name(record), data=runs.encode(record))
        self.opened.cache.apply(None, [record])

    def close(self, source: Source, stream: Stream, *, why: str) -> None:
        """Record that the run asks nothing more of a stream although it meant to, and why."""
        record = self._closing(self._record(source, stream, ()))
        self._wait(stream, replace(record, notes=(*record.notes, why)))

    def flush(self, stream: Stream) -> None:
        """Commit what has waited for a day, so that no evidence stays on this machine alone for longer."""
        before = waiting(self.opened, stream.key)
        if not before or not runs.must_go(before, self.opened.world.clock.now()):
            return
        store = self.opened.store
        told = [FileChange(runs.path_of(item), runs.encode(item)) for item in before]
        message = messages.message(before, {})
        commit = self._commit_files(told, message, at=self.opened.world.clock.now())
        self.opened.pending.remove(stream.key, [runs.file_name(item) for item in before])
        store.settle()
        self.tally.commits.append(Committed(commit, stream.key, message.split("\n", 1)[0]))

    def _commit_files(
        self, files: Sequence[FileChange], message: str, *, at: datetime, news: Sequence[RunRecord] = ()
    ) -> str:
        """Commit, and fold the run records in it that the ledger does not know."""
        store = self.opened.store
        head = store.head()
        before = {change.path: store.blob_id(change.path, head) for change in files}
        self.tip = store.commit(Batch(tuple(files), message, at), head)
        now = {change.path: None if change.data is None else store.id_of(change.data) for change in files}
        for path, blob in now.items():
            first, _ = self.written.get(path, (before[path], None))
            self.written[path] = (first, blob)
        if head is not None and self.opened.cache.head() == head:
            self.opened.cache.apply(self.tip, news)
            touched = documents_in(path for path, blob in now.items() if blob != before[path])
            self.opened.cache.commits.follow(self.tip, [Touched(self.tip, (head,), touched)], after=head)
        else:  # another lane's commit landed, and then the disk refused: it is not folded in yet
            catch_up(self.opened.cache, self.opened)
        return self.tip

    def mend(self) -> None:
        """Put back what a commit by hand took out meanwhile.

        Git's index is renewed at the end of a run only: what is committed from the old one lacks what this run wrote.
        """
        store = self.opened.store
        head = store.head()
        if self.tip is None or head == self.tip:
            return
        self.tip = head
        taken = {path: now for path, (was, now) in self.written.items() if was != now}
        taken = {path: now for path, now in taken.items() if store.blob_id(path, head) == self.written[path][0]}
        if not taken:
            return
        files = [FileChange(path, None if now is None else store.blob(now)) for path, now in sorted(taken.items())]
        subject = f"Put back {len(files)} files that a commit during the run took out"
        message = f"{subject}\n\nGit's index did not know them yet.\n\nRun: {self.run}\n"
        commit = self._commit_files(files, message, at=self.opened.world.clock.now())
        store.settle()
        self.tally.commits.append(Committed(commit, "", subject))

    # --- what settling asks ---

    def _archived(self, stream: Stream) -> Archived:
        store = self.opened.store
        head = store.head()
        assert head is not None  # noqa: S101 - `init` made a commit

        def places(keys: Collection[bytes]) -> Mapping[bytes, date | None]:
            if not keys:
                return {}
            catch_up_places(self.opened, stream, head)
            return self.opened.cache.places(stream.key, keys)

        def documents() -> Collection[date]:
            listed = (paths.day_of(path, stream.key) for path, _ in store.paths(stream.key, head))
            return [day for day in listed if day is not None]

        def rejected(path: str, data: bytes) -> bool:
            """Whether the user dropped just this version last, by the trailers of the commit that removed it."""
            last = tuple(store.versions(path, limit=2))
            if len(last) < 2 or last[0].blob is not None or last[1].blob != store.id_of(data):
                return False
            stops = [line for line in last[0].body.splitlines() if line.startswith("Stop: ")]
            return any(REJECTED in line.removeprefix("Stop: ").split(", ") for line in stops)

        if stream.key not in self.schemas:
            self.schemas[stream.key] = schema_of(self.opened, stream)
        schema = self.schemas[stream.key]

        def broken(document: DocumentChange) -> str | None:
            is_single = stream.selection.shape is Shape.SINGLE
            return None if schema is None else schema.broken(document.old, document.new, is_single=is_single)

        proved = self.opened.cache.ledger(stream.key, days=()).proved
        return Archived(
            read=lambda path: store.read(path, head),
            places=places,
            days_with_documents=documents,
            newest_proved=proved[-1].window.end if proved else None,
            rejected=rejected,
            clock=self.opened.world.clock.monotonic,
            broken=broken,
        )

    # --- counting ---

    def _count(self, stream: Stream, story: JobStory, committed: Committed | None) -> None:
        before = self.tally.streams.get(stream.key, StreamRun(stream.key))
        if story.surprises:
            self.tally.surprises.setdefault(stream.key, set()).update(story.surprises)
        facts = [*story.days.values(), *([story.dateless] if story.dateless else [])]
        self.tally.streams[stream.key] = StreamRun(
            stream.key,
            requests=before.requests + story.requests,
            windows=before.windows + 1,
            records=before.records + story.stored,
            days_new=before.days_new + sum(fact.change == "new" for fact in facts),
            days_changed=before.days_changed + sum(fact.change in ("changed", "emptied") for fact in facts),
            commits=before.commits + (committed is not None),
        )

    def _note_problems(self, stream: Stream, story: JobStory, held: Mapping[date | None, str], *, missed: bool) -> None:
        first, last = _days_of(story)
        if story.history_before is not None:  # what lies before it is no problem
            border = days.day_at(story.history_before, story.zone)
            self.tally.problems = [one for one in self.tally.problems if not _is_before(one, stream.key, border)]
        elif story.miss is not None and missed:
            step = coverage.next_step(story.miss, at=story.at, by_time=story.window is not None)
            self.tally.problems.append(DayProblem(stream.key, first, last, story.miss.state, story.miss.why, step))
        if story.lost is not None:
            fact, (first, last) = missing.lost_fact(story.lost, at=story.at), _ends_of(story.lost, story.zone)
            step = missing.step_words(fact)
            self.tally.problems.append(DayProblem(stream.key, first, last, fact.kind, fact.why, step))
        for day, why in held.items():
            named = stream.key if day is None and stream.day is None else f"{stream.key} {day or 'undated'}"
            step = f"`snap held accept {named}` takes it, `snap held reject {named}` keeps what stands"
            self.tally.problems.append(DayProblem(stream.key, day, day, "held", why, step))


def _is_before(problem: DayProblem, stream: str, border: date) -> bool:
    return problem.stream == stream and problem.state == "failed" and problem.last is not None and problem.last < border


def _settle_time(stream: Stream) -> timedelta:
    return stream.window.settle.rough() if stream.window is not None else timedelta()


def _days_of(story: JobStory) -> tuple[date | None, date | None]:
    if story.window is None:
        return None, None
    return _ends_of(story.window, story.zone)


def _ends_of(window: Window, zone: str) -> tuple[date | None, date | None]:
    touched = list(days.days_of(window, zone))
    return (touched[0], touched[-1]) if touched else (None, None)


def _span_of(window: Window, zone: str) -> list[tuple[date, date]]:
    touched = list(days.days_of(window, zone))
    return [(touched[0], touched[-1])] if touched else []
