"""Kills and errors at any system call that writes, also those of SQLite, libgit2 and git: strace makes them."""

import pytest

from snapshotter.results import Exit
from tests.torture import tracing
from tests.torture.judging import asked_again, check_recovers, check_said_truly, facts_of, traced
from tests.torture.points import FORM, Unreached, counted, share
from tests.torture.scenes import a_first_fetch
from tests.torture.stages import STAGES

WHY_NOT = "traces processes: `make torture` only" if FORM == "short" else tracing.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")

TRACED = {"first fetch": a_first_fetch, **{name: STAGES[name] for name in ("details", "rename source", "pull, merge")}}


@pytest.mark.parametrize("name", TRACED)
def test_a_kill_inside_any_call_that_writes_needs_nobody_and_loses_nothing(tmp_path, name):
    with TRACED[name](tmp_path) as scene, counted(f"kill in a system call, {name}") as tried:
        _, expected = traced(scene)
        for number, call in enumerate(chosen(scene, tmp_path, seed=name, long=0.08)):
            with tried.point(call), scene.place() as place:
                said = tracing.killed_at(place, scene.deed, call)
                if not said.killed and said.ended in scene.ends:
                    raise Unreached  # or git was killed, and what it did was of no weight

                check_recovers(scene, place, expected, first_a_run=number % 2 == 0)

                if scene.is_fetch:
                    assert asked_again(scene) <= scene.lanes, f"asked again: {scene.asked()}"


@pytest.mark.parametrize("name", ["first fetch", "details"])
def test_an_error_inside_sqlite_or_libgit2_loses_nothing_and_is_told_where_something_lacks(tmp_path, name):
    with TRACED[name](tmp_path) as scene, counted(f"error in SQLite and libgit2, {name}") as tried:
        _, expected = traced(scene)
        own = [call for call in chosen(scene, tmp_path, seed=name, long=1.0) if call.is_own]
        faults = [(call, error, lasting) for call in own for error in ("ENOSPC", "EIO") for lasting in (False, True)]
        for call, error, lasting in share(faults, seed=name, short=0, long=0.04, full=0.5):
            with tried.point(f"{error} {'from' if lasting else 'at'} {call}"), scene.place() as place:
                said = tracing.refused_at(place, scene.deed, call, error=error, lasting=lasting)

                check_said_truly(place, said)
                assert said.ended in (Exit.DONE, Exit.DISK, Exit.DAMAGED), said
                if said.ended == Exit.DONE and scene.more == 0:  # the cache is derived: all else must be there
                    assert facts_of(scene, place) == expected
                check_recovers(scene, place, expected, first_a_run=True)


def chosen(scene, folder, *, seed, long):
    with scene.place() as place:
        calls = tracing.calls_of(place, scene.deed, listing=folder / "calls")
    return share(calls, seed=seed, short=0, long=long)
