"""The writer's side of a walk that a worker elsewhere does: it gives turns, lends tokens, and keeps what comes.

The worker asks, and waits for each word: so a page is in the spool before the next request leaves, and a request
leaves when the lane's gate says so, by the writer's clock. `left` reaches the writer after the request has left, so a
distance counted from there is never too short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from snapshotter.archive.lane import Lane
from snapshotter.archive.posts import Post
from snapshotter.core import posting
from snapshotter.edge.link import Link, LinkLost
from snapshotter.errors import Refused
from snapshotter.fetch import DetailFetcher, Fetcher
from snapshotter.model import GiveUp, Job, NoAnswer, Request, SpoolEntry, Validators
from snapshotter.spec import Source, Stream
from snapshotter.walks import STOPPED_WORDS, Loan, Order, Walked

ValidatorsOf = Callable[[str], Validators | None]


def fetcher_of(lane: Lane, source: Source, stream: Stream, *, run: str) -> Fetcher | FarFetcher:
    """What walks the jobs of a stream: here, or by the worker at the lane's post."""
    here = Fetcher(source, stream, lane, run=run)
    return here if lane.post is None else FarFetcher(here, lane, lane.post)


def detail_fetcher_of(lane: Lane, source: Source, stream: Stream, *, run: str) -> DetailFetcher | FarFetcher:
    """The same for details."""
    here = DetailFetcher(source, stream, lane, run=run)
    return here if lane.post is None else FarFetcher(here, lane, lane.post)


class FarFetcher:
    """Has the jobs of one stream walked by the worker at a post, and by the next one if that is lost."""

    def __init__(self, here: Fetcher, lane: Lane, post: Post) -> None:
        self.here = here
        self.lane = lane
        self.post = post
        self.key = f"{here.stream.key} {type(here).__name__}"

    def walk(
        self,
        job: Job,
        *,
        started: datetime,
        validators_of: ValidatorsOf,
        full_page_seen: bool = False,
        resumes: bool = True,
    ) -> Walked:
        """Ask for everything of the job, from its first page that is not in the spool."""
        order = Order(self.key, job, started, started, full_page_seen, resumes)
        walked = self._by_a_worker(order, validators_of)
        if walked is not None:
            return walked
        return self.here.walk(
            job, started=started, validators_of=validators_of, full_page_seen=full_page_seen, resumes=resumes
        )

    def one(self, job: Job, request: Request, *, started: datetime) -> Walked:
        """Ask for one detail, or take its answer out of the spool."""
        if not isinstance(self.here, DetailFetcher):
            raise TypeError(f"{self.key} asks no details")
        walked = self._by_a_worker(Order(self.key, job, started, started, request=request), lambda _: None)
        return self.here.one(job, request, started=started) if walked is None else walked

    def _by_a_worker(self, order: Order, validators_of: ValidatorsOf) -> Walked | None:
        """What a worker brought, however many were lost on the way; None where none takes it."""
        while (link := self.post.link()) is not None:
            with _Serving(self.lane, self.here.stream, link, validators_of) as serving:
                try:
                    self._introduce(link)
                    link.send(replace(order, now=self.lane.now()))
                    return serving.to_its_end()
                except LinkLost:
                    self.post.drop()
            self.lane.tell(
                self.here.stream, "waiting", "its worker was lost; what it had not handed over is asked again"
            )
        return None

    def _introduce(self, link: Link) -> None:
        """Tell the worker once what it needs to know of the source and the stream."""
        source, told = self.here.source, self.post.told
        if source.name not in told:
            needed = posting.lent(source)
            secrets = {name: value for name, value in self.lane.secrets.items() if name in needed}
            link.send(Loan(source, secrets, posting.has_tokens(source.auth), self.lane.room(source)))
            told.add(source.name)
        if self.key not in told:
            is_detail = isinstance(self.here, DetailFetcher)
            link.send(("stream", self.key, source.name, self.here.stream, is_detail, self.here.run))
            told.add(self.key)


class _Serving:
    """Answers the worker's questions during one walk."""

    def __init__(self, lane: Lane, stream: Stream, link: Link, validators_of: ValidatorsOf) -> None:
        self.lane = lane
        self.stream = stream
        self.link = link
        self.turn = ExitStack()
        self.words: Mapping[str, Callable[..., object]] = {  # nothing is answered
            "left": lane.left,
            "back": self.turn.close,
            "refused": lane.refused,
            "trace": lane.trace,
            "tell": lambda _, kind, text: lane.tell(stream, kind, text),
        }
        self.questions: Mapping[str, Callable[..., object]] = {
            "turn": self._turn,
            "extra": lane.extra_turn,
            "spool": self._spool,
            "spooled": lane.spooled,
            "page": self._page,
            "secret": lambda body: lane.secret_in(lane.sender.source, body),
            "known": lambda _, records: lane.known(stream, records),
            "validators": validators_of,
            "renew": lambda: lane.renew(lane.sender.source),
            "wait": lane.wait,
            "hold": lane.hold,
        }

    def __enter__(self) -> _Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.turn.close()

    def to_its_end(self) -> Walked:
        """Answer until the walk is brought; raises `LinkLost`."""
        while True:
            name, *rest = self.link.receive()
            if name == "walked" and isinstance(rest[0], Walked):
                return rest[0]
            if name in self.words:
                self.words[name](*rest)
            else:
                self.link.send(self.questions[name](*rest))

    def _turn(self, method: str, url: str) -> tuple[GiveUp | NoAnswer | None, str | None]:
        """Leave for one request and the token that it shows, or why not."""
        self.turn.close()
        stopped = self.lane.stopped()
        if stopped is not None:
            return GiveUp(stopped, STOPPED_WORDS.get(stopped, stopped)), None
        refused = self.turn.enter_context(self.lane.turn(method, url))
        if refused is not None:
            return refused, None
        try:
            shown = self.lane.sender.lend()
        except Refused as error:
            return GiveUp("request", str(error), stops_source=True), None
        return (shown, None) if isinstance(shown, NoAnswer) else (None, shown)

    def _spool(self, entry: SpoolEntry) -> str | None:
        """Keep a page; gives the name of a secret that stands in it."""
        self.turn.close()
        response = entry.response
        if not 200 <= response.status < 300:  # errors are quoted, and may quote what the worker does not know
            response = replace(response, body=self.lane.masker.hide_bytes(response.body))
        self.lane.spool(replace(entry, response=response))
        return self._secret_in(response.body)

    def _page(self, job: str, page: int) -> tuple[SpoolEntry | None, str | None]:
        entry = self.lane.spooled_page(job, page)
        return entry, None if entry is None else self._secret_in(entry.response.body)

    def _secret_in(self, body: bytes) -> str | None:
        return self.lane.secret_in(self.lane.sender.source, body)
