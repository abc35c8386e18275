"""Windows that take more memory than they may: refused by name, nothing lost, nothing asked for ever."""

from dataclasses import replace
from datetime import date

from snapshotter.archive import rereading
from snapshotter.archive.room import Room
from snapshotter.results import Exit
from tests.archive.worlds import AGAIN, Api, a_file, an_archive, item, series, snapshot, some_items

TWO_DAYS = series(window='{ start = "2026-03-11", end = "2026-03-12", step = "2d" }')
TIGHT = 'max_window = "10KiB"'  # a page of three takes 4.1 kB


def a_lot(**more):
    return Api(some_items(12) + some_items(3, day="11", start=12), **more)


def test_a_window_that_takes_too_much_is_refused_and_the_setting_named(tmp_path):
    with an_archive(tmp_path, a_lot(), series(), client=TIGHT) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        (problem,) = ran.problems
        assert "client.max_window (10,240 bytes)" in problem.why
        assert "make window.step smaller" in problem.why
        assert archive.state_of("12") == "partial"
        assert len(archive.server.seen) == 3


def test_what_came_of_it_is_kept_and_nothing_waits_in_the_spool(tmp_path):
    with an_archive(tmp_path, a_lot(), series(), client=TIGHT) as archive:
        archive.fetch()

        assert len(archive.ids("12")) == 9
        assert archive.spooled() == ()


def test_smaller_windows_are_asked_at_once_when_the_file_says_so(tmp_path):
    api = Api(some_items(6) + some_items(6, day="11", start=6))
    with an_archive(tmp_path, api, TWO_DAYS, client=TIGHT) as archive:
        archive.fetch()
        smaller = TWO_DAYS.replace('step = "2d"', 'step = "1d"')
        archive.place(a_file(archive.server.url, smaller, client=TIGHT))

        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert (archive.state_of("11"), archive.state_of("12")) == ("saved", "saved")


def test_the_same_window_is_given_up_after_some_tries(tmp_path):
    """What is newest is asked again and again, whatever it misses; the day before it is not."""
    api = Api(some_items(12, day="11") + some_items(2, start=12))
    with an_archive(tmp_path, api, TWO_DAYS.replace('step = "2d"', 'step = "1d"'), client=TIGHT) as archive:
        for _ in range(12):
            archive.fetch()
            archive.later(days=2)

        tries = [seen for seen in archive.server.seen if "2026-03-11T" in seen.target and "cursor" not in seen.target]
        assert len(tries) == 5
        assert archive.state_of("12") == "saved"


def test_what_the_machine_has_is_the_limit_where_the_file_names_none(tmp_path):
    with an_archive(tmp_path, a_lot(), series()) as archive:
        small = replace(archive.world, memory=lambda: 30 * 1024)

        ran = replace(archive, world=small).fetch()

        assert "client.max_window (10,240 bytes)" in ran.problems[0].why
        assert "saved" not in archive.state_of("12")


def test_a_whole_state_that_takes_too_much_leaves_the_archived_one(tmp_path):
    api = Api(some_items(2))
    with an_archive(tmp_path, api, snapshot(), client=TIGHT) as archive:
        archive.fetch()
        before = archive.read("demo/items/snapshot.json")
        api.records += some_items(12, start=2)
        archive.later(days=2)

        ran = archive.fetch()

        assert "ask for less with params" in ran.problems[0].why
        assert archive.read("demo/items/snapshot.json") == before


def test_an_answer_with_too_many_records_waits_in_the_quarantine(tmp_path):
    """Each of them is tiny, so that no other limit is met."""
    api = Api([item("12T08:00", f"r{number:02}") for number in range(60)], size=60)
    with an_archive(tmp_path, api, series(), client=TIGHT) as archive:
        ran = archive.fetch()

        assert "has 60 records or more" in ran.problems[0].why
        assert archive.state_of("12") == "invalid"
        assert len(archive.quarantined()) == 1


def test_an_answer_that_takes_too_much_to_read_is_not_read(tmp_path):
    api = Api([item("12T08:00", "a", values=[0] * 60_000)])
    with an_archive(tmp_path, api, series(), client='max_window = "2MiB"') as archive:
        ran = archive.fetch()

        assert "to read this answer of" in ran.problems[0].why
        assert archive.state_of("12") == "invalid"


def test_what_waits_of_it_is_read_again_once_there_is_room(tmp_path):
    api = Api([item("12T08:00", f"r{number:02}") for number in range(60)], size=60)
    with an_archive(tmp_path, api, series(), client=TIGHT) as archive:
        archive.fetch()
        archive.place(a_file(archive.server.url, series()))

        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert len(archive.ids("12")) == 60


def test_a_window_that_is_refused_again_says_the_same_and_leaves_nothing_more(tmp_path):
    records = [item(f"12T08:{number:02}", f"r{number:02}", text="x" * 8_000) for number in range(60)]
    with an_archive(tmp_path, Api(records), series(), client='max_window = "400KiB"') as archive:
        first = archive.fetch().problems[0].why
        archive.later(days=1)

        assert archive.fetch().problems[0].why == first
        assert "client.max_window (409,600 bytes)" in first
        assert archive.quarantined() == []


def a_heavy_day(tmp_path):
    """Hours of one day, each small enough by itself, and together not."""
    window = '{ start = "2026-03-12", end = "2026-03-12", step = "3h" }'
    params = '{ from = "{window.start|iso}", to = "{window.end|iso}" }'
    records = [item(f"12T{half // 2:02}:{half % 2}5", f"r{half:02}", text="x" * 20_000) for half in range(48)]
    return an_archive(
        tmp_path, Api(records, size=6), series(window=window, params=params), client='max_window = "700KiB"'
    )


def test_a_day_that_grows_too_large_to_be_written_anew_is_refused_and_the_rest_is_kept(tmp_path):
    with a_heavy_day(tmp_path) as archive:
        ran = archive.fetch()

        assert "to bring this into what is archived of the same days" in ran.problems[0].why
        assert len(archive.ids("12")) == 30
        kept = b"".join(body for _, body in archive.quarantined())
        assert len(archive.ids("12")) + kept.count(b'"id"') == 48


def test_what_was_refused_beside_the_rest_is_taken_out_of_the_quarantine_where_there_is_room(tmp_path):
    with a_heavy_day(tmp_path) as archive:
        archive.fetch()
        text = archive.read("sources/demo.toml").replace("700KiB", "70MiB")
        archive.place(text)

        rereading.retry(archive.path, None, archive.world)

        assert len(archive.ids("12")) == 48


def test_a_large_day_is_read_back_in_pieces_and_says_the_same(tmp_path):
    records = [item("12T08:00", f"r{number:04}", text="x" * 6_000) for number in range(3_000)]
    with an_archive(tmp_path, Api(records, size=3_000), series(window=AGAIN)) as archive:
        archive.fetch()
        records[7]["text"] = "other"
        archive.later(days=1)

        archive.fetch()

        assert archive.last().days[date(2026, 3, 12)].edited == 1
        assert len(archive.ids("12")) == 3_000


def test_of_windows_side_by_side_the_one_above_its_share_is_left_for_later():
    together = Room(10 * 1024)
    together.hold("another", 9 * 1024)

    assert together.hold("one", 2 * 1024)  # less than its half
    assert not together.hold("one", 6 * 1024)
    assert together.hold("another", 0)
    assert together.hold("one", 6 * 1024)


def test_where_nobody_knows_how_much_there_is_nothing_is_refused():
    together = Room(None)

    assert together.hold("one", 1 << 40)
