"""Failures seen elsewhere: store, runs, people."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from snapshotter.archive.opening import for_writing
from snapshotter.errors import Busy, UsageError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.archive.worlds import (
    AGAIN,
    Api,
    a_file,
    an_archive,
    item,
    series,
    snapshot,
    some_items,
    utc,
)
from tests.server import Reply, Server, json_reply


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


def test_memory_grows_with_what_came_and_not_by_a_hundredfold(tmp_path):
    """7 GB of memory for 18 MB of pages."""
    filler = "x" * 2_000
    records = [item(f"12T{place // 60:02}:{place % 60:02}", f"r{place:03}", text=filler) for place in range(900)]
    with an_archive(tmp_path, Api(records, size=50)) as archive:
        tracemalloc.start()
        try:
            archive.fetch()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        came = sum(page.size for page in archive.last().pages)
        assert came > 1_800_000
        assert most < 8 * came


WITH_DETAIL = '[streams.items.details.full]\npath = "/items/{record.id}"'


def answered_by_id(api, answers):
    """The list as it is, and for each record what is said of it."""
    return lambda seen: api(seen) if seen.path == "/items" else answers[seen.path.removeprefix("/items/")].pop(0)


def test_a_detail_that_is_null_is_noted_and_ends_nothing(tmp_path):
    """A deleted item answers `null`, and the process ends with a traceback."""
    answers = {"r000": [json_reply(None)], "r001": [json_reply({"of": "r001"})]}
    script = answered_by_id(Api(some_items(2)), answers)
    with an_archive(tmp_path, script, series(window=AGAIN, more=WITH_DETAIL)) as archive:
        archive.fetch()
        archive.later(hours=3)
        archive.fetch()

        assert archive.read("demo/items/full/2026/03/12/r001.json") is not None
        assert archive.read("demo/items/full/2026/03/12/r000.json") is None
        assert answers == {"r000": [], "r001": []}


def test_a_detail_that_failed_is_asked_again(tmp_path):
    """A detail fails once, and nobody ever asks for it again."""
    answers = {"r000": [json_reply({}, 403), json_reply({"of": "r000"})]}
    script = answered_by_id(Api(some_items(1)), answers)
    with an_archive(tmp_path, script, series(window=AGAIN, more=WITH_DETAIL)) as archive:
        archive.fetch()
        assert archive.read("demo/items/full/2026/03/12/r000.json") is None
        archive.later(hours=3)
        archive.fetch()

        assert archive.read("demo/items/full/2026/03/12/r000.json") is not None


def test_a_change_from_good_to_bad_and_back_is_told(tmp_path):
    """Cron is silent for months while every call fails."""
    api, is_refused = Api([item("12T08:00", "a")]), {"now": False}
    settings = 'format = 1\nzone = "UTC"\n[[notify]]\ntype = "webhook"\nurl = "{url}/"\n'

    def script(request):
        return Reply(401, b"no", ()) if is_refused["now"] else api(request)

    with Server(lambda seen: Reply(200, b"")) as post, an_archive(tmp_path, script, series(window=AGAIN)) as archive:
        with for_writing(archive.path, archive.world, command="test") as opened:
            change = FileChange("snap.toml", settings.format(url=post.url).encode())
            opened.store.commit(Batch((change,), "Settings\n", archive.clock.now()), opened.store.head())
            opened.store.finish()
        for refused in (False, True, True, False, False):
            is_refused["now"] = refused
            archive.later(days=1)
            archive.fetch()
        told = [seen.body.decode() for seen in post.seen]

    assert len(told) >= 2
    assert "credentials were not accepted" in told[0]
    assert "all is well again" in told[-1]
