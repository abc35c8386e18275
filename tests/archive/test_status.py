"""What `status` says: a calendar of one stream, what is too old, what stands in the way."""

import json
from datetime import date, timedelta
from textwrap import dedent

import pytest

from snapshotter.archive import looking
from snapshotter.core import report
from snapshotter.edge.auth import vault_of
from snapshotter.edge.keys import Keys
from snapshotter.edge.tokens import Tokens
from snapshotter.spec import OAuth2Auth
from tests.archive.worlds import Api, an_archive, feed, item, series, snapshot
from tests.server import Reply

NOW_ON = '{ start = "2026-03-10", step = "1d" }'
DAY = timedelta(hours=26)
OAUTH = (
    '[secrets]\nid = "env:ID"\n[auth]\ntype = "oauth2"\ntoken_url = "https://api.test/token"\n'
    'client_id = "{secrets.id}"\nauthorize_url = "https://api.test/ask"\n'
)


def status(archive, *targets, **given):
    return looking.status(archive.path, targets, archive.world, **given)


def stale(archive, age=DAY):
    return [item.stream for item in status(archive, max_age=age).stale]


@pytest.fixture
def archive(tmp_path):
    api = Api([item("11T08:00", "a"), item("12T08:00", "b"), item("12T09:00", "c")])
    with an_archive(tmp_path, api, series(window=NOW_ON)) as opened:
        yield opened


def test_a_status_as_it_is_read(archive):
    archive.fetch(max_requests=4)
    answer = archive.server.script
    archive.server.script = lambda request: Reply(403, b"no", ()) if "03-10" in request.target else answer(request)
    archive.fetch()

    assert report.status(status(archive)) == dedent("""\
        demo/items: complete from 2026-03-11 to yesterday; 1 failed
          3 records, last good answer 2026-03-14 12:00 UTC
          failed 2026-03-10: forbidden: 403 (forbidden: this key or token may not read
            it) (tried 2026-03-14 12:00 UTC)
            the API does not allow this; check what the credentials may read
          what to do: snap gaps demo/items""")


def test_the_days_of_one_stream_are_there_to_be_drawn(archive):
    archive.fetch()

    found = status(archive, "demo/items", calendar=True).calendar

    assert [(day.day.day, day.state.value, day.records) for day in found] == [
        (10, "empty", 0),
        (11, "saved", 1),
        (12, "saved", 2),
        (13, "empty", 0),
        (14, "open", 0),
    ]


def test_what_is_fetched_every_day_is_never_too_old(archive):
    for _ in range(3):
        archive.fetch()
        archive.later(hours=24)

    assert stale(archive) == []


def test_what_was_not_fetched_is_too_old(archive):
    archive.fetch()
    archive.later(hours=30)

    assert stale(archive) == ["demo/items"]


def test_failing_newest_days_are_seen_although_older_ones_come_in(archive):
    archive.fetch(max_requests=2)
    answer = archive.server.script
    archive.server.script = lambda request: answer(request) if "03-11T00" in request.target else Reply(403, b"", ())
    archive.later(hours=30)
    archive.fetch()

    assert archive.state_of("11") == "saved"
    assert stale(archive) == ["demo/items"]


def test_what_was_never_fetched_is_too_old(archive):
    assert stale(archive) == ["demo/items"]


def test_what_reached_its_fixed_end_is_never_too_old(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), series()) as archive:
        archive.fetch()
        archive.later(days=300)

        assert stale(archive) == []


@pytest.mark.parametrize("stream", [snapshot(), feed()])
@pytest.mark.parametrize(("hours", "old"), [(25, []), (27, ["demo/items"])])
def test_a_stream_without_windows_goes_by_its_last_good_answer(tmp_path, stream, hours, old):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), stream) as archive:
        archive.fetch()
        archive.later(hours=hours)

        assert stale(archive) == old


def test_a_weekly_stream_is_given_its_week(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), snapshot(more='every = "7d"')) as archive:
        archive.fetch()
        archive.later(days=7, hours=20)
        assert stale(archive) == []

        archive.later(hours=8)
        assert stale(archive) == ["demo/items"]


def test_a_file_with_mistakes_is_too_old_by_itself(archive):
    archive.fetch()
    (archive.path / "sources/demo.toml").write_text("format = 1\nsource = 7\n")

    assert stale(archive) == ["sources/demo.toml"]


# --- notices ---


def test_a_source_that_nobody_agreed_to_is_told(archive):
    (archive.path / ".git/snap/trust-name").unlink()

    assert "snap trust" in report.status(status(archive))


def test_a_stream_that_its_changed_file_stops_is_told_with_the_way_on(archive):
    archive.fetch()
    file = archive.path / "sources/demo.toml"
    file.write_text(file.read_text().replace('id = "id"', 'id = "at"'))

    (notice,) = status(archive).notices
    assert notice.text.startswith("its description changed (id: id -> at)")
    assert "nothing of it is asked until you" in notice.text
    assert notice.text.endswith("see it: snap check demo/items")


def with_tokens(archive, **given):
    opened = looking.open_archive(archive.path, archive.world)
    source = opened.described.sources["demo"]
    assert isinstance(source.auth, OAuth2Auth)
    vault = vault_of("demo", source.auth, Keys("demo", {"id": "abc"}, source.secrets), archive.world)
    vault.write(Tokens("access", archive.clock.now().timestamp(), **given))


@pytest.mark.parametrize(
    ("days", "refresh", "told"),
    [
        (3, {}, "its authorization ends at 2026-03-17 12:00 UTC; renew it with: snap auth demo"),
        (-1, {}, "its authorization ended at 2026-03-13 12:00 UTC; renew it with: snap auth demo"),
        (30, {}, None),
        (1, {"refresh": "r"}, None),
    ],
)
def test_tokens_that_end_soon_are_told(tmp_path, days, refresh, told):
    with an_archive(tmp_path, Api([]), series(), head=OAUTH, env={"ID": "abc"}) as archive:
        with_tokens(archive, expires=archive.clock.now().timestamp() + days * 86_400, **refresh)

        assert [notice.text for notice in status(archive).notices] == ([told] if told else [])


def test_a_refresh_token_that_ends_soon_is_told(tmp_path):
    with an_archive(tmp_path, Api([]), series(), head=OAUTH, env={"ID": "abc"}) as archive:
        soon = archive.clock.now().timestamp() + 86_400
        with_tokens(archive, expires=None, refresh="r", refresh_expires=soon)

        assert "2026-03-15" in status(archive).notices[0].text


def test_the_state_of_a_stream_is_the_same_in_its_calendar_and_in_its_counts(archive):
    archive.fetch(max_requests=3)
    found = status(archive, "demo/items", calendar=True)

    counted = {state: sum(day.state is state for day in found.calendar) for state in found.streams[0].counts}
    assert counted == dict(found.streams[0].counts)
    assert found.calendar[0].day == date(2026, 3, 10)
    assert json.dumps([day.day.isoformat() for day in found.calendar])
