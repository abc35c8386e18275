"""Second calls, one for each record of a list."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from snapshotter.archive import comparing, explaining, fetching, holding, looking, reconciling
from snapshotter.archive.verifying import verify
from snapshotter.core import report, report_days, verifying
from snapshotter.errors import UsageError
from snapshotter.results import FetchOptions
from snapshotter.results.reconciling import ReconcileOptions
from tests.archive.worlds import AGAIN, Api, Archive, an_archive, item, series
from tests.server import Answer, Reply, Seen, json_reply

DETAILS = """
[streams.items.details.full]
path = "/items/{record.id}"
"""


class Listed:
    """A list, and an answer for each of its records."""

    def __init__(self, *records: dict[str, object]) -> None:
        self.list = Api(list(records), size=50)
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()

    def __call__(self, request: Seen) -> Answer:
        if request.path == "/items":
            return self.list(request)
        name = request.path.removeprefix("/items/")
        self.asked[name] += 1
        return self.answers.get(name, json_reply({"of": name, "try": self.asked[name]}))


@pytest.fixture
def api() -> Listed:
    return Listed(item("12T08:00", "a"), item("12T09:00", "b"))


@pytest.fixture
def archive(tmp_path: Path, api: Listed) -> Iterator[Archive]:
    with an_archive(tmp_path, api, series(window=AGAIN, more=DETAILS)) as made:
        yield made


def test_each_record_gets_a_file_under_its_day(archive: Archive) -> None:
    archive.fetch()
    assert json.loads(archive.read("demo/items/full/2026/03/12/a.json") or "") == {"of": "a", "try": 1}
    assert archive.read("demo/items/full/2026/03/12/b.json")
    assert archive.is_clean()


def test_what_is_there_is_not_asked_again(archive: Archive, api: Listed) -> None:
    archive.fetch()
    archive.later(hours=2)
    archive.fetch()
    assert api.asked == {"a": 1, "b": 1}


def test_many_answers_come_in_one_commit(archive: Archive) -> None:
    before = archive.commits()
    archive.fetch()
    assert archive.commits() == before + 2  # the list, and its details
    assert "demo/items: details: 2 stored" in archive.git("log", "-1", "--format=%s")


def with_details(more: str) -> str:
    return series(window=AGAIN, more=DETAILS + more)


def facts(archive: Archive) -> dict[str, str]:
    """What was found last about each record's detail."""
    return {fact.id.strip('"'): fact.state for story in archive.stories() for fact in story.details}


