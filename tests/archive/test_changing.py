"""A changed source file never silently reinterprets saved days."""

import pytest

from snapshotter.archive import changing, explaining, looking, rereading, setup, verifying
from snapshotter.core.verifying import FULL
from snapshotter.errors import ConfigError
from snapshotter.results import Exit
from tests.archive.worlds import Api, an_archive, item, series, some_items
from tests.server import Reply

TWO = '{ start = "2026-03-12", end = "2026-03-13", step = "1d", lookback = "3d" }'


def edit(archive, was, now, *, commits=False):
    file = archive.path / "sources/demo.toml"
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, now))
    if commits:
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qam", "edit")


def fetched(folder):
    return an_archive(folder, Api([*some_items(4), item("13T08:00", "z")]), series(window=TWO))


def test_a_changed_id_stops_its_stream_before_anything_is_asked(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        before, asked = archive.commits(), len(archive.server.seen)
        edit(archive, 'id = "id"', 'id = "at"')
        archive.later(days=1)
        ran = archive.fetch()

        assert ran.exit is Exit.CONFIG
        assert "2 archived days keep the old identity" in ran.notices[-1].text
        assert (archive.commits(), len(archive.server.seen)) == (before, asked)


def test_check_says_what_the_change_would_mean(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "at"')
        (found,) = setup.check(archive.path, (), archive.world).changed

        assert [(key.key, key.effect, key.was, key.now) for key in found.keys] == [("id", "identity", "id", "at")]
        assert "snap check demo/items --accept" in found.stopped


def test_putting_it_back_goes_on(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "at"')
        archive.fetch()
        edit(archive, 'id = "at"', 'id = "id"')

        assert archive.fetch().exit is Exit.DONE


def test_an_accepted_change_is_recorded_with_its_file_and_goes_on(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "at"')
        done = changing.accept(archive.path, ["demo/items"], archive.world)
        archive.later(days=1)

        assert done.commit is not None
        assert 'id = "at"' in archive.read("sources/demo.toml")
        assert archive.fetch().exit is Exit.DONE
        assert any(record.notes == ("accepted id: id -> at",) for record in archive.runs())
        assert verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell).damage == ()


def test_a_changed_zone_is_not_accepted(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'parse = "instant", zone = "UTC"', 'parse = "instant", zone = "Asia/Tokyo"')

        assert archive.fetch().exit is Exit.CONFIG
        with pytest.raises(ConfigError, match="can not be accepted"):
            changing.accept(archive.path, ["demo/items"], archive.world)


def test_days_are_told_in_the_zone_that_cut_them_after_the_file_names_another(tmp_path):
    refused = Api(some_items(4), instead=lambda seen: Reply(403) if dict(seen.query)["from"][8:10] == "11" else None)
    window = '{ start = "2026-03-09", end = "2026-03-13", step = "1d" }'
    with an_archive(tmp_path, refused, series(window=window)) as archive:
        archive.fetch()

        def told():
            gaps = explaining.gaps(archive.path, (), archive.world).gaps
            (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
            story = explaining.why(archive.path, "demo/items", "2026-03-11", archive.world)
            return [(gap.first, gap.last, gap.lack.state) for gap in gaps], status.first, status.counts, story.state

        before = told()
        edit(archive, 'parse = "instant", zone = "UTC"', 'parse = "instant", zone = "Asia/Tokyo"')

        assert told() == before
        assert [gap.first.day for gap in explaining.gaps(archive.path, (), archive.world).gaps] == [11]


def test_a_filter_that_changed_is_told_once_and_goes_on(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "id"\ndrop = ["tmp"]')
        archive.later(hours=1)
        first = [notice.text for notice in archive.fetch().notices]
        archive.later(hours=1)
        second = [notice.text for notice in archive.fetch().notices]

        assert any("drop" in text for text in first)
        assert second == []


def test_a_harmless_change_is_not_told_by_fetch(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "id"\nevery = "2d"')
        archive.later(hours=1)

        assert archive.fetch().notices == ()


def test_an_edit_that_was_never_committed_is_known_to_the_next_change(tmp_path):
    with fetched(tmp_path) as archive:
        edit(archive, 'id = "id"', 'id = "at"')
        archive.fetch()
        edit(archive, 'id = "at"', 'id = "id"')
        archive.later(days=1)

        assert archive.fetch().exit is Exit.CONFIG


def test_a_changed_description_of_an_empty_stream_just_holds(tmp_path):
    with an_archive(tmp_path, Api([], odd={}), series(window=TWO)) as archive:
        edit(archive, 'id = "id"', 'id = "at"')

        assert archive.fetch().exit is Exit.DONE


def test_a_dry_run_says_it_too(tmp_path):
    from snapshotter.archive import fetching
    from snapshotter.results import FetchOptions

    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'path = "/items"', 'path = "/things"', commits=True)
        planned = fetching.plan(archive.path, FetchOptions(), archive.world)

        assert planned.jobs == ()
        assert "other data" in planned.notices[-1].text


def test_a_fixed_source_file_is_taken_up_by_a_retry_and_the_next_fetch_goes_on(tmp_path):
    with an_archive(
        tmp_path, Api(some_items(3)), series().replace('records = "data"', 'records = "nothing"')
    ) as archive:
        archive.fetch()
        edit(archive, 'records = "nothing"', 'records = "data"')
        rereading.retry(archive.path, None, archive.world)
        archive.later(days=1)

        assert archive.fetch().exit is Exit.DONE
        assert archive.ids("12") == ["r000", "r001", "r002"]
