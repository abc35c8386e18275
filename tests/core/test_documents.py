"""Only a complete view replaces, and only its own span; nothing else ever leaves a document."""

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.canonical import decode_document, document, encode, encode_indented
from snapshotter.core.days import days_of
from snapshotter.core.documents import Settled, held, settle, settle_snapshot, snapshot_span
from snapshotter.core.records import Reader
from snapshotter.errors import Damaged, Unreadable
from snapshotter.model import Change, Edit, Record, Window
from snapshotter.spec import DayRule, Expect, Kind, Overlap, Span, Stream, WindowRule
from tests.core.things import BY_DATE, a_single, a_snapshot, a_stream, at

DAY = date(2024, 5, 1)
NEXT = date(2024, 5, 2)
HOURLY = WindowRule(start="2024-01-01", granularity=Span(microseconds=1))
DAILY = WindowRule(start="2024-01-01", granularity=Span(days=1))


def span(first: str, last: str) -> Window:
    """`span("01 00", "02 00")`: from the first of May 2024, 00 h, to the second."""
    return Window(*(datetime.strptime(f"2024-05-{text}", "%Y-%m-%d %H").replace(tzinfo=UTC) for text in (first, last)))


MAY_1 = span("01 00", "02 00")


def a_thing(name, hour: str = "01 12", **members) -> dict:
    """A thing of `day hour` in May 2024."""
    return {"id": name, "at": f"2024-05-{hour.replace(' ', 'T')}:00:00Z", **members}


def records_of(stream: Stream, values, *, window: Window | None = None) -> list[Record]:
    return list(Reader(stream).page(encode(list(values)), window=window).records)


class Archive:
    """The documents of one stream, and what answers make of them."""

    def __init__(self, stream: Stream | None = None) -> None:
        self.stream = stream or a_stream()
        self.documents: dict[date | None, bytes] = {}

    def settle(self, values, *, proves: Window | None = None, elsewhere=None) -> Settled:
        """Settle an answer that is a complete view of `proves`, or of nothing."""
        records = records_of(self.stream, values, window=proves)
        outcome = settle(
            self.stream,
            span=proves,
            replaces=proves is not None,
            records=records,
            old=dict(self.documents),
            elsewhere=self.places() if elsewhere is None else elsewhere,
        )
        self.documents |= {day: change.new for day, change in outcome.documents.items()}
        return outcome

    def places(self) -> dict[bytes, date | None]:
        return {record.key: day for day, record in self.records() if record.key is not None}

    def records(self) -> list[tuple[date | None, Record]]:
        reader = Reader(self.stream)
        return [(day, record) for day, data in self.documents.items() for record in reader.document(data, day=day)]

    def on(self, day: date | None) -> list:
        return decode_document(self.documents[day]).value

    def ids(self, day: date | None = DAY) -> list:
        return [value["id"] for value in self.on(day)]


# --- complete and partial views ---


def test_records_of_an_answer_are_split_by_day_and_sorted():
    archive = Archive()

    outcome = archive.settle([a_thing("b"), a_thing("c", "02 01"), a_thing("a")])

    assert archive.ids(DAY) == ["a", "b"]
    assert archive.ids(NEXT) == ["c"]
    assert outcome.counts == {DAY: 2, NEXT: 1}
    assert outcome.documents[DAY].change == Change(added=2)


def test_a_complete_view_removes_what_it_lacks():
    archive = Archive()
    archive.settle([a_thing("a"), a_thing("b")])

    outcome = archive.settle([a_thing("b")], proves=MAY_1)

    assert archive.ids() == ["b"]
    assert (outcome.documents[DAY].change.removed, outcome.documents[DAY].change.lines) == (1, ("removed a",))
    assert (outcome.documents[DAY].was, outcome.documents[DAY].records) == (2, 1)


def test_a_partial_view_removes_nothing():
    archive = Archive()
    archive.settle([a_thing("a", v=1), a_thing("b")])

    archive.settle([a_thing("a", v=2)])

    assert archive.on(DAY) == [a_thing("a", v=2), a_thing("b")]