def counted(archive: Archive) -> tuple[int, int, int, int, int]:
    (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
    (one,) = status.details
    return one.parents, one.stored, one.gone, one.failed, one.due


def test_a_404_and_a_null_are_noted_and_not_asked_again(archive: Archive, api: Listed) -> None:
    api.answers = {"a": Reply(404, b"{}"), "b": json_reply(None)}
    archive.fetch()
    archive.later(days=1)
    archive.fetch()
    assert facts(archive) == {"a": "gone", "b": "gone"}
    assert api.asked == {"a": 1, "b": 1}
    assert counted(archive) == (2, 0, 2, 0, 0)


def test_what_fails_is_asked_again_after_gaps_that_grow(archive: Archive, api: Listed) -> None:
    api.answers["a"] = Reply(403, b"{}")
    archive.fetch()
    archive.later(minutes=30)
    archive.fetch()
    assert api.asked["a"] == 1
    archive.later(hours=1)
    archive.fetch()
    archive.later(minutes=90)
    archive.fetch()
    assert api.asked["a"] == 2  # the second gap is two hours
    del api.answers["a"]
    archive.later(hours=1)
    archive.fetch()
    assert facts(archive)["a"] == "stored"


def test_a_changed_record_is_asked_again_unless_only_ignored_members_differ(tmp_path: Path, api: Listed) -> None:
    with an_archive(tmp_path, api, with_details('fetch_if = "changed"\nignore = ["likes"]\n')) as archive:
        archive.fetch()
        api.list.records[0]["likes"] = 5
        api.list.records[1]["title"] = "new"
        archive.later(hours=2)
        archive.fetch()
        assert api.asked == {"a": 1, "b": 2}
        assert archive.read("demo/items/full/2026/03/12/b.json") == '{\n  "of": "b",\n  "try": 2\n}\n'


def test_an_old_answer_is_asked_again_also_where_there_was_nothing(tmp_path: Path, api: Listed) -> None:
    api.answers["a"] = Reply(404, b"{}")
    with an_archive(tmp_path, api, with_details('fetch_if = "stale"\nstale_after = "10d"\n')) as archive:
        archive.fetch()
        archive.later(days=9)
        archive.fetch()
        assert api.asked == {"a": 1, "b": 1}
        archive.later(days=2)
        archive.fetch()
        assert api.asked == {"a": 2, "b": 2}


def test_a_run_asks_no_more_than_it_may_and_the_newest_first(tmp_path: Path) -> None:
    api = Listed(item("11T08:00", "old"), item("12T08:00", "new"))
    wide = '{ start = "2026-03-11", end = "2026-03-13", step = "1d", lookback = "3d" }'
    with an_archive(tmp_path, api, series(window=wide, more=f"{DETAILS}per_run = 1\n")) as archive:
        ran = archive.fetch()
        assert api.asked == {"new": 1}
        assert "1 details full wait for the next run (per_run = 1)" in [held.why for held in ran.held_back]
        archive.fetch()
        assert api.asked == {"new": 1, "old": 1}


def test_a_file_moves_with_its_record_in_the_same_commit(tmp_path: Path) -> None:
    api = Listed(item("11T08:00", "a"), item("12T08:00", "b"))
    wide = '{ start = "2026-03-11", end = "2026-03-13", step = "1d", lookback = "3d" }'
    with an_archive(tmp_path, api, series(window=wide, more=DETAILS)) as archive:
        archive.fetch()
        api.list.records[0]["at"] = "2026-03-12T10:00:00Z"
        archive.later(hours=2)
        archive.fetch()
        moves = archive.git("log", "--format=", "--name-status", "-M", "-1", "--", "demo/items/full")
        assert "demo/items/full/2026/03/12/a.json" in moves
        assert archive.ids("12") == ["a", "b"]
        assert archive.read("demo/items/full/2026/03/11/a.json") is None
        assert api.asked == {"a": 1, "b": 1}
        assert verified(archive) == []


def verified(archive: Archive) -> list[str]:
    found = verify(archive.path, archive.world, scope=verifying.FULL, tell=lambda _: None)
    return [f"{item.kind} {item.where}" for item in found.damage]


def test_verify_knows_the_files_and_names_what_is_wrong_with_them(archive: Archive) -> None:
    archive.fetch()
    assert verified(archive) == []
    folder = archive.path / "demo/items/full/2026/03/12"
    (folder / "a.json").write_text("{}\n")
    (folder / "x.json").write_text("{}\n")
    (folder / "b.json").unlink()
    archive.git("add", ".")
    archive.git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "by hand")
    at = "demo/items/full/2026/03/12"
    assert sorted(verified(archive)) == [f"deleted {at}/b.json", f"document {at}/a.json", f"orphan {at}/x.json"]


def test_a_run_that_dies_costs_no_call_twice(archive: Archive, api: Listed) -> None:
    archive.die_after_page(2)  # of the list one, of the details one
    archive.later(hours=1)
    archive.fetch()
    assert facts(archive) == {"a": "stored", "b": "stored"}
    assert Counter(request.path for request in archive.server.seen)["/items/a"] == 1
    assert archive.spooled() == ()


def test_the_ledger_of_details_is_made_again_from_run_records(archive: Archive, api: Listed) -> None:
    archive.fetch()
    before = counted(archive)
    for name in ("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm"):
        (archive.path / ".git/snap" / name).unlink(missing_ok=True)
    assert counted(archive) == before
    archive.later(hours=1)
    archive.fetch()
    assert api.asked == {"a": 1, "b": 1}


