"""What to ask of one stream, in which order, and why.

What is proved is not asked again without a reason. Planning and proving everything planned comes to rest: then only
`lookback` is asked, and everything from the origin to the frozen end is proved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate
from operator import attrgetter

from snapshotter.core import missing
from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.escaping import escape
from snapshotter.core.intervals import Intervals, covers, cut, gaps, intersect, subtract, union
from snapshotter.core.spans import span_text
from snapshotter.core.states import history_end as known_history_end
from snapshotter.core.windows import frozen_end, grid_window, lookback_start, origin, widen, windows_over
from snapshotter.evidence import Missed, StreamLedger
from snapshotter.model import HeldBack, Job, Plan, Reason, Window
from snapshotter.spec import Span, Stream, WindowRule

MOMENT = timedelta(microseconds=1)
_LATENESS = timedelta(hours=1)  # how much earlier than `every` says a timer may come round, at most


@dataclass(frozen=True, slots=True)
class MissSeen:
    """A span that was asked and is not proved."""

    why: str  # the last reason, short
    tries: int = 1
    next_try: datetime | None = None
    given_up: str = ""  # that it was tried in vain for long, in words


@dataclass(frozen=True, slots=True)
class StreamState:
    """What planning has to know of a stream's past. A miss under None is that of a job without a window."""

    proved: tuple[Window, ...] = ()
    misses: Mapping[Window | None, MissSeen] = field(default_factory=dict)
    history_end: datetime | None = None  # the API has nothing before it
    has_data: bool = False
    oldest_archived: datetime | None = None  # where the oldest archived record lies, if that was looked up


@dataclass(frozen=True, slots=True)
class EndFound:
    """The API has nothing before `before`, and how that was found."""

    before: datetime
    how: str


def plan_stream(
    stream: Stream,
    state: StreamState,
    *,
    now: datetime,
    since: date | None = None,
    until: date | None = None,
    again: bool = False,
) -> Plan:
    """The jobs of a stream: the newest days, what failed and is due, then the past, each newest first.

    `since` and `until` (its last day) narrow it to days that the user named; `again` asks what is proved too.
    """
    named = since is not None or until is not None or again
    missed = _Missed(state.misses)
    if stream.window is None:
        is_past = until is not None and until < day_at(now, _zone(stream))
        return Plan(()) if is_past else _sorted_out([_whole(stream, missed)], missed, now=now, named=named)
    span = Window(origin(stream.window), frozen_end(stream.window, now))
    chosen = cut(span, _days(stream, since, until, span))
    if chosen is None:
        return Plan(())
    jobs = _Planner(stream, stream.window, state, missed, span).jobs(chosen, named=named, again=again)
    return _sorted_out(jobs, missed, now=now, named=named)


def history_end(stream: Stream, state: StreamState) -> EndFound | None:
    """The end of history that `empty_stop` windows in a row without records prove, if they do."""
    rule = stream.window
    if rule is None or rule.empty_stop is None or not state.proved:
        return None
    if state.has_data and state.oldest_archived is None:  # windows that hold records must not count as empty
        return None
    proved, start = union(state.proved), origin(rule)
    at, filled = proved[-1].end, state.oldest_archived
    if filled is not None and (oldest := grid_window(rule, filled)) is not None:
        at = min(at, oldest.start)
    for _ in range(rule.empty_stop):
        window = grid_window(rule, at - MOMENT)
        if at <= start or window is None or not covers(proved, Window(max(window.start, start), at)):
            return None
        at = window.start
    many = f"{rule.empty_stop} windows in a row" if rule.empty_stop > 1 else "one window"
    return EndFound(at, f"{many} from {day_at(at, _zone(stream))} on had no records") if at > start else None