def test_a_view_replaces_only_its_own_hours():
    archive = Archive()
    archive.settle([a_thing("early", "01 03"), a_thing("late", "01 20")])

    archive.settle([], proves=span("01 12", "02 00"))

    assert archive.ids() == ["early"]


def test_what_lies_outside_the_view_is_merged():
    archive = Archive()
    archive.settle([a_thing("old", "02 01")])

    archive.settle([a_thing("new", "02 02")], proves=MAY_1)

    assert archive.ids(NEXT) == ["new", "old"]


def test_a_day_that_lost_all_records_becomes_an_empty_document():
    archive = Archive()
    archive.settle([a_thing("a")])

    outcome = archive.settle([], proves=MAY_1)

    assert archive.documents[DAY] == b"[]\n"
    assert outcome.counts == {DAY: 0}
    assert not archive.settle([], proves=MAY_1).documents


def test_a_day_that_never_had_records_gets_no_document():
    assert Archive().settle([], proves=MAY_1) == Settled({}, {})


def test_a_later_record_of_an_id_wins_and_is_counted():
    archive = Archive()

    outcome = archive.settle([a_thing("a", v=1), a_thing("a", v=2), a_thing("a", v=3)])

    assert archive.on(DAY) == [a_thing("a", v=3)]
    assert outcome.duplicates == 2


# --- moving ---


@pytest.mark.parametrize("proves", [None, span("02 00", "03 00")])
def test_an_id_found_on_another_day_moves_there(proves):
    archive = Archive()
    archive.settle([a_thing("a"), a_thing("b")])

    outcome = archive.settle([a_thing("a", "02 01")], proves=proves)

    assert (archive.ids(DAY), archive.ids(NEXT)) == (["b"], ["a"])
    assert outcome.moved == 1


def test_an_id_that_gets_a_day_leaves_the_undated():
    rule = DayRule(first_of=("at",), parse="instant", missing="undated")
    archive = Archive(a_stream(day=rule))
    archive.settle([{"id": "a"}])
    assert archive.ids(None) == ["a"]

    archive.settle([a_thing("a")])

    assert (archive.ids(None), archive.ids(DAY)) == ([], ["a"])


def test_a_place_that_is_out_of_date_does_no_harm():
    outcome = Archive().settle([a_thing("a")], elsewhere={b'"a"': NEXT})

    assert outcome.moved == 0
    assert outcome.counts == {DAY: 1, NEXT: 0}


def test_the_undated_lie_in_no_span():
    rule = DayRule(first_of=("at",), parse="instant", missing="undated")
    archive = Archive(a_stream(day=rule))
    archive.settle([{"id": "a"}])

    archive.settle([], proves=span("01 00", "30 00"))

    assert archive.ids(None) == ["a"]


# --- without ids ---


@pytest.mark.parametrize(
    ("received", "proves", "copies"),
    [(3, None, 3), (1, None, 2), (0, None, 2), (3, MAY_1, 3), (1, MAY_1, 1), (0, MAY_1, 0)],
)
def test_of_equal_records_without_id_a_view_keeps_each_and_a_part_the_larger_count(received, proves, copies):
    archive = Archive(a_stream(id=()))
    archive.settle([a_thing("x")] * 2)

    outcome = archive.settle([a_thing("x")] * received, proves=proves)

    assert len(archive.on(DAY)) == copies
    assert outcome.duplicates == 0


# --- no change ---


@pytest.mark.parametrize(
    "same",
    [
        b'[{"v":[1.10,{"a":1,"b":2}],"at":"2024-05-01T12:00:00Z","id":"a"},{"id":"b","at":"2024-05-01T12:00:00Z"}]',
        b'[\n{"id":"b","at":"2024-05-01T12:00:00Z"},{"id":"a","at":"2024-05-01T12:00:00Z","v":[1.10,{"b":2,"a":1}]}]\n\n',
    ],
)
@pytest.mark.parametrize("replaces", [True, False])
def test_order_and_white_space_are_never_a_change(same, replaces):
    stream = a_stream()
    records = Reader(stream).page(same, window=None).records
    canonical = document(record.text for record in sorted(records, key=Record.sort_key))

    for old in (canonical, same):
        outcome = settle(stream, span=MAY_1, replaces=replaces, records=records, old={DAY: old}, elsewhere={})
        assert not outcome.documents
        assert outcome.counts == {DAY: 2}


