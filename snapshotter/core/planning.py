"""What to ask of one stream, in which order, and why.

What is proved is not asked again without a reason. Planning and proving everything planned comes to rest: then only
`lookback` is asked, and everything from the origin to the frozen end is proved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from itertools import accumulate
from operator import attrgetter

from snapshotter.core import missing
from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.escaping import escape
from snapshotter.core.history import Known, Silence, narrower, silence
from snapshotter.core.intervals import Intervals, covers, cut, gaps, intersect, subtract, union
from snapshotter.core.ledger import filled_days
from snapshotter.core.missing import MissClass
from snapshotter.core.spans import span_text
from snapshotter.core.states import history_end as known_history_end
from snapshotter.core.windows import frozen_end, grid_window, lookback_start, origin, widen, windows_over
from snapshotter.evidence import SEEN_AGAIN, Missed, Stamp, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import HeldBack, Job, Plan, Reason, Window
from snapshotter.spec import Span, Stream, WindowRule

MOMENT = timedelta(microseconds=1)
PAST = (Reason.BACKFILL, Reason.PROBE, Reason.EDGE)
_YOUNG = "had no records so far; asked again, since devices sync late (empty_again)"
_PROBE = "behind windows without records: is there more?"
_NARROWER = "the API refuses what it lies in: since when exactly has it records?"
_NEWEST = "the API refuses what it lies in: are at least the newest days there?"
_SEEN_ONCE = "the end of history was told by refusals of one day: is it still so?"
_EDGE_FAILED = "at the end of history"
_A_DAY = timedelta(hours=25)  # the longest one
_YOUNG_AT_MOST = timedelta(days=400)  # days that a provider drops one by one, for who did not ask for long
_LATENESS = timedelta(hours=1)  # how much earlier than `every` says a timer may come round, at most


@dataclass(frozen=True, slots=True)
class MissSeen:
    """A span that was asked and is not proved."""

    why: str  # the last reason, short
    tries: int = 1
    next_try: datetime | None = None
    given_up: str = ""  # that it was tried in vain for long, in words
    gone: bool = False  # the API said that it does not have it
    at: datetime | None = None  # when it was tried last


@dataclass(frozen=True, slots=True)
class StreamState:
    """What planning has to know of a stream's past. A miss under None is that of a job without a window."""

    proved: tuple[Window, ...] = ()
    misses: Mapping[Window | None, MissSeen] = field(default_factory=dict)
    history_end: datetime | None = None  # the API has nothing before it
    end_doubted: datetime | None = None  # since when that rests on refusals of one day
    has_data: bool = False
    oldest_archived: datetime | None = None  # where the oldest archived record lies, if that was looked up
    rests: str = ""  # why the API is to be left alone now
    young: tuple[Window, ...] = ()  # empty days that are to be asked again now
    doubted: Window | None = None  # what was proved by a clock that was ahead, and is not in `proved`


def plan_stream(
    stream: Stream,
    state: StreamState,
    *,
    now: datetime,
    since: date | None = None,
    until: date | None = None,
    again: bool = False,
    extend: bool = False,
) -> Plan:
    """The jobs of a stream: the newest days, what failed and is due, then the past, each newest first.

    `since` and `until` (its last day) narrow it to days that the user named; `again` asks what is proved too;
    `extend` looks behind the end of history once more.
    """
    named = since is not None or until is not None or again
    missed = _Missed(state.misses)
    if stream.window is None:
        is_past = until is not None and until < day_at(now, zone_of(stream))
        if is_past:
            return Plan(())
        job = _whole(stream, missed)
        if state.rests:
            return Plan((), (HeldBack(job, state.rests),))
        return _sorted_out([job], missed, now=now, named=named)
    span = Window(origin(stream.window), frozen_end(stream.window, now))
    chosen = cut(span, _days(stream, since, until, span))
    if chosen is None:
        return Plan(())
    planner = _Planner(stream, stream.window, state, missed, span)
    jobs = planner.jobs(chosen, named=named, again=again, extend=extend)
    edge = () if named or extend else planner.edge(now)
    return _sorted_out([*jobs, *edge], missed, now=now, named=named)


