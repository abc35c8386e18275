"""A version that looked worse waits: it can be seen, taken or dropped, and the archive stays whole either way."""

from contextlib import contextmanager

import pytest

from snapshotter.archive import holding, looking, verifying
from snapshotter.core.verifying import FULL
from snapshotter.errors import UsageError
from snapshotter.results import HeldVersion
from tests.archive.worlds import Api, Archive, an_archive, item, series, snapshot, some_items

DAY = "2026-03-12"
WAITS = "demo/items/_held/2026/03/2026-03-12.json"
EXPECT = '[streams.items.expect]\nmax_drop = "50%"\n'
LATE = '{ start = "2026-03-10", end = "2026-03-14", step = "1d", lookback = "5d" }'


@contextmanager
def offered(folder, before, after, streams=None):
    """An archive in which `after` waits where `before` stands."""
    api = Api(list(before))
    with an_archive(folder, api, streams or series(window=LATE, more=EXPECT)) as archive:
        archive.fetch()
        api.records[:] = after
        archive.later(hours=12)
        archive.fetch()
        yield archive


def answers(archive: Archive, records) -> None:
    """From now on the API says this, and it is asked."""
    archive.server.script.records[:] = records
    archive.later(hours=12)
    archive.fetch()


def waiting(archive: Archive) -> tuple[HeldVersion, ...]:
    return holding.held(archive.path, (), archive.world)


def accept(archive: Archive, day=DAY):
    return holding.accept(archive.path, "demo/items", day, archive.world)


def reject(archive: Archive, day=DAY):
    return holding.reject(archive.path, "demo/items", day, archive.world)


def is_whole(archive: Archive) -> bool:
    result = verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell)
    return result.damage == () and archive.is_clean()


def held_count(archive: Archive) -> int:
    (status,) = looking.status(archive.path, ["demo/items"], archive.world).streams
    return status.held


