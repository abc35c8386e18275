"""Ten years of an API with everything that happens to one: each day ends in the state and for the reason of the script.

Holes, outages, a retention edge, an empty year, late records, a provider that moves to another zone; a run a day on a
clock that the test turns.
"""

from datetime import date, datetime, timedelta, timezone

from snapshotter.archive import looking
from snapshotter.archive.opening import open_archive
from snapshotter.core.missing import MissClass, class_of, is_given_up
from snapshotter.core.states import Judge
from snapshotter.model import Reason
from tests.archive.worlds import Api, an_archive, series, utc
from tests.server import Reply

FIRST, LAST = date(2016, 3, 2), date(2026, 3, 11)
LATE = date(2026, 3, 11)  # its record comes two days after it
MOVED = date(2022, 6, 1)  # since when the provider writes its times in another zone
ONE = timedelta(days=1)
RUNS = 14
STREAM = series(window='{ start = "2010-01-01", end = "2026-03-11", step = "P1M", empty_stop = 3 }')


def days(first, last):
    return [first + ONE * number for number in range((last - first).days + 1)]


def a_record(day):
    zone = timezone(timedelta(hours=9)) if day >= MOVED else timezone.utc  # noqa: UP017 - the offset is the point
    moment = datetime(day.year, day.month, day.day, 20, tzinfo=timezone.utc).astimezone(zone)  # noqa: UP017
    return {"id": f"{day}", "at": moment.isoformat()}


class Script(Api):
    """What the API does, and what of it could not be avoided."""

    run = 0
    refused = 0

    def __call__(self, request):
        month = dict(request.query)["from"][:7]
        status = self.status(month)
        if status is None:
            return super().__call__(request)
        self.asked += 1
        self.refused += 1
        return Reply(status, b"{}")

    def status(self, month):
        """How a month is refused, if it is."""
        if month < "2015-01":
            return 410  # the retention edge
        if month == "2018-05" and self.run < 5:
            return 503  # an outage
        return {"2019-07": 422, "2017-02": 404}.get(month)


def truth(day):
    """The state of a day in the end, and why."""
    if day < FIRST:
        return "beyond", None
    if (day.year, day.month) == (2019, 7):
        return "failed", MissClass.REQUEST
    if (day.year, day.month) == (2017, 2):
        return "failed", MissClass.GONE
    return ("empty" if day.year == 2020 else "saved"), None


def found(archive):
    """The state of each day, as the ledger has it."""
    opened = open_archive(archive.path, archive.world)
    with opened.closing():
        _, stream = opened.stream("demo/items")
        judge = Judge(opened.cache.ledger(stream.key), looking.terms_of(stream, "UTC", now=archive.clock.now()))
        pieces = judge.ranges((date(2010, 1, 1), LAST))
    for piece in pieces:
        missed = piece.judged.missed
        told = piece.judged.state.value, None if missed is None else class_of(missed.fact)
        assert missed is None or is_given_up(missed)
        yield from ((day, told) for day in days(piece.first, piece.last))


def test_every_day_ends_as_the_script_has_it_for_few_requests(tmp_path):
    there = [day for day in days(FIRST, LAST) if truth(day)[0] == "saved" and day != LATE]
    api = Script([a_record(day) for day in there], size=50)
    with an_archive(tmp_path, api, STREAM, head="[retry]\nattempts = 1\n", now=utc("2026-03-12T12:00")) as archive:
        for api.run in range(RUNS):
            archive.fetch(max_requests=60)
            archive.later(days=1)
            if api.run == 1:
                api.records.append(a_record(LATE))

        assert dict(found(archive)) == {day: truth(day) for day in days(date(2010, 1, 1), LAST)}
        (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
        assert status.summary.startswith(f"complete from {FIRST} (end of history) to 2026-03-11, with gaps")
        # Told the truth beforehand, the planner would ask each month of history and the row behind it once,
        # confirm the end, ask young empty days again, and ask what is refused as often as its class wants.
        stories = archive.stories()
        history = len({(day.year, day.month) for day in days(date(2015, 12, 1), LAST)})
        [end] = [story.history_ends for story in stories if story.history_ends]
        confirmed = sum(story.reason is Reason.CONFIRM for story in stories)
        gone = sum(story.miss is not None and story.miss.status == 410 for story in stories)
        least = history - 2 + (api.refused - gone) + confirmed + int(end.split("nor had ")[1].split()[0])
        assert api.asked <= least * 1.1

        asked = api.asked
        archive.later(days=300)
        archive.fetch()
        assert api.asked <= asked + 1  # nothing is left but one look at the newest empty days
