"""Who wrote the newest run records: the same in any order, and few however many there are."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.ledger import fold_all
from snapshotter.core.sharing import take_turns
from snapshotter.edge.cache import Cache
from snapshotter.edge.cache.kept import OF_ALL, OF_EACH
from snapshotter.evidence import Wrote
from tests.histories import STREAM, a_record

START = datetime(2018, 2, 1, tzinfo=UTC)


def written(number: int, machine: str, **more):
    at = START + timedelta(hours=number)
    return a_record(run=f"2018020{number // 24}T{number % 24:02}0000Z-3f9a2c", machine=machine, at=at, **more)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A cache of its own for each example."""
    folder, numbers = tmp_path_factory.mktemp("caches"), count()
    return lambda: Cache(folder / f"{next(numbers)}.sqlite", fold_all)


MARKS = st.sampled_from(["", "a", "a", "a", "b", "c", "d", "e", "f"])


@settings(max_examples=60)
@given(st.lists(MARKS, max_size=60), st.randoms(use_true_random=False), st.integers(1, 20))
def test_in_any_order_and_in_any_pieces_the_same_are_kept(fresh, machines, chance, size):
    records = [written(number, machine) for number, machine in enumerate(machines)]
    shuffled = records + records[:3]
    chance.shuffle(shuffled)
    with fresh() as pieces, fresh() as whole:
        whole.apply("c1", records)

        for start in range(0, len(shuffled), size):
            pieces.apply("c1", shuffled[start : start + size])

        assert pieces.writers.newest(STREAM) == whole.writers.newest(STREAM)
        assert len(whole.writers.newest(STREAM)) <= OF_ALL


def test_the_newest_of_each_machine_are_kept_and_no_import(fresh):
    records = [written(number, "ours") for number in range(50)] + [written(50, "theirs", observed=START)]
    with fresh() as cache:
        cache.apply("c1", [written(2, "theirs", sequence=1), *records])

        found = cache.writers.newest(STREAM)

        newest = [Wrote("ours", START + timedelta(hours=number), "fetch") for number in range(49, 49 - OF_EACH, -1)]
        assert found == (*newest, Wrote("theirs", START + timedelta(hours=2), "fetch"))


def test_a_machine_made_anew_for_each_run_fills_no_cache(fresh):
    with fresh() as cache:
        cache.apply("c1", [written(number, f"m{number}") for number in range(100)])

        assert [one.machine for one in cache.writers.newest(STREAM)] == [f"m{99 - number}" for number in range(OF_ALL)]


def test_a_forgotten_stream_has_no_writers(fresh):
    with fresh() as cache:
        cache.apply("c1", [written(1, "ours")])

        cache.forget(STREAM)

        assert cache.writers.newest(STREAM) == ()


# --- what follows from it ---

OURS, THEIRS = "ours", "theirs"


def wrote(*machines: str, command: str = "fetch") -> list[Wrote]:
    return [Wrote(machine, START + timedelta(hours=number), command) for number, machine in enumerate(machines)]


@pytest.mark.parametrize("machines", [(OURS, THEIRS), (THEIRS, OURS, THEIRS), (OURS, THEIRS, OURS)])
def test_machines_that_take_turns_are_noticed(machines):
    assert take_turns(wrote(*machines), OURS, now=START + timedelta(days=2))


@pytest.mark.parametrize("machines", [(THEIRS, OURS), (OURS, OURS), (OURS, ""), ()])
def test_one_that_took_over_is_not(machines):
    assert not take_turns(wrote(*machines), OURS, now=START + timedelta(days=2))


def test_what_is_a_week_old_or_a_merge_says_nothing():
    assert not take_turns(wrote(OURS, THEIRS), OURS, now=START + timedelta(days=8))
    assert not take_turns(wrote(OURS, THEIRS, command="merge"), OURS, now=START + timedelta(days=2))
