"""The cache keeps exactly what the fold gives, whatever the order, and loses nothing but itself."""

import os
import sqlite3
import threading
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.ledger import filled_days, fold_all
from snapshotter.core.states import history_end
from snapshotter.edge.cache import Cache, CacheLost
from snapshotter.edge.cache.rows import micros
from snapshotter.errors import Busy
from snapshotter.evidence import StreamLedger
from tests.histories import START, STREAM, a_day, a_record, a_story, day_span, histories

NOTHING = StreamLedger(STREAM)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "snap" / "cache.sqlite"


@pytest.fixture
def cache(path):
    with Cache(path, fold_all) as opened:
        yield opened


def a_month(*, first=date(2018, 2, 1), days=28):
    """A record a day, each with one window and one document."""
    for number in range(days):
        day = first + timedelta(days=number)
        start = START + (day - date(2018, 2, 1))
        window = type(day_span("02-01"))(start, start + timedelta(days=1))
        yield a_record(a_story(window, days={day: a_day(number % 3)}), sequence=number, turn=number)


# --- the same as the fold ---


@settings(max_examples=40)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 8))
def test_records_in_any_order_and_in_any_pieces_give_what_the_fold_gives(tmp_path_factory, records, chance, size):
    shuffled = records + records[:2]
    chance.shuffle(shuffled)

    with Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", fold_all) as cache:
        for start in range(0, len(shuffled), size):
            cache.apply("head", shuffled[start : start + size])

        assert cache.ledger(STREAM) == fold_all(NOTHING, records)


@settings(max_examples=25)
@given(histories())
def test_folding_into_the_part_that_is_touched_gives_what_that_part_becomes(tmp_path_factory, records):
    with Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", fold_all) as cache:
        cache.apply("head", records[1:])
        before = cache.touched(STREAM, records[:1])

        cache.apply("head", records[:1])

        assert cache.touched(STREAM, records[:1]) == fold_all(before, records[:1])


def test_it_is_there_again_after_it_was_closed(path):
    records = list(a_month())
    with Cache(path, fold_all) as cache:
        cache.apply("c1", records)

    with Cache(path, fold_all) as cache:
        assert cache.head() == "c1"
        assert cache.streams() == (STREAM,)
        assert cache.ledger(STREAM) == fold_all(NOTHING, records)


def test_waiting_records_are_folded_without_another_head(cache):
    cache.apply("c1", [])

    cache.apply(None, a_month())

    assert cache.head() == "c1"
    assert cache.ledger(STREAM).totals.filled == 18


def test_nothing_is_known_of_a_stream_without_records(cache):
    assert cache.head() is None
    assert cache.ledger(STREAM) == cache.touched(STREAM, a_month()) == NOTHING


def test_what_goes_wrong_halfway_leaves_everything_as_it_was(cache):
    cache.apply("c1", [])

    def records():
        yield from a_month()
        raise KeyError

    with suppress(KeyError):
        cache.apply("c2", records())

    assert cache.head() == "c1"
    assert cache.streams() == ()


def test_a_forgotten_stream_is_as_new(cache):
    cache.apply("c1", a_month())
    cache.set_places(STREAM, {b'"a"': date(2018, 2, 1)}, at="c1")

    cache.forget(STREAM)

    assert cache.ledger(STREAM) == NOTHING
    assert cache.places(STREAM, [b'"a"']) == {}
    assert cache.head() == "c1"


# --- parts ---


def test_a_part_holds_spans_and_totals_but_only_the_days_asked_for_and_the_outermost(cache):
    cache.apply("c1", a_month())
    whole = cache.ledger(STREAM)

    part = cache.ledger(STREAM, days=[(date(2018, 2, 3), date(2018, 2, 4)), (date(2018, 2, 9), date(2018, 2, 9))])

    assert [day.day for day in sorted(part.days)] == [2, 3, 4, 9, 27]
    assert filled_days(part) == filled_days(whole) == (date(2018, 2, 2), date(2018, 2, 27))
    assert (part.proved, part.totals, part.turn) == (whole.proved, whole.totals, whole.turn)
    assert set(part.proofs) < set(whole.proofs)


def test_a_part_holds_a_document_that_speaks_against_the_end_of_history(cache):
    def found(text, turn):
        days = {date.fromisoformat(f"2018-{text}"): a_day(2)}
        return a_record(a_story(day_span(text), days=days), turn=turn, sequence=turn)

    cache.apply("c1", [a_record(a_story(day_span("02-10"), history_ends="422"), turn=1, sequence=1)])
    cache.apply("c2", [found("02-12", 2)])
    assert history_end(cache.ledger(STREAM, days=()), "UTC") is not None

    cache.apply("c3", [found("02-05", 3), found("02-06", 4)])

    part = cache.ledger(STREAM, days=())
    assert history_end(part, "UTC") is None
    assert [day.day for day in sorted(part.days)] == [5, 12]