def test_an_empty_document_written_by_hand_is_still_empty():
    outcome = settle(a_stream(), span=MAY_1, replaces=True, records=[], old={DAY: b"[ ]"}, elsewhere={})

    assert not outcome.documents


def test_a_new_sort_rule_is_no_change():
    archive = Archive()
    archive.settle([a_thing("a", n=2), a_thing("b", n=1)])
    archive.stream = a_stream(sort="n")

    assert not archive.settle([a_thing("a", n=2), a_thing("b", n=1)], proves=MAY_1).documents


IGNORING = a_stream(ignore=("kudos", "stats[*].seen"))


@pytest.mark.parametrize("proves", [None, MAY_1])
def test_what_differs_in_ignored_fields_only_stays_as_archived(proves):
    archive = Archive(IGNORING)
    archive.settle([a_thing("a", kudos=1, stats=[{"seen": 1}])])

    outcome = archive.settle([a_thing("a", kudos=2, stats=[{"seen": 2}])], proves=proves)

    assert not outcome.documents
    assert archive.on(DAY) == [a_thing("a", kudos=1, stats=[{"seen": 1}])]


def test_with_another_change_the_new_record_goes_in_whole():
    archive = Archive(IGNORING)
    archive.settle([a_thing("a", kudos=1, v=1), a_thing("b", kudos=1)])

    outcome = archive.settle([a_thing("a", kudos=2, v=2), a_thing("b", kudos=2)], proves=MAY_1)

    assert archive.on(DAY) == [a_thing("a", kudos=2, v=2), a_thing("b", kudos=1)]
    assert outcome.documents[DAY].change.lines == ("changed a: v 1 → 2",)


def test_a_time_that_is_ignored_still_moves_a_record():
    archive = Archive(a_stream(ignore=("at",)))
    archive.settle([a_thing("a", "01 12")])

    archive.settle([a_thing("a", "01 13")])

    assert archive.on(DAY) == [a_thing("a", "01 13")]


# --- days without a time ---


def a_dated(name: str, day: str = "2024-05-01") -> dict:
    return {"id": name, "day": day}


def test_a_date_whose_start_lies_outside_the_span_is_untouched():
    archive = Archive(a_stream(day=BY_DATE, window=DAILY))
    archive.settle([a_dated("a")])

    archive.settle([], proves=span("01 01", "03 00"))

    assert archive.ids() == ["a"]


@pytest.mark.parametrize(
    ("window", "left"),
    [
        (DAILY, []),  # it was asked by the day: the span ends at now, the view does not
        (HOURLY, ["a"]),  # nobody knows on which side of noon the record lies
        (replace(HOURLY, overlap=Overlap(before=Span(days=1))), []),  # it was asked wide enough
    ],
)
def test_a_part_of_a_day_is_a_view_of_its_dates_only_where_whole_days_are_asked(window, left):
    archive = Archive(a_stream(day=BY_DATE, window=window))
    archive.settle([a_dated("a")])

    archive.settle([], proves=span("01 00", "01 12"))

    assert archive.ids() == left


def test_a_whole_day_is_a_view_of_its_dates():
    archive = Archive(a_stream(day=BY_DATE, window=HOURLY))
    archive.settle([a_dated("a"), a_dated("b", "2024-05-02")])

    archive.settle([], proves=span("01 00", "02 12"))

    assert (archive.ids(DAY), archive.ids(NEXT)) == ([], ["b"])


