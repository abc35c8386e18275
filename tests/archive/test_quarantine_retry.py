"""Kept answers are read again with today's source file: what is news is merged, and nothing newer is overwritten."""

from contextlib import contextmanager

import pytest

from snapshotter.archive import looking, rereading, verifying
from snapshotter.core.verifying import FULL
from snapshotter.errors import UsageError
from snapshotter.results import Reread
from tests.archive.worlds import Api, Archive, a_file, an_archive, item, series, snapshot, some_items
from tests.server import html_page, json_reply

WRONG = '{ field = "when", parse = "instant", zone = "UTC" }'  # the member is called `at`
THREE = ["a", "b", "c"]
RECORDS = [item(f"12T0{number}:00", name) for number, name in enumerate(THREE)]


@contextmanager
def kept(folder, streams=None, records=RECORDS, **more):
    """An archive whose source file looks for the day in the wrong member, so that the answer was kept."""
    with an_archive(folder, Api(list(records)), streams or series(day=WRONG), **more) as archive:
        archive.fetch()
        assert len(archive.quarantined()) == 1
        yield archive


def mend(archive: Archive, streams=None) -> None:
    archive.place(a_file(archive.server.url, streams or series()))


def retry(archive: Archive, name=None) -> tuple[Reread, ...]:
    return rereading.retry(archive.path, name, archive.world)


def only(archive: Archive) -> Reread:
    (result,) = retry(archive)
    return result


def is_whole(archive: Archive) -> bool:
    result = verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell)
    return result.damage == () and archive.is_clean()


def test_what_can_be_read_now_is_merged_without_asking_and_leaves_the_quarantine(tmp_path):
    with kept(tmp_path) as archive:
        asked = archive.server.paths
        mend(archive)
        result = only(archive)

        assert (result.outcome, result.records) == ("stored", 3)
        assert archive.ids("12") == THREE
        assert archive.quarantined() == []
        assert archive.server.paths == asked
        assert is_whole(archive)


def test_its_commit_says_where_the_records_came_from(tmp_path):
    with kept(tmp_path) as archive:
        (entry,) = looking.quarantined(archive.path, archive.world)
        mend(archive)
        result = only(archive)

        story = archive.last()
        assert archive.git("rev-parse", "HEAD").strip() == result.commit
        assert entry.name in story.why
        assert (story.requests, story.stored, story.proved) == (0, 3, None)
        assert story.pages[0].sha256 == entry.sha256


def test_a_part_proves_nothing_and_the_window_is_asked_again(tmp_path):
    with kept(tmp_path) as archive:
        mend(archive)
        retry(archive)

        assert archive.states() == {"partial": 1}
        archive.later(days=1)
        archive.fetch()
        assert archive.states() == {"saved": 1}
        assert archive.ids("12") == THREE
        assert is_whole(archive)


def test_what_still_cannot_be_read_stays_with_the_reason(tmp_path):
    with kept(tmp_path) as archive:
        result = only(archive)

        assert result.outcome == "unreadable"
        assert "when" in result.why
        assert len(archive.quarantined()) == 1
        assert archive.files() == []


def test_a_web_page_stays(tmp_path):
    with an_archive(tmp_path, Api([], odd={1: html_page()})) as archive:
        archive.fetch()

        assert only(archive).outcome == "unreadable"
        assert len(archive.quarantined()) == 1


def test_one_is_read_by_its_name_and_an_unknown_name_is_told(tmp_path):
    with kept(tmp_path) as archive:
        (entry,) = looking.quarantined(archive.path, archive.world)
        mend(archive)

        with pytest.raises(UsageError, match="nothing in the quarantine is called 'x'"):
            retry(archive, "x")
        assert [result.outcome for result in retry(archive, entry.name)] == ["stored"]


def test_what_a_later_answer_said_too_leaves_the_quarantine_without_a_commit(tmp_path):
    with kept(tmp_path) as archive:
        mend(archive)
        archive.later(days=1)
        archive.fetch()
        before = archive.git("rev-parse", "HEAD")

        assert only(archive).outcome == "known"
        assert archive.git("rev-parse", "HEAD") == before
        assert archive.quarantined() == []


def test_a_later_answer_is_never_overwritten_and_what_differs_stays_kept(tmp_path):
    with kept(tmp_path) as archive:
        mend(archive)
        archive.server.script.records[:] = [item("12T00:00", "a", value="newer")]
        archive.later(days=1)
        archive.fetch()
        before = archive.git("rev-parse", "HEAD")
        result = only(archive)

        assert result.outcome == "overtaken"
        assert archive.day("12")[0]["value"] == "newer"
        assert archive.git("rev-parse", "HEAD") == before
        assert len(archive.quarantined()) == 1


