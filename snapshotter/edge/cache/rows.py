"""The ledger's values as columns, and back: instants as microseconds, days by number, stamps as one text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from snapshotter.codec import from_plain, to_plain
from snapshotter.evidence import Checked, Document, Missed, Moment, Proof, Proved, Stamp
from snapshotter.model import DetailFact, MissFact, Reason, RunRecord, Validators, Window

Row = tuple[Any, ...]
Range = tuple[int, int]

DAY = 86_400_000_000
AROUND = 26 * 3_600_000_000  # a day of any zone that a window touches lies within
FAR_EAST, FAR_WEST = 14 * 3_600_000_000, 38 * 3_600_000_000  # how far from UTC a day of any zone begins and ends
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """An instant as a number."""
    return (instant - _EPOCH) // _MICRO


def micros_of(ordinal: int) -> int:
    """Where a day, by its number, begins in UTC."""
    return (ordinal - _EPOCH.toordinal()) * DAY


def proved_row(proved: Proved) -> Row:
    """The columns of a proved span."""
    return (*_bounds(proved.window), proved.zone)


def proved_of(row: Row) -> Proved:
    """The proved span of these columns."""
    start, until, zone = row
    return Proved(_window(start, until), zone)


def proof_row(proof: Proof) -> Row:
    """The columns of a proof."""
    validators = None if proof.validators is None else json.dumps(to_plain(proof.validators))
    return (*_bounds(proof.window), proof.zone, micros(proof.at), _stamp_text(proof.stamp), validators)


def proof_of(row: Row) -> Proof:
    """The proof of these columns."""
    start, until, zone, at, stamp, text = row
    validators = None if text is None else from_plain(Validators, json.loads(text))
    return Proof(_window(start, until), zone, instant_of(at), _stamp(stamp), validators)


def missed_row(missed: Missed) -> Row:
    """The columns of a miss."""
    fact = json.dumps(to_plain(missed.fact))
    return (*_bounds(missed.window), fact, micros(missed.at), _stamp_text(missed.stamp))


def missed_of(row: Row) -> Missed:
    """The miss of these columns."""
    start, until, fact, at, stamp = row
    return Missed(_window(start, until), from_plain(MissFact, json.loads(fact)), instant_of(at), _stamp(stamp))


def document_row(day: date, document: Document) -> Row:
    """The columns of a day's document."""
    changed = document.changed
    return (
        day.toordinal(),
        document.records,
        document.sha256,
        document.zone,
        micros(document.at),
        _stamp_text(document.stamp),
        None if changed is None else micros(changed.at),
        None if changed is None else _stamp_text(changed.stamp),
    )


def document_of(row: Row) -> tuple[date, Document]:
    """The day and the document of these columns."""
    day, records, sha256, zone, at, stamp, changed, changed_stamp = row
    moment = None if changed is None else Moment(instant_of(changed), _stamp(changed_stamp))
    return date.fromordinal(day), Document(records, sha256, zone, instant_of(at), _stamp(stamp), moment)


def detail_row(fact: DetailFact) -> Row:
    """The columns that details are found by; where no next try is named, it is at once."""
    at = micros(fact.at)
    again = at if fact.next_try is None else micros(fact.next_try)
    return fact.state, at, again, fact.file is not None, fact.mark


def told_rows(record: RunRecord) -> Iterator[Row]:
    """Where to find a record again by what its stories speak of: spans by the order of their length, so that few of
    each order have to be looked at for any day.
    """
    if not record.stories:  # it tells how the run ended
        yield 0, micros(record.at), micros(record.at) + 1, record.run, record.sequence
    for story in record.stories:
        spans = (story.window, story.proved, story.withdrawn)
        bounds = [_bounds(window) for window in spans if window is not None]
        bounds += [
            (micros_of(day.toordinal()) - AROUND // 2, micros_of(day.toordinal()) + AROUND) for day in story.days
        ]
        at = micros(story.at)
        start = min((start for start, _ in bounds), default=at)
        until = max((until for _, until in bounds), default=at + 1)
        yield order_of(until - start), start, until, record.run, record.sequence


def check_rows(record: RunRecord) -> Iterator[Row]:
    """What its stories tell of asking again, each under its place, so that one told twice counts once."""
    for place, story in enumerate(record.stories):
        refresh = story.reason is Reason.REFRESH or bool(story.picked)
        if refresh or story.rechecks:
            told = Checked(
                story.at,
                refresh=refresh,
                requests=story.requests,
                picked=story.picked,
                expected_ppm=story.expected_ppm,
                rechecks=story.rechecks,
                surprises=story.surprises,
            )
            columns = micros(story.at), story.picked, len(story.surprises)
            yield record.run, record.sequence, place, *columns, json.dumps(to_plain(told))


def order_of(length: int) -> int:
    """The order of a span's length: it is shorter than `reach` of it."""
    return (max(0, length) // DAY).bit_length()


def reach(order: int) -> int:
    """No span of this order is as long."""
    return DAY << order


def around(windows: Iterable[Range]) -> list[Range]:
    """Windows with a day added on both sides, sorted, joined where they touch."""
    joined: list[Range] = []
    for start, until in sorted((start - AROUND, until + AROUND) for start, until in windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((start, until))
    return joined


def in_rows(numbers: Sequence[int]) -> Iterator[Range]:
    """Sorted numbers as ranges of numbers in a row."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            yield numbers[start], number
            start = index + 1


def _bounds(window: Window) -> Range:
    return micros(window.start), micros(window.end)


def instant_of(number: int) -> datetime:
    """The instant of this number."""
    return _EPOCH + number * _MICRO


def _window(start: int, until: int) -> Window:
    return Window(instant_of(start), instant_of(until))


def _stamp_text(stamp: Stamp) -> str:
    return f"{stamp.turn}|{micros(stamp.at)}|{stamp.run}|{stamp.sequence}|{stamp.story}"


def _stamp(text: str) -> Stamp:
    turn, at, run, sequence, story = text.split("|")
    return Stamp(int(turn), instant_of(int(at)), run, int(sequence), int(story))


def stamp_order(stamp: Stamp) -> str:
    """A stamp as a text that sorts as stamps do."""
    at = micros(stamp.at) + (1 << 62)
    return f"{stamp.turn:012d} {at:020d} {stamp.run} {stamp.sequence:06d} {stamp.story:06d}"
