"""`snap try`: a page or two of a stream, looked at from all sides; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path

from snapshotter.archive.lane import gate_of
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.telling import Telling
from snapshotter.archive.trust import secrets_of, trust_of, why_not
from snapshotter.canonical import decode_document, encode_indented
from snapshotter.core import days, paging, planning, records, retry
from snapshotter.edge.http import Habits, Sender, shown_headers
from snapshotter.edge.lanes import LaneGate
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Refused, Unreadable, UsageError
from snapshotter.masking import Masker
from snapshotter.model import Answer, NoAnswer, PageRecords, Response, Spent, Take, TakeEmpty, Window
from snapshotter.results import Progress, Tried, TriedPage
from snapshotter.spec import Source, Stream

OUTSIDE = "outside:"
DROPPED = "drop:"


def try_stream(
    path: Path, target: str, world: World, *, pages: int, day: date | None, trace: str | None = None
) -> Tried:
    """What the first pages of a stream's newest window (or of a day) show."""
    opened = open_archive(path, world)
    source, stream = opened.stream(target)
    window = _window(stream, world, day=day)
    trust = trust_of(opened)
    if (why := why_not(source, trust)) is not None:
        raise Refused(f"{source.name}: {why}")
    found = secrets_of(source, opened, trust)
    if found.missing:
        name, hint = found.missing[0]
        raise ConfigError(f"{source.name}: the secret {name!r} is missing: {hint}")
    telling = Telling(_nobody, world, trace=trace)
    with telling.closing():
        trial = _Trial(opened, source, stream, found.values, telling=telling)
        try:
            return trial.run(window, pages=pages)
        finally:
            trial.sender.close()
            trial.gate.close()


def _nobody(step: Progress) -> None:
    """A try has no steps that anybody watches."""


def _window(stream: Stream, world: World, *, day: date | None) -> Window | None:
    if stream.window is None:
        if day is not None:
            raise UsageError(f"{stream.key} cannot be asked by day; leave --day out")
        return None
    if day is not None and stream.day is not None:
        return days.day_bounds(day, stream.day.zone)
    planned = planning.plan_stream(stream, planning.StreamState(), now=world.clock.now())
    if not planned.jobs:
        raise UsageError(f"{stream.key}: its window ends before it starts; look at window.start and window.end")
    return planned.jobs[0].window


class _Trial:
    """The pages of one try."""

    def __init__(
        self, opened: Opened, source: Source, stream: Stream, secrets: Mapping[str, str], *, telling: Telling
    ) -> None:
        self.world = opened.world
        self.source = source
        self.stream = stream
        self.masker = Masker(secrets, [name for name, ref in source.secrets.items() if ref.public])
        habits = Habits(trusted=True, trace=partial(telling.exchange, source.name))
        self.sender = Sender(source, secrets, self.masker, opened.world, habits=habits)
        self.gate: LaneGate = gate_of([source], secrets, opened.world, stopped=lambda: False)
        self.reader = records.Reader(stream)
        self.pages: list[TriedPage] = []
        self.first: str | None = None
        self.not_stored: dict[str, None] = {}

    def run(self, window: Window | None, *, pages: int) -> Tried:
        """Ask up to so many pages."""
        step: paging.Step = paging.Next(paging.begin(self.source, self.stream, window, run_now=self.world.clock.now()))
        good = True
        for _ in range(pages):
            if not good or not isinstance(step, paging.Next):
                break
            step, good = self._page(step.walk, window)
        return Tried(
            stream=self.stream.key,
            window=window,
            pages=tuple(self.pages),
            first_record=self.first,
            not_stored=tuple(self.not_stored),
            verdict=self._verdict(step, good=good),
            good=good and not (isinstance(step, paging.Stop) and not step.good),
        )

    def _verdict(self, step: paging.Step, *, good: bool) -> str:
        if not good:
            return "something is wrong; see the problem above"
        if sum(page.received for page in self.pages) == 0:
            return "the answer is understood, but has no records; try another day (--day), or look at `records`"
        if isinstance(step, paging.Stop) and not step.good:
            return f"paging would stop with an error: {step.why or step.reason}"
        return f"looks right. Next: snap fetch {self.stream.key}"

    def _page(self, walk: paging.Walk, window: Window | None) -> tuple[paging.Step, bool]:
        answer = self._ask(walk)
        problem = self._problem(answer, walk)
        if problem is not None or not isinstance(answer, Response):
            self._note(walk, answer, PageRecords((), 0), then="stop", problem=problem or "no answer")
            return paging.Stop("status", good=False), False
        try:
            page = self.reader.page(answer.body, window=window)
            plain = self.reader.plain(answer.body)
        except Unreadable as error:
            html = "an HTML page came (login? maintenance?); " if retry.looks_like_html(answer) else ""
            self._note(walk, answer, PageRecords((), 0), then="stop", problem=f"{html}{error}")
            return paging.Stop("decode", good=False), False
        step = paging.advance(
            walk, paging.PageSeen(response=answer, plain=plain, received=page.received, keys=page.keys)
        )
        self._note(walk, answer, page, then=self._words(step))
        return step, True

    def _ask(self, walk: paging.Walk) -> Answer:
        with self.gate.turn(method=walk.request.method) as turn:
            if isinstance(turn, Spent):
                raise UsageError(f"{self.source.name}: {turn.why}; try again after {turn.until:%Y-%m-%d %H:%M} UTC")
            answer = self.sender.send(walk.request)
            if isinstance(answer, Response):
                turn.answered(answer.status, answer.headers)
            return answer

    def _problem(self, answer: Answer, walk: paging.Walk) -> str | None:
        verdict = retry.judge(
            answer,
            rules=self.stream.errors,
            policy=self.source.retry,
            page_is_first=walk.number == 0,
            attempt=self.source.retry.attempts,  # one try only: nothing is asked again here
            spent_seconds=0.0,
            max_wait=0.0,
            now=self.world.clock.now(),
            chance=0.0,
        )
        if isinstance(verdict, Take | TakeEmpty):
            return None
        return getattr(verdict, "why", None) or getattr(verdict, "stop", "stopped")

    def _words(self, step: paging.Step) -> str:
        match step:
            case paging.Next(walk):
                return f"ask {self.sender.describe(walk.request)}"
            case paging.Stop(reason, good, why):
                return f"stop: {reason}{'' if good else ', which proves nothing'}{f' ({why})' if why else ''}"

    def _note(
        self, walk: paging.Walk, answer: Answer, page: PageRecords, *, then: str, problem: str | None = None
    ) -> None:
        for name in page.left_out:
            if name.startswith((OUTSIDE, DROPPED)):
                self.not_stored[name.partition(":")[2]] = None
        if page.records and self.first is None:
            self.first = self.masker.hide(encode_indented(decode_document(page.records[0].text).value).decode())
        found = Counter("undated" if record.day is None else record.day.isoformat() for record in page.records)
        self.pages.append(
            TriedPage(
                request=self.sender.describe(walk.request),
                status=None if isinstance(answer, NoAnswer) else answer.status,
                headers=() if isinstance(answer, NoAnswer) else shown_headers(answer, self.masker),
                size=0 if isinstance(answer, NoAnswer) else len(answer.body),
                seconds=0.0 if isinstance(answer, NoAnswer) else answer.seconds,
                received=page.received,
                kept=len(page.records),
                left_out={name: n for name, n in page.left_out.items() if not name.startswith(OUTSIDE)},
                days=dict(sorted(found.items())) if self.stream.day is not None else {},
                next=then,
                problem=None if problem is None else self.masker.hide(problem),
            )
        )
