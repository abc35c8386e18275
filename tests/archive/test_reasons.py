"""Every reason why a day is not there, as `snap gaps --why` and `snap why` put it, over one real archive each."""

from contextlib import contextmanager
from datetime import date

import pytest

from snapshotter.archive import explaining, looking
from snapshotter.core import report_days
from tests.archive.worlds import Api, an_archive, feed, item, series, snapshot
from tests.server import Reply, html_page, redirect, reset

JSON = (("Content-Type", "application/json"),)
MARCH = '{ start = "2026-03-02", step = "1d", lookback = "2d" }'
TRIES_ONCE = "[retry]\nattempts = 1\n"
RUBBISH = Reply(200, b'{"data": [', JSON)


@contextmanager
def archive_of(tmp_path, answers, *, window=MARCH, more=""):
    """Two weeks of an API that answers oddly for some days."""
    api = Api([item("12T08:00", "a"), item("08T09:00", "b")])

    def script(request):
        return answers.get(dict(request.query).get("from", "")[8:10]) or api(request)

    with an_archive(tmp_path, script, series(window=window, more=more), head=TRIES_ONCE) as archive:
        yield archive


def the_gap(archive, day):
    when = date(2026, 3, int(day))
    (found,) = explaining.gaps(archive.path, (), archive.world, since=when, until=when, why=True).gaps
    return found.lack


def printed(archive, day):
    """What both views print of a day, on one line each."""
    when = date(2026, 3, int(day))
    gaps = report_days.gaps(explaining.gaps(archive.path, (), archive.world, since=when, until=when, why=True))
    story = explaining.why(archive.path, "demo/items", f"2026-03-{day}", archive.world)
    return [" ".join(view.split()).lower() for view in (gaps, report_days.day_story(story))]


# --- it was asked, and it failed ---


@pytest.mark.parametrize(
    ("answer", "cause", "words", "status"),
    [
        (reset(), "network", "the way to the api failed", None),
        (Reply(503, b"down"), "server", "the api failed: 503", 503),
        (Reply(429, b"slow", (("Retry-After", "7200"),)), "rate_limit", "the api was asked too often: 429", 429),
        (Reply(401, b"who"), "auth", "the credentials were not accepted: 401", 401),
        (Reply(403, b"no"), "forbidden", "the credentials may not read it: 403", 403),
        (Reply(410, b"gone"), "gone", "the api does not have it: 410", 410),
        (RUBBISH, "unusable", "data came and could not be used", 200),
    ],
)
def test_a_failed_day_is_told_with_its_class_and_its_evidence(tmp_path, answer, cause, words, status):
    with archive_of(
        tmp_path, {"10": answer}, window='{ start = "2026-03-10", end = "2026-03-10", step = "1d" }'
    ) as archive:
        archive.fetch()
        archive.later(hours=3)
        archive.fetch()
        lack = the_gap(archive, "10")
        views = printed(archive, "10")
        last = archive.runs()[-1]

    assert (lack.cause, lack.evidence.status, lack.evidence.run) == (cause, status, last.run)
    assert (lack.tries, lack.last_try > lack.first_seen) == (2, True)
    for view in views:
        assert words in view
        assert "2 tries since 2026-03-14 12:0" in view
        assert ", last 2026-03-14 15:0" in view
        assert lack.next_try is None or f"next {lack.next_try:%Y-%m-%d %H:%M} utc" in view
        assert f"run {last.run}".lower() in view


def test_the_quarantine_entry_of_unusable_data_is_named_with_what_came(tmp_path):
    with archive_of(tmp_path, {"06": RUBBISH}) as archive:
        archive.fetch()
        (entry,) = looking.quarantined(archive.path, archive.world)
        views = printed(archive, "06")

    for view in views:
        assert f"kept as {entry.name}".lower() in view
        assert f"snap quarantine show {entry.name}".lower() in view


# --- it is not there, and that is known ---


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-03-09", "the API has no records of it"),
        ("2026-03-01", "It is not there: before the origin, 2026-03-02."),
        ("2026-03-14", "It is not over yet."),
    ],
)
def test_a_day_that_needs_nothing_is_told_as_settled(tmp_path, day, words):
    with archive_of(tmp_path, {}) as archive:
        archive.fetch()
        story = explaining.why(archive.path, "demo/items", day, archive.world)

    assert words in story.sentence


def test_the_end_of_history_is_told_with_how_it_was_found(tmp_path):
    window = '{ start = "2000-01-01", end = "2026-03-12", step = "P1M", empty_stop = 3 }'
    with archive_of(tmp_path, {}, window=window) as archive:
        archive.fetch()
        story = explaining.why(archive.path, "demo/items", "2020-05-05", archive.world)
        gaps = report_days.gaps(explaining.gaps(archive.path, (), archive.world, why=True))

    for view in (story.sentence, " ".join(gaps.split())):
        assert (
            "past the end of history: 3 windows in a row from 2025-12-01 on had no records, nor had 8 further back"
            in view
        )