def jobs_over(stream: Stream, window: Window | None, *, now: datetime, reason: Reason, why: str) -> tuple[Job, ...]:
    """The jobs that ask a span again, newest first; without a window the one job of a stream that has none."""
    if stream.window is None or window is None:
        return (Job(stream.source, stream.name, None, reason, why),) if stream.window is None else ()
    span = Window(origin(stream.window), frozen_end(stream.window, now))
    planner = _Planner(stream, stream.window, StreamState(), _Missed({}), span)
    return tuple(planner.job(one, reason, why) for one in planner.windows(intersect([window], [span])))


def silence_of(stream: Stream, state: StreamState) -> Silence | None:
    """The row of windows without records that may be the end of history, if there is one."""
    if stream.window is None or (state.has_data and state.oldest_archived is None):
        return None  # windows that hold records must not count as empty
    windows = {window: seen for window, seen in state.misses.items() if window is not None}
    gone = union(window for window, seen in windows.items() if seen.gone)
    known = Known(union(state.proved), gone, missed=union(windows), oldest=state.oldest_archived)
    return silence(stream.window, known, zone=zone_of(stream))


def past_jobs(stream: Stream, state: StreamState, *, now: datetime) -> tuple[Job, ...]:
    """What is to be asked of the past as things stand now: for a run that learned something on its way back."""
    return tuple(job for job in plan_stream(stream, state, now=now).jobs if job.reason in PAST)


def newest_part(stream: Stream, state: StreamState, refused: Window) -> tuple[Job, ...]:
    """The newest day of a refused window, where nothing newer than the window is proved and it has other days too.

    A provider that keeps so many days refuses a window that reaches further back; what it has still must not wait.
    Where it refuses the newest day as well, the one before is tried, and no more: then it seems to refuse everything.
    """
    newest = max((window.end for window in state.misses if window is not None), default=refused.end)
    is_proved = bool(state.proved) and state.proved[-1].end >= refused.end
    if stream.window is None or is_proved or newest - refused.end > _A_DAY:
        return ()
    planner = _Planner(stream, stream.window, state, _Missed({}), refused)
    first, *rest = planner.in_parts(refused)
    return (planner.job(first, Reason.RECENT, _NEWEST),) if rest else ()


def state_of(ledger: StreamLedger, *, mended: Collection[Stamp] = ()) -> StreamState:
    """What a ledger says to planning; a part of a ledger says the same.

    `mended`: the misses that are due at once, since the source file that may have caused them is another one now.
    """
    misses: dict[Window | None, MissSeen] = {missed.window: _seen(missed, mended) for missed in ledger.misses}
    if ledger.whole_missed is not None:
        misses[None] = _seen(ledger.whole_missed, mended)
    zone = ledger.proved[-1].zone if ledger.proved else "UTC"
    end, filled = known_history_end(ledger, zone), filled_days(ledger)
    return StreamState(
        proved=union(one.window for one in ledger.proved),
        misses=misses,
        history_end=end.before if end is not None else None,
        end_doubted=end.doubted if end is not None else None,
        has_data=ledger.totals.filled > 0 or filled is not None,
        oldest_archived=day_bounds(filled[0], zone).start if filled is not None else None,
    )