def test_several_details_of_a_record_stand_side_by_side(tmp_path: Path, api: Listed) -> None:
    two = '[streams.items.details.two]\npath = "/items/{record.id}-two"\nname = "{detail.of}"\n'
    with an_archive(tmp_path, api, with_details(two)) as archive:
        archive.fetch()
        assert archive.read("demo/items/full/2026/03/12/a.json")
        assert archive.read("demo/items/two/2026/03/12/a-two.json")


def test_two_records_never_share_a_file(tmp_path: Path, api: Listed) -> None:
    with an_archive(tmp_path, api, with_details('name = "same"\n')) as archive:
        ran = archive.fetch()
        assert sorted(facts(archive).values()) == ["invalid", "stored"]
        assert "is the file of another record too" in ran.problems[0].why


def test_an_unusable_answer_is_kept_in_the_quarantine(archive: Archive, api: Listed) -> None:
    api.answers["a"] = Reply(200, b'{"cut')
    archive.fetch()
    assert facts(archive) == {"a": "invalid", "b": "stored"}
    assert [body for _, body in archive.quarantined()] == [b'{"cut']


def test_a_refused_detail_says_nothing_about_the_list(archive: Archive, api: Listed) -> None:
    api.answers["a"] = Reply(403, b"{}")
    archive.fetch()
    assert archive.states()["saved"] == 1


def test_records_of_a_snapshot_may_be_the_ids_themselves(tmp_path: Path) -> None:
    def answer(request: Seen) -> Answer:
        return json_reply({"submitted": [7, 8]} if request.path == "/user" else {"path": request.path})

    streams = """[streams.items]
kind = "snapshot"
path = "/user"
records = "submitted"
id = "@"
paginate = { type = "none" }
[streams.items.details.item]
path = "/item/{record.@}.json"
"""
    with an_archive(tmp_path, answer, streams) as archive:
        archive.fetch()
        shown = looking.show(archive.path, "demo/items/item", "7", archive.world)
        assert json.loads(shown.data) == {"path": "/item/7.json"}


def test_a_list_that_is_complete_and_told_of_is_left_alone(tmp_path: Path, api: Listed) -> None:
    settled = '{ start = "2026-03-12", end = "2026-03-12", step = "1d" }'
    with an_archive(tmp_path, api, series(window=settled, more=DETAILS)) as archive:
        api.answers["a"] = Reply(403, b"{}")
        archive.fetch()
        assert not fetching.plan(archive.path, FetchOptions(), archive.world).jobs
        archive.later(hours=2)
        (job,) = fetching.plan(archive.path, FetchOptions(), archive.world).jobs
        assert job.why == "details full: 1 waits, and what the list brings new"


def test_a_dry_run_says_how_many_wait(archive: Archive) -> None:
    archive.fetch(max_requests=1)
    planned = fetching.plan(archive.path, FetchOptions(), archive.world)
    told = [job.why for job in planned.jobs if job.detail]
    assert told == ["details full: 2 wait, and what the list brings new"]


def test_a_thousand_answers_come_in_few_commits(tmp_path: Path) -> None:
    api = Listed(*[item(f"12T{n // 60:02}:{n % 60:02}", f"r{n}") for n in range(300)])
    api.list.size = 500
    with an_archive(tmp_path, api, with_details(""), client="", head='[pacing]\nmin_interval = "0s"\n') as archive:
        archive.fetch()
        assert counted(archive) == (300, 300, 0, 0, 0)
        assert archive.commits() <= 6


def test_an_answer_that_nobody_waits_for_any_more_leaves_the_spool(archive: Archive, api: Listed) -> None:
    archive.die_after_page(2)  # of the list one, of the details one
    (waits,) = [name for name in archive.spooled() if "/full " in name]
    name = waits.split("%22")[1]
    api.list.records[:] = [one for one in api.list.records if one["id"] != name]
    archive.later(hours=1)
    archive.fetch()
    archive.later(hours=1)
    archive.fetch()
    assert archive.spooled() == ()
    assert [reason for reason, _ in archive.quarantined()] == ["unwanted"]