def counted(path, act, *, every=100):
    """How many times so many steps of SQLite's machine an act takes."""
    steps = 0

    def step():
        nonlocal steps
        steps += 1

    with Cache(path, fold_all) as cache:
        cache._file._connection.set_progress_handler(step, every)
        act(cache)
    return steps


def test_one_record_more_costs_the_same_on_a_hundred_days_and_on_ten_thousand(tmp_path):
    for name, days in (("small", 100), ("large", 10_000)):
        with Cache(tmp_path / name, fold_all) as cache:
            cache.apply("c1", a_month(first=date(1990, 1, 1), days=days))
    more = a_record(a_story(day_span("02-05", days=2), days={date(2018, 2, 5): a_day(2)}), turn=20_000, sequence=20_000)

    small, large = (
        counted(tmp_path / name, lambda cache: (cache.apply("c2", [more]), cache.ledger(STREAM, days=())))
        for name in ("small", "large")
    )

    assert large <= small * 1.2 + 1


def test_the_records_of_a_day_cost_the_same_among_a_hundred_and_among_ten_thousand(tmp_path):
    span = (micros(START), micros(START + timedelta(days=1)))
    costs = []
    for days in (100, 10_000):
        with Cache(tmp_path / f"{days}", fold_all) as cache:
            cache.apply("c1", a_month(first=date(2018, 1, 1), days=days))
        costs.append(counted(tmp_path / f"{days}", lambda cache: cache.told(STREAM, span=span), every=1))
    small, large = costs

    assert large <= small * 1.2 + 1


# --- places ---


def test_ids_are_found_on_their_days(cache):
    many = {b"%d" % number: date(2018, 2, 1) + timedelta(days=number % 28) for number in range(1200)}
    cache.set_places(STREAM, many | {b'"undated"': None})

    assert cache.places(STREAM, [*many, b'"undated"', b'"nowhere"']) == many | {b'"undated"': None}
    assert cache.places("other/stream", many) == {}


@settings(max_examples=60, deadline=None)
@given(
    there=st.dictionaries(st.integers(0, 4000), st.integers(0, 1), max_size=20),
    dense=st.tuples(st.integers(0, 3000), st.integers(0, 2500)),
    asked=st.tuples(st.integers(0, 3000), st.integers(0, 1100), st.sampled_from([1, 2, 7])),
    long=st.booleans(),
)
def test_ids_are_found_however_near_to_others_they_lie(tmp_path_factory, there, dense, asked, long):
    def key(number):
        return b'"a long name of number %d"' % number if long else b"%d" % number

    days = (date(2018, 2, 1), None)
    places = {key(number): date(2018, 2, 3) for number in range(dense[0], sum(dense))}
    places |= {key(number): days[which] for number, which in there.items()}
    wanted = [key(number) for number in range(asked[0], asked[0] + asked[1] * asked[2], asked[2])]
    with Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", fold_all) as cache:
        cache.set_places(STREAM, places)
        cache.set_places("other/stream", {key(number): date(2018, 2, 9) for number in range(10)})

        assert cache.places(STREAM, wanted) == {one: places[one] for one in wanted if one in places}


def test_an_id_that_moved_is_on_its_new_day_and_one_that_went_is_nowhere(cache):
    cache.set_places(STREAM, {b"1": date(2018, 2, 1), b"2": date(2018, 2, 1)}, at="c1")

    cache.set_places(STREAM, {b"1": date(2018, 2, 2)}, gone=[b"2"])

    assert cache.places(STREAM, [b"1", b"2"]) == {b"1": date(2018, 2, 2)}
    assert cache.placed(STREAM) == "c1"


def test_places_are_unknown_until_somebody_says_of_which_commit_they_are(cache):
    assert cache.placed(STREAM) is None

    cache.apply("c1", a_month())

    assert cache.placed(STREAM) is None


# --- damage, other versions, other processes ---


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look like one" * 50])
def test_what_is_no_cache_is_made_one(path, content):
    path.parent.mkdir()
    path.write_bytes(content)

    with Cache(path, fold_all) as cache:
        assert cache.head() is None
        cache.apply("c1", a_month())
        assert cache.head() == "c1"


def test_another_version_is_made_anew(path):
    with Cache(path, fold_all) as cache:
        cache.apply("c1", a_month())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with Cache(path, fold_all) as cache:
        assert cache.head() is None