def test_what_belongs_to_the_day_asked_is_replaced_with_it():
    archive = Archive(a_stream(id=(), day=DayRule(from_window=True), window=DAILY))
    archive.settle([{"v": 1}, {"v": 2}], proves=MAY_1)

    archive.settle([{"v": 2}], proves=MAY_1)

    assert archive.on(DAY) == [{"v": 2}]


# --- one object ---


def test_one_object_a_day_is_written_over_many_lines():
    archive = Archive(a_single())
    records = Reader(archive.stream).page(encode(a_thing("a", v=1)), window=None).records

    outcome = settle(archive.stream, span=MAY_1, replaces=True, records=records, old={}, elsewhere={})

    assert outcome.documents[DAY].new == encode_indented(a_thing("a", v=1))


def settled_object(old: dict, new: dict, **selection) -> Settled:
    stream = a_single(**selection)
    records = Reader(stream).page(encode(new), window=None).records
    return settle(stream, span=None, replaces=False, records=records, old={DAY: encode_indented(old)}, elsewhere={})


def test_a_new_object_takes_the_place_of_the_old():
    outcome = settled_object(a_thing("a", v=1), a_thing("b", v=1))

    assert outcome.documents[DAY].new == encode_indented(a_thing("b", v=1))
    assert outcome.documents[DAY].change.lines == ('changed: id "a" → "b"',)
    assert not settled_object(a_thing("a"), a_thing("a")).documents
    assert not settled_object(a_thing("a", seen=1), a_thing("a", seen=2), ignore=("seen",)).documents


def test_an_object_that_is_gone_leaves_an_empty_document():
    stream = a_single()
    old = {DAY: encode_indented(a_thing("a"))}

    assert settle(stream, span=MAY_1, replaces=True, records=[], old=old, elsewhere={}).documents[DAY].new == b"[]\n"


def test_two_objects_for_one_document_are_refused():
    stream = a_single()
    pages = [Reader(stream).page(encode(a_thing("a", v=number)), window=None).records[0] for number in (1, 2)]

    with pytest.raises(Unreadable, match="several objects belong to 2024-05-01"):
        settle(stream, span=MAY_1, replaces=True, records=pages, old={}, elsewhere={})
    assert settle(stream, span=None, replaces=False, records=[pages[0]] * 2, old={}, elsewhere={}).counts == {DAY: 1}


# --- whole states ---


def test_a_whole_state_is_replaced_whole():
    stream = a_snapshot()
    first = settle_snapshot(stream, records_of(stream, [{"id": 2}, {"id": 1}]), None)

    second = settle_snapshot(stream, records_of(stream, [{"id": 2}]), first.new)

    assert first.new == b'[\n{"id":1},\n{"id":2}\n]\n'
    assert second.change == Change(removed=1, lines=("removed 1",), edits=(Edit("removed", "1"),))
    assert settle_snapshot(stream, records_of(stream, [{"id": 2}]), second.new) is None


def test_an_empty_state_is_a_state():
    stream = a_snapshot()

    change = settle_snapshot(stream, [], None)

    assert change.new == b"[]\n"
    assert settle_snapshot(stream, [], change.new) is None


def test_a_state_of_one_object():
    stream = a_snapshot(shape=a_single().selection.shape, id=())
    records = Reader(stream).page(b'{"b":1,"a":2}', window=None).records

    assert settle_snapshot(stream, records, None).new == b'{\n  "a": 2,\n  "b": 1\n}\n'


def test_a_whole_state_with_days_replaces_every_day_and_the_undated():
    rule = DayRule(first_of=("at",), parse="instant", missing="undated")
    archive = Archive(a_stream(kind=Kind.SNAPSHOT, day=rule))
    archive.settle([a_thing("a"), a_thing("b", "20 00"), {"id": "c"}])

    archive.settle([a_thing("d")], proves=MAY_1)

    assert {day: archive.ids(day) for day in archive.documents} == {DAY: ["d"], date(2024, 5, 20): [], None: []}


