"""Failures seen elsewhere: missing data that looked like success."""

from __future__ import annotations

import pytest

from snapshotter.results import Exit
from tests.archive.worlds import (
    AGAIN,
    Api,
    a_file,
    an_archive,
    feed,
    item,
    series,
    snapshot,
    some_items,
)
from tests.failures import ALL_SEVEN, ONE_TRY
from tests.server import Reply, cut, json_reply


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

        assert api.asked == 3 + 9  # probes at 2, 4, 8 … 256 days further back and at the origin
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
