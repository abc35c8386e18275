"""What of an answer that is read again later is still news: the archive may have heard more since it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from snapshotter.canonical import document
from snapshotter.core import intervals, weighing
from snapshotter.core.records import Reader
from snapshotter.errors import Unreadable
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import PageRecords, Record, Window


@dataclass(frozen=True, slots=True)
class Sifted:
    """The records that are still news, and those that the archive has heard about since."""

    fresh: tuple[Record, ...]
    overtaken: tuple[Record, ...]


def read(
    reader: Reader, body: bytes, *, window: Window | None, as_records: bool, room: int | None = None
) -> PageRecords:
    """The records of kept bytes: of an answer as it came, or of records that were kept line by line."""
    weighing.check_body(body, room)
    if not as_records:
        return reader.page(body, window=window, most=weighing.most_records(room))
    rule = reader.stream.day
    if rule is not None and rule.from_window:
        raise Unreadable("day", "the window that tells the day is not known of single records")
    records = tuple(reader.document(document(body.split(b"\n"))))
    if any(record.day is None for record in records) and rule is not None and rule.missing == "error":
        raise Unreadable("day", "the day of a record cannot be read")
    return PageRecords(records, len(records))


def sift(records: Iterable[Record], ledger: StreamLedger, places: Mapping[bytes, date | None], at: datetime) -> Sifted:
    """Leave out what the archive heard about later: by a proof of its instant, or in the document of its id."""
    proved = newer_proofs(ledger, at)
    fresh, overtaken = [], []
    for record in records:
        is_known = record.key is not None and record.key in places and _is_newer(ledger, places[record.key], at)
        if is_known or _is_proved(record, proved):
            overtaken.append(record)
        else:
            fresh.append(record)
    return Sifted(tuple(fresh), tuple(overtaken))


def newer_proofs(ledger: StreamLedger, at: datetime) -> Sequence[Window]:
    """The spans that were proved later than an instant."""
    return intervals.union([proof.window for proof in ledger.proofs if proof.at >= at and not proof.is_void])


def _is_proved(record: Record, proved: Sequence[Window]) -> bool:
    return record.instant is not None and any(window.holds(record.instant) for window in proved)


def _is_newer(ledger: StreamLedger, day: date | None, at: datetime) -> bool:
    known = ledger.dateless if day is None else ledger.days.get(day)
    return known is not None and known.at >= at
