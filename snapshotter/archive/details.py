"""Details in an archive: which records have some, what is asked next, what of it is committed, and how they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from snapshotter.archive.opening import Opened
from snapshotter.archive.settling import Settled
from snapshotter.archive.work import Work
from snapshotter.canonical import Json, encode
from snapshotter.core import details, paths
from snapshotter.errors import Unreadable
from snapshotter.evidence import Parent
from snapshotter.model import DetailFact, FileChange, Job, JobStory, Reason
from snapshotter.results.details import Counted
from snapshotter.spec import Detail, Source, Stream
from snapshotter.walks import Walked

Row = tuple[Parent, DetailFact | None]


def catch_up_parents(opened: Opened, stream: Stream, detail: Detail) -> None:
    """Note which records a list holds, from the documents that changed since that was last done."""
    head, cache = opened.store.head(), opened.cache
    if head is None:
        return
    terms, seen = details.terms(detail, stream), cache.details.seen(stream.key, detail.name)
    known = seen[0] if seen is not None and seen[1] == terms else None
    if known == head:
        return
    days: list[date | None] = []
    found: list[Parent] = []
    for path, blob in opened.store.changed(known, head, stream.key, among=paths.leads_to_documents):
        day = paths.day_of(path, stream.key)
        if day is None and path not in (paths.document(stream.key, None), paths.snapshot(stream.key)):
            continue
        days.append(day)
        if blob is not None:
            found += details.parents(stream, detail, opened.store.blob(blob), day)
    cache.details.note(stream.key, detail.name, found, anew=None if known is None else days, head=head, terms=terms)


def due(opened: Opened, stream: Stream, detail: Detail, *, now: datetime) -> tuple[Row, ...]:
    """What of a list waits to be asked, newest first; no other row is read."""
    catch_up_parents(opened, stream, detail)
    found = opened.cache.details.rows(stream.key, detail.name, details.sought(detail, now=now))
    return details.queue(detail, found, now=now)


def _waits(opened: Opened, stream: Stream, detail: Detail, *, now: datetime) -> int:
    catch_up_parents(opened, stream, detail)
    return opened.cache.details.count(stream.key, detail.name, details.sought(detail, now=now))


def counts(opened: Opened, stream: Stream, *, now: datetime) -> tuple[Counted, ...]:
    """How the details of a stream stand."""
    found = []
    for detail in stream.details:
        waits = _waits(opened, stream, detail, now=now)
        standings = opened.cache.details.standings(stream.key, detail.name)
        found.append(details.counted(detail, standings, due=waits))
    return tuple(found)


def known(opened: Opened, stream: Stream, detail: str, item: str) -> DetailFact | None:
    """What is known of one detail, by the id of its record as people write it."""
    keys = dict.fromkeys([encode(item).decode(), item])
    found = opened.cache.details.facts(stream.key, [detail], list(keys))
    return found[0] if found else None


def work(opened: Opened, source: Source, stream: Stream, *, now: datetime) -> Iterator[Work]:
    """What asks the details of a stream; what a list brings in the same run is asked too."""
    for detail in stream.details:
        count = _waits(opened, stream, detail, now=now)
        most = f", at most {detail.per_run:,} in a run" if detail.per_run is not None else ""
        waits = f"{count:,} {'waits' if count == 1 else 'wait'}" if count else "none waits"
        why = f"details {detail.name}: {waits}{most}, and what the list brings new"
        job = Job(stream.source, stream.name, None, Reason.DETAIL, why, detail=detail.name)
        yield Work(source, stream, job, follows=not count)


class Records:
    """Records of a list as they are archived now; the last document stays in hand."""

    def __init__(self, opened: Opened, stream: Stream) -> None:
        self.opened = opened
        self.stream = stream
        self._blob = ""
        self._found: Mapping[str, Json] = {}

    def of(self, parent: Parent) -> Json:
        """The record, as plain values; None if it went."""
        store = self.opened.store
        blob = store.blob_id(_list_path(self.opened, self.stream, parent.day), store.head())
        if blob is None:
            return None
        if blob != self._blob:
            self._blob, self._found = blob, details.elements(self.stream, store.blob(blob))
        return self._found.get(parent.id)


def _list_path(opened: Opened, stream: Stream, day: date | None) -> str:
    if day is not None:
        return paths.document(stream.key, day)
    snapshot = paths.snapshot(stream.key)
    is_there = opened.store.blob_id(snapshot, opened.store.head()) is not None
    return snapshot if is_there else paths.document(stream.key, None)


# --- what is committed ---


def settled(
    opened: Opened, stream: Stream, facts: Sequence[tuple[DetailFact, bytes | None]], story: JobStory
) -> Settled:
    """Many answers, ready to be committed together."""
    files: dict[str, FileChange] = {}
    for fact, data in facts:
        if data is None or fact.file is None:
            continue
        path = f"{stream.key}/{fact.detail}/{fact.file}"
        files[path] = FileChange(path, data)
        for before in opened.cache.details.facts(stream.key, [fact.detail], [fact.id]):
            if before.file not in (None, fact.file):
                gone = f"{stream.key}/{fact.detail}/{before.file}"
                files.setdefault(gone, FileChange(gone, None))
    return Settled(tuple(files.values()), replace(story, details=tuple(fact for fact, _ in facts)))


def following(opened: Opened, stream: Stream, settled: Settled) -> Settled:
    """With records that move to another day go the files of their details, in the same commit."""
    if not stream.details or not settled.places:
        return settled
    head = opened.store.head()
    files: list[FileChange] = []
    told: list[DetailFact] = []
    days = {key.decode(): day for key, day in settled.places.items()}
    for fact in opened.cache.details.facts(stream.key, [one.name for one in stream.details], list(days)):
        day = days[fact.id]
        if fact.day == day:
            continue
        moved = replace(fact, day=day)
        if fact.file is not None:
            old = f"{stream.key}/{fact.detail}/{fact.file}"
            moved = replace(moved, file=details.moved(fact.file, day))
            new = f"{stream.key}/{fact.detail}/{moved.file}"
            data = opened.store.read(old, head) if head is not None else None
            files += [FileChange(old, None), FileChange(new, data)] if data is not None and old != new else []
        told.append(moved)
    if not told:
        return settled
    return replace(settled, files=(*settled.files, *files), story=replace(settled.story, details=tuple(told)))


def fact_of(
    detail: Detail, row: Row, record: Json, walked: Walked, *, quarantine: str | None = None
) -> tuple[DetailFact, bytes | None]:
    """What a walk says of one detail, and its file where there is one."""
    parent, known = row
    base = DetailFact(
        detail.name,
        parent.id,
        "stored",
        walked.at,
        parent.day,
        mark=parent.mark,
        file=known.file if known is not None else None,
        sha256=known.sha256 if known is not None else None,
    )
    status = walked.pages[-1].status if walked.pages else None
    miss = walked.miss
    if miss is None and walked.records:
        try:
            data = details.file_bytes(walked.records[0].text)
            file = details.file_of(detail, parent, record, walked.records[0].text)
        except Unreadable as error:
            return _failed(base, known, "invalid", error.message, quarantine=quarantine), None
        return replace(base, file=file, sha256=hashlib.sha256(data).hexdigest()), data
    if miss is None:
        why = "the answer is null" if status == 200 else "the API has none"
        return replace(base, state="gone", why=why, status=status), None
    unusable = miss.state == "invalid"
    failed = _failed(base, known, "invalid" if unusable else "failed", miss.why, quarantine=quarantine)
    due = max(filter(None, (failed.next_try, miss.next_try)))
    return replace(failed, status=miss.status, next_try=due), None


def _failed(
    base: DetailFact, known: DetailFact | None, state: Literal["failed", "invalid"], why: str, *, quarantine: str | None
) -> DetailFact:
    tries = (known.tries if known is not None else 0) + 1
    due = details.next_try(tries, at=base.at)
    return replace(
        base,
        state=state,
        why=why,
        tries=tries,
        next_try=due,
        quarantine=quarantine,
    )


def story_of(job: Job, stream: Stream, *, at: datetime, requests: int, received: int, stop: str) -> JobStory:
    """The story of many second calls."""
    return JobStory(
        job=job.name.strip(),
        reason=Reason.DETAIL,
        why=job.why,
        window=None,
        proved=None,
        zone=stream.day.zone if stream.day is not None else "UTC",
        stop=stop,
        at=at,
        requests=requests,
        received=received,
    )