# --- it was never asked ---


def test_what_a_budget_left_over_names_the_budget(tmp_path):
    with archive_of(tmp_path, {}) as archive:
        archive.fetch(max_requests=4)

        assert the_gap(archive, "05").cause == "max_requests"
        for view in printed(archive, "05"):
            assert "the requests of this run are spent" in view
            assert "snap fetch demo/items" in view


def test_a_stream_that_was_never_asked_is_told_as_new(tmp_path):
    with archive_of(tmp_path, {}) as archive:
        assert the_gap(archive, "05").cause == "new_stream"
        for view in printed(archive, "05"):
            assert "a new stream: nothing of it was asked yet" in view


def test_a_day_whose_stream_is_not_due_says_when_it_is(tmp_path):
    with archive_of(tmp_path, {}, more='every = "3d"') as archive:
        archive.fetch()
        archive.later(days=2)

        assert the_gap(archive, "15").cause == "not_due"
        for view in printed(archive, "15"):
            assert "asked every 3d; due at 2026-03-17 12:00 utc" in view
            assert "snap fetch demo/items" in view


def test_a_day_that_can_not_be_had_leaves_nothing_to_do(tmp_path):
    with archive_of(tmp_path, {}) as archive:
        archive.fetch()
        before_origin = explaining.why(archive.path, "demo/items", "2026-03-01", archive.world)

    assert report_days.day_story(before_origin).splitlines()[-1] == (
        "  It is not there: before the origin, 2026-03-02."
    )


# --- the advice fits the kind of the stream ---

ONE_DAY = series(window='{ start = "2026-03-10", end = "2026-03-10", step = "1d" }')
WHOLE = {"feed": feed(), "snapshot": snapshot(), "numbered pages": snapshot("page")}
ADVICE = {
    "reset": (reset(), "the next fetch asks it again"),
    "503": (Reply(503), "the next fetch asks it again"),
    "html": (html_page(), "the next fetch asks it again"),
    "401": (Reply(401), "renew the credentials of demo"),
    "403": (Reply(403), "see what the credentials of demo may read"),
    "404": (Reply(404), "check base_url and path in the source file, or whether it still has this"),
    "410": (Reply(410), "check base_url and path in the source file, or whether it still has this"),
    "422": (Reply(422), "correct path and params in the source file"),
    "rubbish": (RUBBISH, "snap quarantine retry"),
    "redirect": (redirect("https://other.test/"), "do what the reason says"),
}
OF_DAYS = {
    "404": "say with window.start since when it has days",
    "410": "the api no longer has these days",
}


@contextmanager
def refused(folder, stream, answer):
    with an_archive(folder, lambda _: answer, stream, head=TRIES_ONCE) as archive:
        ran = archive.fetch()
        told = report_days.gaps(explaining.gaps(archive.path, (), archive.world, why=True))
        yield archive, ran, " ".join(told.split()).lower()


@pytest.mark.parametrize("reason", ADVICE)
@pytest.mark.parametrize("kind", WHOLE)
def test_the_advice_about_a_whole_state_speaks_of_no_days(tmp_path, kind, reason):
    answer, words = ADVICE[reason]
    with refused(tmp_path, WHOLE[kind], answer) as (archive, ran, told):
        status = looking.status(archive.path, [], archive.world).streams[0]
        steps = [problem.next_step for problem in (*ran.problems, *status.problems)]

    assert words in told
    assert "snap fetch demo/items" in told or reason == "rubbish"
    for text in (told, *steps):
        assert not any(wrong in text for wrong in ("window", "days", "--since", "given up", "reconcile"))


@pytest.mark.parametrize("reason", ADVICE)
def test_the_advice_about_days_names_them(tmp_path, reason):
    answer, words = ADVICE[reason]
    with refused(tmp_path, ONE_DAY, answer) as (_, _, told):
        assert OF_DAYS.get(reason, words) in told
        assert "snap fetch demo/items --since 2026-03-10 --until 2026-03-10" in told or reason == "rubbish"


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_state_is_never_given_up(tmp_path, kind):
    with an_archive(tmp_path, lambda _: Reply(404), WHOLE[kind], head=TRIES_ONCE) as archive:
        for _ in range(12):
            archive.fetch()
            archive.later(days=9)
        (gap,) = explaining.gaps(archive.path, (), archive.world).gaps

        assert len(archive.server.seen) == 12
        assert (gap.lack.tries, gap.lack.given_up) == (12, False)
