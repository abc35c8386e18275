"""`snap reconcile` asks again what failed or looks wrong, exactly that, and believes the second answer."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.archive import reconciling
from snapshotter.core import ledger
from snapshotter.core.reconciling import AROUND, LONGEST_HOLE, findings, to_load
from snapshotter.core.states import Terms
from snapshotter.edge.cache import Cache
from snapshotter.model import Window
from snapshotter.results.reconciling import ReconcileOptions
from tests.archive.worlds import Api, an_archive, item, series, utc
from tests.histories import STREAM, a_day, a_record, a_story, at, day_span
from tests.server import Reply

NOW = utc("2026-03-25T12:00")
DAYS = series(window='{ start = "2026-03-01", end = "2026-03-24", step = "P1M" }')
HOLED = [item(f"{day:02}T08:00", f"r{day}") for day in range(1, 25) if day != 12]


def reconcile(archive, **options):
    return reconciling.reconcile(archive.path, ReconcileOptions(**options), archive.world, tell=archive._tell)


def plan(archive, **options):
    return reconciling.plan(archive.path, ReconcileOptions(**options), archive.world)


def test_an_empty_day_between_full_ones_is_asked_once_more(tmp_path):
    api = Api(list(HOLED), size=50)
    with an_archive(tmp_path, api, DAYS, now=NOW) as archive:
        archive.fetch()
        [job] = plan(archive).jobs
        assert job.why == "2026-03-12: no records, and 7 days on either side have some"
        assert plan(archive, until=NOW.date().replace(day=11)).jobs == ()

        asked = api.asked
        reconcile(archive)
        assert api.asked == asked + 1
        assert plan(archive).jobs == ()


def test_a_day_that_came_late_is_found(tmp_path):
    api = Api(list(HOLED), size=50)
    with an_archive(tmp_path, api, DAYS, now=NOW) as archive:
        archive.fetch()
        api.records.append(item("12T08:00", "late"))
        ran = reconcile(archive)

        assert archive.ids("12") == ["late"]
        assert "1 hole" in ran.notices[0].text


def test_what_was_given_up_is_asked_at_once(tmp_path):
    api = Api(list(HOLED), size=50, instead=lambda _: Reply(422, b"{}"))
    with an_archive(tmp_path, api, DAYS, now=NOW) as archive:
        for _ in range(7):
            archive.fetch()
            archive.later(days=8)
        assert archive.fetch().streams == () or archive.states() == {"failed": 24}

        api.instead = None
        reconcile(archive, max_requests=5)
        assert archive.states() == {"saved": 23, "empty": 1}


def test_nothing_to_reconcile_is_said_and_asks_nothing(tmp_path):
    api = Api([item("03T08:00", "a")])
    with an_archive(tmp_path, api, DAYS, now=NOW) as archive:
        archive.fetch()
        asked = api.asked

        assert reconcile(archive).notices[0].text == "nothing failed, is missing or looks wrong"
        assert api.asked == asked


def test_a_source_that_was_skipped_is_not_called_well(tmp_path):
    locked = '[secrets]\ntoken = "env:NOT_SET"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"\n'
    with an_archive(tmp_path, Api([]), DAYS, head=locked, now=NOW) as archive:
        assert plan(archive).notices[-1].text.endswith("looks wrong in what could be looked at: 0 of 1 streams")


COUNTS = st.lists(st.sampled_from([40, 40, 40, 40, 40, 40, 40, 40, 40, 0, 3, 90]), min_size=20, max_size=90)


@settings(max_examples=60)
@given(COUNTS, st.lists(st.integers(0, 89), max_size=2))
def test_what_is_looked_at_is_enough_to_find_all_that_looks_wrong(counts, again):
    first = at("02-01 00:00").date()
    filed = {first + timedelta(days=number): a_day(count) for number, count in enumerate(counts) if count}
    asked = [a_story(day_span("02-01", days=len(counts)), days=filed)]
    asked += [a_story(one_day(number)) for number in again if number < len(counts)]
    terms = Terms("UTC", at("02-01 06:00") + timedelta(days=len(counts)), origin=at("02-01 00:00"))
    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "c", ledger.fold_all) as cache:
        cache.apply(None, [a_record(story, sequence=number, turn=number) for number, story in enumerate(asked)])
        odd = cache.odd.of(STREAM, around=AROUND, longest=LONGEST_HOLE)
        part = cache.ledger(STREAM, days=to_load(cache.ledger(STREAM, days=()), terms, odd))

        found = findings(part, terms, by_time=True)
        assert found == findings(cache.ledger(STREAM), terms, by_time=True)


def one_day(number):
    start = at("02-01 00:00") + timedelta(days=number)
    return Window(start, start + timedelta(days=1))
