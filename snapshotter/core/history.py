"""Where an API's history begins: found by windows without records in a row, and confirmed by probing further back.

A gap of a year is not the end. So behind a row of windows without records, single windows at growing distances are
asked, down to the origin: twice as far each time, which makes few of them. One that holds records re-opens everything
that lies between; only when all of them hold none, the end is a fact.

A refusal (404, 410, a rule with `end`) is weaker than an answer without records: a whole window may be refused for a
part of it, and a server that is not well refuses everything. So where the past is refused, ever narrower windows are
asked until it is known to the day since when the API has records, and an end that rests on refusals is settled only
when it was seen so on another day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from snapshotter.core.days import day_at, day_bounds
from snapshotter.core.intervals import Intervals, covers, cut, intersect, union
from snapshotter.core.windows import grid_window, origin, widen, windows_over
from snapshotter.frozen import dataclass
from snapshotter.model import Window
from snapshotter.spec import WindowRule

GONE_STOP = 3  # windows in a row that the API no longer has
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the past: what is proved, what was asked in vain, and where the oldest records lie."""

    proved: Intervals
    gone: Intervals = ()  # the API said that it does not have them
    missed: Intervals = ()  # all that was asked and is not proved
    oldest: datetime | None = None  # the start of the oldest day with records


@dataclass(frozen=True, slots=True)
class EndFound:
    """The API has nothing before `before`, and how that was found."""

    before: datetime
    how: str
    by_refusal: bool = False  # whether an answer that is no list of records is part of the proof


@dataclass(frozen=True, slots=True)
class Silence:
    """A row of windows without records, behind all that is known to have some."""

    row: Window
    before: datetime  # where history begins, if nothing lies further back
    how: str
    probes: tuple[Window, ...]  # what is to be asked to confirm it, the nearest first
    left: tuple[Window, ...]  # those of them that are still to be asked
    by_refusal: bool = False

    @property
    def end(self) -> EndFound | None:
        """The end of history, if everything that could speak against it was asked."""
        return None if self.left else EndFound(self.before, self.how, self.by_refusal)


def silence(rule: WindowRule, known: Known, *, zone: str) -> Silence | None:
    """The row of windows without records that may be the end of history, if there is one."""
    if not known.proved or not (rule.empty_stop or known.gone):
        return None
    start, silent = origin(rule), union(known.proved, known.gone)
    row = _row(rule, known, silent, start)
    if row is None or row.start <= start:
        return None
    windows, before = row.windows, row.before if row.before is not None else row.start
    probes = _probes(rule, Window(start, row.start), row.end - row.start)
    left = tuple(probe for probe in probes if not covers(silent, probe))
    how = _words(windows, gone=row.gone, probes=len(probes), zone=zone, edge=row.start, start=start)
    by_refusal = row.gone > 0 or not all(covers(known.proved, probe) for probe in probes)
    return Silence(Window(row.start, row.end), before, how, probes, left, by_refusal)


def narrower(rule: WindowRule, proved: Intervals, refused: Window, *, zone: str) -> Window | None:
    """The newer half of a refused window, in whole days, where what follows it is proved; None where it has no half."""
    if not any(one.start == refused.end for one in proved):
        return None
    middle = day_bounds(day_at(refused.start + (refused.end - refused.start) / 2, zone), zone)
    start = middle.end if middle.end < refused.end else middle.start
    half = cut(widen(rule, Window(start, refused.end)), refused) if start < refused.end else None
    return half if half is not None and half.start > refused.start and half.end == refused.end else None


@dataclass(slots=True)
class _Row:
    """Windows without records in a row, while they are counted backwards."""

    start: datetime
    end: datetime
    windows: int = 0
    gone: int = 0
    before: datetime | None = None  # the oldest day that has, or may have, records


def _row(rule: WindowRule, known: Known, silent: Intervals, start: datetime) -> _Row | None:
    """The first row that is long enough, going back from the oldest records; a window that failed interrupts it."""
    at = known.proved[-1].end
    if known.oldest is not None and (oldest := grid_window(rule, known.oldest)) is not None:
        at = min(at, oldest.start)
    row = _Row(at, at, before=known.oldest)
    while row.start > start:
        cell = grid_window(rule, row.start - _MOMENT)
        if cell is None:
            return None
        window = Window(max(cell.start, start), row.start)
        if covers(silent, window):
            row.windows += 1
            row.gone = row.gone + 1 if intersect(known.gone, [window]) else 0
            row.start = window.start
        elif intersect(known.missed, [window]):
            row = _Row(window.start, window.start, before=window.start)
        else:
            return None
        if row.windows == rule.empty_stop or row.gone == GONE_STOP:
            return row
    return None


def _probes(rule: WindowRule, past: Window, distance: timedelta) -> tuple[Window, ...]:
    """Windows at distances that double, and the one at the origin."""
    found: list[Window] = []
    while past.end - distance > past.start:
        found += _window_at(rule, past.end - distance, past)
        distance *= 2
    return tuple(dict.fromkeys([*found, *_window_at(rule, past.start, past)]))


def _window_at(rule: WindowRule, instant: datetime, past: Window) -> tuple[Window, ...]:
    cell = grid_window(rule, instant)
    inside = None if cell is None else cut(cell, past)
    if inside is None:
        return ()
    return tuple(window for window in windows_over(rule, inside) if window.holds(instant))


def _words(windows: int, *, gone: int, probes: int, zone: str, edge: datetime, start: datetime) -> str:
    many = f"{windows} windows in a row" if windows > 1 else "one window"
    what = "were gone" if gone == windows else "had no records" if not gone else "had no records or were gone"
    further = f", nor had {probes} further back, down to {day_at(start, zone)}" if probes else ""
    return f"{many} from {day_at(edge, zone)} on {what}{further}"