def due(every: Span, last_good: datetime | None, now: datetime) -> bool:
    """Whether it is time again; a timer that comes round a little early counts as in time."""
    pause = every.rough()
    if last_good is None or last_good > now:  # a clock was ahead then: nobody knows how long ago that was
        return True
    return now - last_good >= pause - min(pause / 20, _LATENESS)


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

    def jobs(self, chosen: Window, *, named: bool, again: bool, extend: bool) -> list[Job]:
        """The jobs for the chosen part of the span, in order."""
        if again:
            return [self.job(window, Reason.ASKED, "asked again by name") for window in self.windows([chosen])]
        proved = union(self.state.proved)
        looked_back = self._looked_back()
        recent = Window(self._recent_start(proved), self.span.end)
        new = union(looked_back, gaps(proved, recent))
        floor, probes = (self.span.start, ()) if named else self._past(extend=extend)
        past = gaps(proved, Window(floor, recent.start)) if floor < recent.start else ()
        old = subtract(past, self._wide(new))
        old_windows = self.windows(intersect(old, [chosen]))
        retried = {window for window in old_windows if not (named or extend) and self.missed.touching(window)}
        recents = self.windows(intersect(new, [chosen]))
        if recents and not named and self._is_refused_above(proved):  # whole, it may be refused for ever
            recents = (*self.in_parts(recents[0]), *recents[1:])
        young = () if named else subtract(self._young(), self._wide(union(new, old)))
        return [
            *(self._recent_job(window, proved) for window in recents),
            *(
                self.job(window, Reason.RETRY, self._history(window, proved))
                for window in old_windows
                if window in retried
            ),
            *(self.job(window, Reason.CONFIRM, _YOUNG) for window in self.windows(young)),
            *(
                self.job(window, Reason.ASKED if named else Reason.BACKFILL, self._history(window, proved))
                for window in old_windows
                if window not in retried
            ),
            *(self.job(window, Reason.PROBE, _PROBE) for window in probes),
        ]

    def _past(self, *, extend: bool) -> tuple[datetime, tuple[Window, ...]]:
        """Before when nothing is asked, and the windows that are asked there all the same."""
        found, end = silence_of(self.stream, self.state), self.state.history_end
        if extend and found is not None:
            row = windows_over(self.rule, found.row)
            return found.row.start, tuple(dict.fromkeys(row + found.probes))
        if end is not None and not extend:
            return max(self.span.start, end), ()
        if found is None:
            return self.span.start, ()
        return (found.row.start if found.left else found.before), found.left

    def edge(self, now: datetime) -> tuple[Job, ...]:
        """What is asked to know the border of history better: a part of a refused window, or the newest refusal again.

        Below all that is proved, before the end is known: only once everything down to the origin was asked.
        """
        proved, end = union(self.state.proved), self.state.history_end
        half = self._half_of_a_hole(proved, below=end or proved[0].start) if proved else None
        if half is not None:
            return (self.job(half, Reason.EDGE, _NARROWER),)
        if not proved or (
            end is None and gaps([*proved, *self.missed.windows], Window(self.span.start, proved[0].start))
        ):
            return ()
        below = Window(self.span.start, proved[0].start if end is None else end)
        refused = [
            (part, seen)
            for window, seen in zip(self.missed.windows, self.missed.seen, strict=True)
            if window.start < below.end and (part := cut(window, self.span)) is not None and not covers(proved, part)
        ]
        newest, seen = max(refused, key=lambda one: one[0].end, default=(None, None))
        if newest is not None and seen is not None and seen.gone:
            half = narrower(self.rule, proved, newest, zone=zone_of(self.stream))
            if half is not None:
                return (self.job(half, Reason.EDGE, _NARROWER),)
        since = self.state.end_doubted
        if end is None or since is None:
            return ()
        if newest is not None and seen is not None and not seen.gone:
            return (self.job(newest, Reason.EDGE, f"{_EDGE_FAILED}; {_miss_words([seen])}"),)
        if timedelta() <= now - since < SEEN_AGAIN:  # else a clock was ahead then, or it is another day
            return ()
        unproved = gaps(proved, below) if below.start < below.end else ()
        window = newest or next(iter(self.windows(unproved[-1:])), None)
        return (self.job(window, Reason.EDGE, _SEEN_ONCE),) if window is not None else ()

    def _half_of_a_hole(self, proved: Intervals, *, below: datetime) -> Window | None:
        """The newer half of what is refused between proved days: nobody asked for so long that the rest aged out.

        Only of days that were young when they were refused: a hole deep in the past is a hole, and may be one of many.
        """
        for window, seen in zip(reversed(self.missed.windows), reversed(self.missed.seen), strict=True):
            is_old = seen.at is not None and seen.at - window.end > _YOUNG_AT_MOST
            if not seen.gone or is_old or window.start < below:
                continue
            for part in reversed(subtract([window], proved)):
                half = narrower(self.rule, proved, part, zone=zone_of(self.stream))
                if half is not None:
                    return half
        return None

    def _is_refused_above(self, proved: Intervals) -> bool:
        """Whether what was refused last is newer than all that is proved."""
        if not self.missed.windows or not self.missed.seen[-1].gone:
            return False
        return not proved or self.missed.windows[-1].end > proved[-1].end

    def in_parts(self, window: Window) -> tuple[Window, ...]:
        """The newest day of a window and the rest, newest first; a window within one day as it is."""
        day = day_bounds(day_at(window.end - MOMENT, zone_of(self.stream)), zone_of(self.stream))
        start = widen(self.rule, Window(day.start, window.end)).start
        if start <= window.start:
            return (window,)
        return Window(start, window.end), Window(window.start, start)

    def _young(self) -> Intervals:
        """The young empty days that are due; those of one window of the grid are asked in one go."""
        together: dict[Window, Window] = {}
        for window in self.windows(self.state.young):
            cell = grid_window(self.rule, window.start) or self.span
            known = together.get(cell, window)
            together[cell] = Window(min(known.start, window.start), max(known.end, window.end))
        return union(together.values())

    def _recent_start(self, proved: Intervals) -> datetime:
        """Since when days are new: the newest proved instant, or the newest window of the grid if there is none."""
        known = intersect(proved, [self.span])
        newest = known[-1].end if known else (grid_window(self.rule, self.span.end - MOMENT) or self.span).start
        return max(self.span.start, min([newest, *(window.start for window in self._looked_back())]))

    def _looked_back(self) -> Intervals:
        start = max(self.span.start, lookback_start(self.rule, self.span.end))
        return union([] if self.rule.lookback.is_zero else [Window(start, self.span.end)])

    def _wide(self, intervals: Iterable[Window]) -> Intervals:
        """Whole granules, within the span."""
        return intersect((widen(self.rule, one) for one in intervals), [self.span])

    def windows(self, intervals: Iterable[Window]) -> tuple[Window, ...]:
        """The windows to ask for these intervals, newest first, none twice."""
        cells = [cell for one in reversed(self._wide(intervals)) for cell in windows_over(self.rule, one)]
        return tuple(dict.fromkeys(self._wide([cell])[0] for cell in cells))

    # --- in words ---

    def _recent_job(self, window: Window, proved: Intervals) -> Job:
        if covers(proved, window):
            return self.job(
                window, Reason.RECENT, f"the last {span_text(self.rule.lookback)} are asked again (lookback)"
            )
        return self.job(window, Reason.RECENT, self._history(window, proved))

    def _history(self, window: Window, proved: Intervals) -> str:
        misses = self.missed.touching(window)
        if misses:
            return _miss_words(misses)
        if self.state.doubted is not None and intersect([self.state.doubted], [window]):
            return "proved by a run whose clock was ahead, which is not believed"
        return "not all of it is proved yet" if intersect(proved, [window]) else "never asked"

    def job(self, window: Window, reason: Reason, why: str) -> Job:
        """One job in words."""
        return Job(
            self.stream.source, self.stream.name, window, reason, f"{_span_words(window, zone_of(self.stream))}: {why}"
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
    if job.reason in PAST:  # that it was refused is why it is asked
        misses = [miss for miss in misses if not miss.gone]
    hopeful = [miss for miss in misses if not miss.given_up]
    if misses and not hopeful and job.reason not in missing.LIVELY:
        return f"{_miss_words(misses)}; {misses[0].given_up}"
    dues = [miss.next_try for miss in (hopeful or misses) if miss.next_try is not None and _waits(miss, now)]
    return f"{_miss_words(misses)}; not again before {max(dues):%Y-%m-%d %H:%M} UTC" if dues else None


def _waits(miss: MissSeen, now: datetime) -> bool:
    """Whether a miss is not due; one that a clock which was ahead noted is due at once."""
    return miss.next_try is not None and miss.next_try > now and (miss.at is None or miss.at <= now)


def _miss_words(misses: list[MissSeen]) -> str:
    worst = max(misses, key=lambda miss: miss.tries)
    return f"failed {worst.tries} times, last: {worst.why}" if worst.tries > 1 else f"failed: {worst.why}"


def _seen(missed: Missed, mended: Collection[Stamp]) -> MissSeen:
    fact = missed.fact
    is_told_by_status = fact.status is not None and fact.status >= 400
    why = str(fact.status) if is_told_by_status else escape(fact.why)
    if missed.stamp in mended:
        why = f"{why}; the source file was changed since"
        return MissSeen(why, fact.tries, None, "", missing.class_of(fact) is MissClass.GONE, missed.at)
    given_up = missing.given_up_words(missed) if missing.is_given_up(missed) else ""
    return MissSeen(why, fact.tries, fact.next_try, given_up, missing.class_of(fact) is MissClass.GONE, missed.at)


def _days(stream: Stream, since: date | None, until: date | None, span: Window) -> Window:
    zone = zone_of(stream)
    return Window(
        day_bounds(since, zone).start if since is not None else span.start,
        day_bounds(until, zone).end if until is not None else span.end,
    )


def zone_of(stream: Stream) -> str:
    """The zone that cuts the days of a stream."""
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
