"""A year of a feed shaped like GitHub's: 300 events, 30 days, `ETag`, `X-Poll-Interval`, 422 past the end.

The server refuses who looks too early or with more than it allows, and remembers it; there must be no such call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from snapshotter.archive import looking
from tests.archive.worlds import Archive, Json, an_archive, utc
from tests.server import Answer, Reply, Seen, json_reply

START = utc("2025-03-01T00:00")
PAUSE = timedelta(seconds=60)
KEPT, AGE, PAGES, SIZE = 300, timedelta(days=30), 3, 100

STREAMS = """
[streams.events]
kind = "series"
path = "/users/octocat/events"
params = { per_page = 100 }
id = "id"
order = "newest_first"
paginate = { type = "link_header", stop = ["no_next", "known_record"], max_pages = 20 }
day = { field = "created_at", parse = "instant", zone = "UTC" }
horizon = { items = 300, age = "30d", poll = "x-poll-interval" }
errors = [{ status = 422, page = "later", action = "end" }]
"""


@dataclass
class Feed:
    """What somebody did, and what the service shows of it."""

    clock: Callable[[], datetime] = lambda: START
    events: list[Json] = field(default_factory=list)  # oldest first; `shown` is when the service began to show it
    looked: datetime = START - AGE
    refused: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    seen: dict[str, Json] = field(default_factory=dict)  # what could have been seen, by id

    def happens(self, at: datetime, *, late: timedelta = timedelta()) -> None:
        number = f"{40_000_000_000 + len(self.events)}"
        self.events.append({"id": number, "type": "PushEvent", "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "shown": late})

    def is_shown(self, event: Json) -> bool:
        at = datetime.fromisoformat(event["created_at"])
        return self.clock() - AGE <= at and at + event["shown"] <= self.clock() and not event.get("gone")

    def shown(self) -> list[Json]:
        found = sorted(filter(self.is_shown, self.events), key=lambda one: (one["created_at"], one["id"]), reverse=True)
        return [{name: one[name] for name in ("id", "type", "created_at")} for one in found[:KEPT]]

    def __call__(self, seen: Seen) -> Answer:
        answer = self._answer(dict(seen.query), seen)
        self.statuses.append(answer.status)
        return answer.with_headers(X_Poll_Interval="60")

    def _answer(self, query: dict[str, str], seen: Seen) -> Reply:
        page = int(query.get("page", 1))
        if page > PAGES:
            return json_reply({"message": "In order to keep the API fast for everyone, pagination is limited"}, 422)
        if page == 1:
            if self.clock() < self.looked + PAUSE:
                self.refused.append(f"looked at {self.clock()}, {self.clock() - self.looked} after the last time")
            self.looked = self.clock()
        feed = self.shown()
        body = json.dumps(feed[(page - 1) * SIZE : page * SIZE]).encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if seen.header("if-none-match") == tag:
            return Reply(304, b"", (("ETag", tag),))
        reply = json_reply(body, ETag=tag)
        if len(feed) < page * SIZE:
            return reply
        following = f"http://{seen.header('host')}/user/583231/events?per_page=100&page={page + 1}"
        return reply.with_headers(Link=f'<{following}>; rel="next", <{following}>; rel="last"')


def a_busy_year() -> Feed:
    """Ten events every third day, a crowded week, some that are shown late, quiet weeks in August."""
    feed = Feed()
    for day in range(-29, 366):
        at = START + timedelta(days=day)
        if at.month == 8 or day % 3:
            continue
        count = 60 if utc("2025-05-05T00:00") <= at < utc("2025-05-15T00:00") else 10
        for number in range(count if day > 0 else 36):
            late = timedelta(hours=6) if number == 7 else timedelta()
            feed.happens(at + timedelta(minutes=20 * number), late=late)
    return feed


@contextmanager
def an_archive_of(folder: Path, feed: Feed) -> Iterator[Archive]:
    with an_archive(folder, feed, STREAMS, client="conditional = true", now=START) as archive:
        feed.clock = archive.clock.now
        yield archive


def look(archive: Archive, feed: Feed) -> int:
    """One run; gives how many looks it held back."""
    ran = archive.fetch()
    if not ran.held_back:
        feed.seen.update({one["id"]: one for one in feed.shown()})
    assert not ran.problems
    return len(ran.held_back)


def archived(archive: Archive) -> dict[str, Json]:
    days = [json.loads((archive.path / path).read_text()) for path in archive.files()]
    return {one["id"]: one for day in days for one in day}


def test_a_year_of_events_is_archived_without_one_refused_call(tmp_path: Path) -> None:
    feed = a_busy_year()
    with an_archive_of(tmp_path, feed) as archive:
        look(archive, feed)
        assert feed.statuses == [200, 200, 200, 422]  # all that it shows, and no more than that
        archive.later(seconds=30)
        assert look(archive, feed) == 1  # it wants to be left alone
        archive.later(seconds=30)
        for _ in range(12):  # hour by hour
            look(archive, feed)
            archive.later(hours=1)
        assert 304 in feed.statuses
        gone = next(event for event in feed.events if event["id"] in feed.seen and feed.is_shown(event))
        gone["gone"] = True
        while archive.clock.now() < START + timedelta(days=365):
            look(archive, feed)
            archive.later(days=5)
        assert feed.refused == []
        assert set(feed.statuses) == {200, 304, 422}
        assert archived(archive) == feed.seen
        assert gone["id"] in feed.seen
        known = {one["id"] for one in feed.events if one["created_at"] < f"{feed.looked:%Y-%m-%dT%H:%M:%SZ}"}
        assert len(known - set(feed.seen)) <= 60  # of before the archive began, and of what is not shown yet
        assert archive.is_clean()


def test_who_looks_away_for_too_long_hears_of_it_before_and_after(tmp_path: Path) -> None:
    feed = a_busy_year()
    with an_archive_of(tmp_path, feed) as archive:
        look(archive, feed)
        archive.later(days=66)  # to the crowded week
        status = looking.status(archive.path, [], archive.world)
        assert [note.text.split(":")[0] for note in status.notices] == ["asked too late, some is probably lost"]
        (problem,) = archive.fetch().problems
        assert problem.state == "lost"
        seen = archived(archive).keys()
        lost = [one for one in feed.events if one["id"] not in seen and feed.clock() >= _at(one) > START]
        assert lost
        assert problem.first is not None
        assert problem.last is not None
        assert all(problem.first <= _at(one).date() <= problem.last for one in lost if not one["shown"])
        assert feed.refused == []


def _at(event: Json) -> datetime:
    return datetime.fromisoformat(event["created_at"])
