"""What `test_kills` and `test_errors` hold of two fetches, of every other kind of run and every command that writes."""

import pytest

from snapshotter.results import Exit
from tests.torture.children import do
from tests.torture.faults import Fault, acts_in, has_struck
from tests.torture.judging import asked_again, check_recovers, check_said_truly, traced
from tests.torture.points import FORM, Unreached, counted, share
from tests.torture.stages import STAGES
from tests.torture.test_errors import faults_of


@pytest.mark.parametrize("name", STAGES)
def test_a_kill_at_any_act_of_it_needs_nobody_and_loses_nothing(tmp_path, name):
    with STAGES[name](tmp_path) as scene, counted(f"kill, {name}") as tried:
        acts, expected = traced(scene)
        for number, at in enumerate(share(range(len(acts)), seed=name, short=1, long=0.25)):
            with tried.point(at), scene.place() as place:
                died = do(place, scene.deed, Fault(at))
                if not died.killed:
                    raise Unreached

                check_recovers(scene, place, expected, first_a_run=number % 2 == 0)

                if scene.is_fetch:
                    assert asked_again(scene) <= scene.lanes, f"{asked_again(scene)} asked again: {scene.asked()}"


@pytest.mark.skipif(FORM == "short", reason="the two fetches of test_errors stand for it: `make torture` has all")
@pytest.mark.parametrize("name", STAGES)
def test_an_error_of_the_disk_at_any_act_of_it_is_told_and_loses_nothing(tmp_path, name):
    with STAGES[name](tmp_path) as scene, counted(f"disk errors, {name}") as tried:
        acts, expected = traced(scene)
        faults = faults_of(acts)
        for number, fault in enumerate(share(faults, seed=name, short=0, long=0.02, full=0.05)):
            with tried.point(fault), scene.place() as place:
                said = do(place, scene.deed, fault)
                done = acts_in(place.log)

                if not has_struck(done):
                    raise Unreached
                assert said.ended in (Exit.DISK, Exit.DAMAGED), f"exit {said.ended}: {said.error or said.notices}"
                check_said_truly(place, said)
                check_recovers(scene, place, expected, first_a_run=number % 2 == 0)


def test_a_commit_that_lands_before_the_disk_refuses_is_in_the_ledger_though_another_lane_goes_on(tmp_path):
    with STAGES["lanes"](tmp_path) as scene, counted("disk errors, behind a lane's commit") as tried:
        acts, expected = traced(scene)
        moved = [act.number for act in acts if (act.step, act.path) == ("sync folder", "refs/heads/main")]
        for at in share(moved, seed="lanes", short=4, long=1.0):
            with tried.point(at), scene.place() as place:
                do(place, scene.deed, Fault(at, "EIO"))

                check_recovers(scene, place, expected, first_a_run=True)
