"""Observations into history: one commit each on a line beside the branch, and a merge that keeps what is known later.

Their run records have the turn 0, so that in the ledger every answer of the API counts as later than any of them, and
of two of them the one that was observed later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, replace
from datetime import date, datetime
from itertools import islice

from snapshotter import __version__
from snapshotter.archive import asof
from snapshotter.archive.opening import Opened, Tell, catch_up, catch_up_places
from snapshotter.archive.settling import Archived, Settled, settle
from snapshotter.core import documents, importing, messages, paths, runs, verifying
from snapshotter.core.escaping import escape
from snapshotter.core.records import Reader
from snapshotter.edge.store import SideLine
from snapshotter.errors import UsageError
from snapshotter.evidence import Document, Stamp
from snapshotter.frozen import dataclass
from snapshotter.model import (
    Change,
    DayFact,
    FileChange,
    Job,
    JobStory,
    PageFact,
    PageRecords,
    Reason,
    Record,
    RunRecord,
    Window,
)
from snapshotter.results import Progress
from snapshotter.spec import Expect, Kind, Source, Stream
from snapshotter.walks import Walked

STOP = "imported"
_LAST = 0xFFFFFF  # ends the name of a merge's own record: it is the latest one of its instant
_TOLD_EVERY = 20  # runs
Read = Callable[[], Iterator[tuple[str, int, PageRecords]]]  # SHA-256, size and records of each file


@dataclass(frozen=True, slots=True)
class View:
    """One observation: what somebody saw of a stream at a time."""

    observed: datetime
    run: str
    files: tuple[str, ...]
    read: Read


@dataclass(frozen=True, slots=True)
class Import:
    """What is new of one stream, the oldest observation first."""

    source: Source
    stream: Stream
    views: tuple[View, ...]
    command: str
    proves: Window | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of it."""

    commit: str
    taken: int
    kept: int
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Beside:
    """What the line beside the branch holds of the stream."""

    places: dict[bytes, date | None] = field(default_factory=dict)  # id -> day
    stamps: dict[date | None, Stamp] = field(default_factory=dict)  # of the documents that the new runs wrote
    records: list[str] = field(default_factory=list)  # paths of run records


