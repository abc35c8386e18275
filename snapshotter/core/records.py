"""From the body of a page, or the bytes of an archived document, to records ready to be stored.

Expressions read plain values; what is stored is the exact one. What a stream leaves out is counted by reason:
`keep_if` · `drop:PATH` (members) · `unnest` (elements whose inner list is empty) · `other_window` (records that another
window brings, for streams with `overlap`) · `outside:PATH` (members of the body that hold no record).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Literal

from snapshotter.canonical import (
    Decoded,
    Json,
    decode,
    decode_document,
    decode_ndjson,
    encode,
    encode_each_regular,
    encode_regular,
    plain,
)
from snapshotter.core.days import day_bounds
from snapshotter.core.escaping import escape
from snapshotter.core.identity import ODD, Identity
from snapshotter.core.placing import UNDATED, Placed, placer, placer_of_many
from snapshotter.core.select import View, compile_expression, drop, get, is_true, parse_path
from snapshotter.core.shapes import Shaper, kind_of, outside
from snapshotter.core.weighing import too_many
from snapshotter.errors import Unreadable
from snapshotter.model import PageRecords, Record, Window
from snapshotter.pieces import LARGE, pieces
from snapshotter.spec import Stream


class Reader:
    """Reads the bodies and documents of one stream; its expressions are compiled once."""

    def __init__(self, stream: Stream) -> None:
        selection = stream.selection
        self.stream = stream
        self.shaper = Shaper(selection)
        self.identity = Identity(selection)
        self.keep_if = None if selection.keep_if is None else compile_expression(selection.keep_if)
        self.drops = tuple((f"drop:{escape(text)}", parse_path(text)) for text in selection.drop)
        self.envelope = tuple(parse_path(path) for path in selection.envelope)
        self.place = None if stream.day is None else placer(stream.day)
        self.place_many = None if stream.day is None else placer_of_many(stream.day)
        self.overlaps = stream.window is not None and not stream.window.overlap.is_zero
        self._last: tuple[bytes, Decoded] | None = None

    def plain(self, body: bytes) -> Json:
        """The plain value of a body, for the expressions of a paginator."""
        decoded = self._decoded(body)
        return decoded.value if decoded.exact_is_plain else plain(decoded.value)

    def page(self, body: bytes, *, window: Window | None, most: int | None = None) -> PageRecords:
        """The records of one response, in its order; `Unreadable` if it is not what the stream says it is.

        `most`: more of them are not read.
        """
        decoded = self._decoded(body)
        shaped = self.shaper.shaped(View(decoded.value, is_plain=decoded.exact_is_plain))
        taking = _Taking(self, window, decoded, most=most)
        taking.take_all(shaped.elements)
        left = taking.left_out + outside(decoded.value, shaped.parts, self.envelope)
        return PageRecords(
            records=tuple(taking.records),
            received=len(shaped.elements),
            left_out={reason: left[reason] for reason in sorted(left) if left[reason]},
            envelope=dict(self._enveloped(decoded.value)),
            notes=decoded.notes,
            keys=tuple(taking.keys),
        )

    def document(self, data: bytes, *, day: date | None = None) -> list[Record]:
        """The records of an archived document, which stand on its day, whatever a changed rule would say now."""
        try:
            return [record for piece in pieces(data) for record in self._of_document(piece, day)]
        except Unreadable:
            if len(data) <= LARGE:
                raise
            return self._of_document(data, day)  # somebody edited it by hand, or it says where it is broken

    def _of_document(self, data: bytes, day: date | None) -> list[Record]:
        decoded = decode_document(data)
        value = [decoded.value] if isinstance(decoded.value, dict) else decoded.value
        if not isinstance(value, list):
            raise Unreadable("shape", f"an archived document is a list of records, and this is {kind_of(value)}")
        return [self._archived(exact, exact if decoded.exact_is_plain else plain(exact), day) for exact in value]

    def _archived(self, exact: Json, value: Json, day: date | None) -> Record:
        placed = self._placed_again(value, day)
        try:
            return self.record(encode(exact), value, exact, placed)
        except Unreadable:  # it was archived when id or sort were others
            return Record(encode(exact), None, placed.day, placed.instant, ODD)

    def _placed_again(self, value: Json, day: date | None) -> Placed:
        rule = self.stream.day
        if self.place is None or rule is None:
            return UNDATED
        start = None if day is None else day_bounds(day, rule.zone).start
        if rule.from_window:
            return Placed(day, start)
        try:
            placed = self.place(value, None)
        except Unreadable:
            placed = Placed(day, start)
        return placed if day is None else Placed(day, placed.instant or start)

    def record(self, text: bytes, value: Json, exact: Json, placed: Placed) -> Record:
        """The record of a canonical text, with its plain and its exact value."""
        key, order = self.identity.of(value, exact, placed.instant)
        return Record(text, key, placed.day, placed.instant, order)

    def forget(self) -> None:
        """Let the last body go: no page comes after it."""
        self._last = None

    def _decoded(self, body: bytes) -> Decoded:
        """The decoded body; the last one is kept, because its page and its paginator both ask for it."""
        if self._last is None or self._last[0] is not body:
            self._last = (body, decode_ndjson(body) if self.stream.selection.decode == "ndjson" else decode(body))
        return self._last[1]

    def _enveloped(self, body: Json) -> Iterator[tuple[str, bytes]]:
        for path in self.envelope:
            found = get(path, body)
            if found:
                leads_to_one = all(isinstance(step, str) for step in path.steps)
                yield path.text, encode(found[0] if leads_to_one else found)


class _Taking:
    """The records of one page, one after the other."""

    def __init__(self, reader: Reader, window: Window | None, decoded: Decoded, *, most: int | None) -> None:
        self.reader = reader
        self.most = most
        self.window = window
        self.is_plain = decoded.exact_is_plain
        self.is_regular = decoded.is_regular
        self.encode = encode_regular if decoded.is_regular else encode
        self.records: list[Record] = []
        self.keys: list[bytes] = []
        self.left_out: Counter[str] = Counter()

    def take_all(self, elements: Sequence[Json]) -> None:
        """Keep the records of all elements, or count why not."""
        reader = self.reader
        self._check(len(elements))
        leaves_out = reader.drops or reader.keep_if is not None or reader.shaper.inner is not None or reader.overlaps
        if leaves_out or not self.is_plain:
            for element in elements:
                records = reader.shaper.unnested(element)
                self._check(len(self.keys) + len(records))
                self.take(records)
            return
        if self.is_regular and self._take_at_once(elements):
            return
        for element in elements:
            placed = UNDATED if reader.place is None else reader.place(element, self.window)
            record = reader.record(self.encode(element), element, element, placed)
            self.records.append(record)
            self.keys.append(record.text if record.key is None else record.key)

    def _check(self, records: int) -> None:
        if self.most is not None and records > self.most:
            raise too_many(records, self.most)

    def _take_at_once(self, elements: Sequence[Json]) -> bool:
        """The usual page, column by column, which takes half the time; False where it is not so simple."""
        reader, none = self.reader, [None] * len(elements)
        try:
            placed = (none, none) if reader.place_many is None else reader.place_many(elements)
            named = None if placed is None else reader.identity.of_each(elements, placed[1])
        except Unreadable:  # one by one tells of the first that is wrong
            return False
        if placed is None or named is None:
            return False
        texts = encode_each_regular(elements)
        self.records = list(map(Record, texts, named[0], *placed, named[1]))
        self.keys = [text if key is None else key for text, key in zip(texts, named[0], strict=True)]
        return True

    def take(self, records: Sequence[Json]) -> None:
        """Keep the records of one element, or count why not."""
        if not records:
            self.left_out["unnest"] += 1
        for exact in records:
            value = exact if self.is_plain else plain(exact)
            if self.reader.keep_if is None or is_true(self.reader.keep_if.search(value)):
                self._keep(exact, value)
            else:
                self.left_out["keep_if"] += 1
                self.keys.append(self._key_of_left_out(exact, value))

    def _keep(self, exact: Json, value: Json) -> None:
        for reason, path in self.reader.drops:
            exact, dropped = drop(path, exact)
            self.left_out[reason] += dropped
        if self.reader.drops:
            value = exact if self.is_plain else plain(exact)
        place = self.reader.place
        placed = UNDATED if place is None else place(value, self.window)
        record = self.reader.record(self.encode(exact), value, exact, placed)
        self.keys.append(record.text if record.key is None else record.key)
        if self._is_of_another_window(record):
            self.left_out["other_window"] += 1
        else:
            self.records.append(record)

    def _is_of_another_window(self, record: Record) -> bool:
        if not self.reader.overlaps or self.window is None or record.instant is None:
            return False
        return not self.window.holds(record.instant)

    def _key_of_left_out(self, exact: Json, value: Json) -> bytes:
        try:
            key = self.reader.identity.key(value, exact)
        except Unreadable:  # which may be why it is left out
            key = None
        return encode(exact) if key is None else key


# --- the order of pages ---


class OrderWatch:
    """Whether the records of page after page come in the order that their stream promises.

    Records that a later page repeats, because new ones came in between, are passed over.
    """

    def __init__(self, order: Literal["none", "newest_first", "oldest_first"]) -> None:
        self.order = order
        self.seen: set[bytes] = set()
        self.last: datetime | None = None

    def broken_by(self, records: Iterable[Record]) -> str | None:
        """Where the next records break the order, in words; None if they do not."""
        if self.order == "none":
            return None
        for record in records:
            name = record.text if record.key is None else record.key
            if record.instant is None or name in self.seen:
                continue
            self.seen.add(name)
            if self.last is not None and self._is_wrong(record.instant, self.last):
                return f"the records are not {self.order}: {record.instant.isoformat()} follows {self.last.isoformat()}"
            self.last = record.instant
        return None

    def _is_wrong(self, instant: datetime, last: datetime) -> bool:
        return instant > last if self.order == "newest_first" else instant < last
