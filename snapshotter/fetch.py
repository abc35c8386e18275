"""One job: ask, turn pages, until the paginator says why it stops.

Every response is in the spool before it is read, and a response found there is not asked again. What to ask next,
whether to ask again and what a page holds is decided in `core`; this room only says in which order things happen.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from snapshotter.core import clocks, horizon, missing, paging, records, retry, weighing
from snapshotter.core.details import DetailReader
from snapshotter.errors import Unreadable
from snapshotter.evidence import ServerTime
from snapshotter.model import (
    Again,
    Answer,
    EndHere,
    GiveUp,
    Job,
    MissFact,
    PageFact,
    PageRecords,
    Record,
    RenewAuth,
    Request,
    Response,
    SpoolEntry,
    Take,
    TakeEmpty,
    Validators,
    Verdict,
)
from snapshotter.spec import Source, Stream
from snapshotter.walks import STOPPED_WORDS, Asking, Unusable, Walked

if TYPE_CHECKING:
    from tenacity import RetryCallState


class Fetcher:
    """Walks the jobs of one stream."""

    def __init__(self, source: Source, stream: Stream, world: Asking, *, run: str) -> None:
        self.source = source
        self.stream = stream
        self.world = world
        self.run = run
        self.reader = records.Reader(stream)

    def walk(
        self,
        job: Job,
        *,
        started: datetime,
        validators_of: Callable[[str], Validators | None],
        full_page_seen: bool = False,
        resumes: bool = True,
    ) -> Walked:
        """Ask for everything of the job, from its first page that is not in the spool."""
        first = paging.begin(self.source, self.stream, job.window, run_now=started, full_page_seen=full_page_seen)
        wanted = self.source.client.conditional
        validators = validators_of(first.request.identity()) if wanted else None
        walked = _Walk(self, job, first=first, validators=validators, resumes=resumes).to_its_end()
        if walked.stop == "not_modified" and not _may_end_unmodified(self.stream, validators):
            return _Walk(self, job, first=first, validators=None, resumes=resumes).to_its_end()
        return walked


class DetailFetcher(Fetcher):
    """Asks the details of one stream, each with one call."""

    def __init__(self, source: Source, stream: Stream, world: Asking, *, run: str) -> None:
        super().__init__(source, stream, world, run=run)
        self.reader = DetailReader(stream)

    def one(self, job: Job, request: Request, *, started: datetime) -> Walked:
        """Ask for one detail, or take its answer out of the spool."""
        first = replace(paging.begin(self.source, self.stream, None, run_now=started), request=request)
        return _Walk(self, job, first=first, validators=None, resumes=True).to_its_end()


def _may_end_unmodified(stream: Stream, validators: Validators | None) -> bool:
    """A 304 of the first page speaks for the whole only if there was one page, or the newest stand first."""
    return stream.selection.order == "newest_first" or (validators is not None and validators.pages == 1)


class _Walk:
    """One walk; the mutable state of a job under way."""

    def __init__(
        self, fetcher: Fetcher, job: Job, *, first: paging.Walk, validators: Validators | None, resumes: bool
    ) -> None:
        self.fetcher = fetcher
        self.world = fetcher.world
        self.stream = fetcher.stream
        self.job = job
        self.first = first
        self.validators = validators
        self.spooled = frozenset(self.world.spooled(job.name) if resumes else ())
        self.resumed = bool(self.spooled)
        self.requests = 0
        self.pages: list[PageFact] = []
        # What the pages gave, not the pages: their keys and members would be kept until the end of the walk.
        self.records: list[Record] = []
        self.received = 0
        self.room = self.world.room(fetcher.source)
        self.held = 0  # of it
        self.left_out: Counter[str] = Counter()
        self.envelope: dict[str, bytes] = {}
        self.notes: dict[str, None] = {}
        self.first_names: tuple[bytes, ...] = ()
        self.first_response: Response | None = None
        self.renewed = False
        self.met: datetime | None = None
        self.order = records.OrderWatch(self.stream.selection.order)
        self.first_total: int | None = None
        self.at = self.world.now()
        self.not_before: datetime | None = None
        self.told: ServerTime | None = None
        self.refusal: MissFact | None = None
        self.described: tuple[Request, str] | None = None  # the last one, which is told twice
        self.digest: tuple[bytes, str] | None = None  # the last body and its SHA-256, which is told twice too

    def to_its_end(self) -> Walked:
        """Turn pages until something says stop."""
        walk = self.first
        while True:
            turned = self._turn(walk)
            if isinstance(turned, Walked):
                return turned
            match turned:
                case paging.Stop():
                    return self._stopped(turned, walk)
                case paging.Next(following):
                    walk = following

    # --- one page ---

    def _turn(self, walk: paging.Walk) -> paging.Step | Walked:
        answer, verdict, replayed = self._answer(walk)
        self._note_time(answer)
        if isinstance(verdict, GiveUp) or not isinstance(answer, Response):
            return self._given_up(verdict, walk)
        match verdict:
            case EndHere(stop, why, status):
                if not self.pages and stop == "end_rule":
                    self.refusal = MissFact("failed", missing.ENDED, why, status=status)
                return paging.Stop(stop, good=True)
            case TakeEmpty():
                page = PageRecords(records=(), received=0)
            case _:
                try:
                    page = self._page(answer)
                except Unreadable as error:
                    return self._unreadable(answer, error)
        self._keep(walk, answer, page, replayed=replayed)
        refused = self._too_large()
        return self._step(walk, answer, page, verdict) if refused is None else self._given_up(refused, walk)

    def _note_time(self, answer: Answer | None) -> None:
        """The API says what time it is, and may say how long it wants to be left alone after this look."""
        if isinstance(answer, Response):
            self.told = clocks.earlier(self.told, clocks.told(answer))
        limits = self.stream.horizon
        if limits is not None and limits.poll is not None and isinstance(answer, Response):
            self.not_before = horizon.rests_until(answer.header(limits.poll), answer.received) or self.not_before

    def _page(self, response: Response) -> PageRecords:
        secret = self.world.secret_in(self.fetcher.source, response.body)
        if secret is not None:
            raise Unreadable("secret", f"the answer holds the value of the secret {secret!r}")
        weighing.check_body(response.body, self.room)
        try:
            return self.fetcher.reader.page(
                response.body, window=self.job.window, most=weighing.most_records(self.room)
            )
        except Unreadable as error:
            if retry.looks_like_html(response):
                raise Unreadable("html", "an HTML page came instead of JSON (a login or maintenance page?)") from error
            raise

    def _keep(self, walk: paging.Walk, response: Response, page: PageRecords, *, replayed: bool) -> None:
        self.first_response = self.first_response or replace(response, body=b"")  # its headers are wanted at the end
        self._collect(page)
        self.at = max(self.at, response.received)
        self.pages.append(
            PageFact(
                number=walk.number,
                status=response.status,
                request=self._described(walk.request),
                sha256=self._digest(response.body),
                size=len(response.body),
                received=response.received,
                records=page.received,
                replayed=replayed,
            )
        )
        self.world.tell(self.stream, "page", f"page {walk.number + 1}: {page.received} records")

    def _collect(self, page: PageRecords) -> None:
        if not self.pages:
            self.first_names = _names(page)
        self.records.extend(page.records)
        self.held += weighing.of_page(page.records)
        self.received += page.received
        self.left_out.update(page.left_out)
        self.envelope |= page.envelope
        self.notes |= dict.fromkeys(page.notes)

    def _too_large(self) -> GiveUp | None:
        """Why no more is taken into memory, or None."""
        if self.room is not None and self.held > self.room:
            has_window = self.job.window is not None
            return GiveUp("request", weighing.too_large(len(self.records), self.room, has_window=has_window))
        return None if self.world.hold(self.held) else GiveUp("memory", STOPPED_WORDS["memory"])

    def _step(self, walk: paging.Walk, response: Response, page: PageRecords, verdict: Verdict) -> paging.Step:
        broken = self.order.broken_by(page.records)
        if broken is not None:
            return paging.Stop("order", good=False, why=broken)
        plain = None if isinstance(verdict, TakeEmpty) else self.fetcher.reader.plain(response.body)
        step = paging.advance(
            walk, paging.PageSeen(response, plain, page.received, _names(page), known=self._met_known(page))
        )
        if walk.number == 0 and isinstance(step, paging.Next):
            self.first_total = step.walk.total
        return step

    def _met_known(self, page: PageRecords) -> bool:
        if "known_record" not in self.stream.paging.common.stop:
            return False
        known = [record.instant for record in self.world.known(self.stream, page.records)]
        self.met = max([instant for instant in known if instant is not None], default=self.met)
        return bool(known)

    # --- one answer ---

    def _answer(self, walk: paging.Walk) -> tuple[Answer | None, Verdict, bool]:
        waits = walk.number in self.spooled
        entry = self.world.spooled_page(self.job.name, walk.number) if waits else None
        if entry is not None and entry.identity == walk.request.identity():
            verdict = self._judge(entry.response, walk, attempt=1, spent=0.0)
            if isinstance(verdict, Take | TakeEmpty | EndHere):
                return entry.response, verdict, True
        return (*self._ask(walk), False)

    def _ask(self, walk: paging.Walk, *, spool_as: int | None = None) -> tuple[Answer | None, Verdict]:
        page = walk.number if spool_as is None else spool_as
        began = self.world.monotonic()
        last: Answer | None = None

        def once(attempt: int) -> Verdict:
            nonlocal last
            stopped = self.world.stopped()
            if stopped is not None:
                return GiveUp(stopped, STOPPED_WORDS.get(stopped, stopped))
            answer = self.world.ask(self.fetcher.source, walk.request, extra=self._conditions(walk))
            if isinstance(answer, GiveUp):
                return answer
            last = answer
            self.requests += 1
            if isinstance(answer, Response):
                self._spool(walk, answer, page=page)
            verdict = self._judge(answer, walk, attempt=attempt, spent=self.world.monotonic() - began)
            self._note_refusal(verdict)
            return self._once_only(self._renew(verdict), answer)

        attempts = count(1)
        known = [once(next(attempts))]
        if not isinstance(known[0], Again):  # nearly always
            return last, known[0]
        from tenacity import Retrying, retry_if_result, stop_never  # noqa: PLC0415 - loaded when there is a retry

        retrying = Retrying(
            stop=stop_never,  # `judge` counts attempts and time
            retry=retry_if_result(lambda verdict: isinstance(verdict, Again)),
            wait=_seconds_asked_for,
            sleep=self._wait,
        )
        verdict = retrying(lambda: known.pop() if known else once(next(attempts)))
        return last, verdict

    def _wait(self, seconds: float) -> None:
        if seconds >= 1:
            self.world.tell(self.stream, "waiting", f"asks again in {seconds:.0f} s")
        self.world.wait(seconds)

    def _note_refusal(self, verdict: Verdict) -> None:
        match verdict:
            case Again(seconds, rate_limited=True):
                self.world.refused(seconds)
            case GiveUp(kind="rate_limit", again_after=seconds):
                self.world.refused(seconds)

    def _once_only(self, verdict: Verdict, answer: Answer) -> Verdict:
        """A request that may have done something is not sent twice, unless the server says that it did nothing."""
        if self.stream.repeatable or not isinstance(verdict, Again):
            return verdict
        status = answer.status if isinstance(answer, Response) else None
        if verdict.rate_limited or status in UNDONE:
            return verdict
        why = f"{verdict.why}; not asked again, because repeatable = false"
        return GiveUp("network" if status is None else "server", why, status=status)

    def _renew(self, verdict: Verdict) -> Verdict:
        if not isinstance(verdict, RenewAuth):
            return verdict
        if not self.renewed and self.world.renew(self.fetcher.source):
            self.renewed = True
            return Again(0.0, verdict.why)
        return GiveUp("auth", verdict.why, status=401, stops_source=True)

    def _judge(self, answer: Answer, walk: paging.Walk, *, attempt: int, spent: float) -> Verdict:
        return retry.judge(
            answer,
            rules=self.stream.errors,
            policy=self.fetcher.source.retry,
            page_is_first=walk.number == 0,
            attempt=attempt,
            spent_seconds=spent,
            max_wait=self.fetcher.source.pacing.max_wait.rough().total_seconds(),
            now=self.world.now(),
            chance=self.world.chance(),
            conditional=bool(self._conditions(walk)),
            renewed=self.renewed,
        )

    def _conditions(self, walk: paging.Walk) -> dict[str, str]:
        known = self.validators
        if known is None or walk.number > 0 or known.identity != walk.request.identity():
            return {}
        pairs = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        return {name: value for name, value in pairs.items() if value}

    def _spool(self, walk: paging.Walk, response: Response, *, page: int) -> None:
        self.world.spool(
            SpoolEntry(
                run=self.fetcher.run,
                job=self.job.name,
                page=page,
                identity=walk.request.identity(),
                response=response,
                shown=self._described(walk.request),
                picked=self.job.picked,
                expected_ppm=self.job.expected_ppm,
                sha256=self._digest(response.body),
            )
        )

    def _digest(self, body: bytes) -> str:
        if self.digest is None or self.digest[0] is not body:
            self.digest = (body, hashlib.sha256(body).hexdigest())
        return self.digest[1]

    def _described(self, request: Request) -> str:
        if self.described is None or self.described[0] is not request:
            self.described = (request, self.world.describe(request))
        return self.described[1]

    # --- endings ---

    def _stopped(self, stop: paging.Stop, walk: paging.Walk) -> Walked:
        reason = stop.reason
        if reason == "not_modified":
            return self._ending(reason, good=True, validators=self.validators)
        if not stop.good:
            miss = MissFact("partial", reason, stop.why or f"paging stopped: {reason}")
            return self._ending(reason, good=False, miss=miss, restart=reason == "total")
        if walk.needs_recheck or (self.resumed and walk.shifts):
            return self._rechecked(reason, walk)
        return self._ending(reason, good=True, validators=self._validators())

    def _rechecked(self, reason: str, walk: paging.Walk) -> Walked:
        """Pages counted by number shift when records come or go during the walk: ask the first one again."""
        # Not spooled in the place of the first page: a run that dies now must not take new and old pages for one walk.
        answer, verdict = self._ask(self.first, spool_as=len(self.pages))
        if isinstance(verdict, GiveUp):
            return self._given_up(verdict, walk)
        if not isinstance(verdict, Take) or not isinstance(answer, Response):
            miss = MissFact("partial", "recheck", "the first page could not be asked again to prove the walk")
            return self._ending("recheck", good=False, miss=miss)
        try:
            again = self._page(answer)
            plain = self.fetcher.reader.plain(answer.body)
            total = paging.total_on(self.stream, paging.PageSeen(answer, plain, again.received))
        except Unreadable as error:
            return self._unreadable(answer, error)
        same = paging.same_first_page(self.first_names, _names(again))
        if same and (total is None or self.first_total in (None, total)):
            return self._ending(reason, good=True, validators=self._validators())
        miss = MissFact("partial", "shifted", "records moved between pages during the walk")
        return self._ending("shifted", good=False, miss=miss, restart=True)

    def _given_up(self, verdict: Verdict, walk: paging.Walk) -> Walked:
        if not isinstance(verdict, GiveUp):
            raise TypeError(f"{verdict} needs an answer")
        if verdict.kind in STOPPED_WORDS:
            return self._ending(verdict.kind, good=False, keeps_spool=True, left=verdict.why)
        if self._token_expired(verdict, walk):
            return self._ending("expired", good=False, restart=True)
        next_try = None
        if verdict.again_after is not None:
            next_try = self.world.now() + timedelta(seconds=verdict.again_after)
        miss = MissFact("failed", verdict.kind, verdict.why, status=verdict.status, next_try=next_try)
        return self._ending(
            "status" if verdict.status else verdict.kind,
            good=False,
            miss=miss,
            keeps_spool=verdict.kind in PASSING,
            stops_stream=verdict.stops_stream,
            stops_source=verdict.stops_source,
        )

    def _token_expired(self, verdict: GiveUp, walk: paging.Walk) -> bool:
        """A resumed walk whose first request is refused: the page token is too old, the window starts again."""
        first_of_this_run = not any(not page.replayed for page in self.pages)
        refused = verdict.status is not None and 400 <= verdict.status < 500
        return self.resumed and walk.number > 0 and first_of_this_run and refused and verdict.status not in KEPT_TOKENS

    def _unreadable(self, response: Response, error: Unreadable) -> Walked:
        self.at = max(self.at, response.received)
        miss = MissFact("invalid", error.reason, error.message, status=response.status)
        unusable = Unusable(response.body, error.reason, error.message)
        return self._ending("decode", good=False, miss=miss, unusable=unusable)

    def _validators(self) -> Validators | None:
        first = self.first_response
        if not self.fetcher.source.client.conditional or first is None:
            return None
        etag, modified = first.header("etag"), first.header("last-modified")
        told = f"{etag or ''} {modified or ''}"
        if told.isspace() or self.world.secret_in(self.fetcher.source, told.encode()) is not None:
            return None  # they are committed: a server that puts our key into its ETag is asked in full instead
        return Validators(self.first.request.identity(), etag, modified, pages=len(self.pages))

    def _ending(self, stop: str, *, good: bool, **more: Any) -> Walked:
        self.fetcher.reader.forget()
        return Walked(
            job=self.job,
            stop=stop,
            good=good,
            records=tuple(self.records),
            pages=tuple(self.pages),
            requests=self.requests,
            at=self.at,
            received=self.received,
            left_out=dict(self.left_out),
            envelope=self.envelope,
            met=self.met,
            not_before=self.not_before,
            told=self.told,
            refusal=self.refusal,
            notes=tuple(self.notes),
            **more,
        )


PASSING = frozenset({"network", "server", "rate_limit"})
UNDONE = frozenset({401, 429})
KEPT_TOKENS = frozenset({401, 403, 408, 425, 429})


def _seconds_asked_for(state: RetryCallState) -> float:
    verdict = state.outcome.result() if state.outcome is not None else None
    return verdict.seconds if isinstance(verdict, Again) else 0.0


def _names(page: PageRecords) -> tuple[bytes, ...]:
    """What the records of a page are told apart by: their ids, or where they have none, their content."""
    return page.keys or tuple(record.text for record in page.records)
