"""The backfill ends by proof: rows of windows without records, confirmed by probes further back."""

import pytest

from snapshotter.archive import fetching, looking
from snapshotter.model import Reason
from snapshotter.results import Exit, FetchOptions
from tests.archive.worlds import Api, an_archive, item, series, utc
from tests.server import Reply, json_reply

NOW = utc("2026-03-12T12:00")
OPEN = '{ start = "2000-01-01", end = "2026-03-11", step = "P1M" }'
MONTHS = series(window=OPEN.replace(" }", ", empty_stop = 3 }"))
NEW = [item(f"2026-{month:02}-02T08:00:00Z", f"n{month}") for month in (1, 2, 3)]
OLD = [item(f"2024-{month:02}-02T08:00:00Z", f"o{month}") for month in range(1, 13)]  # then a year of nothing


def summary(archive):
    (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
    return status.summary


def probes(archive):
    return [story for story in archive.stories() if story.reason is Reason.PROBE]


def test_a_history_that_ends_is_complete_from_its_first_record(tmp_path):
    with an_archive(tmp_path, Api(list(NEW)), MONTHS, now=NOW) as archive:
        archive.fetch()

        assert summary(archive) == "complete from 2026-01-02 (end of history) to yesterday"
        assert archive.last().history_ends.startswith("3 windows in a row from 2025-10-01 on had no records, nor had 8")
        assert archive.last().history_before == utc("2026-01-02")
        assert archive.state_of("2025-12-01") == archive.state_of("2010-01-01") == "beyond"
        assert archive.fetch().streams == ()


def test_a_gap_longer_than_the_row_is_not_the_end(tmp_path):
    with an_archive(tmp_path, Api([*NEW, *OLD]), MONTHS, now=NOW) as archive:
        archive.fetch()

        assert archive.ids("2024-12-02") == ["o12"]
        assert summary(archive) == "complete from 2024-01-02 (end of history) to yesterday"


@pytest.mark.parametrize("records", [NEW, [*NEW, *OLD], []])
def test_budgets_change_nothing_about_what_is_asked(tmp_path, records):
    whole, parts = Api(list(records)), Api(list(records))
    with an_archive(tmp_path / "one", whole, MONTHS, now=NOW) as archive:
        archive.fetch()
        told = summary(archive)
    with an_archive(tmp_path / "two", parts, MONTHS, now=NOW) as archive:
        while archive.fetch(max_requests=2).streams:
            assert parts.asked < 99
        assert summary(archive) == told

    assert parts.asked == whole.asked


def test_a_probe_that_fails_keeps_the_end_open(tmp_path):
    api = Api(list(NEW), instead=lambda seen: Reply(422) if dict(seen.query)["from"].startswith("2000") else None)
    with an_archive(tmp_path, api, MONTHS, now=NOW) as archive:
        archive.fetch()
        assert "end of history" not in summary(archive)

        api.instead = None
        archive.later(days=1)
        before = api.asked
        archive.fetch()
        assert "(end of history)" in summary(archive)
        assert api.asked == before + 2  # the probe that failed, and young days without records


def test_what_the_api_no_longer_has_ends_the_history_too(tmp_path):
    """A retention edge: every older window is answered by 410, and the source file says nothing about it."""
    keeps = "2025-08-01"
    api = Api(
        [item(f"2025-{month:02}-02T08:00:00Z", f"r{month}") for month in range(1, 13)] + NEW,
        instead=lambda seen: Reply(410) if dict(seen.query)["from"] < keeps else None,
    )
    with an_archive(tmp_path, api, series(window=OPEN), now=NOW) as archive:
        ran = archive.fetch()

        assert (ran.problems, ran.exit) == ((), Exit.DONE)
        assert summary(archive) == "complete from 2025-08-02 (end of history, not settled yet) to yesterday"
        assert "were gone" in archive.last().history_ends
        asked = api.asked
        archive.fetch()
        assert api.asked == asked


def test_a_wrong_path_is_not_the_end_of_history(tmp_path):
    with an_archive(tmp_path, Api([], instead=lambda _: Reply(404)), MONTHS, now=NOW) as archive:
        archive.fetch()

        assert all(story.history_ends is None for story in archive.stories())
        assert "beyond" not in archive.states() or "failed" in archive.states()


def test_an_allowed_status_ends_the_history_at_once(tmp_path):
    says = lambda seen: json_reply({}, 422) if dict(seen.query)["from"] < "2026-01-01" else None  # noqa: E731
    api = Api(list(NEW), instead=says)
    ended = series(window=OPEN, more='errors = [{ status = 422, action = "end" }]')
    with an_archive(tmp_path, api, ended, now=NOW) as archive:
        archive.fetch()

        assert api.asked == 4 + 4  # December is asked in halves, which are refused as well
        assert summary(archive) == "complete from 2026-01-02 (end of history, not settled yet) to yesterday"
        archive.fetch(extend=True)
        assert api.asked == 8 + 1 + 4


def test_extend_finds_what_the_api_got_since(tmp_path):
    api = Api(list(NEW))
    with an_archive(tmp_path, api, MONTHS, now=NOW) as archive:
        archive.fetch()
        api.records += [item("2024-05-02T08:00:00Z", "between two probes")]
        archive.fetch(extend=True)
        assert summary(archive) == "complete from 2026-01-02 (end of history) to yesterday"

        api.records += [item("2025-11-02T08:00:00Z", "late")]
        archive.fetch(extend=True)
        assert archive.ids("2025-11-02") == ["late"]
        assert summary(archive) == "complete from 2025-11-02 (end of history) to yesterday"


# --- young empty days ---

DAYS = series(window='{ start = "2026-03-01", step = "1d" }')


def test_an_empty_day_is_asked_again_until_it_is_old_enough(tmp_path):
    api = Api([item("01T08:00", "first")])
    with an_archive(tmp_path, api, DAYS, now=utc("2026-03-02T12:00")) as archive:
        for _ in range(40):
            archive.fetch()
            archive.later(days=1)

    asked = [dict(seen.query)["from"][:10] for seen in archive.server.seen]
    assert asked.count("2026-03-05") == 1 + 1 + 4  # while it was open, when it was over, and after 1, 3, 7, 21 days
    assert asked.count("2026-03-01") == 1


def test_what_a_device_brings_late_is_found(tmp_path):
    api = Api([item("01T08:00", "first")])
    with an_archive(tmp_path, api, DAYS, now=utc("2026-03-06T12:00")) as archive:
        archive.fetch()
        api.records.append(item("04T08:00", "late"))
        archive.later(days=2)
        archive.fetch()

        assert archive.ids("04") == ["late"]


def test_an_empty_day_before_a_day_with_records_is_believed(tmp_path):
    api = Api([item("05T08:00", "a")])
    with an_archive(tmp_path, api, DAYS, now=utc("2026-03-06T12:00")) as archive:
        archive.fetch()
        archive.later(days=4)
        planned = fetching.plan(archive.path, FetchOptions(), archive.world)

        assert min(job.window.start for job in planned.jobs) > utc("2026-03-05T00:00")
