"""Failures seen elsewhere: loops, hangs, limits."""

from __future__ import annotations

import pytest

from snapshotter.edge.world import SystemClock
from snapshotter.results import Exit
from tests.archive.worlds import (
    Api,
    an_archive,
    feed,
    series,
    some_items,
)
from tests.failures import ALL_SEVEN, ONE_TRY
from tests.server import dripping, json_reply, stall


@pytest.mark.parametrize("cursors", [["a"], ["a", "b"]], ids=["the same for ever", "A, B, A, B"])
def test_cursors_that_come_again_end_as_a_loop(tmp_path, cursors):
    """A server that repeats its cursors is asked until the disk is full."""
    api = Api(some_items(2))
    api.instead = lambda _: json_reply({"data": api.records, "next": cursors[api.asked % len(cursors)]})
    with an_archive(tmp_path, api) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.last().stop == "loop"
        assert archive.states() == {"partial": 1}
        assert api.asked <= 3


TINY = 'timeout = { connect = "200ms", read = "200ms" }'


@pytest.mark.parametrize(
    "answer", [stall(), dripping(json_reply({"data": [], "next": None}), every=0.15, size=2)], ids=["hangs", "drips"]
)
def test_a_connection_that_hangs_or_drips_ends_as_a_failure(tmp_path, answer):
    """Without timeouts, or with one between bytes only, a run hangs for ever."""
    with an_archive(tmp_path, [answer], head=ONE_TRY, client=TINY, clock=SystemClock()) as archive:
        archive.fetch()

        assert archive.states() == {"failed": 1}
        assert archive.last().miss.kind == "network"


def test_retry_after_zero_does_not_burn_all_attempts_at_once(tmp_path):
    """`Retry-After: 0` is taken at its word, five times in one second."""
    api = Api(some_items(2), odd={number: json_reply({}, 503, Retry_After="0") for number in (1, 2, 3)})
    with an_archive(tmp_path, api, head='[retry]\njitter = false\nbase = "8s"') as archive:
        began = archive.clock.monotonic()
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.clock.monotonic() - began >= 8 + 16 + 32


def test_an_epoch_in_retry_after_is_a_point_in_time(tmp_path):
    """An epoch is taken for seconds, and the run sleeps for 55 years."""
    api = Api(some_items(2))
    with an_archive(tmp_path, api) as archive:
        began = archive.clock.now()
        api.odd = {1: json_reply({}, 429, Retry_After=str(int(began.timestamp()) + 90))}
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert 85 <= (archive.clock.now() - began).total_seconds() <= 120


def test_a_long_retry_after_is_obeyed_across_runs(tmp_path):
    """It is capped at a minute, and the API is knocked at too early again and again."""
    api = Api(some_items(7), odd={2: json_reply({}, 429, Retry_After="7200")})
    with an_archive(tmp_path, api) as archive:
        archive.fetch()
        assert archive.ids("12") == ALL_SEVEN[:3]

        archive.later(minutes=90)
        held = archive.fetch()
        assert api.asked == 2
        assert held.exit is Exit.DONE
        assert held.held_back

        archive.later(minutes=31)
        archive.fetch()
        assert archive.ids("12") == ALL_SEVEN
        assert api.asked == 4


def test_a_spent_budget_is_known_to_the_next_run(tmp_path):
    """Each process counts for itself, and two runs an hour send twice what is allowed."""
    api = Api(some_items(7))
    limits = '[[rate_limits]]\nname = "hour"\nlimit = 2\ninterval = "1h"\n[pacing]\nmax_wait = "1m"'
    with an_archive(tmp_path, api, head=limits) as archive:
        first, second = archive.fetch(), archive.fetch()

        assert api.asked == 2
        assert first.exit is second.exit is Exit.DONE
        assert first.held_back
        assert second.held_back

        archive.later(hours=2)
        archive.fetch()
        assert archive.ids("12") == ALL_SEVEN
        assert api.asked == 3


@pytest.mark.parametrize(
    "link",
    [
        '<{url}/feed?cursor=c3&a=1;b=2>; rel="next"',
        '<{url}/feed?cursor=c3>; rel="prev next"',
        "<{url}/feed?cursor=c3>; REL=next",
        '<{url}/feed>; rel="first"; title="a, <b>; rel=next", </feed?cursor=c3>;rel=next',
    ],
)
def test_a_link_header_is_read_by_its_own_rules(tmp_path, link):
    """The parser of the requests library cuts at `;` and misses `prev next` and `REL`."""
    api = Api(some_items(5), newest_first=True)
    with an_archive(tmp_path, api, feed("link")) as archive:
        page = sorted(api.records, key=lambda record: record["at"], reverse=True)[:3]
        api.odd = {1: json_reply(page, Link=link.format(url=archive.server.url))}
        archive.fetch()

        assert archive.ids("12") == ["r000", "r001", "r002", "r003", "r004"]


def test_a_next_url_is_used_as_given(tmp_path):
    """The parameters of the first request are added to every next URL once more."""
    api = Api(some_items(5))
    with an_archive(tmp_path, api, series('{ type = "next_url", next = "next" }')) as archive:
        following = f"{archive.server.url}/items?cursor=c3&from=2026-03-12T00%3A00%3A00Z"
        api.odd = {1: json_reply({"data": api.records[:3], "next": following})}
        archive.fetch()

        assert archive.server.seen[1].target == following.removeprefix(archive.server.url)
        assert archive.ids("12") == ALL_SEVEN[:5]


@pytest.mark.parametrize(("more", "asked"), [("", 2), ("repeatable = false", 1)])
def test_a_post_is_repeated_only_if_it_is_a_read(tmp_path, more, asked):
    """POSTs that only read are never tried again, POSTs that write are."""
    api = Api(some_items(2), odd={1: json_reply({}, 500)})
    with an_archive(tmp_path, api, series(more=f'method = "POST"\n{more}')) as archive:
        archive.fetch()

        assert api.asked == asked


def test_what_the_server_says_is_left_is_believed(tmp_path):
    """Another program uses the same key, and the count of this one alone says that there is room."""
    api = Api(some_items(7))
    limits = """[[rate_limits]]
name = "hour"
limit = 100
interval = "1h"
[[rate_headers]]
for = ["hour"]
limit = "x-limit"
remaining = "x-remaining"
reset = "x-reset"
reset_format = "delta"
adopt = true
[pacing]
max_wait = "1m"
"""
    with an_archive(tmp_path, api, head=limits) as archive:
        reply = json_reply({"data": api.records[:3], "next": "c3"})
        api.odd = {1: reply.with_headers(X_Limit="100", X_Remaining="0", X_Reset="1800")}
        assert archive.fetch().held_back
        archive.later(minutes=20)
        archive.fetch()
        assert api.asked == 1

        archive.later(minutes=11)
        assert archive.fetch().held_back == ()
        assert archive.ids("12") == ALL_SEVEN