class Landing:
    """One import of one stream."""

    def __init__(self, opened: Opened, given: Import, tell: Tell) -> None:
        self.opened = opened
        self.given = given
        self.stream = replace(given.stream, expect=Expect())
        self._tell = tell
        head = opened.store.head()
        if head is None:
            raise UsageError(f"{opened.root}: there is no first commit yet; `snap init` makes it")
        self.head = head
        self.side: SideLine = opened.store.side_line(self._base())
        self.beside = _Beside()

    def go(self) -> Merged:
        """Write all of it, and merge it."""
        self._place_base()
        total = len(self.given.views)
        for number, view in enumerate(self.given.views, start=1):
            if number % _TOLD_EVERY == 0:
                words = f"{self.stream.key}: {number:,} of {total:,} runs"
                self._tell(Progress(self.stream.key, "importing", words, done=number, total=total))
            self._commit(view)
        return self._merge()

    def _base(self) -> str:
        """The last import of the stream that had been observed before; else the first commit of the archive."""
        first = self.given.views[0].observed
        for version in self.opened.store.versions(self.stream.key):
            if version.at <= first and asof.is_imported(version):
                return version.commit
        return next(islice(self.opened.store.commits_between(None, self.head), 1))

    def _place_base(self) -> None:
        reader = Reader(self.stream)
        for path, blob in self.opened.store.paths(self.stream.key, self.side.tip):
            part = verifying.part_of(path)
            if part.kind == "document" and self.stream.day is not None:
                found = reader.document(self.opened.store.blob(blob), day=part.day)
                self.beside.places |= {record.key: part.day for record in found if record.key is not None}

    # --- one run ---

    def _commit(self, view: View) -> None:
        settled = self._settled(view)
        record = self._record(view.observed, view.run, 1, story=settled.story)
        path = runs.path_of(record)
        files = [*settled.files, FileChange(path, runs.encode(record))]
        self.side.commit(files, messages.message([record], settled.changes), at=view.observed)
        self.beside.places |= settled.places
        self.beside.records.append(path)
        stamp = Stamp(0, view.observed, view.run, 1, 0)
        facts = dict(settled.story.days) | ({None: settled.story.dateless} if settled.story.dateless else {})
        self.beside.stamps |= dict.fromkeys(facts, stamp)

    def _settled(self, view: View) -> Settled:
        walked = self._walked(view)

        def places(keys: Collection[bytes]) -> Mapping[bytes, date | None]:
            return {key: self.beside.places[key] for key in keys if key in self.beside.places}

        archived = Archived(
            read=self.side.read,
            places=places,
            days_with_documents=lambda: (),
            newest_proved=None,
            clock=self.opened.world.clock.monotonic,
        )
        return settle(self.stream, walked, archived, started=view.observed)

    def _walked(self, view: View) -> Walked:
        records: list[Record] = []
        pages: list[PageFact] = []
        left_out: dict[str, int] = {}
        notes: list[str] = []
        for name, (digest, size, page) in zip(view.files, view.read(), strict=True):
            records += page.records
            shown = f"file {escape(name, 200)}"
            pages.append(PageFact(len(pages), 0, shown, digest, size, view.observed, page.received))
            left_out |= {reason: left_out.get(reason, 0) + count for reason, count in page.left_out.items()}
            notes += page.notes
        proves = self.given.proves
        is_state = self.stream.kind is Kind.SNAPSHOT and self.stream.day is None
        why = f"from {len(pages):,} files that were there" if len(pages) > 1 else f"from a file, {pages[0].request[5:]}"
        return Walked(
            job=Job(self.given.source.name, self.stream.name, proves, Reason.IMPORT, why),
            stop=STOP,
            good=proves is not None or is_state,
            records=tuple(records),
            pages=tuple(pages),
            requests=0,
            at=view.observed,
            received=sum(page.records for page in pages),
            left_out=left_out,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _record(self, at: datetime, run: str, sequence: int, *, story: JobStory) -> RunRecord:
        files = self.opened.described.files
        source = self.given.source
        return RunRecord(
            run=run,
            sequence=sequence,
            closes=True,
            snap=__version__,
            command=self.given.command,
            started=at,
            at=at,
            source=source.name,
            stream=self.stream.name,
            settings={path: files[path] for path in (paths.SETTINGS, source.file)},
            stories=(story,),
            observed=at,
            machine=self.opened.machine,
        )

    # --- the merge ---

    def _merge(self) -> Merged:
        store = self.opened.store
        taken: dict[str, str | None] = {path: self.side.blob_id(path) for path in self.beside.records}
        mine, kept = self._newer()
        for day in mine:
            taken[self._path(day)] = self.side.blob_id(self._path(day))
        own = self._adjusted(mine, kept)
        taken |= own
        tip = self.side.finish()
        message = importing.merge_message(self.stream.key, len(self.given.views), taken=len(mine), kept=len(kept))
        now = self.opened.world.clock.now()
        commit = store.join(tip, taken, parent=self.head, at=now, message=message)
        store.forward(commit, self.head)
        catch_up(self.opened.cache, self.opened)
        return Merged(commit, len(mine), len(kept), store.finish())

    def _path(self, day: date | None) -> str:
        key = self.stream.key
        return paths.snapshot(key) if self.stream.day is None else paths.document(key, day)

    def _newer(self) -> tuple[list[date | None], dict[date | None, Document]]:
        """The days whose newest version is one of this import, and those of which the archive knows later."""
        known = self.opened.cache.ledger(self.stream.key)
        mine: list[date | None] = []
        kept: dict[date | None, Document] = {}
        for day, stamp in self.beside.stamps.items():
            recorded = verifying.known(known, day)
            if recorded is not None and recorded.stamp > stamp:
                kept[day] = recorded
            else:
                mine.append(day)
        return mine, kept

    def _adjusted(self, mine: list[date | None], kept: Mapping[date | None, Document]) -> dict[str, str | None]:
        """Documents of the merge that are neither side's: an id stands on one day, and imports add to each other."""
        if self.stream.day is None:
            return {}
        catch_up_places(self.opened, self.stream, self.head)
        changed: dict[date | None, documents.DocumentChange] = {}
        stays = set(kept)
        for day in mine:
            records = self._records(day, self.side.read(self._path(day)))
            left = importing.kept_apart(records, self._elsewhere(records, day, stays=stays, mine=set(mine)))
            if len(left) < len(records):
                changed[day] = self._document(day, left, before=records)
        for day, recorded in kept.items():
            if recorded.stamp.turn == 0:  # what stands was imported too: both are partial views
                here = self._records(day, self.opened.store.read(self._path(day), self.head))
                found = self._records(day, self.side.read(self._path(day)))
                new = importing.kept_apart(found, self._elsewhere(found, day, stays=stays, mine=set(mine)))
                union = self._union(day, here, new)
                if union is not None:
                    changed[day] = union
        return self._told(changed, kept) if changed else {}

    def _elsewhere(
        self, records: list[Record], day: date | None, *, stays: set[date | None], mine: set[date | None]
    ) -> set[bytes]:
        """The ids that stand on another day of the archive, in a document that stays as it is."""
        keys = [record.key for record in records if record.key is not None]
        found = self.opened.cache.places(self.stream.key, keys)
        return {key for key, place in found.items() if place != day and (place in stays or place not in mine)}

    def _records(self, day: date | None, data: bytes | None) -> list[Record]:
        return [] if data is None else Reader(self.stream).document(data, day=day)

    def _document(self, day: date | None, records: list[Record], *, before: list[Record]) -> documents.DocumentChange:
        settled = documents.settle(
            self.stream, span=None, replaces=False, records=records, old={}, elsewhere={}
        ).documents.get(day)
        new = b"[]\n" if settled is None else settled.new
        return documents.DocumentChange(b"", new, len(records), len(before), Change(removed=len(before) - len(records)))

    def _union(self, day: date | None, here: list[Record], new: list[Record]) -> documents.DocumentChange | None:
        """What stands, with the records that only the import has."""
        keys = {record.key for record in here if record.key is not None}
        only = [record for record in new if record.key is None or record.key not in keys]
        old = self.opened.store.read(self._path(day), self.head)
        given = {} if old is None else {day: old}
        return documents.settle(
            self.stream, span=None, replaces=False, records=only, old=given, elsewhere={}
        ).documents.get(day)

    def _told(
        self, changed: Mapping[date | None, documents.DocumentChange], kept: Mapping[date | None, Document]
    ) -> dict[str, str | None]:
        """The documents of the merge, and the run record that tells of them."""
        at = max([self.given.views[-1].observed, *(kept[day].stamp.at for day in changed if day in kept)])
        run = runs.run_id(at, _LAST)
        sequence = 1
        while self.opened.store.blob_id(runs.path_named(self.stream.key, run, sequence)) is not None:
            sequence += 1
        facts = {day: _fact(document) for day, document in changed.items()}
        rule = self.stream.day
        story = JobStory(
            job=self.stream.key,
            reason=Reason.IMPORT,
            why="imported records beside those that the archive has",
            window=None,
            proved=None,
            zone=rule.zone if rule is not None else "UTC",
            stop="merged",
            at=at,
            requests=0,
            days={day: fact for day, fact in facts.items() if day is not None},
            dateless=facts.get(None),
        )
        record = self._record(at, run, sequence, story=story)
        found: dict[str, str | None] = {self._path(day): self.side.put(item.new) for day, item in changed.items()}
        found[runs.path_of(record)] = self.side.put(runs.encode(record))
        return found


def _fact(document: documents.DocumentChange) -> DayFact:
    return DayFact(
        records=document.records,
        sha256=hashlib.sha256(document.new).hexdigest(),
        change="changed" if document.records else "emptied",
        added=document.change.added,
        removed=document.change.removed,
        edited=document.change.changed,
    )
