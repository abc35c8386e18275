"""A disk that refuses at one act of a fetch, once or from there on: never "saved" without being saved, never exit 0."""

import pytest

from snapshotter.results import Exit
from tests.torture.children import fetch
from tests.torture.faults import Fault, acts_in, can_strike, has_struck
from tests.torture.judging import check_asked_once, check_next_run, check_said_truly
from tests.torture.points import SHARDS, Unreached, counted, share
from tests.torture.scenes import EDITED, a_first_fetch, a_revision, documents

KINDS = ("ENOSPC", "INODES", "EIO", "EROFS", "EMFILE", "EDQUOT")


def faults_of(acts):
    return [
        Fault(act.number, kind, lasting)
        for kind in KINDS
        for lasting in (False, True)
        for act in acts
        if can_strike(kind, act)
    ]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_first_fetch_says_what_the_disk_refused_and_the_next_one_completes_it(tmp_path, shard):
    with a_first_fetch(tmp_path) as scene, counted("disk errors, first fetch") as tried:
        with scene.place() as place:
            fetch(place)
            acts, expected = acts_in(place.log), documents(place.archive)
        for fault in share(faults_of(acts), seed="errors", shard=shard, short=16, long=0.1):
            with tried.point(fault), scene.place() as place:
                said = fetch(place, fault)
                done = acts_in(place.log)

                if not has_struck(done):
                    raise Unreached
                check_refused(place, said)
                check_next_run(scene, place, expected)
                check_asked_once(scene.asked(), done_before_error(done), keeps=not fault.lasting)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_revision_says_what_the_disk_refused_and_the_next_one_completes_it(tmp_path, shard):
    with a_revision(tmp_path) as scene, counted("disk errors, revision") as tried:
        with scene.place() as place:
            fetch(place)
            acts, expected = acts_in(place.log), documents(place.archive)
        for fault in share(faults_of(acts), seed="errors", shard=shard, short=8, long=0.1):
            with tried.point(fault), scene.place() as place:
                said = fetch(place, fault)

                if not has_struck(acts_in(place.log)):
                    raise Unreached
                check_refused(place, said)
                check_next_run(scene, place, expected, edits=EDITED, asks_again=True)


def check_refused(place, said):
    assert said.ended is not None, "the run was killed"
    assert said.ended in (Exit.DISK, Exit.DAMAGED), f"exit {said.ended}: {said.error or said.notices}"
    check_said_truly(place, said)


def done_before_error(acts):
    """The acts up to the first error."""
    return acts[: next(place for place, act in enumerate(acts) if act.number < 0)]
