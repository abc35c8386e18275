"""Misses that a source file may have caused and that was changed since: they are due at once, whatever their pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from snapshotter.archive.opening import Opened
from snapshotter.archive.recalling import records_named
from snapshotter.core import missing, paths
from snapshotter.evidence import Missed, Stamp, StreamLedger
from snapshotter.model import RunRecord
from snapshotter.spec import Source

_LOOKED_AT = 16  # records; the newest ones, so that the cost stays the same however much was missed


def mended(opened: Opened, source: Source, known: StreamLedger, *, now: datetime) -> frozenset[Stamp]:
    """The stamps of those misses that wait though the source file is another one than they were made with."""
    misses = [*known.misses, *([known.whole_missed] if known.whole_missed is not None else [])]
    waiting = [missed for missed in misses if _waits(missed, now) and missing.blames_the_file(missed.fact)]
    if not waiting:
        return frozenset()
    newest = sorted({(missed.stamp.run, missed.stamp.sequence) for missed in waiting}, reverse=True)
    present = opened.described.files[source.file]
    records = records_named(opened, known.stream, tuple(newest[:_LOOKED_AT]))
    before = {(record.run, record.sequence) for record in records if _file_of(record) not in (None, present)}
    return frozenset(one.stamp for one in waiting if (one.stamp.run, one.stamp.sequence) in before)


def without_pauses(known: StreamLedger, again: frozenset[Stamp]) -> StreamLedger:
    """The ledger as it is told to people: misses that are due at once have no next try and are not given up."""
    if not again:
        return known
    whole = known.whole_missed
    return replace(
        known,
        misses=tuple(_due_now(missed) if missed.stamp in again else missed for missed in known.misses),
        whole_missed=_due_now(whole) if whole is not None and whole.stamp in again else whole,
    )


def _due_now(missed: Missed) -> Missed:
    why = f"{missed.fact.why}; the source file was changed since, so the next fetch asks it"
    return replace(missed, fact=replace(missed.fact, next_try=None, why=why), is_due=True)


def _waits(missed: Missed, now: datetime) -> bool:
    due = missed.fact.next_try
    return missing.is_given_up(missed) or (due is not None and due > now)


def _file_of(record: RunRecord) -> str | None:
    """The blob of the source file that a record worked from; its path may be another one by now."""
    return next((blob for path, blob in record.settings.items() if path != paths.SETTINGS), None)