def test_a_version_that_is_taken_brings_the_files_of_its_details(tmp_path: Path) -> None:
    api = Listed(*[item(f"11T08:0{n}", f"r{n}") for n in range(4)], item("12T08:00", "b"))
    wide = '{ start = "2026-03-11", end = "2026-03-13", step = "1d", lookback = "3d" }'
    more = f'expect = {{ max_drop = "50%" }}\n{DETAILS}'
    with an_archive(tmp_path, api, series(window=wide, more=more)) as archive:
        archive.fetch()
        for record in api.list.records[:3]:
            record["at"] = record["at"].replace("-11T", "-12T")
        archive.later(hours=2)
        archive.fetch()
        waits = [version.day for version in holding.held(archive.path, (), archive.world)]
        assert waits
        for day in waits:
            holding.accept(archive.path, "demo/items", day, archive.world)
        archive.later(hours=2)
        archive.fetch()
        assert archive.ids("12") == ["b", "r0", "r1", "r2"]
        assert archive.read("demo/items/full/2026/03/12/r0.json")
        assert archive.read("demo/items/full/2026/03/11/r0.json") is None
        assert max(api.asked.values()) == 1
        assert verified(archive) == []


ODD = {
    "UPPER": "%55%50%50%45%52.json",
    "a/b": "a%2fb.json",
    "con": "%63on.json",
    ".x": "%2ex.json",
    "\u00fc": "%c3%bc.json",
}


def test_odd_ids_have_safe_names_and_long_ones_short_ones(tmp_path: Path) -> None:
    odd = [*ODD, "x" * 300, "X" * 300]
    records = [item(f"12T08:{n:02}", name) for n, name in enumerate(odd)]

    def answer(request: Seen) -> Answer:
        return listed(request) if request.path == "/items" else json_reply({"target": request.target})

    listed = Api(records, size=50)
    with an_archive(tmp_path, answer, series(window=AGAIN, more=DETAILS)) as archive:
        ran = archive.fetch()
        assert not ran.problems
        names = {path.rsplit("/", 1)[1] for path in archive.files() if "/full/" in path}
        assert set(ODD.values()) <= names
        assert len(names) == len(odd)
        assert max(map(len, names)) <= 120
        for name in odd:
            assert looking.show(archive.path, "demo/items/full", name, archive.world).data
        assert verified(archive) == []
        assert archive.is_clean()


def test_records_without_a_day_have_details_and_take_them_along_when_they_get_one(tmp_path: Path) -> None:
    api = Listed(item("12T08:00", "a"), {"id": "b"})
    api.list.chosen = lambda query: api.list.records  # type: ignore[method-assign]
    day = '{ field = "at", parse = "instant", zone = "UTC", missing = "undated" }'
    with an_archive(tmp_path, api, series(window=AGAIN, day=day, more=DETAILS)) as archive:
        archive.fetch()
        (undated,) = [path for path in archive.files() if path.endswith("/b.json")]
        assert undated.removeprefix("demo/items/full/").count("/") == 1
        api.list.records[1]["at"] = "2026-03-12T09:00:00Z"
        archive.later(hours=2)
        archive.fetch()
        assert archive.read("demo/items/full/2026/03/12/b.json")
        assert archive.read(undated) is None
        assert api.asked == {"a": 1, "b": 1}
        assert verified(archive) == []


def test_an_older_version_of_a_detail_can_be_shown(tmp_path: Path, api: Listed) -> None:
    with an_archive(tmp_path, api, with_details('fetch_if = "stale"\nstale_after = "1d"\n')) as archive:
        archive.fetch()
        archive.later(days=2)
        archive.fetch()
        shown, _ = comparing.show_at(archive.path, "demo/items/full", "a", archive.world, at="-1")
        assert json.loads(shown.data) == {"of": "a", "try": 1}
        with pytest.raises(UsageError, match="git log -- demo/items/full"):
            comparing.show_at(archive.path, "demo/items/full", "a", archive.world, at="-2")


