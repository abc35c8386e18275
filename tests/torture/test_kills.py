"""A fetch killed at each of its acts on the disk, also in the middle of a write; the next one needs nobody."""

import pytest

from snapshotter.results import Exit
from tests.torture.children import fetch
from tests.torture.faults import Fault, acts_in
from tests.torture.judging import check_asked_once, check_next_run
from tests.torture.points import SHARDS, Unreached, counted, share
from tests.torture.scenes import (
    EDITED,
    Scene,
    a_first_fetch,
    a_revision,
    documents,
)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_first_fetch_killed_anywhere_goes_on_where_it_was(tmp_path, shard):
    with a_first_fetch(tmp_path) as scene, counted("kill, first fetch") as tried:
        acts, expected = traced(scene)
        for point in share(range(acts), seed="first", shard=shard, short=16, long=1.0):
            with tried.point(point), scene.place() as place:
                died = fetch(place, Fault(point))
                acts_done = acts_in(place.log)
                requests = len(scene.server.seen)
                if not died.killed:
                    raise Unreached

                said = check_next_run(scene, place, expected)

                check_asked_once(scene.asked(), acts_done)
                if requests and not has_said_its_end(acts_done):
                    assert any("died" in notice for notice in said.notices)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_revision_killed_anywhere_is_archived_and_leaves_the_users_edits(tmp_path, shard):
    with a_revision(tmp_path) as scene, counted("kill, revision") as tried:
        acts, expected = traced(scene)
        for point in share(range(acts), seed="revision", shard=shard, short=10, long=1.0):
            with tried.point(point), scene.place() as place:
                died = fetch(place, Fault(point))
                if not died.killed:
                    raise Unreached

                check_next_run(scene, place, expected, edits=EDITED, asks_again=True)


def has_said_its_end(acts) -> bool:
    """Whether the run was killed after it had taken its name off the list of runs under way."""
    return any(act.step == "remove" and act.path.endswith(".run") for act in acts[:-1])


def traced(scene: Scene):
    """How many acts a healthy run has, and what is archived afterwards."""
    with scene.place() as place:
        said = fetch(place)
        assert said.ended == Exit.DONE, said
        return len(acts_in(place.log)), documents(place.archive)