def test_what_waits_is_listed_with_why_and_counted_by_status(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        (version,) = waiting(archive)

        assert (version.stream, version.day, version.path) == ("demo/items", DAY, WAITS)
        assert (version.records, version.archived) == (1, 8)
        assert "max_drop" in version.why
        assert version.since.date().isoformat() == "2026-03-15"
        assert held_count(archive) == 1
        assert is_whole(archive)


def test_a_day_that_gives_a_record_to_a_held_day_waits_with_it(tmp_path):
    before = [item("11T08:00", "a"), item("11T09:00", "b"), *some_items(8)]
    after = [item("11T08:00", "a"), item("12T09:00", "b")]
    with offered(tmp_path, before, after, series(window=LATE.replace('"1d"', '"5d"'), more=EXPECT)) as archive:
        assert archive.ids("11") == ["a", "b"]
        assert len(archive.ids("12")) == 8
        assert held_count(archive) == 2


def test_fetch_names_the_commands_that_decide(tmp_path):
    with an_archive(
        tmp_path, Api(some_items(1)), series(window=LATE, more=EXPECT.replace('max_drop = "50%"', "min_records = 2"))
    ) as archive:
        problem = next(problem for problem in archive.fetch().problems if str(problem.first) == DAY)

        assert f"snap held accept demo/items {DAY}" in problem.next_step
        assert f"snap held reject demo/items {DAY}" in problem.next_step


def test_an_accepted_version_takes_the_place_in_one_commit(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        commits = archive.commits()
        result = accept(archive)

        assert result.accepted
        assert archive.commits() == commits + 1
        assert archive.ids("12") == ["r000"]
        assert archive.files() == ["demo/items/2026/03/2026-03-12.json"]
        assert waiting(archive) == ()
        assert held_count(archive) == 0
        assert is_whole(archive)


def test_an_accepted_version_is_told_in_the_history_of_the_day(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        accept(archive)

        entry = looking.log(archive.path, "demo/items", DAY, archive.world)[0]
        assert "7 removed" in entry.subject
        assert archive.last().reason.value == "decided"
        assert archive.last().days.popitem()[1].removed == 7


def test_a_rejected_version_goes_and_what_stands_stays(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        commits = archive.commits()
        result = reject(archive)

        assert not result.accepted
        assert archive.commits() == commits + 1
        assert len(archive.ids("12")) == 8
        assert waiting(archive) == ()
        assert "rejected" in archive.last().why
        assert is_whole(archive)


def test_what_was_rejected_is_not_offered_again_but_another_version_is(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        reject(archive)
        answers(archive, some_items(1))
        assert waiting(archive) == ()

        answers(archive, some_items(2))
        assert [version.records for version in waiting(archive)] == [2]
        assert is_whole(archive)


def test_what_was_accepted_once_may_be_offered_later(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        accept(archive)
        answers(archive, some_items(8))
        answers(archive, some_items(1))

        assert [version.records for version in waiting(archive)] == [1]


def test_a_rejection_can_be_read_in_the_log(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        reject(archive)

        assert archive.git("log", "-1", "--format=%s").strip() == "demo/items: a version of 2026-03-12 rejected"


@pytest.mark.parametrize("decide", [accept, reject])
def test_a_decision_says_nothing_about_what_was_asked(tmp_path, decide):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        before = looking.status(archive.path, (), archive.world).streams[0]
        archive.later(hours=1)
        decide(archive)
        after = looking.status(archive.path, (), archive.world).streams[0]

        assert after.last_good == before.last_good
        assert after.counts == before.counts


def test_after_a_decision_the_next_fetch_goes_on_as_ever(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        accept(archive)
        answers(archive, [*some_items(1), item("12T20:00", "z")])

        assert archive.ids("12") == ["r000", "z"]
        assert is_whole(archive)


def test_an_id_that_stands_on_another_day_by_now_comes_with_the_accepted_version(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1)) as archive:
        answers(archive, [item("11T08:00", "r000"), *some_items(8)[1:]])
        held = '[\n{"at":"2026-03-12T00:00:00Z","id":"r000"}\n]\n'
        file = archive.path / WAITS
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(held)
        archive.git("add", WAITS)
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "put")
        assert archive.ids("11") == ["r000"]
        accept(archive)

        assert archive.ids("12") == ["r000"]
        assert archive.ids("11") == []
        assert is_whole(archive)


def test_a_snapshot_that_waits_is_accepted_without_a_day(tmp_path):
    with offered(tmp_path, some_items(8), some_items(1), snapshot(more=EXPECT)) as archive:
        (version,) = waiting(archive)
        accept(archive, None)

        assert version.day == ""
        assert [record["id"] for record in archive.state()] == ["r000"]
        assert is_whole(archive)


@pytest.mark.parametrize("decide", [accept, reject])
def test_where_nothing_waits_the_command_says_so(tmp_path, decide):
    with an_archive(tmp_path, Api(some_items(2))) as archive:
        archive.fetch()

        with pytest.raises(UsageError, match="snap held"):
            decide(archive)


HALVES = '{ start = "2026-03-12", end = "2026-03-12", step = "12h", lookback = "5d" }'
MORNING = [item(f"12T{hour:02}:00", f"m{hour}") for hour in range(8)]
EVENING = [item("12T20:00", "e0")]


def test_a_version_that_waits_is_carried_on_while_another_window_of_its_day_changes(tmp_path):
    with offered(tmp_path, [*MORNING, *EVENING], [MORNING[0], *EVENING], series(window=HALVES, more=EXPECT)) as archive:
        why = waiting(archive)[0].why
        answers(archive, [MORNING[0], *EVENING, item("12T21:00", "e1")])

        (version,) = waiting(archive)
        assert (version.records, version.archived) == (3, 10)
        assert version.why == why
        accept(archive)
        assert sorted(archive.ids("12")) == ["e0", "e1", "m0"]
        assert is_whole(archive)


def test_a_version_that_waits_goes_when_its_own_window_is_answered_well_again(tmp_path):
    with offered(tmp_path, [*MORNING, *EVENING], [MORNING[0], *EVENING], series(window=HALVES, more=EXPECT)) as archive:
        answers(archive, [*MORNING, item("12T08:30", "m9"), *EVENING])

        assert waiting(archive) == ()
        assert len(archive.ids("12")) == 10