def test_a_detail_that_moved_with_its_record_is_shown_as_it_was_before(tmp_path: Path) -> None:
    api = Listed(item("11T08:00", "a"))
    wide = '{ start = "2026-03-11", end = "2026-03-13", step = "1d", lookback = "9d" }'
    often = 'fetch_if = "stale"\nstale_after = "1d"\n'
    with an_archive(tmp_path, api, series(window=wide, more=DETAILS + often)) as archive:
        archive.fetch()
        first = archive.clock.now()
        api.list.records[0]["at"] = "2026-03-12T10:00:00Z"
        archive.later(hours=2)
        archive.fetch()  # it moves and says the same
        archive.later(days=2)
        archive.fetch()  # it says something else

        def as_of(at: str) -> tuple[str, int]:
            shown, _ = comparing.show_at(archive.path, "demo/items/full", "a", archive.world, at=at)
            return shown.path, json.loads(shown.data)["try"]

        there, here = (f"demo/items/full/2026/03/{day}/a.json" for day in (11, 12))
        assert as_of("0") == (here, 2)
        assert as_of("-1") == as_of(first.date().isoformat()[:8] + "14T13:00") == (there, 1)
        with pytest.raises(UsageError, match="so there is no -2"):
            as_of("-2")


def refusing(api: Listed) -> None:
    api.list.records += [item("12T10:00", name) for name in ("c", "d", "e")]
    api.answers.update(
        a=Reply(403, b"no", ()),
        b=Reply(404, b"none", ()),
        c=Reply(200, b"<html>sign in</html>", (("Content-Type", "text/html"),)),
        d=Reply(422, b"no", ()),
        e=Reply(422, b"no", ()),
    )


def test_details_that_are_not_there_are_told_by_reason_with_what_to_do(archive: Archive, api: Listed) -> None:
    refusing(api)
    archive.fetch()
    told = explaining.gaps(archive.path, (), archive.world)
    words = report_days.gaps(told)
    by_state = {item.ids: (item.state, item.records) for item in told.details}

    assert by_state == {("d", "e"): ("failed", 2), ("a",): ("failed", 1), ("c",): ("invalid", 1)}
    assert "demo/items/full a (2026-03-12): failed" in words
    assert "demo/items/full, 2 records (2026-03-12): failed" in words
    assert "see what the credentials of demo may read; asked again by itself from" in words
    assert "correct path and params of the detail in the source file; asked again" in words
    assert "the answer as it came:\n    snap quarantine show " in words
    asked_again = reconciling.plan(archive.path, ReconcileOptions(), archive.world)
    assert asked_again.notices[0].text == "no day failed, is missing or looks wrong"
    assert asked_again.notices[1].text.startswith("4 details (full) failed; every fetch asks those that are due")
    assert "what to do: snap gaps demo/items" in report.status(looking.status(archive.path, (), archive.world))


def test_the_story_of_a_day_tells_of_details_that_its_records_lack(archive: Archive, api: Listed) -> None:
    refusing(api)
    archive.fetch()
    found = explaining.why(archive.path, "demo/items", "2026-03-12", archive.world)
    words = report_days.day_story(found)

    assert [(item.ids, item.state) for item in found.details] == [
        (("d", "e"), "failed"),
        (("a",), "failed"),
        (("c",), "invalid"),
        (("b",), "gone"),
    ]
    assert "demo/items/full b (2026-03-12): gone\n  the API has none\n" in words
    assert all(len(line) <= 80 for line in words.splitlines())


def test_gaps_of_chosen_days_tell_of_their_details_alone(archive: Archive, api: Listed) -> None:
    refusing(api)
    archive.fetch()
    day, before = date(2026, 3, 12), date(2026, 3, 11)
    told = explaining.gaps(archive.path, (), archive.world, since=day, until=day)
    other = explaining.gaps(archive.path, (), archive.world, since=before, until=before)
    archive.later(hours=2)
    later = explaining.gaps(archive.path, (), archive.world)

    assert (len(told.details), other.details) == (3, ())
    assert all("the next fetch asks it again" in item.step for item in later.details)
