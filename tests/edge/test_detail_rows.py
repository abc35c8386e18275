"""Rows about details: what SQL selects is what the rule says, however they came to be, and nothing else is read."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core import details
from snapshotter.core.ledger import fold_all
from snapshotter.core.template import parse
from snapshotter.edge.cache import Cache
from snapshotter.evidence import Parent
from snapshotter.model import DetailFact
from snapshotter.spec import Detail, Span
from tests.histories import STREAM, a_record, a_story

START = datetime(2018, 2, 1, tzinfo=UTC)
NAME = "full"
MOMENTS = st.integers(0, 40).map(lambda hours: START + timedelta(hours=hours, microseconds=hours % 3))
IDS = st.sampled_from([f'"r{number}"' for number in range(12)])
MARKS = st.sampled_from(["m1", "m2"])
SPANS = st.sampled_from([Span(), Span(microseconds=7_200_000_000), Span(days=1), Span(days=900_000)])
FACTS = st.builds(
    DetailFact,
    detail=st.sampled_from([NAME, NAME, "other"]),
    id=IDS,
    state=st.sampled_from(["stored", "gone", "failed", "invalid"]),
    at=MOMENTS,
    file=st.none() | st.just("a.json"),
    mark=MARKS,
    next_try=st.none() | MOMENTS,
)
LISTS = st.dictionaries(IDS, st.tuples(st.none() | st.sampled_from([date(2018, 2, 1), date(2018, 2, 2)]), MARKS))
DETAILS = st.builds(
    Detail,
    name=st.just(NAME),
    path=st.just(parse("/items")),
    fetch_if=st.sampled_from(["missing", "changed", "stale"]),
    stale_after=st.none() | SPANS,
)


@st.composite
def told(draw):
    """Run records about details, with clocks that jump and turns that may repeat."""
    lots = draw(st.lists(st.lists(FACTS, max_size=5), max_size=5))
    turns = [draw(st.integers(0, 3)) for _ in lots]
    return [
        a_record(a_story(details=tuple(facts)), sequence=number, turn=turn, at=draw(MOMENTS))
        for number, (facts, turn) in enumerate(zip(lots, turns, strict=True))
    ]


def parents(listed) -> list[Parent]:
    return [Parent(key, day, mark) for key, (day, mark) in listed.items()]


def note(cache, listed, *, before=None) -> None:
    """Note a list; after an earlier one, only the days that differ."""
    anew = None
    if before is not None:
        days = {day for one in (before, listed) for day, _ in one.values()}
        on = [
            {day: {key: row for key, row in one.items() if row[0] == day} for day in days} for one in (before, listed)
        ]
        anew = [day for day in days if on[0][day] != on[1][day]]
        listed = {key: row for key, row in listed.items() if row[0] in anew}
    cache.details.note(STREAM, NAME, parents(listed), anew=anew, head="c1", terms="t")


def rows(cache):
    """All that there is, and how many stand how."""
    with cache._file.reading():
        found = cache._file.rows(
            "SELECT d.*, l.detail FROM details d JOIN lists l ON l.id = d.list ORDER BY detail, key"
        )
        counted = cache._file.rows("SELECT state, filed, records FROM standings WHERE records <> 0 ORDER BY 1, 2")
    return [row[1:] for row in found], counted


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A cache of its own for each example."""
    folder, numbers = tmp_path_factory.mktemp("caches"), count()
    return lambda: Cache(folder / f"{next(numbers)}.sqlite", fold_all)


@settings(max_examples=100)
@given(told(), st.lists(LISTS, min_size=1, max_size=3), DETAILS, MOMENTS)
def test_what_is_selected_is_what_is_due(fresh, records, lists, detail, now):
    with fresh() as cache:
        note(cache, lists[0])
        cache.apply("c1", records)
        note(cache, lists[-1], before=lists[0])
        sought = details.sought(detail, now=now)

        found = cache.details.rows(STREAM, NAME, sought)

        known = {key: fact for (name, key), fact in details.fold(records).items() if name == NAME}
        every = [(parent, known.get(parent.id)) for parent in parents(lists[-1])]
        due = [row for row in every if details.is_due(detail, *row, now=now)]
        by_id = lambda row: row[0].id  # noqa: E731
        assert sorted(found, key=by_id) == sorted(due, key=by_id)
        assert cache.details.count(STREAM, NAME, sought) == len(due)