def test_tables_of_somebody_else_are_made_ours(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (x)")
    connection.close()

    with Cache(path, fold_all) as cache:
        assert cache.head() is None


def test_damage_that_is_met_later_is_told_and_the_file_begun_anew(path):
    with Cache(path, fold_all) as cache:
        cache.apply("c1", a_month(days=2000))
    data = bytearray(path.read_bytes())
    start = len(data) // 4  # behind what says which tables there are
    data[start:-4096] = os.urandom(len(data) - 4096 - start)
    path.write_bytes(data)

    with Cache(path, fold_all) as cache:
        with pytest.raises(CacheLost, match="thrown away"):
            cache.ledger(STREAM)
        assert cache.head() is None
        cache.apply("c1", a_month())
        assert cache.ledger(STREAM) == fold_all(NOTHING, a_month())


def test_a_row_that_is_no_value_is_damage(path):
    with Cache(path, fold_all) as cache:
        cache.apply("c1", a_month())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE streams SET facts = '{\"stream\": 1}'")
    connection.close()

    with Cache(path, fold_all) as cache, pytest.raises(CacheLost):
        cache.ledger(STREAM)


def test_a_cut_journal_leaves_the_state_before(path):
    with Cache(path, fold_all) as cache:
        cache.apply("c1", a_month(days=3))
        kept = path.read_bytes()
        journal_before = path.with_name("cache.sqlite-wal").read_bytes()
        cache.apply("c2", a_month())
        journal_after = path.with_name("cache.sqlite-wal").read_bytes()
    cut = (len(journal_before) + len(journal_after)) // 2
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(kept)
    copy.with_name("copy.sqlite-wal").write_bytes(journal_after[:cut])

    with Cache(copy, fold_all) as cache:
        assert cache.head() == "c1"
        assert cache.ledger(STREAM) == fold_all(NOTHING, a_month(days=3))


def test_a_journal_without_its_file_is_no_ledger(path):
    with Cache(path, fold_all) as cache:
        cache.apply("c1", a_month())
        journal = path.with_name("cache.sqlite-wal").read_bytes()
    path.unlink()
    path.with_name("cache.sqlite-wal").write_bytes(journal)

    with Cache(path, fold_all) as cache:
        assert cache.head() is None


def test_a_clear_forgets_everything(cache):
    cache.apply("c1", a_month())

    cache.clear()

    assert cache.head() is None
    assert cache.streams() == ()


def test_a_reader_sees_one_state_while_another_writes(path, cache):
    cache.apply("c1", a_month(days=3))

    def records():
        yield from a_month(days=28)
        with Cache(path, fold_all) as reader:
            assert reader.head() == "c1"
            assert reader.ledger(STREAM).totals.filled == 2

    cache.apply("c2", records())

    with Cache(path, fold_all) as reader:
        assert reader.head() == "c2"


def test_two_writers_take_turns(path):
    def write(name):
        with Cache(path, fold_all) as cache:
            for record in a_month():
                cache.apply(name, [record])

    threads = [threading.Thread(target=write, args=(name,)) for name in ("c1", "c2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Cache(path, fold_all) as cache:
        assert cache.ledger(STREAM) == fold_all(NOTHING, a_month())


def test_a_writer_that_never_ends_is_told_by_name(path, cache):
    def records():
        yield from a_month(days=1)
        with Cache(path, fold_all, patience=0.01) as other, pytest.raises(Busy, match="another snap"):
            other.apply("c3", a_month(days=1))

    cache.apply("c2", records())


def test_where_no_file_can_be_the_cache_is_kept_in_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with Cache(tmp_path / "file" / "cache.sqlite", fold_all) as cache:
        cache.apply("c1", a_month())

        assert cache.ledger(STREAM) == fold_all(NOTHING, a_month())


def test_only_the_owner_reads_it(path, cache):
    cache.apply("c1", a_month())

    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0


# --- records by what they speak of ---


def spoken_of(records, window):
    """Found by reading everything."""
    return {
        (record.run, record.sequence)
        for record in records
        for story in record.stories
        for span in (story.window, story.proved)
        if span is not None and span.start < window.end and span.end > window.start
    }


@settings(max_examples=40)
@given(histories(), st.integers(0, 13))
def test_every_record_that_speaks_of_a_day_is_found(tmp_path_factory, records, number):
    start = START + timedelta(days=number)
    window = type(day_span("02-01"))(start, start + timedelta(days=1))

    with Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", fold_all) as cache:
        cache.apply("head", records)
        found = cache.told(STREAM, span=(micros(window.start), micros(window.end)))

    assert set(found) >= spoken_of(records, window)
    assert set(found) <= {(record.run, record.sequence) for record in records}


def test_records_of_other_days_are_left_alone(cache):
    cache.apply("c1", a_month())

    found = cache.told(STREAM, span=(micros(START + timedelta(days=9)), micros(START + timedelta(days=10))))

    assert {sequence for _, sequence in found} == {8, 9, 10}  # a day's record may hold instants of its neighbours


def test_the_newest_records_come_first(cache):
    cache.apply("c1", a_month())

    assert [sequence for _, sequence in cache.told(STREAM, limit=3)] == [27, 26, 25]