def test_records_outside_of_what_was_proved_since_are_still_news(tmp_path):
    two = '{ start = "2026-03-11", end = "2026-03-13", step = "60d" }'
    one = '{ start = "2026-03-12", end = "2026-03-13", step = "1d" }'
    with kept(tmp_path, series(day=WRONG, window=two), [item("11T08:00", "early"), *RECORDS[:1]]) as archive:
        mend(archive, series(window=one))
        archive.server.script.records[:] = [item("12T00:00", "a", value="newer")]
        archive.later(days=1)
        archive.fetch()
        result = only(archive)

        assert result.outcome == "in part"
        assert len(archive.quarantined()) == 1
        assert archive.ids("11") == ["early"]
        assert archive.day("12")[0]["value"] == "newer"
        assert archive.last().left_out["overtaken"] == 1
        assert is_whole(archive)


def test_a_page_of_many_adds_to_the_pages_that_were_read(tmp_path):
    broken = json_reply({"data": [{"id": "r003", "at": "2026-03-12T00:03:00Z", "extra": 1}, {"id": "x"}], "next": None})
    with an_archive(tmp_path, Api(some_items(5), odd={2: broken})) as archive:
        archive.fetch()
        assert archive.ids("12") == ["r000", "r001", "r002"]
        mend(archive, series(more='keep_if = "at"'))
        result = only(archive)

        assert result.outcome == "stored"
        assert archive.ids("12") == ["r000", "r001", "r002", "r003"]
        assert is_whole(archive)


def test_a_state_that_came_in_one_answer_is_taken_whole(tmp_path):
    wrong, right = snapshot("none").replace('"data"', '"items"'), snapshot("none")
    with kept(tmp_path, wrong) as archive:
        mend(archive, right)
        result = only(archive)

        assert result.outcome == "stored"
        assert [record["id"] for record in archive.state()] == THREE
        assert is_whole(archive)


def test_a_page_of_a_state_cannot_stand_for_the_whole(tmp_path):
    with kept(tmp_path, snapshot().replace('"data"', '"items"')) as archive:
        mend(archive, snapshot())
        result = only(archive)

        assert result.outcome == "unreadable"
        assert "snap fetch demo/items" in result.why
        assert archive.state() is None


def test_an_answer_that_holds_a_secret_stays(tmp_path):
    head = '[secrets]\nkey = "env:KEY"\n'
    with kept(
        tmp_path, records=[item("12T08:00", "a", echo="sesame-open")], head=head, env={"KEY": "sesame-open"}
    ) as archive:
        archive.place(a_file(archive.server.url, series(), head=head))
        result = only(archive)

        assert result.outcome == "unreadable"
        assert "secret" in result.why
        assert "sesame" not in result.why
        assert archive.files() == []


def test_without_the_secret_nobody_can_tell_and_the_answer_stays(tmp_path):
    head = '[secrets]\nkey = "env:KEY"\n'
    with kept(tmp_path, head=head, env={"KEY": "sesame-open"}) as archive:
        archive.place(a_file(archive.server.url, series(), head=head))
        archive.world.env.pop("KEY")

        assert "KEY" in only(archive).why


def test_an_answer_of_a_source_that_is_gone_stays(tmp_path):
    with kept(tmp_path) as archive:
        archive.git("mv", "sources/demo.toml", "sources/other.toml")
        text = (archive.path / "sources/other.toml").read_text()
        (archive.path / "sources/other.toml").write_text(text.replace('source = "demo"', 'source = "other"'))

        result = only(archive)
        assert result.outcome == "unreadable"
        assert "demo" in result.why


def test_records_that_made_no_document_together_are_read_line_by_line(tmp_path):
    single = series("none").replace('records = "data"', 'records = "data"\nas = "single"').replace('id = "id"\n', "")
    with an_archive(tmp_path, Api(RECORDS[:2]), single) as archive:
        archive.fetch()
        reasons = [reason for reason, _ in archive.quarantined()]
        mend(archive)
        result = only(archive)

        assert reasons == ["shape"]
        assert result.outcome == "stored"
        assert archive.ids("12") == ["a", "b"]


def test_a_retry_that_was_killed_before_it_let_go_changes_nothing_the_second_time(tmp_path):
    with kept(tmp_path) as archive:
        folder = archive.path / ".git/snap/quarantine"
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        mend(archive)
        retry(archive)
        for name, data in before.items():
            (folder / name).write_bytes(data)
        head = archive.git("rev-parse", "HEAD")

        assert only(archive).outcome == "known"
        assert archive.git("rev-parse", "HEAD") == head
        assert archive.quarantined() == []


def test_an_empty_quarantine_is_no_mistake(tmp_path):
    with an_archive(tmp_path, Api([])) as archive:
        assert retry(archive) == ()
