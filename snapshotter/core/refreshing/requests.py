"""The requests that would ask a stream's complete days again, and which of them are due, asked for or suspected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from snapshotter.core.days import day_at, day_bounds, days_of
from snapshotter.core.intervals import intersect, union
from snapshotter.core.ledger import touching
from snapshotter.core.refreshing.observing import SUSPECT_FOR, asked_at, unsure
from snapshotter.core.refreshing.policy import CEILING, FLOOR, Candidate
from snapshotter.core.states import Days, Judge, Terms
from snapshotter.core.windows import frozen_end, origin, widen, windows_over
from snapshotter.evidence import Checked, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import Window
from snapshotter.spec import Span, Stream, WindowRule

ONE = timedelta(days=1)
MONTH = Span(months=1)  # how much is asked at once of a stream that is not asked in steps
MEMORY = timedelta(days=SUSPECT_FOR)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that asks complete days again: its window, and how old each was when it was asked last and is now."""

    window: Window
    days: tuple[date, ...]
    ages: tuple[tuple[int, int], ...]
    cost: int  # requests, as far as is known
    surprise: date | None = None  # the day whose change makes these suspected

    @property
    def last_asked(self) -> int:
        """How many days ago its day was asked that was asked longest ago."""
        return max((age - since for since, age in self.ages), default=0)

    def candidate(self, stream: Stream) -> Candidate:
        """As the policy sees it."""
        rule = stream.refresh
        return Candidate(
            stream.key,
            [(since, day.toordinal()) for day, (since, _) in zip(self.days, self.ages, strict=True)],
            cost=self.cost,
            weight=rule.weight,
            floor=_days_of(rule.floor, FLOOR),
            ceiling=_days_of(rule.ceiling, CEILING),
            is_firm=rule.ceiling is not None,
            suspected=self.surprise is not None,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a stream with windows, and by what its days are judged."""

    stream: Stream
    rule: WindowRule
    ledger: StreamLedger
    terms: Terms

    def ages(self, since: date | None = None, until: date | None = None) -> dict[date, tuple[int, int]]:
        """Every complete day, with its age when it was asked last and now."""
        today, found = day_at(self.terms.now, self.terms.zone), {}
        for first, last in Judge(self.ledger, self.terms).complete:
            start, end = max(first, since or first), min(last, until or last)
            for place in range((end - start).days + 1):
                day = start + place * ONE
                age, asked = (today - day).days, asked_at(self.ledger, day, self.terms.zone)
                found[day] = (min(asked, age) if asked is not None else 0, age)
        return found

    def requests(self, chosen: dict[date, tuple[int, int]], suspects: dict[date, date]) -> list[Asking]:
        """The windows, never wider than a step, that ask these days; newest first."""
        zone = self.terms.zone
        span = Window(origin(self.rule), frozen_end(self.rule, self.terms.now))
        rule = self.rule if self.rule.step is not None or self.rule.max_span else replace(self.rule, step=MONTH)
        rows = [Window(day_bounds(a, zone).start, day_bounds(b, zone).end) for a, b in _rows(sorted(chosen))]
        wide = intersect(union(widen(rule, row) for row in rows), [span])
        cells = dict.fromkeys(
            intersect([widen(rule, cell)], [span])[0] for row in reversed(wide) for cell in windows_over(rule, row)
        )
        return [one for cell in cells if (one := self._asking(cell, chosen, suspects)).days]

    def _asking(self, window: Window, chosen: dict[date, tuple[int, int]], suspects: dict[date, date]) -> Asking:
        touched = tuple(day for day in days_of(window, self.terms.zone) if day in chosen)
        records = sum(self.ledger.days[day].records for day in touched if day in self.ledger.days)
        size = max(self.ledger.page_sizes, default=0)
        surprise = next((suspects[day] for day in touched if day in suspects), None)
        return Asking(
            window, touched, tuple(chosen[day] for day in touched), 1 + records // size if size else 1, surprise
        )

    def suspects(self, checks: Iterable[Checked]) -> dict[date, date]:
        """The days near one that changed against expectation which were not asked since, each with that day."""
        found: dict[date, date] = {}
        for check in checks:
            if check.surprises and self.terms.now - check.at <= MEMORY:
                for day in check.surprises:
                    for step in (ONE, -ONE):
                        found |= {near: day for near in self._unsure(day, step, check.at) if near not in found}
        return found

    def _unsure(self, day: date, step: timedelta, at: datetime) -> Iterator[date]:
        """The days on one side of a surprise that are to be asked."""

        def answer(place: int) -> bool | None:
            bounds, document = day_bounds(day + place * step, self.terms.zone), self.ledger.days.get(day + place * step)
            if not any(proof.at >= at for proof in touching(self.ledger.proofs, bounds)):
                return None
            return document is not None and document.changed is not None and document.changed.at >= at

        return (day + place * step for place in unsure(answer))


def due_days(stream: Stream, ages: dict[date, tuple[int, int]]) -> dict[date, tuple[int, int]]:
    """The days that have passed an age of the ladder since they were asked last."""
    ladder = [_days_of(age, 1) for age in stream.refresh.recheck]
    floor = _days_of(stream.refresh.floor, FLOOR)
    return {
        day: (since, age)
        for day, (since, age) in ages.items()
        if age - since >= floor and any(since < rung <= age for rung in ladder)
    }


def _rows(days: Sequence[date]) -> Iterator[Days]:
    """Sorted days as ranges of days in a row."""
    if days:
        cuts = [place for place, (one, other) in enumerate(pairwise(days), 1) if other - one != ONE]
        for start, end in pairwise([0, *cuts, len(days)]):
            yield days[start], days[end - 1]


def _days_of(span: Span | None, otherwise: int) -> int:
    """A length in whole days."""
    return otherwise if span is None else max(1, round(span.rough() / ONE))
