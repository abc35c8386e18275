"""A lane keeps its distance and its limits: exactly, by a clock that a test turns, and as the server sees it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from snapshotter.results import Exit
from tests.archive.worlds import Api, a_file, an_archive, series, some_items
from tests.server import json_reply

QUARTER = timedelta(minutes=15)


class Listening(Api):
    """An API that notes what time it is whenever it is asked."""

    def __init__(self, records, **more):
        super().__init__(records, **more)
        self.clock = None
        self.at = []

    def __call__(self, request):
        self.at.append(self.clock.now())
        return super().__call__(request)


def listened(archive, api):
    api.clock = archive.clock
    return api


def gaps(times):
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]


def test_requests_of_a_lane_are_min_interval_apart_and_no_more(tmp_path):
    api = Listening(some_items(40), size=1)
    with an_archive(tmp_path, api) as archive:
        listened(archive, api)
        archive.fetch()

    assert len(api.at) == 40
    assert min(gaps(api.at)) >= 0.25
    assert sum(gaps(api.at)) <= 39 * 0.25 * 1.02


def test_the_distance_is_kept_from_one_run_to_the_next_and_after_a_kill(tmp_path):
    api = Listening(some_items(6), size=1)
    with an_archive(tmp_path, api) as archive:
        listened(archive, api)
        archive.fetch(max_requests=2)
        archive.fetch(max_requests=1)
        archive.die_after_page(2)  # its clock is lost with it: this one has not moved
        archive.fetch()

    assert len(api.at) >= 6
    assert min(gaps(api.at[:3])) >= 0.25


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_200_requests_at_100_in_15_minutes_and_none_is_refused(tmp_path, kind):
    """The server counts as it says, by quarters of the clock or by any 15 minutes, and refuses the 101st."""
    api = Listening(some_items(200), size=1)
    refused = []

    def enforced(_):
        now = api.at[-1]
        begun = now - (now - now.replace(minute=0, second=0, microsecond=0)) % QUARTER
        counted = [at for at in api.at if (at > now - QUARTER if kind == "sliding" else at >= begun)]
        if len(counted) <= 100:
            return None
        refused.append(now)
        return json_reply({"message": "too many"}, 429)

    api.instead = enforced
    head = f'[[rate_limits]]\nname = "quarter"\nlimit = 100\ninterval = "15m"\nkind = "{kind}"'
    with an_archive(tmp_path, api, series(), head=head) as archive:
        listened(archive, api)
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert len(archive.ids("12")) == 200
    assert refused == []
    assert len(api.at) == 200
    assert timedelta(minutes=14) <= api.at[-1] - api.at[0] <= timedelta(minutes=17)


def test_a_limit_that_lets_nothing_out_for_long_is_left_and_gone_on_with(tmp_path):
    """With `when_exhausted = "stop"` what came is committed, and the next run does the rest."""
    api = Listening(some_items(6), size=1)
    head = (
        '[[rate_limits]]\nname = "quarter"\nlimit = 4\ninterval = "15m"\nkind = "fixed"\n'
        '[pacing]\nwhen_exhausted = "stop"'
    )
    with an_archive(tmp_path, api, series(), head=head) as archive:
        listened(archive, api)
        first = archive.fetch()
        again = archive.fetch()
        archive.later(minutes=15)
        archive.fetch()

        assert first.exit is Exit.DONE
        assert "goes on at" in first.held_back[0].why
        assert again.held_back
        assert len(api.at) == 6
        assert len(archive.ids("12")) == 6


def test_a_slow_api_does_not_hold_up_a_fast_one(tmp_path):
    """Lanes run side by side: the one that rests for a quarter of an hour keeps nobody waiting."""
    slow = Api(some_items(3), size=1)
    with an_archive(tmp_path, slow) as archive:
        fast = a_file(archive.server.url, series(), name="fast", head='[pacing]\nlane = "fast"')
        archive.place(fast, name="fast")
        archive.fetch()

        assert archive.ids("12") == archive.ids("12", stream="fast/items") == ["r000", "r001", "r002"]