@pytest.mark.parametrize(
    ("hours", "archived", "now", "found"),
    [
        ([], [], "05 12", None),
        (["03 12"], [], "05 12", span("03 00", "05 12")),
        (["03 12"], [DAY], "05 12", span("01 00", "05 12")),
        (["03 12", "20 12"], [], "05 12", span("03 00", "21 00")),
        ([], [date(2024, 5, 20)], "05 12", span("05 12", "21 00")),
    ],
)
def test_a_whole_state_is_a_view_from_its_oldest_day_to_now_or_beyond(hours, archived, now, found):
    records = records_of(a_stream(), [a_thing(hour, hour) for hour in hours])

    assert snapshot_span("UTC", records, archived, now=span(now, now).start) == found


# --- damage, and holding back ---


@pytest.mark.parametrize("data", [b"", b"[\n{\n]\n", b"<<<<<<< HEAD", b"7\n", b'[{"id":1,"id":2}]'])
def test_a_document_that_does_not_parse_is_damage_and_named(data):
    with pytest.raises(Damaged, match=r"api/things/2024/05/2024-05-01\.json in the archive cannot be read"):
        settle(a_stream(), span=MAY_1, replaces=True, records=[], old={DAY: data}, elsewhere={})


def test_a_damaged_state_is_named():
    with pytest.raises(Damaged, match=r"api/things/snapshot\.json"):
        settle_snapshot(a_snapshot(), [], b"[")


@pytest.mark.parametrize(
    ("expect", "old", "new", "reason"),
    [
        ({}, 100, 0, None),
        ({"min_records": 10}, None, 9, "it has 9 records, fewer than expect.min_records = 10"),
        ({"min_records": 10}, 5, 10, None),
        ({"non_empty": True}, None, 0, "it has no records, and expect.non_empty is true"),
        ({"non_empty": True}, None, 1, None),
        ({"max_drop": 0.2}, 100, 80, None),
        ({"max_drop": 0.2}, 100, 79, 'it has 79 records where the archived version has 100: 21% less, more than'),
        ({"max_drop": 0.2}, 5, 1, "it has 1 record where"),
        ({"max_drop": 0.2}, None, 0, None),
        ({"max_drop": 0.2}, 0, 0, None),
        ({"max_drop": 0.2}, 100, 200, None),
    ],
)  # fmt: skip
def test_a_new_version_that_is_not_as_expected_is_held(expect, old, new, reason):
    found = held(a_stream(expect=Expect(**expect)), old, new)

    assert found == reason or found.startswith(reason)


# --- what must always hold ---

HOURS = st.integers(0, 71).map(lambda hour: f"{hour // 24 + 1:02d} {hour % 24:02d}")
THINGS = st.builds(a_thing, st.sampled_from("abcdefgh"), HOURS, v=st.integers(0, 2))
ANSWERS = st.lists(THINGS, max_size=8, unique_by=lambda thing: thing["id"])
KINDS = st.sampled_from([a_stream(), a_stream(id=()), a_stream(ignore=("v",)), a_stream(id=(), sort="v")])
BORDERS = st.lists(st.integers(0, 71), min_size=3, max_size=3, unique=True).map(sorted)
WHOLE_SPAN = span("01 00", "04 00")


def a_span(first: int, last: int) -> Window:
    return Window(*(WHOLE_SPAN.start + timedelta(hours=hour) for hour in (first, last)))


def in_span(values, window: Window):
    return [value for value in values if window.holds(at(value["at"]))]


def names_or_texts(stream: Stream, values) -> Counter[bytes]:
    return Counter(encode(value["id"] if stream.selection.id else value) for value in values)


@given(KINDS, ANSWERS, ANSWERS)
def test_a_partial_view_loses_nothing(stream, first, second):
    archive = Archive(stream)
    archive.settle(first)

    archive.settle(second)

    after = names_or_texts(stream, [value for day in archive.documents for value in archive.on(day)])
    assert after == names_or_texts(stream, first) | names_or_texts(stream, second)


