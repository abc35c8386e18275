"""The details of one stream, one call after the other, committed many at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from snapshotter.archive.committing import Committer
from snapshotter.archive.details import Records, Row, due, fact_of, settled, story_of
from snapshotter.archive.lane import Lane
from snapshotter.archive.outposts import detail_fetcher_of
from snapshotter.canonical import Json
from snapshotter.core import details, resuming
from snapshotter.errors import Unreadable
from snapshotter.model import DetailFact, Job, MissFact
from snapshotter.results import DayProblem, Progress
from snapshotter.spec import Source, Stream
from snapshotter.walks import STOPPED_WORDS, Walked

PATIENCE = 3  # calls in a row that the API may fail before the rest of the run leaves these details alone
MOST = 250  # answers in one commit
LARGEST = 8 * 2**20  # bytes in one commit, roughly
LONGEST = 120.0  # seconds that an answer waits for its commit


class DetailWalk:
    """One walk through the queue of one detail; `call` runs what touches the archive in the thread that writes."""

    def __init__(
        self,
        committer: Committer,
        source: Source,
        stream: Stream,
        job: Job,
        *,
        lane: Lane,
        call: Callable[[Callable[[], Any]], Any],
        tell: Callable[[Progress], None],
    ) -> None:
        self.committer = committer
        self.opened = committer.opened
        self.source = source
        self.stream = stream
        self.job = job
        self.detail = next(one for one in stream.details if one.name == job.detail)
        self.lane = lane
        self.call = call
        self.tell = tell
        self.fetcher = detail_fetcher_of(lane, source, details.as_stream(stream, self.detail), run=committer.run)
        self.records = Records(self.opened, stream)
        self.facts: list[tuple[DetailFact, bytes | None]] = []
        self.jobs: list[str] = []  # whose answers wait in the spool for the next commit
        self.requests = 0  # since the last commit
        self.asked = 0
        self.failures = 0
        self.since = lane.monotonic()
        self.stops_source = ""

    def to_its_end(self) -> str | None:
        """Ask what waits, newest first; gives why some was left for later, if it was."""
        why: str | None = None
        rows = self.call(self._due)
        try:
            for place, row in enumerate(rows):
                why = self._why_not(left=len(rows) - place) or self._one(row)
                if why is not None:
                    break
                if self._is_full():
                    self._commit()
        finally:
            if self.facts:
                self._commit()
        return why

    def _due(self) -> list[Row]:
        """What waits; first of all what an earlier run heard and did not come to commit."""
        found = due(self.opened, self.stream, self.detail, now=self.lane.now())
        heard = self._heard()
        self._let_go({item: heard[item] for item in heard.keys() - {row[0].id for row in found}})
        return sorted(found, key=lambda row: row[0].id not in heard)

    def _heard(self) -> dict[str, str]:
        """The records whose answers wait in the spool, with the names of their jobs there."""
        names = self.committer.spool.jobs()
        return {item: name for name in names if (item := resuming.item_named(name, self.job)) is not None}

    def _let_go(self, names: Mapping[str, str]) -> None:
        """Answers in the spool that nobody waits for any more: told already, or of a record that went meanwhile."""
        spool = self.committer.spool
        listed = self.opened.cache.details.listed(self.stream.key, self.detail.name, list(names))
        for item, name in names.items():
            entry = spool.read(name, 0)
            if entry is not None and item not in listed:
                self.committer.quarantine.put(
                    entry.response.body,
                    source=self.stream.source,
                    stream=self.stream.name,
                    job=name,
                    reason="unwanted",
                    message="the record that this is a detail of is no longer in the list",
                    facts={"form": "answer", "status": str(entry.response.status)},
                )
            spool.done(name)

    def _job_of(self, row: Row) -> Job:
        return replace(self.job, item=row[0].id)

    def _why_not(self, *, left: int) -> str | None:
        if self.detail.per_run is not None and self.asked >= self.detail.per_run:
            return f"{left:,} details {self.detail.name} wait for the next run (per_run = {self.detail.per_run})"
        stopped = self.lane.stopped()
        return None if stopped is None else STOPPED_WORDS.get(stopped, stopped)

    def _one(self, row: Row) -> str | None:
        record = self.call(lambda: self.records.of(row[0]))
        if record is None:  # it went meanwhile
            return None
        job = self._job_of(row)
        try:
            request = details.request(self.source, self.detail, record, now=self.committer.started)
        except Unreadable as error:
            return self._keep(row, job, record, _unaskable(job, error, self.lane.now()))
        walked = self.fetcher.one(job, request, started=self.committer.started)
        if walked.stop in STOPPED_WORDS:
            return walked.left
        self.requests += walked.requests
        self.asked += walked.requests > 0
        return self._keep(row, job, record, walked)

    def _keep(self, row: Row, job: Job, record: Json, walked: Walked) -> str | None:
        """Note what came; gives why nothing more is asked, if so."""
        miss = walked.miss
        if miss is not None:
            walked = replace(walked, miss=replace(miss, why=self.lane.masker.hide(miss.why)))
        fact, data = fact_of(self.detail, row, record, walked, quarantine=self.call(lambda: self._set_aside(walked)))
        fact, data = self._placed(fact, data)
        self.facts.append((fact, data))
        self.jobs.append(job.name)
        if fact.state in ("failed", "invalid"):
            self.call(lambda: self._note_problem(fact))
        self.failures = self.failures + 1 if miss is not None and miss.kind in ("network", "server") else 0
        if walked.stops_source and miss is not None:
            self.stops_source = self.lane.masker.hide(miss.why)
            return self.stops_source
        if walked.stops_stream and miss is not None:
            return self.lane.masker.hide(miss.why)
        if self.failures >= PATIENCE:
            return f"the API failed {self.failures} details in a row; the next run asks again"
        return None

    def _placed(self, fact: DetailFact, data: bytes | None) -> tuple[DetailFact, bytes | None]:
        """The same, unless the file is that of another record."""
        path = fact.file
        if data is None or path is None:
            return fact, data
        mine = [
            one.file
            for one in self.call(lambda: self.opened.cache.details.facts(self.stream.key, [fact.detail], [fact.id]))
        ]
        full = f"{self.stream.key}/{fact.detail}/{path}"
        there = self.call(lambda: self.opened.store.blob_id(full, self.opened.store.head())) is not None
        if not any(one.file == path for one, _ in self.facts) and (path in mine or not there):
            return fact, data
        due = details.next_try(1, at=fact.at)
        why = f"{full} is the file of another record too; give each its own by `name`"
        return replace(fact, state="invalid", file=None, sha256=None, why=why, tries=1, next_try=due), None

    def _set_aside(self, walked: Walked) -> str | None:
        if walked.unusable is None:
            return None
        return self.committer.quarantine.put(
            walked.unusable.body,
            source=self.stream.source,
            stream=self.stream.name,
            job=walked.job.name,
            reason=walked.unusable.reason,
            message=self.lane.masker.hide(walked.unusable.message),
            facts={"form": "detail"},
        ).name

    def _note_problem(self, fact: DetailFact) -> None:
        step = f"it is asked again from {fact.next_try:%Y-%m-%d %H:%M} UTC on" if fact.next_try else ""
        what = f"detail {fact.detail} of {fact.id}: {fact.why}"
        self.committer.tally.problems.append(DayProblem(self.stream.key, fact.day, fact.day, fact.state, what, step))

    # --- committing ---

    def _is_full(self) -> bool:
        size = sum(len(data) for _, data in self.facts if data is not None)
        late = self.lane.monotonic() - self.since >= LONGEST
        return bool(self.facts) and (len(self.facts) >= MOST or size >= LARGEST or late)

    def _commit(self) -> None:
        facts, jobs, requests = tuple(self.facts), tuple(self.jobs), self.requests
        self.facts, self.jobs, self.requests, self.since = [], [], 0, self.lane.monotonic()
        received = sum(data is not None for _, data in facts)
        at = max(fact.at for fact, _ in facts)
        story = story_of(self.job, self.stream, at=at, requests=requests, received=received, stop="details")

        def act() -> None:
            make = lambda: settled(self.opened, self.stream, facts, story)  # noqa: E731
            self.committer.land_details(self.source, self.stream, make)
            for job in jobs:
                self.committer.spool.done(job)

        self.call(act)
        self.tell(Progress(self.stream.key, "landed", details.came(fact for fact, _ in facts), records=received))


def _unaskable(job: Job, error: Unreadable, at: datetime) -> Walked:
    miss = MissFact("invalid", error.reason, error.message)
    return Walked(job, "placeholder", good=False, records=(), pages=(), requests=0, at=at, miss=miss)