def state_of(ledger: StreamLedger, *, oldest_day: date | None = None) -> StreamState:
    """What a ledger says to planning; a part of a ledger does not know the oldest day with records."""
    misses: dict[Window | None, MissSeen] = {missed.window: _seen(missed) for missed in ledger.misses}
    if ledger.whole_missed is not None:
        misses[None] = _seen(ledger.whole_missed)
    zone = ledger.proved[-1].zone if ledger.proved else "UTC"
    end = known_history_end(ledger, zone)
    return StreamState(
        proved=union(one.window for one in ledger.proved),
        misses=misses,
        history_end=end.before if end is not None else None,
        has_data=ledger.totals.filled > 0 or oldest_day is not None,
        oldest_archived=day_bounds(oldest_day, zone).start if oldest_day is not None else None,
    )


def due(every: Span, last_good: datetime | None, now: datetime) -> bool:
    """Whether it is time again; a timer that comes round a little early counts as in time."""
    pause = every.rough()
    return last_good is None or now - last_good >= pause - min(pause / 20, _LATENESS)


def held_until_due(jobs: Iterable[Job], state: StreamState, *, now: datetime, named: bool) -> Plan:
    """Jobs that come from elsewhere (the spool), without those that failed and are not due yet."""
    return _sorted_out(jobs, _Missed(state.misses), now=now, named=named)


class _Missed:
    """Misses by their place in time."""

    def __init__(self, misses: Mapping[Window | None, MissSeen]) -> None:
        self.whole = misses.get(None)
        self.windows = sorted(window for window in misses if window is not None)
        self.seen = [misses[window] for window in self.windows]
        self.reached = list(accumulate((window.end for window in self.windows), max))  # by this one or one before

    def touching(self, window: Window | None) -> list[MissSeen]:
        """The misses that share an instant with a window, or that of a job without one."""
        if window is None:
            return [self.whole] if self.whole is not None else []
        found = []
        place = bisect_left(self.windows, window.end, key=attrgetter("start"))
        while place > 0 and self.reached[place - 1] > window.start:
            place -= 1
            if self.windows[place].end > window.start:
                found.append(self.seen[place])
        return found


# --- what is asked of a series, by set arithmetic ---


@dataclass(frozen=True, slots=True)
class _Planner:
    stream: Stream
    rule: WindowRule
    state: StreamState
    missed: _Missed
    span: Window  # from the origin to the frozen end

    def jobs(self, chosen: Window, *, named: bool, again: bool) -> list[Job]:
        """The jobs for the chosen part of the span, in order."""
        if again:
            return [self._job(window, Reason.ASKED, "asked again by name") for window in self._windows([chosen])]
        proved = union(self.state.proved)
        looked_back = self._looked_back()
        recent = Window(self._recent_start(proved), self.span.end)
        new = union(looked_back, gaps(proved, recent))
        old = subtract(self._beyond_recent(proved, recent, named=named), self._wide(new))
        old_windows = self._windows(intersect(old, [chosen]))
        retried = {window for window in old_windows if not named and self.missed.touching(window)}
        return [
            *(self._recent_job(window, proved) for window in self._windows(intersect(new, [chosen]))),
            *(
                self._job(window, Reason.RETRY, self._history(window, proved))
                for window in old_windows
                if window in retried
            ),
            *(
                self._job(window, Reason.ASKED if named else Reason.BACKFILL, self._history(window, proved))
                for window in old_windows
                if window not in retried
            ),
        ]

    def _recent_start(self, proved: Intervals) -> datetime:
        """Since when days are new: the newest proved instant, or the newest window of the grid if there is none."""
        known = intersect(proved, [self.span])
        newest = known[-1].end if known else (grid_window(self.rule, self.span.end - MOMENT) or self.span).start
        return max(self.span.start, min([newest, *(window.start for window in self._looked_back())]))

    def _looked_back(self) -> Intervals:
        start = max(self.span.start, lookback_start(self.rule, self.span.end))
        return union([] if self.rule.lookback.is_zero else [Window(start, self.span.end)])

    def _beyond_recent(self, proved: Intervals, recent: Window, *, named: bool) -> Intervals:
        """What is not proved before the recent days; the end of history is a reason to stop only for us."""
        floor = self.span.start
        if not named:
            found = history_end(self.stream, self.state)
            floor = max(floor, self.state.history_end or floor, found.before if found else floor)
        return gaps(proved, Window(floor, recent.start)) if floor < recent.start else ()

    def _wide(self, intervals: Iterable[Window]) -> Intervals:
        """Whole granules, within the span."""
        return intersect((widen(self.rule, one) for one in intervals), [self.span])

    def _windows(self, intervals: Iterable[Window]) -> tuple[Window, ...]:
        """The windows to ask for these intervals, newest first, none twice."""
        cells = [cell for one in reversed(self._wide(intervals)) for cell in windows_over(self.rule, one)]
        return tuple(dict.fromkeys(self._wide([cell])[0] for cell in cells))

    # --- in words ---

    def _recent_job(self, window: Window, proved: Intervals) -> Job:
        if covers(proved, window):
            return self._job(
                window, Reason.RECENT, f"the last {span_text(self.rule.lookback)} are asked again (lookback)"
            )
        return self._job(window, Reason.RECENT, self._history(window, proved))

    def _history(self, window: Window, proved: Intervals) -> str:
        misses = self.missed.touching(window)
        if misses:
            return _miss_words(misses)
        return "not all of it is proved yet" if intersect(proved, [window]) else "never asked"

    def _job(self, window: Window, reason: Reason, why: str) -> Job:
        return Job(
            self.stream.source, self.stream.name, window, reason, f"{_span_words(window, _zone(self.stream))}: {why}"
        )