@given(KINDS, ANSWERS, ANSWERS, st.none() | st.just(WHOLE_SPAN))
def test_asking_twice_changes_nothing(stream, first, second, proves):
    archive = Archive(stream)
    archive.settle(first)
    archive.settle(second, proves=proves)

    again = archive.settle(second, proves=proves)

    assert (again.documents, again.moved) == ({}, 0)


@given(KINDS, ANSWERS, ANSWERS, st.randoms(), st.none() | st.just(WHOLE_SPAN))
def test_the_order_of_pages_and_keys_does_not_matter(stream, first, second, chance, proves):
    one, other = Archive(stream), Archive(stream)
    shuffled = [dict(chance.sample(list(value.items()), len(value))) for value in chance.sample(second, len(second))]
    for archive, values in ((one, second), (other, shuffled)):
        archive.settle(first)
        archive.settle(values, proves=proves)

    assert one.documents == other.documents


@given(st.sampled_from([a_stream(), a_stream(id=())]), ANSWERS, ANSWERS, BORDERS)
def test_a_complete_view_replaces_exactly_its_span(stream, first, second, borders):
    proves = a_span(borders[0], borders[2])
    second = in_span(second, proves)
    archive = Archive(stream)
    archive.settle(first)

    archive.settle(second, proves=proves)

    received = {value["id"] for value in second} if stream.selection.id else set()
    outside = [value for value in first if not proves.holds(at(value["at"])) and value["id"] not in received]
    after = [value for day in archive.documents for value in archive.on(day)]
    assert Counter(map(encode, after)) == Counter(map(encode, [*outside, *second]))


@given(KINDS, ANSWERS, ANSWERS, BORDERS, st.booleans())
def test_a_seam_leaves_no_trace(stream, first, second, borders, newest_first):
    whole = a_span(borders[0], borders[2])
    parts = [a_span(borders[0], borders[1]), a_span(borders[1], borders[2])]
    second = in_span(second, whole)
    at_once, in_parts = Archive(stream), Archive(stream)
    for archive in (at_once, in_parts):
        archive.settle(first)

    at_once.settle(second, proves=whole)
    for part in reversed(parts) if newest_first else parts:
        in_parts.settle(in_span(second, part), proves=part)

    assert without_empty(at_once) == without_empty(in_parts)


def without_empty(archive: Archive) -> dict[date | None, bytes]:
    """A record may pass through a day on its way, and leave an empty document."""
    return {day: data for day, data in archive.documents.items() if data != b"[]\n"}


@given(ANSWERS, ANSWERS, st.none() | st.just(WHOLE_SPAN))
def test_an_id_stands_on_one_day(first, second, proves):
    archive = Archive()
    archive.settle(first)
    archive.settle(second, proves=proves)

    ids = [record.key for _, record in archive.records()]

    assert len(ids) == len(set(ids))
    assert all(day == record.day for day, record in archive.records())


@given(KINDS, ANSWERS, ANSWERS, st.none() | st.just(WHOLE_SPAN))
def test_counts_are_those_of_the_documents(stream, first, second, proves):
    archive = Archive(stream)
    archive.settle(first)
    outcome = archive.settle(second, proves=proves)

    assert outcome.counts == {day: len(archive.on(day)) for day in archive.documents}
    for day, change in outcome.documents.items():
        assert change.records - change.was == change.change.added - change.change.removed, day


def test_a_large_window_is_settled_quickly():
    stream = a_stream()
    start = MAY_1.start
    things = [{"id": n, "at": (start + timedelta(minutes=2 * n)).isoformat(), "v": [n] * 8} for n in range(20_000)]
    window = Window(start, start + timedelta(minutes=40_000))
    records = records_of(stream, things)
    first = settle(stream, span=window, replaces=True, records=records, old={}, elsewhere={})
    old = {day: change.new for day, change in first.documents.items()}

    began = time.perf_counter()
    outcome = settle(stream, span=window, replaces=True, records=records, old=old, elsewhere={})

    assert not outcome.documents
    assert len(outcome.counts) == len(list(days_of(window, "UTC")))
    assert time.perf_counter() - began < 2
