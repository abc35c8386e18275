"""The main job, from source file to commits: what is asked, what is archived, what is left alone."""

from __future__ import annotations

import itertools
import json
import subprocess
from datetime import timedelta

import pytest

from snapshotter.archive import fetching
from snapshotter.edge.world import SystemClock
from snapshotter.results import Exit, FetchOptions
from tests.archive.worlds import (
    AGAIN,
    Api,
    Archive,
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
from tests.server import Reply, json_reply

ONE_TRY = "[retry]\nattempts = 1"
DAY_FILE = "demo/items/2026/03/2026-03-12.json"


def ids(records: list[dict] | None) -> list[str] | None:
    return None if records is None else [record["id"] for record in records]


def queries(archive: Archive, *, since: int = 0) -> list[dict[str, str]]:
    """What was asked, from the n-th request on, without the window."""
    kept = ("cursor", "page", "offset")
    return [{name: value for name, value in seen.query if name in kept} for seen in archive.server.seen[since:]]


# --- all of it, and nothing twice ---


def test_every_record_stands_in_one_day_with_equal_text_and_a_second_fetch_changes_nothing(tmp_path):
    texts = [f'{{"at":"2026-03-{day}T0{hour}:00:00Z","id":"{day}-{hour}","mag":{hour}.50}}'
             for day in (11, 12, 13) for hour in range(5)]  # fmt: skip
    body = f'{{"data":[{",".join(reversed(texts))}]}}'
    window = '{ start = "2026-03-11", end = "2026-03-13", step = "3d", lookback = "3d" }'
    with an_archive(tmp_path, [Reply(200, body.encode())], series(window=window)) as archive:
        first = archive.fetch()
        lines = [line.rstrip(",") for path in archive.files() for line in archive.read(path).splitlines()[1:-1]]
        before = archive.commits()
        second = archive.fetch()

        assert sorted(lines) == sorted(texts)
        assert [path[-15:-5] for path in archive.files()] == ["2026-03-11", "2026-03-12", "2026-03-13"]
        assert (first.exit, second.exit) == (Exit.DONE, Exit.DONE)
        assert (second.commits, archive.commits()) == ((), before)
        assert archive.is_clean()


def test_the_working_tree_shows_what_is_committed(tmp_path):
    with an_archive(tmp_path, Api(some_items(2))) as archive:
        archive.fetch()

        assert (archive.path / DAY_FILE).read_text() == archive.read(DAY_FILE)


def test_recent_days_come_first_then_the_past_newest_first(tmp_path):
    window = '{ start = "2026-03-10", step = "1d" }'
    with an_archive(tmp_path, Api(some_items(1)), series(window=window)) as archive:
        archive.fetch()

        asked = [dict(seen.query)["from"][8:10] for seen in archive.server.seen]
        assert asked == ["14", "13", "12", "11", "10"]


# --- seams ---

BERLIN = '{ field = "at", parse = "instant", zone = "Europe/Berlin" }'


def test_a_day_of_25_hours_that_two_windows_cut_is_complete_when_both_are_proved(tmp_path):
    hours = ["2025-10-25T22:00:00Z", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-10-26T22:59:59Z"]
    outside = ["2025-10-25T21:59:59Z", "2025-10-26T23:00:00Z"]
    api = Api([item(at, at) for at in hours + outside], odd={2: json_reply({}, 500)}, size=10)
    window = '{ start = "2025-10-25", end = "2025-10-26", step = "1d" }'
    with an_archive(tmp_path, api, series(window=window, day=BERLIN), head=ONE_TRY) as archive:
        archive.fetch()
        assert archive.ids("2025-10-26") == hours[1:]
        assert archive.state_of("2025-10-26") == "partial"

        archive.fetch()
        assert archive.ids("2025-10-26") == hours
        assert archive.state_of("2025-10-26") == "saved"
        assert archive.ids("2025-10-25") == outside[:1]


def test_a_proved_window_removes_in_its_own_span_only(tmp_path):
    api = Api([item("12T06:00", "morning"), item("12T18:00", "evening"), item("12T20:00", "night")])
    window = '{ start = "2026-03-12", end = "2026-03-12", step = "12h", lookback = "2d" }'
    with an_archive(tmp_path, api, series(window=window), head=ONE_TRY) as archive:
        archive.fetch()
        api.records = [item("12T20:00", "night")]
        api.odd = {api.asked + 2: json_reply({}, 500)}  # the earlier half of the day
        archive.fetch()

        assert archive.ids("12") == ["morning", "night"]


def test_an_id_that_moves_to_another_day_moves_in_one_commit(tmp_path):
    api = Api([item("12T06:00", "a"), item("12T07:00", "b")])
    window = '{ start = "2026-03-12", end = "2026-03-13", step = "1d", lookback = "3d" }'
    with an_archive(tmp_path, api, series(window=window)) as archive:
        archive.fetch()
        api.records[0] = item("13T06:00", "a")
        ran = archive.fetch()

        assert (archive.ids("12"), archive.ids("13")) == (["b"], ["a"])
        named = archive.git("show", "--name-only", "--format=", ran.commits[0].commit).splitlines()
        assert {path[-15:] for path in named if "/_runs/" not in path} == {"2026-03-12.json", "2026-03-13.json"}


def test_a_record_without_a_day_moves_to_its_day_when_it_gets_one(tmp_path):
    day = '{ field = "done", parse = "instant", zone = "UTC", missing = "undated" }'
    api = Api([item("12T06:00", "a", done=None), item("12T07:00", "b", done=instant("12T08:00"))])
    with an_archive(tmp_path, api, series(window=AGAIN, day=day)) as archive:
        archive.fetch()
        assert ids(json.loads(archive.read("demo/items/undated.json"))) == ["a"]

        api.records[0]["done"] = instant("12T09:00")
        archive.fetch()
        assert archive.ids("12") == ["a", "b"]
        assert archive.read("demo/items/undated.json") == "[]\n"


def test_without_ids_a_partial_view_keeps_the_larger_count(tmp_path):
    twice = [{"at": instant("12T06:00"), "n": 1}] * 2
    answers = [json_reply({"data": [*twice, {"at": instant("12T07:00"), "n": 2}]}),
               json_reply({"data": [*twice[:1], {"at": instant("12T08:00"), "n": 3}], "next": "c2"}),
               json_reply({}, 500)]  # fmt: skip
    streams = series(window=AGAIN).replace('id = "id"\n', "")
    with an_archive(tmp_path, answers, streams, head=ONE_TRY) as archive:
        archive.fetch()
        archive.fetch()

        assert [record["n"] for record in archive.day("12")] == [1, 1, 2, 3]


# --- going on where it stopped ---


def interrupt_after(archive: Archive, pages: int):
    stops = archive.stops()

    def hook(step) -> None:
        nonlocal pages
        pages -= step.kind == "page"
        if pages == 0:
            stops.interrupt()

    archive.tell_hook = hook
    return stops


def test_after_an_interruption_only_the_missing_page_is_asked(tmp_path):
    with an_archive(tmp_path, Api(some_items(7))) as archive:
        ran = archive.fetch(stops=interrupt_after(archive, 2))
        assert ran.exit is Exit.INTERRUPTED
        assert archive.files() == []
        assert len(archive.spooled()) == 1

        archive.later(minutes=5)
        ran = archive.fetch()
        assert ran.exit is Exit.DONE
        assert queries(archive) == [{}, {"cursor": "c3"}, {"cursor": "c6"}]
        assert len(archive.ids("12")) == 7
        assert archive.spooled() == ()
        assert [page.replayed for page in archive.last().pages] == [True, True, False]


def test_after_an_interruption_of_today_the_rest_of_today_is_asked_beside(tmp_path):
    api = Api(some_items(7, day="14"))
    with an_archive(tmp_path, api, series(window='{ start = "2026-03-14", step = "1d" }')) as archive:
        archive.fetch(stops=interrupt_after(archive, 2))
        archive.later(hours=1)
        api.records.append(item("14T12:30", "new"))
        archive.fetch()

        assert len(archive.ids("14")) == 8
        assert queries(archive, since=2) == [{"cursor": "c6"}, {}]
        assert dict(archive.server.seen[3].query)["from"] == "2026-03-14T12:00:00Z"


def test_a_killed_run_is_finished_from_the_spool_without_asking_again(tmp_path):
    api = Api(some_items(7))
    with an_archive(tmp_path, api) as archive:
        archive.die_after_page(3)
        assert api.asked == 3

        ran = archive.fetch()
        assert api.asked == 3
        assert len(archive.ids("12")) == 7
        assert archive.state_of("12") == "saved"
        assert ran.streams[0].requests == 0
        assert archive.is_clean()


def test_a_page_token_that_is_too_old_starts_the_window_again(tmp_path):
    api = Api(some_items(7))
    with an_archive(tmp_path, api) as archive:
        archive.fetch(stops=interrupt_after(archive, 2))
        api.odd = {3: json_reply({"message": "cursor expired"}, 400)}
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert queries(archive, since=2) == [{"cursor": "c6"}, {}, {"cursor": "c3"}, {"cursor": "c6"}]
        assert archive.state_of("12") == "saved"


# --- feeds ---


def test_a_feed_is_asked_down_to_what_is_known(tmp_path):
    api = Api(some_items(7, day="12"), newest_first=True, etag=True)
    with an_archive(tmp_path, api, feed(), client="conditional = true") as archive:
        archive.fetch()
        assert (api.asked, len(archive.ids("12"))) == (3, 7)

        archive.later(hours=1)
        api.records += some_items(2, day="14", start=7)
        ran = archive.fetch()
        assert (api.asked, archive.ids("14"), archive.ids("12")) == (
            4,
            ["r007", "r008"],
            [f"r{n:03}" for n in range(7)],
        )
        assert archive.last().stop == "known_record"
        assert ran.exit is Exit.DONE

        ran = archive.fetch()
        assert (api.asked, archive.last().stop, ran.commits) == (5, "not_modified", ())
        assert archive.state_of("13") == "empty"
        assert archive.is_clean()


def test_a_feed_whose_second_page_failed_does_not_stop_at_its_own_first_page(tmp_path):
    api = Api(some_items(7, day="12"), newest_first=True, odd={2: json_reply({}, 500)})
    with an_archive(tmp_path, api, feed(), head=ONE_TRY) as archive:
        assert archive.fetch().exit is Exit.SOME_DAYS
        archive.later(hours=3)
        archive.fetch()

        assert len(archive.ids("12")) == 7
        assert "no_next" in [story.stop for story in archive.stories()]


def test_an_interrupted_feed_proves_nothing_newer_than_its_first_page(tmp_path):
    api = Api(some_items(7, day="12"), newest_first=True)
    with an_archive(tmp_path, api, feed()) as archive:
        first_page = archive.clock.now()
        archive.fetch(stops=interrupt_after(archive, 1))
        archive.later(hours=2)
        api.records.append(item("14T13:00", "new"))
        archive.fetch(max_requests=2)
        assert len(archive.ids("12")) == 7
        assert archive.last().proved.end < first_page + timedelta(seconds=1)

        archive.fetch()
        assert archive.ids("14") == ["new"]


def test_after_an_interrupted_feed_its_newest_records_are_asked_in_the_same_run(tmp_path):
    api = Api(some_items(7, day="12"), newest_first=True)
    with an_archive(tmp_path, api, feed()) as archive:
        archive.fetch(stops=interrupt_after(archive, 1))
        archive.later(hours=2)
        api.records.append(item("14T13:00", "new"))
        archive.fetch()

        assert (archive.ids("14"), len(archive.ids("12"))) == (["new"], 7)
        assert queries(archive, since=1) == [{"cursor": "c3"}, {"cursor": "c6"}, {}]


def test_a_feed_that_is_not_in_its_order_proves_nothing(tmp_path):
    with an_archive(tmp_path, Api(some_items(3)), feed()) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.last().stop == "order"
        assert archive.last().proved is None


# --- whole states ---


def test_a_snapshot_shows_what_came_and_what_went(tmp_path):
    api = Api(some_items(5))
    with an_archive(tmp_path, api, snapshot()) as archive:
        archive.fetch()
        api.records = [*api.records[1:], item("13T01:00", "new")]
        archive.fetch()
        assert ids(archive.state()) == ["new", "r001", "r002", "r003", "r004"]
        assert archive.read("demo/items/snapshot.json").count("\n") == 7

        before = archive.commits()
        assert archive.fetch().commits == ()
        assert archive.commits() == before


def test_a_snapshot_of_which_a_page_failed_stays_as_it_was(tmp_path):
    api = Api(some_items(5))
    with an_archive(tmp_path, api, snapshot(), head=ONE_TRY) as archive:
        archive.fetch()
        api.records = [item("13T01:00", f"n{number}") for number in range(5)]
        api.odd = {4: json_reply({}, 500)}

        assert archive.fetch().exit is Exit.SOME_DAYS
        assert ids(archive.state()) == [f"r{number:03}" for number in range(5)]

        assert archive.fetch().exit is Exit.DONE
        assert ids(archive.state()) == [f"n{number}" for number in range(5)]


def test_a_snapshot_with_days_proves_every_day_from_the_oldest_record_on(tmp_path):
    api = Api([item("10T01:00", "a"), item("12T01:00", "b")])
    with an_archive(tmp_path, api, snapshot(day='{ field = "at", parse = "instant", zone = "UTC" }')) as archive:
        archive.fetch()
        assert (archive.ids("10"), archive.ids("12")) == (["a"], ["b"])
        assert [archive.state_of(day) for day in ("10", "11", "13")] == ["saved", "empty", "empty"]

        del api.records[0]
        archive.fetch()
        assert (archive.ids("10"), archive.ids("12")) == ([], ["b"])
        assert archive.read("demo/items/snapshot.json") is None


def test_an_unchanged_first_page_does_not_speak_for_the_others(tmp_path):
    api = Api(some_items(7), etag=True)
    with an_archive(tmp_path, api, snapshot(), client="conditional = true") as archive:
        archive.fetch()
        api.records[6]["title"] = "on the last page"
        archive.fetch()
        assert archive.state()[6]["title"] == "on the last page"
        assert archive.server.seen[3].header("if-none-match") is not None


def test_an_unchanged_only_page_ends_the_fetch(tmp_path):
    api = Api(some_items(2), etag=True)
    with an_archive(tmp_path, api, snapshot(), client="conditional = true") as archive:
        archive.fetch()
        ran = archive.fetch()

        assert (api.asked, ran.exit, ran.commits) == (2, Exit.DONE, ())
        assert archive.last().stop == "not_modified"


# --- pages by number ---


@pytest.mark.parametrize("paginate", ["page", "offset"])
def test_an_unbounded_walk_by_number_asks_its_first_page_again(tmp_path, paginate):
    api = Api(some_items(7))
    with an_archive(tmp_path, api, snapshot(paginate)) as archive:
        archive.fetch()

        assert len(archive.state()) == 7
        assert queries(archive)[-1] == queries(archive)[0]


@pytest.mark.parametrize("paginate", ["page", "offset"])
def test_records_that_shift_during_a_walk_make_it_start_again(tmp_path, paginate):
    api = Api(some_items(7))

    def delete_first(number: int) -> None:
        if number == 2:
            del api.records[0]

    api.before = delete_first
    with an_archive(tmp_path, api, snapshot(paginate)) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert ran.problems == ()
        assert ids(archive.state()) == [f"r{number:03}" for number in range(1, 7)]


def test_a_deletion_behind_the_first_page_is_told_by_the_total(tmp_path):
    api = Api(some_items(8), counts=True)

    def delete_on_page_2(number: int) -> None:
        if number == 3:
            del api.records[4]

    api.before = delete_on_page_2
    paginate = '{ type = "offset", param = "offset", size = 3, total = "total" }'
    with an_archive(tmp_path, api, snapshot(paginate)) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert len(archive.state()) == 7
        assert "r006" in ids(archive.state())


def test_a_walk_that_lacks_only_its_recheck_is_finished_by_it(tmp_path):
    api = Api(some_items(7))
    with an_archive(tmp_path, api, snapshot("offset")) as archive:
        first = archive.fetch(max_requests=4)
        assert (first.exit, archive.state()) == (Exit.DONE, None)

        ran = archive.fetch()
        assert ran.exit is Exit.DONE
        assert len(archive.state()) == 7
        assert ran.streams[0].requests == 1


def test_a_run_that_dies_after_its_recheck_does_not_mix_old_and_new_pages(tmp_path):
    api = Api(some_items(7))

    def delete_first(number: int) -> None:
        if number == 3:  # so that the last record moves to a page that was asked before
            del api.records[0]

    api.before = delete_first
    with an_archive(tmp_path, api, snapshot("offset")) as archive:
        archive.die_writing("objects")
        assert (api.asked, archive.state()) == (4, None)

        archive.fetch()
        assert ids(archive.state()) == [f"r{number:03}" for number in range(1, 7)]


def test_a_resumed_walk_by_number_is_proved_by_its_first_page(tmp_path):
    api = Api(some_items(7))
    with an_archive(tmp_path, api, series("offset")) as archive:
        archive.fetch(stops=interrupt_after(archive, 2))
        del api.records[0]
        archive.fetch()

        assert archive.ids("12") == [f"r{number:03}" for number in range(1, 7)]
        assert archive.state_of("12") == "saved"


@pytest.mark.parametrize(("lies", "code", "state"), [(1, Exit.DONE, "saved"), (9, Exit.SOME_DAYS, "partial")])
def test_a_total_that_does_not_agree_is_asked_once_more(tmp_path, lies, code, state):
    api = Api(some_items(2))
    lie = json_reply({"data": api.records, "next": None, "total": 3})
    api.odd = dict.fromkeys(range(1, lies + 1), lie)
    api.counts = True
    paginate = '{ type = "cursor", cursor = "next", param = "cursor", total = "total" }'
    with an_archive(tmp_path, api, series(paginate)) as archive:
        ran = archive.fetch()

        assert api.asked == 2
        assert (ran.exit, archive.state_of("12")) == (code, state)
        assert len(ran.problems) == (code is Exit.SOME_DAYS)


# --- what waits for the user ---


def test_a_great_loss_waits_for_the_user_and_is_a_problem_once(tmp_path):
    api = Api(some_items(10), size=20)
    with an_archive(tmp_path, api, series(window=AGAIN, more='expect = { max_drop = "20%" }')) as archive:
        archive.fetch()
        full = list(api.records)
        api.records = api.records[:5]
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert [problem.state for problem in ran.problems] == ["held"]
        assert len(archive.ids("12")) == 10
        held = "demo/items/_held/2026/03/2026-03-12.json"
        assert len(json.loads(archive.read(held))) == 5

        again = archive.fetch()
        assert (again.exit, again.commits) == (Exit.DONE, ())

        api.records = [*full, item("12T20:00", "new")]
        assert archive.fetch().exit is Exit.DONE
        assert archive.read(held) is None
        assert len(archive.ids("12")) == 11
        assert archive.is_clean()


def test_a_snapshot_that_lost_much_waits_too(tmp_path):
    api = Api(some_items(10), size=20)
    with an_archive(tmp_path, api, snapshot(more='expect = { max_drop = "20%" }')) as archive:
        archive.fetch()
        api.records = []

        assert archive.fetch().exit is Exit.SOME_DAYS
        assert len(archive.state()) == 10
        assert archive.read("demo/items/_held/snapshot.json") == "[]\n"


def test_a_part_of_a_day_is_not_held_for_having_few_records(tmp_path):
    api = Api([item("12T06:00", "a"), item("12T18:00", "b")])
    window = '{ start = "2026-03-12", end = "2026-03-12", step = "12h" }'
    with an_archive(tmp_path, api, series(window=window, more="expect = { min_records = 2 }")) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.ids("12") == ["a", "b"]


def test_an_edit_by_hand_that_is_not_committed_stays(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        mine = archive.path / DAY_FILE
        mine.write_text("my own words\n")
        api.records[0]["title"] = "changed"
        archive.fetch()

        assert mine.read_text() == "my own words\n"
        assert archive.day("12")[0]["title"] == "changed"
        assert archive.git("status", "--porcelain").split() == ["M", DAY_FILE]


@pytest.mark.parametrize("moment", [2, 3])
def test_a_commit_by_hand_during_a_run_is_built_upon(tmp_path, moment):
    api = Api(some_items(2))
    window = '{ start = "2026-03-10", end = "2026-03-12", step = "1d" }'
    with an_archive(tmp_path, api, series(window=window)) as archive:

        def commit_by_hand(number: int) -> None:
            if number == moment:
                (archive.path / "notes.txt").write_text("mine\n")
                archive.git("add", "notes.txt")
                archive.git("-c", "user.name=Me", "-c", "user.email=me@example.org", "commit", "-qm", "Mine")

        api.before = commit_by_hand
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.read("notes.txt") == "mine\n"
        assert archive.ids("12") == ["r000", "r001"]
        assert all(archive.read(path) is not None for path in archive.files())
        assert len(archive.runs()) == 3
        assert "Mine" in archive.git("log", "--format=%s").splitlines()
        assert archive.is_clean()


# --- secrets ---

SECRET = "correct-horse-battery"
BEARER = '[secrets]\ntoken = "env:TOKEN"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"'


def everything_in_git(archive: Archive) -> bytes:
    listed = archive.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    read = ["git", "cat-file", "--batch"]
    return subprocess.run(read, cwd=archive.path, input=listed.encode(), capture_output=True, check=True).stdout


def test_an_answer_that_holds_a_secret_makes_its_day_invalid_and_stays_out_of_git(tmp_path):
    body = {"data": [item("12T06:00", "a", link=f"https://x.example/?t={SECRET}")], "next": None}
    with an_archive(tmp_path, [json_reply(body)], head=BEARER, env={"TOKEN": SECRET}) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.state_of("12") == "invalid"
        assert archive.last().miss.kind == "secret"
        assert [reason for reason, _ in archive.quarantined()] == ["secret"]
        assert archive.server.seen[0].header("authorization") == f"Bearer {SECRET}"
        assert SECRET.encode() not in everything_in_git(archive)
        assert SECRET not in repr(ran) + "".join(archive.told)


def test_a_missing_secret_stops_its_source_and_no_other(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api) as archive:
        archive.place(a_file(archive.server.url, series(), name="demo-two", head=BEARER), name="demo-two")
        ran = archive.fetch()

        assert ran.exit is Exit.CONFIG
        assert any("TOKEN" in notice.text for notice in ran.notices)
        assert archive.ids("12") == ["r000", "r001"]
        assert api.asked == 1


def test_two_lanes_side_by_side_end_in_one_history(tmp_path):
    api = Api(some_items(20), size=2)
    window = '{ start = "2026-03-10", end = "2026-03-12", step = "1d" }'
    env = {"TOKEN": SECRET, "TWO": "another-long-secret"}
    with an_archive(tmp_path, api, series(window=window), head=BEARER, env=env) as archive:
        other = a_file(archive.server.url, series(window=window), name="demo-two", head=BEARER.replace("TOKEN", "TWO"))
        archive.place(other, name="demo-two")
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.day("12") == archive.day("12", stream="demo-two/items")
        assert {seen.header("authorization") for seen in archive.server.seen} == {f"Bearer {env[name]}" for name in env}
        assert archive.git("log", "--merges", "--format=%h") == ""
        assert archive.is_clean()


# --- limits of a run ---

LONG = '{ start = "2026-03-05", end = "2026-03-12", step = "1d" }'


def test_a_run_sends_no_more_than_max_requests_and_names_what_is_left(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=LONG)) as archive:
        ran = archive.fetch(max_requests=3)

        assert (api.asked, ran.exit, len(ran.held_back)) == (3, Exit.DONE, 5)
        archive.fetch()
        assert api.asked == 8


def test_a_run_asks_nothing_after_its_deadline(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=LONG), head='[pacing]\nmin_interval = "10s"') as archive:
        ran = archive.fetch(deadline=25.0)

        assert (api.asked, ran.exit, len(ran.held_back)) == (3, Exit.DONE, 5)
        assert "deadline" in ran.held_back[0].why


def test_requests_of_a_lane_keep_their_distance(tmp_path):
    api = Api(some_items(10))
    head = '[pacing]\nmin_interval = "100ms"'
    with an_archive(tmp_path, api, head=head, clock=SystemClock()) as archive:
        archive.fetch()
        archive.place(a_file(archive.server.url, series(), name="demo-two", head=head), name="demo-two")
        archive.fetch()

        times = archive.server.times
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert len(times) == 8
        assert min(gaps) >= 0.05  # as a busy machine sees it; by the lane's own clock it is exact
        assert sum(gaps) >= 7 * 0.1 - 0.05


def test_an_api_that_is_down_is_left_alone_after_three_windows(tmp_path):
    api = Api([], instead=lambda _: json_reply({}, 503))
    with an_archive(tmp_path, api, series(window=LONG), head=ONE_TRY) as archive:
        ran = archive.fetch()

        assert (api.asked, ran.exit, len(ran.held_back)) == (3, Exit.SOME_DAYS, 5)


def test_an_api_that_refuses_every_window_is_left_alone_after_ten(tmp_path):
    api = Api([], instead=lambda _: json_reply({}, 403))
    window = '{ start = "2026-02-05", end = "2026-03-12", step = "1d" }'
    with an_archive(tmp_path, api, series(window=window)) as archive:
        ran = archive.fetch()

        assert (api.asked, ran.exit) == (10, Exit.SOME_DAYS)
        assert ran.held_back


def test_a_dry_run_names_windows_and_reasons_and_does_nothing(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api, series(window=LONG)) as archive:
        before = archive.git("rev-parse", "HEAD")
        planned = fetching.plan(archive.path, FetchOptions(since=utc("2026-03-11").date()), archive.world)

        assert [job.why for job in planned.jobs] == ["2026-03-12: never asked", "2026-03-11: never asked"]
        assert (api.asked, archive.git("rev-parse", "HEAD")) == (0, before)
        assert archive.is_clean()
