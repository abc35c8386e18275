"""A clock that is wrong, here or at the server, calls no day complete that is not, and stops nothing for long."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from snapshotter.archive import explaining, looking
from snapshotter.results import Exit
from tests.archive.worlds import Api, an_archive, feed, item, series, utc
from tests.server import Reply

NOW = utc("2026-03-14T12:00")
SINCE = series(window='{ start = "2026-03-10", step = "1d" }')


class Dated(Api):
    """An API that says what time it is, by a clock of its own."""

    clock = None  # ours
    ahead = timedelta()  # of ours, before the server's
    dated = True

    def __call__(self, request):
        reply = super().__call__(request)
        if not self.dated:
            return reply
        return reply.with_headers(Date=format_datetime(self.clock.now() - self.ahead, usegmt=True))

    def chosen(self, query):
        """What has not happened yet is not there."""
        now = (self.clock.now() - self.ahead).isoformat()
        return [record for record in super().chosen(query) if record["at"] <= now]

    def set_clock(self, *, days=0, hours=0):
        """Somebody sets our clock so far ahead of the time there."""
        by = timedelta(days=days, hours=hours)
        self.clock.jump(by - self.ahead)
        self.ahead = by


@pytest.fixture
def two(tmp_path):
    """An archive and its API; there is a record each day at eight."""
    api = Dated([item(f"{day:02}T08:00", f"r{day}") for day in range(10, 31)], size=50)
    with an_archive(tmp_path, api, SINCE, now=NOW) as archive:
        api.clock = archive.clock
        yield archive, api


def saved(archive):
    return [day for day in range(10, 31) if archive.state_of(f"{day}") in ("saved", "empty")]


def test_days_that_a_clock_ahead_asked_for_are_asked_again(two):
    archive, api = two
    api.set_clock(days=3)
    archive.fetch()
    assert saved(archive) == [10, 11, 12, 13]

    api.set_clock()
    archive.later(days=6)
    archive.fetch()

    assert saved(archive) == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert archive.ids("15") == ["r15"]


def test_it_is_told_that_the_clock_is_ahead(two):
    archive, api = two
    api.set_clock(days=3)

    ran = archive.fetch()

    [warning] = [notice.text for notice in ran.notices if notice.level == "warning"]
    assert warning == (
        "the clock of this machine is 3 days ahead of its server, where it is 2026-03-14 12:00 UTC: "
        "nothing later counts as complete; set the clock that is wrong"
    )
    assert ran.exit is Exit.SOME_DAYS
    story = explaining.why(archive.path, "demo/items", "2026-03-17", archive.world)
    assert story.tries[0].outcome == (
        "failed: the answer was made at 2026-03-14 12:00 UTC by the server's clock, "
        "when it was 2026-03-17 12:00 UTC here: it says nothing about what comes later"
    )


def test_of_the_days_in_the_servers_future_one_is_asked(two):
    archive, api = two
    api.set_clock(days=500)

    archive.fetch()

    assert api.asked == 1 + 5  # the newest of 505, and those that have come


def test_a_clock_that_was_years_ahead_holds_nothing_back_when_it_is_right_again(two):
    archive, api = two
    api.set_clock(days=4_000)
    api.instead = lambda request: Reply(503, b"{}", (("Retry-After", "7200"),))
    archive.run()
    api.instead = None
    api.set_clock()
    archive.later(days=2)

    archive.run()  # the pause that the server asked for counts from here on, since nobody knows when that was
    archive.later(hours=2)
    archive.run()

    assert saved(archive) == [10, 11, 12, 13, 14, 15]


def test_a_clock_behind_is_told_and_only_asks_less(two):
    archive, api = two
    archive.fetch()
    api.set_clock(days=-400)

    archive.fetch()
    api.set_clock()
    archive.later(days=2)
    archive.fetch()

    assert saved(archive) == [10, 11, 12, 13, 14, 15]
    assert api.asked <= 5 + 1 + 3


def test_a_clock_behind_says_so(two):
    archive, api = two
    api.set_clock(hours=-26)

    ran = archive.fetch()

    [warning] = [notice.text for notice in ran.notices if notice.level == "warning"]
    assert warning.startswith(
        "the clock of this machine is 26 hours behind its server, where it is 2026-03-14 12:00 UTC"
    )


def test_a_server_without_a_clock_is_not_believed(two):
    archive, api = two
    api.ahead = timedelta(days=365 * 40)
    api.chosen = lambda query: Api.chosen(api, query)

    ran = archive.fetch()

    assert saved(archive) == [10, 11, 12, 13]
    assert [notice.text for notice in ran.notices if "is not believed" in notice.text]


def test_a_server_that_is_a_little_late_costs_nothing(two):
    archive, api = two
    api.ahead = timedelta(seconds=40)
    for _ in range(3):
        ran = archive.fetch()
        assert not ran.notices
        archive.later(days=1)

    assert saved(archive) == [10, 11, 12, 13, 14, 15]
    assert api.asked == 5 + 2 + 2


def run_with_a_clock_ahead(archive, api):
    """A good run, and a day later one that is six days ahead, where the server tells no time."""
    api.dated = False
    archive.fetch()
    archive.later(days=1)
    api.set_clock(days=6)
    archive.fetch()
    api.set_clock()


def test_where_the_server_tells_no_time_the_next_run_takes_back_what_a_clock_ahead_proved(two):
    archive, api = two
    run_with_a_clock_ahead(archive, api)

    archive.fetch()
    archive.later(days=4)
    assert saved(archive) == [10, 11, 12, 13, 14]
    archive.fetch()

    assert saved(archive) == [10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert archive.ids("17") == ["r17"]
    story = explaining.why(archive.path, "demo/items", "2026-03-17", archive.world)
    assert [decision.what for decision in story.decisions] == ["withdrawn"]


def test_what_is_taken_back_is_asked_again_once(two):
    archive, api = two
    run_with_a_clock_ahead(archive, api)
    asked = api.asked

    archive.fetch()
    assert api.asked == asked + 2  # from the last good run on: the rest of the 14th, and the 15th
    archive.later(hours=1)
    archive.fetch()
    assert api.asked == asked + 3


def test_where_no_time_is_told_a_clock_behind_costs_few_requests(two):
    archive, api = two
    api.dated = False
    archive.fetch()
    asked = api.asked
    api.set_clock(days=-2)
    archive.fetch()
    api.set_clock()
    archive.later(hours=1)
    archive.fetch()

    assert saved(archive) == [10, 11, 12, 13]
    assert api.asked - asked <= 6


def test_a_feed_proves_nothing_later_than_the_servers_time(tmp_path):
    api = Dated([item(f"{day:02}T08:00", f"r{day}") for day in range(10, 31)], size=50, newest_first=True)
    with an_archive(tmp_path, api, feed(), now=NOW) as archive:
        api.clock = archive.clock
        api.set_clock(days=3)
        archive.fetch()

        ends = [proved.window.end for proved in ledger_of(archive).proved]

    assert ends == [NOW]


def ledger_of(archive):
    opened = looking.open_archive(archive.path, archive.world)
    with opened.closing():
        return opened.cache.ledger("demo/items")