def _whole(stream: Stream, missed: _Missed) -> Job:
    words = "the whole state as it is now" if not stream.is_feed else "the newest records, down to what is known"
    why = words if missed.whole is None else f"{words}; {_miss_words([missed.whole])}"
    return Job(stream.source, stream.name, None, Reason.FEED if stream.is_feed else Reason.SNAPSHOT, why)


def _sorted_out(jobs: Iterable[Job], missed: _Missed, *, now: datetime, named: bool) -> Plan:
    """What failed lately waits until it is due, what failed for long is left alone, unless the user named the days."""
    ready: list[Job] = []
    held: list[HeldBack] = []
    for job in jobs:
        why = None if named else _not_now(job, missed.touching(job.window), now)
        if why is None:
            ready.append(job)
        else:
            held.append(HeldBack(job, why))
    return Plan(tuple(ready), tuple(held))


def _not_now(job: Job, misses: list[MissSeen], now: datetime) -> str | None:
    """Why a job is not asked in this run; what is new is never given up."""
    hopeful = [miss for miss in misses if not miss.given_up]
    if misses and not hopeful and job.reason not in missing.LIVELY:
        return f"{_miss_words(misses)}; {misses[0].given_up}"
    dues = [miss.next_try for miss in (hopeful or misses) if miss.next_try is not None and miss.next_try > now]
    return f"{_miss_words(misses)}; not again before {max(dues):%Y-%m-%d %H:%M} UTC" if dues else None


def _miss_words(misses: list[MissSeen]) -> str:
    worst = max(misses, key=lambda miss: miss.tries)
    return f"failed {worst.tries} times, last: {worst.why}" if worst.tries > 1 else f"failed: {worst.why}"


def _seen(missed: Missed) -> MissSeen:
    fact = missed.fact
    why = str(fact.status) if fact.status is not None else escape(fact.why)
    given_up = missing.given_up_words(missed) if missing.is_given_up(missed) else ""
    return MissSeen(why, fact.tries, fact.next_try, given_up)


def _days(stream: Stream, since: date | None, until: date | None, span: Window) -> Window:
    zone = _zone(stream)
    return Window(
        day_bounds(since, zone).start if since is not None else span.start,
        day_bounds(until, zone).end if until is not None else span.end,
    )


def _zone(stream: Stream) -> str:
    if stream.day is not None:
        return stream.day.zone
    return stream.window.zone if stream.window is not None else "UTC"


def _span_words(window: Window, zone: str) -> str:
    """The days of a window; of a part of one day the times too."""
    first, last = day_at(window.start, zone), day_at(window.end - MOMENT, zone)
    if first != last:
        return f"{first} to {last}"
    day = day_bounds(first, zone)
    if window == day:
        return f"{first}"
    return f"{first}, {window.start:%H:%M} to {window.end:%H:%M} UTC"
