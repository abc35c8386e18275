"""Feeds whose API forgets: what is lost is told, what soon may be too, and the pause it asks for is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from snapshotter.archive import explaining, fetching, looking
from snapshotter.results import DayProblem, FetchOptions, Notice
from tests.archive.worlds import Api, Archive, Json, an_archive, feed, item, utc
from tests.server import Answer, Reply, Seen

at_noon = partial(an_archive, now=utc("2026-03-12T12:00"))
FORGETS = 'horizon = { items = 10, age = "30d" }\n'


@dataclass
class Forgetful(Api):
    """Shows its newest records only, and none over an age."""

    size: int = 4
    newest_first: bool = True
    shown: int = 10
    age: timedelta = timedelta(days=30)
    now: Callable[[], datetime] = lambda: utc("2026-03-12T12:00")
    pause: str = ""

    def chosen(self, query: object) -> list[Json]:
        seen = [
            one
            for one in super().chosen({})
            if self.now() - self.age <= datetime.fromisoformat(one["at"]) <= self.now()
        ]
        return seen[: self.shown]

    def __call__(self, request: Seen) -> Answer:
        answer = super().__call__(request)
        return (
            answer.with_headers(**{"X-Poll-Interval": self.pause})
            if self.pause and isinstance(answer, Reply)
            else answer
        )


def a_day(day: int, count: int, *, hour: int = 6) -> list[Json]:
    """Records of one day of March 2026, a minute apart."""
    return [item(f"2026-03-{day:02}T{hour:02}:{minute:02}:00Z", f"d{day:02}-{minute:02}") for minute in range(count)]


def an_api(*records: list[Json]) -> Forgetful:
    return Forgetful([one for some in records for one in some])


def lost(archive: Archive) -> list[DayProblem]:
    (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
    return [problem for problem in status.problems if "lost" in problem.why]


def warnings(archive: Archive) -> list[str]:
    notices = looking.status(archive.path, [], archive.world).notices
    return [notice.text for notice in notices if notice.level == "warning"]


def test_what_a_feed_no_longer_shows_is_told_and_kept(tmp_path: Path) -> None:
    api = an_api(a_day(11, 5), a_day(15, 3), a_day(16, 8))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        api.now = archive.clock.now
        archive.fetch()
        archive.later(days=5)
        ran = archive.fetch()
        (problem,) = ran.problems
        assert (problem.state, problem.first, problem.last) == ("lost", date(2026, 3, 12), date(2026, 3, 15))
        assert "no longer showed what lies between 2026-03-12 12:00 and 2026-03-15 06:01 UTC" in problem.why
        assert archive.last().lost is not None
        assert archive.ids("15") == ["d15-01", "d15-02"]
        assert "Lost for good: asked too late" in archive.git("log", "-1", "--format=%B")


def a_gap(archive: Archive, api: Forgetful) -> None:
    api.now = archive.clock.now
    archive.fetch()
    archive.later(days=5)
    archive.fetch()


def test_lost_days_say_so_wherever_one_looks(tmp_path: Path) -> None:
    api = an_api(a_day(11, 5), a_day(16, 12))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        a_gap(archive, api)
        assert [(gap.first, gap.last) for gap in lost(archive)] == [
            (date(2026, 3, 12), date(2026, 3, 15)),
            (date(2026, 3, 16), date(2026, 3, 16)),
        ]
        gaps = explaining.gaps(archive.path, ["demo/items"], archive.world).gaps
        assert {(gap.lack.cause, gap.lack.commands) for gap in gaps if gap.first != date(2026, 3, 11)} == {("gone", ())}
        story = explaining.why(archive.path, "demo/items", "2026-03-14", archive.world)
        assert story.sentence.startswith("Lost for good: asked too late")
        assert story.tries[0].outcome == "no longer shown by the API"
        assert "nothing brings it back" in story.comes[0]


def test_what_is_lost_is_a_problem_for_a_month_and_a_gap_for_ever(tmp_path: Path) -> None:
    api = an_api(a_day(11, 5), a_day(16, 12))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        a_gap(archive, api)
        archive.later(days=29)
        assert len(lost(archive)) == 2
        archive.later(days=2)
        assert not lost(archive)
        gaps = explaining.gaps(archive.path, ["demo/items"], archive.world).gaps
        assert {gap.lack.kind for gap in gaps if gap.lack.cause == "gone"} == {"lost"}


def test_a_ledger_built_anew_knows_what_is_lost(tmp_path: Path) -> None:
    api = an_api(a_day(11, 5), a_day(16, 12))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        a_gap(archive, api)
        before = lost(archive)
        for file in (archive.path / ".git/snap").glob("*.sqlite*"):
            file.unlink()
        assert lost(archive) == before


def test_nothing_is_lost_where_a_known_record_is_met(tmp_path: Path) -> None:
    api = an_api(a_day(11, 5), a_day(16, 4))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        a_gap(archive, api)
        assert not lost(archive)
        assert archive.state_of("14") == "empty"


def test_a_quiet_feed_that_shows_less_than_it_could_loses_only_what_is_too_old(tmp_path: Path) -> None:
    api = an_api(a_day(10, 2))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        api.now = archive.clock.now
        archive.fetch()
        archive.later(days=40)  # to 21 April
        api.records.append(item("2026-04-20T06:00:00Z", "new"))
        archive.fetch()
        (gap,) = lost(archive)
        assert (gap.first, gap.last) == (date(2026, 3, 12), date(2026, 3, 22))
        assert archive.state_of("2026-04-01") == "empty"


def test_one_is_warned_before_something_is_lost(tmp_path: Path) -> None:
    api = an_api(*(a_day(day, 1) for day in range(3, 13)))
    with at_noon(tmp_path, api, feed(more=FORGETS)) as archive:
        api.now = archive.clock.now
        archive.fetch()
        archive.later(days=2)
        assert not warnings(archive)
        archive.later(days=4)
        words = (
            "asked too rarely: the API keeps 10 records, at your pace of 1 a day that is 9 days; last asked 6 days ago"
        )
        assert warnings(archive) == [words]
        planned = fetching.plan(archive.path, FetchOptions(), archive.world)
        assert Notice("warning", "demo/items", words) in planned.notices
        archive.fetch()
        assert not warnings(archive)


def test_an_age_alone_warns_too(tmp_path: Path) -> None:
    api = an_api(a_day(11, 1))
    with at_noon(tmp_path, api, feed(more='horizon = { age = "30d" }\n')) as archive:
        archive.fetch()
        archive.later(days=31)
        assert warnings(archive) == [
            "asked too late, some is probably lost: the API keeps records of 30 days; last asked 31 days ago"
        ]


POLL = 'horizon = { poll = "x-poll-interval" }\n'


def test_the_pause_that_an_api_asks_for_is_kept_across_runs(tmp_path: Path) -> None:
    api = an_api(a_day(11, 2))
    api.pause = "900"
    with at_noon(tmp_path, api, feed(more=POLL)) as archive:
        archive.fetch()
        archive.later(minutes=14)
        held = archive.fetch().held_back + archive.fetch(since=date(2026, 3, 11)).held_back
        assert [one.why for one in held] == [
            "the API wants no look before 2026-03-12 12:15:00 UTC (x-poll-interval)"
        ] * 2
        assert fetching.plan(archive.path, FetchOptions(), archive.world).jobs == ()
        assert api.asked == 1
        archive.later(minutes=2)
        archive.fetch()
        assert api.asked == 2


def test_an_answer_without_news_renews_the_pause_and_a_strange_one_asks_for_none(tmp_path: Path) -> None:
    api = an_api(a_day(11, 2))
    api.etag, api.pause = True, "60"
    with at_noon(tmp_path, api, feed(more=POLL), client="conditional = true") as archive:
        archive.fetch()
        archive.later(minutes=2)
        archive.fetch()
        assert archive.last().stop == "not_modified"
        archive.later(seconds=30)
        assert archive.fetch().held_back
        archive.later(minutes=2)
        api.pause = "soon"
        archive.fetch()
        assert not archive.fetch().held_back
        assert api.asked == 4


def test_a_failed_look_keeps_the_pause_too(tmp_path: Path) -> None:
    api = an_api(a_day(11, 2))
    api.pause = "900"
    api.odd[1] = lambda _: Reply(404, b"{}")
    with at_noon(tmp_path, api, feed(more=POLL)) as archive:
        archive.fetch()
        archive.later(minutes=14)
        assert archive.fetch().held_back
        archive.later(minutes=2)
        archive.fetch()
        assert api.asked == 2
