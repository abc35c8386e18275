"""What failed is asked again by itself, with growing gaps, and given up loudly."""

from datetime import date, timedelta
from itertools import pairwise

from snapshotter.archive import explaining, fetching, looking
from snapshotter.core import report, report_days
from snapshotter.results import Exit, FetchOptions
from tests.archive.worlds import Api, a_file, an_archive, item, series, snapshot
from tests.server import Reply

ELEVENTH = date(2026, 3, 11)
DAYS = '{ start = "2026-03-09", end = "2026-03-12", step = "1d" }'
RECORDS = [item("11T08:00", "a"), item("12T08:00", "b"), item("10T08:00", "c"), item("09T08:00", "d")]
TRIES_ONCE = "[retry]\nattempts = 1\n"


def refuses(day, status):
    """An API that has no answer for one day."""
    return lambda request: Reply(status, b"{}") if dict(request.query).get("from", "").startswith(day) else None


def test_a_day_that_failed_is_asked_again_with_growing_gaps(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 500))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        archive.fetch()
        start, asked = archive.clock.now(), []
        while archive.clock.now() - start < timedelta(days=4):
            before = api.asked
            archive.fetch()
            if api.asked > before:
                asked.append(archive.clock.now() - start)
            archive.later(minutes=15 if archive.clock.now() - start < timedelta(hours=8) else 240)

        gaps = [later - one for one, later in pairwise(asked)]
        assert gaps == sorted(gaps)
        assert 4 <= len(asked) <= 6

        api.instead = None
        archive.later(days=8)
        archive.fetch()
        assert archive.ids("11") == ["a"]
        assert archive.states() == {"saved": 4}


def test_a_day_that_fails_for_long_is_given_up_and_the_run_says_so(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 422))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        ran = archive.fetch()
        while "given up" not in ran.problems[-1].next_step:
            archive.later(days=8)
            ran = archive.fetch()
        assert ran.exit is Exit.SOME_DAYS
        assert "`snap reconcile` asks again" in ran.problems[-1].next_step

        archive.later(days=400)
        before = api.asked
        quiet = archive.fetch()

        assert (api.asked, quiet.exit) == (before, Exit.DONE)
        assert "given up after" in quiet.held_back[0].why
        assert archive.state_of("11") == "failed"
        api.instead = None
        archive.fetch(since=ELEVENTH, until=ELEVENTH)
        assert archive.state_of("11") == "saved"


# --- a source file that is mended ---

WRONG = '{ field = "when", parse = "instant", zone = "UTC" }'  # the member is called `at`


def test_what_was_unusable_is_asked_at_once_when_the_source_file_is_mended(tmp_path):
    api = Api(RECORDS)
    with an_archive(tmp_path, api, series(window=DAYS, day=WRONG)) as archive:
        archive.fetch()
        archive.fetch()
        before = api.asked
        assert archive.states() == {"invalid": 4}
        assert len(archive.fetch().held_back) == 4
        assert api.asked == before

        archive.place(a_file(archive.server.url, series(window=DAYS)))
        archive.fetch()
        assert archive.states() == {"saved": 4}


def test_what_was_given_up_is_asked_once_more_with_another_source_file(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 422))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        while not any("given up" in held.why for held in archive.fetch().held_back):
            archive.later(days=8)
        asked = api.asked

        archive.place(a_file(archive.server.url, series(window=DAYS, more="# now with care"), head=TRIES_ONCE))
        archive.fetch()
        archive.fetch()
        assert api.asked == asked + 1


def test_an_outage_waits_also_when_the_source_file_is_changed(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 500))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        archive.fetch()
        archive.fetch()
        asked = api.asked

        archive.place(a_file(archive.server.url, series(window=DAYS, more="# now with care"), head=TRIES_ONCE))
        archive.fetch()
        assert api.asked == asked


def test_what_was_given_up_no_longer_asks_for_a_hand_once_the_source_file_is_another_one(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 422))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        while not any("given up" in held.why for held in archive.fetch().held_back):
            archive.later(days=8)
        before = _three_views(archive)

        archive.place(a_file(archive.server.url, series(window=DAYS, more="# now with care"), head=TRIES_ONCE))

        assert all("given up" in view for view in before)
        for view in _three_views(archive):
            assert "reconcile" not in view
            assert "given up" not in view
            assert "the next fetch asks it" in view


def test_status_tells_no_old_next_try_once_the_source_file_is_another_one(tmp_path):
    api = Api(RECORDS, instead=refuses("2026-03-11", 422))
    with an_archive(tmp_path, api, series(window=DAYS), head=TRIES_ONCE) as archive:
        archive.fetch()
        archive.later(minutes=1)
        archive.fetch()
        before = _three_views(archive)

        archive.place(a_file(archive.server.url, series(window=DAYS, more="# now with care"), head=TRIES_ONCE))

        assert all("next 2026-03-14 13:01 UTC" in view for view in before)
        assert not any("13:01" in view for view in _three_views(archive))


def test_the_one_whole_state_is_told_as_due_too_once_the_source_file_is_another_one(tmp_path):
    with an_archive(tmp_path, lambda _: Reply(404, b"{}"), snapshot(), head=TRIES_ONCE) as archive:
        archive.fetch()
        for _ in range(3):
            archive.later(minutes=70)
            archive.fetch()
        archive.place(a_file(archive.server.url, snapshot(more="# now with care"), head=TRIES_ONCE))

        for view in _three_views(archive, day=None):
            assert "the next fetch asks it" in view
            assert ", next " not in view


def test_a_plan_says_what_was_unusable_not_that_it_came_with_200(tmp_path):
    with an_archive(tmp_path, Api(RECORDS), series(window=DAYS, day=WRONG)) as archive:
        archive.fetch()
        planned = fetching.plan(archive.path, FetchOptions(), archive.world)

    assert planned.jobs
    assert not any("200" in job.why for job in planned.jobs)


def _three_views(archive, *, day="2026-03-11"):
    """`status`, `gaps` and `why` as they are printed, on one line each."""
    told = (
        report.status(looking.status(archive.path, (), archive.world)),
        report_days.gaps(explaining.gaps(archive.path, (), archive.world)),
        report_days.day_story(explaining.why(archive.path, "demo/items", day, archive.world)),
    )
    return [" ".join(view.split()) for view in told]
