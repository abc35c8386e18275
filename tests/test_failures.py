"""How archivers and extractors fail, each way seen in a real system; here every one ends the other way.

Each test plays the failure with a real server and a real archive, and is named after what happens instead.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

import snapshotter
from snapshotter.archive.opening import for_writing
from snapshotter.edge.world import SystemClock
from snapshotter.errors import Busy, UsageError
from snapshotter.results import Exit
from tests.archive.worlds import (
    AGAIN,
    Api,
    a_file,
    an_archive,
    feed,
    instant,
    item,
    series,
    snapshot,
    some_items,
    utc,
)
from tests.server import Reply, cut, dripping, json_reply, stall

ONE_TRY = "[retry]\nattempts = 1"
ALL_SEVEN = [f"r{number:03}" for number in range(7)]


# --- missing data that looked like success ---


def test_a_failed_second_page_leaves_the_window_unproved_and_is_asked_again(tmp_path):
    """Page 2 fails and page 1 passes for the whole day, so that older records vanish."""
    api = Api(some_items(7))
    with an_archive(tmp_path, api, series(window=AGAIN), head=ONE_TRY) as archive:
        archive.fetch()
        api.odd = {api.asked + 2: json_reply({"message": "oops"}, 500)}
        api.records[0] = item("12T00:00", "r000", edited=True)
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.ids("12") == ALL_SEVEN
        assert archive.day("12")[0]["edited"] is True
        assert archive.last().proved is None

        assert archive.fetch().exit is Exit.DONE
        assert archive.last().proved is not None


def test_a_page_border_inside_a_day_does_not_cut_the_day(tmp_path):
    """The records of one day on two pages become two files, or the second page replaces the first."""
    api = Api(some_items(4, day="12") + some_items(4, day="13", start=4), size=3)
    window = '{ start = "2026-03-12", end = "2026-03-13", step = "2d" }'
    with an_archive(tmp_path, api, series(window=window)) as archive:
        archive.fetch()

        assert archive.ids("12") == ["r000", "r001", "r002", "r003"]
        assert archive.ids("13") == ["r004", "r005", "r006", "r007"]
        assert len(archive.files()) == 2


def test_a_day_cut_by_a_feed_that_counts_keeps_its_older_records(tmp_path):
    """The newest two records of a day are all that the API still gives, and replace the three that were archived."""
    api = Api(some_items(3, day="13"), newest_first=True)
    with an_archive(tmp_path, api, feed()) as archive:
        archive.fetch()
        del api.records[0]
        archive.fetch()

        assert archive.ids("13") == ["r000", "r001", "r002"]


def test_all_pages_of_a_list_are_kept(tmp_path):
    """Each page of a list overwrites the one before, and only the last is stored."""
    with an_archive(tmp_path, Api(some_items(8)), snapshot()) as archive:
        archive.fetch()

        assert [record["id"] for record in archive.state()] == [f"r{number:03}" for number in range(8)]


def test_a_cursor_that_must_be_sent_first_is_sent_and_the_stop_has_a_name(tmp_path):
    """The API names a next page only to those who sent a cursor; the first page passes for all there is."""
    api = Api(some_items(7))
    api.instead = lambda request: None if "cursor" in dict(request.query) else json_reply({"data": api.records[:3]})
    paginate = '{ type = "cursor", cursor = "next", param = "cursor", initial = "c0" }'
    with an_archive(tmp_path, api, series(paginate)) as archive:
        archive.fetch()

        assert archive.ids("12") == ALL_SEVEN
        assert archive.last().stop == "no_next"


GONE_IS_EMPTY = '[[streams.items.errors]]\nstatus = 404\naction = "empty"'


def test_an_empty_rule_for_the_first_page_does_not_swallow_a_later_one(tmp_path):
    """A 404 that means "nothing on that day" is also taken for the end when page 2 answers so."""
    api = Api(some_items(7), odd={2: json_reply({}, 404)})
    with an_archive(tmp_path, api, series(more=GONE_IS_EMPTY)) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.last().proved is None
        assert archive.ids("12") == ALL_SEVEN[:3]


def test_an_empty_rule_makes_the_first_page_an_empty_day(tmp_path):
    """The same rule, where it is meant."""
    with an_archive(tmp_path, Api([], odd={1: json_reply({}, 404)}), series(more=GONE_IS_EMPTY)) as archive:
        assert archive.fetch().exit is Exit.DONE
        assert archive.states() == {"empty": 1}


def test_an_empty_page_that_names_a_next_one_is_not_the_end(tmp_path):
    """Pages with holes: the walk stops at the first page without records."""
    api = Api(some_items(7), odd={2: json_reply({"data": [], "next": "c03"})})
    with an_archive(tmp_path, api) as archive:
        archive.fetch()

        assert archive.ids("12") == ALL_SEVEN


def test_the_end_of_history_is_judged_by_records_not_by_the_body(tmp_path):
    """`{"data": []}` has a key, so it is never "empty" and the backfill asks back to the year 1970."""
    api = Api(some_items(2, day="13"))
    window = '{ start = "2025-01-01", end = "2026-03-13", step = "1d", empty_stop = 2 }'
    with an_archive(tmp_path, api, series(window=window)) as archive:
        archive.fetch()

        assert api.asked == 3
        assert archive.last().history_ends is not None
        assert archive.fetch().streams == ()


def test_a_refusal_is_a_failure_and_never_an_empty_day(tmp_path):
    """A missing permission looks like a stream without records."""
    with an_archive(tmp_path, Api([], odd={1: json_reply({"message": "scope missing"}, 403)})) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.states() == {"failed": 1}
        assert archive.last().miss.status == 403
        assert "scope missing" in archive.last().miss.why


@pytest.mark.parametrize("limit", ["max_items = 6", "max_pages = 2"])
def test_a_cap_that_is_reached_is_not_a_good_end(tmp_path, limit):
    """The API gives the first 10,000 results and says nothing of the others."""
    paginate = f'{{ type = "cursor", cursor = "next", param = "cursor", {limit} }}'
    with an_archive(tmp_path, Api(some_items(7)), series(paginate)) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.states() == {"partial": 1}
        assert archive.last().stop == limit.split(" ")[0]


def test_a_body_cut_in_the_middle_is_kept_and_asked_again(tmp_path):
    """Half a JSON text is read as `{}` and the day as empty."""
    half = b'{"data": [{"id": "r000", "at": "2026-03-12T00:0'
    api = Api(some_items(2), odd={1: Reply(200, half)})
    with an_archive(tmp_path, api) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.states() == {"invalid": 1}
        assert archive.quarantined() == [("syntax", half)]
        assert archive.last().miss.quarantine is not None

        assert archive.fetch().exit is Exit.DONE
        assert archive.ids("12") == ["r000", "r001"]


def test_a_transfer_that_ends_early_is_no_answer(tmp_path):
    """The connection breaks and what came so far is taken for the body."""
    api = Api(some_items(2), odd={1: cut(json_reply({"data": []}), at=4)})
    with an_archive(tmp_path, api, head=ONE_TRY) as archive:
        archive.fetch()

        assert archive.states() == {"failed": 1}


def test_a_day_that_lost_all_records_becomes_an_empty_document(tmp_path):
    """Nothing is written for a day without records, so that a deletion is never seen."""
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        api.records.clear()
        archive.fetch()

        assert archive.read("demo/items/2026/03/2026-03-12.json") == "[]\n"
        assert "emptied" in archive.git("log", "-1", "--format=%s")


def test_proof_and_data_stand_in_one_commit(tmp_path):
    """A mark says "done until the 12th" although the data never reached the disk."""
    api = Api(some_items(2), odd={1: json_reply({}, 500)})
    with an_archive(tmp_path, api, head=ONE_TRY) as archive:
        archive.fetch()
        assert all(story.proved is None for story in archive.stories())

        archive.fetch()
        named = archive.git("show", "--name-only", "--format=", "HEAD").splitlines()
        assert "demo/items/2026/03/2026-03-12.json" in named
        assert any("/_runs/" in path for path in named)


def test_no_second_is_lost_between_windows_and_none_comes_twice(tmp_path):
    """Both bounds are included by the API: records on the border come twice, or the last second never."""
    edges = ["2026-03-11T23:59:59Z", "2026-03-12T00:00:00Z", "2026-03-12T23:59:59Z", "2026-03-13T00:00:00Z"]
    api = Api([item(at, at) for at in edges], inclusive=True)
    window = (
        '{ start = "2026-03-11", end = "2026-03-13", step = "1d", bounds = "[]", granularity = "1s", lookback = "3d" }'
    )
    with an_archive(tmp_path, api, series(window=window)) as archive:
        archive.fetch()

        assert (archive.ids("11"), archive.ids("12"), archive.ids("13")) == (edges[:1], edges[1:3], edges[3:])
        received = sum(story.received for story in archive.stories())
        assert received == 4
        assert archive.fetch().commits == ()


def test_a_late_edit_of_an_old_record_is_seen_by_lookback(tmp_path):
    """Only what is newer than the last run is asked, so that an edit of yesterday is never seen."""
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        api.records[0]["title"] = "second thoughts"
        archive.fetch()

        assert archive.day("12")[0]["title"] == "second thoughts"


def test_a_day_of_another_zone_is_complete_only_when_wholly_covered(tmp_path):
    """The API filters by UTC and the account lives elsewhere: the edge days look complete and are not."""
    api = Api([item("11T23:30", "late"), item("12T10:00", "noon")])
    window = '{ start = "2026-03-11", end = "2026-03-12", step = "1d" }'
    day = '{ field = "at", parse = "instant", zone = "Europe/Berlin" }'
    with an_archive(tmp_path, api, series(window=window, day=day), head=ONE_TRY) as archive:
        api.odd = {2: json_reply({}, 500)}
        archive.fetch()
        assert archive.ids("12") == ["noon"]
        assert archive.state_of("12") == "partial"

        archive.fetch()
        assert archive.ids("12") == ["late", "noon"]
        assert archive.state_of("12") == "saved"
        assert {story.zone for story in archive.stories()} == {"Europe/Berlin"}


def test_a_change_of_zone_does_not_reinterpret_history(tmp_path):
    """The zone in the settings changes, and archived days silently mean other hours."""
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        before = archive.git("rev-parse", "HEAD:demo")
        changed = '{ field = "at", parse = "instant", zone = "Asia/Tokyo" }'
        archive.place(a_file(archive.server.url, series(window=AGAIN, day=changed)))
        asked = api.asked
        ran = archive.fetch()

        assert ran.exit is Exit.CONFIG
        assert "UTC" in ran.notices[0].text
        assert "Asia/Tokyo" in ran.notices[0].text
        assert api.asked == asked
        assert archive.git("rev-parse", "HEAD:demo") == before


# --- loops, hangs, limits ---


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


# --- secrets ---


def test_a_token_does_not_go_where_a_next_url_points(tmp_path):
    """The server names a next page on another host, and gets the token sent there."""
    api = Api(some_items(5))
    api.odd = {1: json_reply({"data": api.records[:3], "next": "http://127.0.0.1:9/items?cursor=c3"})}
    head = '[secrets]\ntoken = "env:TOKEN"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"'
    paginate = '{ type = "next_url", next = "next" }'
    with an_archive(tmp_path, api, series(paginate), head=head, env={"TOKEN": "a-secret-token"}) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.last().stop == "origin"
        assert "127.0.0.1:9" in archive.last().miss.why


# --- numbers and text ---

EXACT = [
    "18446744073709551617", "1.10", "1E400", "-0.0", "0.1234567890123456789012345678901234567890", "9007199254740993",
]  # fmt: skip


def test_no_number_loses_a_digit(tmp_path):
    """Integers from 2^64 on become floats, long decimals are rounded, 1E400 becomes Infinity."""
    numbers = ",".join(EXACT)
    body = f'{{"data": [{{"id": "a", "at": "{instant("12T01:00")}", "numbers": [{numbers}]}}]}}'
    with an_archive(tmp_path, [Reply(200, body.encode())]) as archive:
        archive.fetch()

        kept = re.search(r'"numbers":\[(.*)\]', archive.read("demo/items/2026/03/2026-03-12.json"))
        assert kept[1].lower().split(",") == numbers.lower().split(",")


@pytest.mark.parametrize(
    ("text", "reason"), [('{"a": 1, "a": 2}', "duplicate_key"), (r'"\ud800"', "surrogate"), ("NaN", "nan")]
)
def test_what_cannot_be_stored_exactly_is_kept_as_bytes_and_named(tmp_path, text, reason):
    """Of two equal keys the last one wins; half a surrogate pair becomes a question mark."""
    body = f'{{"data": [{{"id": "a", "at": "{instant("12T01:00")}", "odd": {text}}}]}}'.encode()
    with an_archive(tmp_path, [Reply(200, body)]) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.states() == {"invalid": 1}
        assert archive.quarantined() == [(reason, body)]
        assert archive.files() == []


def test_response_json_is_never_called():
    """`response.json()` decodes with whatever library happens to be installed."""
    sources = Path(snapshotter.__file__).parent.rglob("*.py")

    assert [path.name for path in sources if re.search(r"\.json\(", path.read_text())] == []


def test_an_id_of_digits_stays_a_text(tmp_path):
    """An id `"478"` becomes a number on its way through a template."""
    api = Api([])
    api.instead = lambda _: json_reply({"data": [item("12T01:00", "478")], "next": "478" if api.asked == 1 else None})
    paginate = '{ type = "cursor", cursor = "next", param = "cursor", into = "json" }'
    body = 'method = "POST"\njson = { limit = 5, window = "{window.start|date}" }\n'
    with an_archive(tmp_path, api, series(paginate, more=body)) as archive:
        archive.fetch()

        assert archive.server.seen[1].json["cursor"] == "478"
        assert archive.ids("12") == ["478"]


def test_white_space_and_key_order_are_no_change(tmp_path):
    """The server formats its answers anew, and every day has "changed"."""
    plain = [item("12T01:00", "a", tags=["x"], size=1.5), item("12T02:00", "b")]
    api = Api(plain)
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        turned = [dict(reversed(record.items())) for record in reversed(plain)]
        api.instead = lambda _: Reply(200, json.dumps({"data": turned}, indent=4).encode())
        before = archive.commits()
        ran = archive.fetch()

        assert (ran.exit, ran.commits, archive.commits()) == (Exit.DONE, (), before)


# --- store, runs, people ---


def test_recent_and_historic_work_do_not_overwrite_each_other(tmp_path):
    """Two jobs of one endpoint touch the same day, and the later one replaces what the first one brought."""
    api = Api([item("11T06:00", "early"), item("12T06:00", "morning"), item("12T18:00", "evening")])
    window = '{ start = "2026-03-11", end = "2026-03-12", step = "12h" }'
    with an_archive(tmp_path, api, series(window=window)) as archive:
        archive.fetch()

        assert archive.ids("12") == ["evening", "morning"]
        assert archive.states() == {"saved": 2}
        windows = [story.window for story in archive.stories()]
        assert len(windows) == len(set(windows)) == 4


def test_a_run_that_died_is_told_by_the_next_one(tmp_path):
    """A crash leaves no trace in the list of runs."""
    api = Api(some_items(7))
    with an_archive(tmp_path, api) as archive:
        archive.die_after_page(2)
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        (told,) = [notice.text for notice in ran.notices if "died" in notice.text]
        assert "2 pages" in told
        assert any("died" in note for note in archive.runs()[0].notes)


def test_failed_days_are_not_exit_code_0(tmp_path):
    """Calls fail and the exit code is 0: cron is silent for months."""
    with an_archive(tmp_path, [json_reply({}, 404)]) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        (problem,) = ran.problems
        assert (problem.state, problem.next_step != "") == ("failed", True)


def test_names_are_compared_whole(tmp_path):
    """`dem` selects `demo`, and record 1 passes for record 12."""
    records = [item("12T01:00", "1"), item("12T02:00", "12"), {**item("12T03:00", "x"), "id": 1}]
    api = Api(records)
    with an_archive(tmp_path, api, snapshot()) as archive:
        with pytest.raises(UsageError, match="demo"):
            archive.fetch("dem")
        archive.fetch("demo/items")

        assert [record["id"] for record in archive.state()] == [1, "1", "12"]


def test_a_mistyped_key_is_an_error_with_the_nearest_known_one(tmp_path):
    """A list of endpoints that nobody reads, a mistyped key that nobody misses."""
    api = Api(some_items(2))
    with an_archive(tmp_path, api) as archive:
        wrong = a_file(archive.server.url, series(more='recrods = "x"'), name="demo-two") + 'endpoints = ["items"]\n'
        archive.place(wrong, name="demo-two")
        ran = archive.fetch()

        told = " ".join(notice.text for notice in ran.notices)
        assert ran.exit is Exit.CONFIG
        assert "recrods" in told
        assert "records" in told
        assert "endpoints" in told
        assert archive.ids("12") == ["r000", "r001"]


def test_a_second_run_leaves_and_says_who_holds_the_archive(tmp_path):
    """Two processes write at once."""
    with an_archive(tmp_path, Api(some_items(2))) as archive:
        with for_writing(archive.path, archive.world, command="snap demo"), pytest.raises(Busy, match="snap demo") as e:
            archive.fetch()

        assert f"process {os.getpid()}" in str(e.value)
        assert archive.fetch().exit is Exit.DONE


def test_one_insertion_into_a_long_day_is_one_added_record(tmp_path):
    """A comparison by position finds 16,647 changed values in a day of 5,000 records."""
    api = Api(some_items(1400), size=2000)
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        api.records.insert(0, item("12T00:00", "a new first one"))
        archive.fetch()

        assert "1 added" in archive.git("log", "-1", "--format=%s%n%b")
        fact = archive.last().days[utc("2026-03-12").date()]
        assert (fact.added, fact.removed, fact.edited) == (1, 0, 0)