@settings(max_examples=100)
@given(told(), st.lists(LISTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_rows_kept_up_to_date_are_those_of_a_rebuild(fresh, records, lists, chance):
    shuffled = records + records[:2]
    chance.shuffle(shuffled)
    with fresh() as kept, fresh() as rebuilt:
        before = None
        for listed in lists:
            some = [shuffled.pop() for _ in range(chance.randrange(len(shuffled) + 1))]
            kept.apply("c1", some)
            note(kept, listed, before=before)
            before = listed
        kept.apply("c1", shuffled)
        rebuilt.apply("c1", records)
        note(rebuilt, lists[-1])

        assert rows(kept) == rows(rebuilt)
        of_each = Counter((row[5], row[8]) for row in rows(kept)[0] if row[2] is not None)
        assert dict(of_each) == kept.details.standings(STREAM, NAME)


def test_a_forgotten_stream_has_no_details(fresh):
    with fresh() as cache:
        cache.apply("c1", [a_record(a_story(details=(a_fact("r1"),)))])
        note(cache, {"r1": (None, "m1")})

        cache.forget(STREAM)

        assert rows(cache) == ([], [])
        assert cache.details.seen(STREAM, NAME) is None


def a_fact(key: str, state: str = "stored", **more) -> DetailFact:
    return DetailFact(NAME, key, state, START, mark="m1", **more)


# --- the cost ---


def of_all_kinds(records: int) -> Iterator[DetailFact]:
    """Of ten records seven have their file, one has none, two wait for their next try."""
    later = START + timedelta(days=30)
    for number in range(records):
        match number % 10:
            case 0:
                yield a_fact(f"r{number}", "gone")
            case 1:
                yield a_fact(f"r{number}", "failed", next_try=later)
            case 2:
                yield a_fact(f"r{number}", "invalid", next_try=later)
            case _:
                yield a_fact(f"r{number}", file=f"r{number}.json")


def steps(cache, act) -> int:
    """How many steps of SQLite's machine an act takes."""
    taken = count()

    def step() -> None:
        next(taken)

    cache._file._connection.set_progress_handler(step, 1)
    act(cache)
    cache._file._connection.set_progress_handler(None, 1)
    return next(taken)


@pytest.fixture(scope="module", params=["missing", "changed", "stale"])
def costs(request, tmp_path_factory):
    """What looking at details costs where nothing is due, with a hundred records and with ten thousand."""
    detail = Detail(NAME, parse("/items"), fetch_if=request.param, stale_after=Span(days=30))
    sought = details.sought(detail, now=START + timedelta(days=1))
    found = []
    for size in (100, 10_000):
        with Cache(tmp_path_factory.mktemp("cost") / "cache.sqlite", fold_all) as cache:
            cache.apply("c1", [a_record(a_story(details=tuple(of_all_kinds(size))))])
            note(cache, {f"r{number}": (date(2018, 2, 1) + timedelta(number // 3), "m1") for number in range(size)})
            found.append(
                {
                    "due": steps(cache, lambda cache: cache.details.rows(STREAM, NAME, sought)),
                    "count": steps(cache, lambda cache: cache.details.count(STREAM, NAME, sought)),
                    "standings": steps(cache, lambda cache: cache.details.standings(STREAM, NAME)),
                    "one day more": steps(
                        cache,
                        lambda cache: cache.details.note(
                            STREAM, NAME, [Parent("new", None, "m1")], anew=[None], head="c2", terms="t"
                        ),
                    ),
                    "one told": steps(
                        cache,
                        lambda cache: cache.details.tell(STREAM, [a_record(a_story(details=(a_fact("new"),)), turn=9)]),
                    ),
                }
            )
    return found


@pytest.mark.parametrize("act", ["due", "count", "standings", "one day more", "one told"])
def test_ten_thousand_records_cost_what_a_hundred_cost(costs, act):
    small, big = costs

    assert big[act] <= small[act] * 1.05 + 5
