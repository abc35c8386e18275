"""Ten years of an API with everything that happens to one: each day ends in the state and for the reason of the script.

Holes, outages, a retention edge, windows that are not found, an empty year, late records, a provider that moves to
another zone; a run a day on a clock that the test turns. The measure of what it costs is the same planner, told all
this beforehand.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

from snapshotter.archive import looking
from snapshotter.archive.opening import open_archive
from snapshotter.core import empties, ends, lacks, ledger, missing, planning, windows
from snapshotter.core.config import load_source
from snapshotter.core.days import days_of
from snapshotter.core.missing import is_given_up
from snapshotter.core.states import Judge
from snapshotter.evidence import StreamLedger
from snapshotter.model import MissFact
from tests.archive.worlds import Api, a_file, an_archive, series, utc
from tests.histories import a_day, a_record, a_story
from tests.server import Reply, html_page

FIRST, LAST = date(2016, 3, 2), date(2026, 3, 11)
LATE = date(2026, 3, 11)  # its record comes two days after it
MOVED = date(2022, 6, 1)  # since when the provider writes its times in another zone
EVERY_DAY = (date(2010, 1, 1), LAST)
ONE = timedelta(days=1)
NOW = utc("2026-03-12T12:00")
RUNS, BUDGET, SIZE = 16, 60, 20
RETRY = "[retry]\nattempts = 1\n"
STREAM = series(window='{ start = "2010-01-01", end = "2026-03-11", step = "P1M", empty_stop = 3 }')


def days(first, last):
    return [first + ONE * number for number in range((last - first).days + 1)]


def has_record(day):
    hole = (day.day == 13 and day.month % 2) or date(2023, 4, 5) <= day <= date(2023, 4, 9)
    return FIRST <= day <= LAST and day.year != 2020 and not hole


def of_provider(day):
    zone = timezone(timedelta(hours=9)) if day >= MOVED else UTC
    moment = datetime(day.year, day.month, day.day, 20, tzinfo=UTC).astimezone(zone)
    return {"id": f"{day}", "at": moment.isoformat()}


def refusal(month, run):
    """How the script refuses a month in a run, if it does: a status, or words."""
    if month < "2015-01":
        return 410  # the retention edge
    if run == 2:
        return "down"  # all of it
    if month == "2018-05" and run < 6:
        return 503
    if month == "2021-03" and run < 4:
        return "login"
    return {"2019-07": 422, "2017-02": 404, "2024-11": 403}.get(month)


class Script(Api):
    """What the API does."""

    run = 0

    def __call__(self, request):
        told = refusal(dict(request.query)["from"][:7], self.run)
        if told is None:
            return super().__call__(request)
        self.asked += 1
        if told == "login":
            return html_page()
        return Reply(503 if told == "down" else told, b"{}")


REASONS = {"2019-07": "request", "2017-02": "gone", "2024-11": "forbidden"}


def truth(day):
    """The state of a day in the end, and why."""
    if day < FIRST:
        return "beyond", "history_end"
    if (why := REASONS.get(f"{day:%Y-%m}")) is not None:
        return "failed", why
    return ("saved", "") if has_record(day) else ("empty", "proved_empty")


def found(archive):
    """The state of each day, and why, as `snap gaps --why` has it."""
    opened = open_archive(archive.path, archive.world)
    with opened.closing():
        _, stream = opened.stream("demo/items")
        judge = Judge(opened.cache.ledger(stream.key), looking.terms_of(stream, "UTC", now=archive.clock.now()))
        pieces = judge.ranges(EVERY_DAY)
    for piece in pieces:
        lack = lacks.gap_of(stream.key, piece, now=archive.clock.now(), hindrance=None).lack
        assert piece.judged.missed is None or is_given_up(piece.judged.missed)
        told = lack.state, "" if lack.state == "saved" else lack.cause
        yield from ((day, told) for day in days(piece.first, piece.last))


# --- the same planner, told the true states beforehand ---


class Oracle:
    """Plans as runs do, knows what the script will say, and leaves out what will be in vain and confirms nothing."""

    def __init__(self):
        (source,) = load_source(a_file("https://api.test", STREAM), file="sources/demo.toml", settings=None).sources
        self.stream = source.streams["items"]
        self.known = StreamLedger(self.stream.key)
        self.requests = 0

    def run(self, number, now):
        asked = set()
        while due := [job for job in self.plan(now) if job.name not in asked and not self.is_passing(job, number)]:
            asked.add(due[0].name)
            self.ask(due[0], number, now)

    def plan(self, now):
        state = planning.state_of(self.known)
        state = replace(state, young=empties.due_now(self.stream, self.known, now))
        return planning.plan_stream(self.stream, state, now=now).jobs

    @staticmethod
    def is_passing(job, number):
        """Whether a later run will have what this one would not."""
        month = f"{job.window.start:%Y-%m}"
        return refusal(month, number) is not None and refusal(month, number) != refusal(month, RUNS)

    def ask(self, job, number, now):
        told = refusal(f"{job.window.start:%Y-%m}", number)
        at = now + timedelta(seconds=self.known.turn)
        if told is not None:
            self.requests += 1
            miss = MissFact("failed", "forbidden" if told == 403 else "request", str(told), told)
            miss = ledger.counted(self.known, miss, window=job.window, at=at)
            story = a_story(
                job.window, miss=replace(miss, next_try=missing.next_try(miss, at=at, reason=job.reason)), at=at
            )
        else:
            there = [day for day in days_of(job.window, "UTC") if has_record(day) and (day != LATE or number > 1)]
            self.requests += max(1, -(-len(there) // SIZE))
            story = a_story(
                job.window, at=at, received=len(there), reason=job.reason, days={day: a_day(1) for day in there}
            )
        self.tell(replace(story, reason=job.reason), at)

    def tell(self, story, at):
        """Fold it in, with the end of history if that is proved by it."""

        def record(story):
            turn = self.known.turn + 1
            return a_record(story, source="demo", stream="items", turn=turn, sequence=turn, at=at)

        after = ledger.fold(self.known, record(story))
        if ends.may_tell(self.stream, story, self.known, after):
            end = ends.told(self.stream, story, known=self.known, after=after, seen=story.at)
            if end is not None:
                facts = {"history_ends": end.how, "history_before": end.before, "history_doubted": end.doubted}
                story = replace(story, **facts)
        self.known = ledger.fold(self.known, record(story))


def least_possible():
    oracle, now = Oracle(), NOW
    for number in range(RUNS):
        oracle.run(number, now)
        now += ONE
    return oracle.requests


def test_every_day_ends_as_the_script_has_it_for_few_requests(tmp_path):
    there = [day for day in days(FIRST, LAST) if has_record(day) and day != LATE and f"{day:%Y-%m}" not in REASONS]
    api = Script([of_provider(day) for day in there], size=SIZE)
    with an_archive(tmp_path, api, STREAM, head=RETRY, now=NOW) as archive:
        for api.run in range(RUNS):
            archive.fetch(max_requests=BUDGET)
            archive.later(days=1)
            if api.run == 1:
                api.records.append(of_provider(LATE))

        assert dict(found(archive)) == {day: truth(day) for day in days(*EVERY_DAY)}
        (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
        assert status.summary.startswith(f"complete from {FIRST} (end of history) to 2026-03-11, with gaps")
        least = least_possible()
        assert least <= api.asked <= least * 1.1

        asked = api.asked
        archive.later(days=300)
        archive.fetch()
        assert api.asked <= asked + 1  # nothing is left but one look at the newest empty days


def test_the_planner_that_knows_all_asks_each_page_of_history_once():
    """What the measure itself is made of, by hand."""
    months = {f"{day:%Y-%m}" for day in days(date(2015, 12, 1), LAST)} - set(REASONS)  # three without records
    pages = sum(max(1, -(-sum(has_record(day) for day in month_days(month)) // SIZE)) for month in months)
    rule = Oracle().stream.window
    refused = 5 + 4 + 5  # as often as their classes want, before it is believed
    assert windows.origin(rule) == utc("2010-01-01T00:00")
    assert pages + refused <= least_possible() <= pages + refused + 12  # the end of history, young empty days


def month_days(month):
    first = date.fromisoformat(f"{month}-01")
    return [day for day in days(first, first + 30 * ONE) if f"{day:%Y-%m}" == month and day <= LAST]
