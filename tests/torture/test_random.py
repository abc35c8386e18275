"""Kills at any time of a longer backfill, beside second runs; clocks that jump. Nothing waits for a person."""

import random
from datetime import timedelta

import pytest

from snapshotter.results import Exit, FetchOptions
from tests.torture import deeds
from tests.torture.children import Child, fetch, start
from tests.torture.judging import check_next_run, check_said_truly
from tests.torture.points import FORM, SHARDS, counted
from tests.torture.scenes import a_first_fetch, a_scene, a_week, documents

DAYS = tuple(f"2026-03-{day:02}" for day in range(1, 15))
KILLS = {"short": 6, "long": 200, "full": 400}[FORM] // SHARDS or 1
WAITING = deeds.fetch(FetchOptions(wait=30.0))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_backfill_killed_at_random_beside_second_runs_loses_nothing(tmp_path, shard):
    chance = random.Random(shard)
    with a_scene(tmp_path, a_week(DAYS, count=4), days=DAYS) as scene, counted("random kills, second runs") as tried:
        with scene.place() as place:
            fetch(place)
            expected = documents(place.archive)
        while tried.points + len(tried.failures) < KILLS:
            with tried.point(tried.points), scene.place() as place:
                kills = 0
                while kills < 4:
                    kills += one_kill(place, chance)
                asked = len(scene.server.seen)

                check_next_run(scene, place, expected)

                again = sum(count - 1 for target, count in scene.asked().items() if target != "/state")
                assert again <= kills, f"{again} responses of {asked} were asked again after {kills} kills"
                tried.points += kills - 1


def one_kill(place, chance) -> int:
    """A run that dies some time, and a second one beside it that is refused or waits for its turn."""
    first = start(place, watched=False)
    first.process.join(chance.uniform(0.0, 0.25))
    waits = chance.random() < 0.3
    second = start(place.beside("second"), watched=False, deed=WAITING if waits else deeds.FETCH)
    first.process.join(chance.uniform(0.0, 0.25))
    first.kill()
    killed = first.wait().killed
    if waits and chance.random() < 0.5:
        second.process.join(chance.uniform(0.0, 0.3))
        second.kill()
    return killed + ended_well(second)


def ended_well(second: Child) -> int:
    said = second.wait()
    if said.killed:
        return 1
    assert said.ended in (Exit.DONE, Exit.BUSY), str(said)
    check_said_truly(second.place, said)
    return 0


@pytest.mark.parametrize(
    "jump",
    [timedelta(days=-3), timedelta(days=400), timedelta(hours=1), timedelta(hours=-1), timedelta(days=366 * 13)],
    ids=["back 3 days", "ahead 400 days", "DST begins", "DST ends", "past 2038"],
)
def test_a_clock_that_jumps_during_a_run_costs_nothing(tmp_path, jump):
    with a_first_fetch(tmp_path) as scene, counted("clock jumps") as tried:
        with scene.place() as place:
            fetch(place)
            expected = documents(place.archive)
        with tried.point(jump), scene.place() as place:
            said = start(place, jump=jump).wait()

            assert said.ended == Exit.DONE, said
            check_next_run(scene, place, expected)
            assert all(count == 1 for target, count in scene.asked().items() if target != "/state")
