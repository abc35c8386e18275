"""What is lacking and why, and the story of one day, as a person reads them at 80 columns."""

from contextlib import contextmanager
from datetime import date
from textwrap import dedent

import pytest

from snapshotter.archive import explaining, holding
from snapshotter.core import report_days
from snapshotter.errors import UsageError
from tests.archive.worlds import Api, an_archive, feed, item, series, snapshot
from tests.server import Reply

MARCH = '{ start = "2026-03-01", step = "1d", lookback = "2d" }'
JSON = (("Content-Type", "application/json"),)
ODD = {"05": Reply(503, b"down", ()), "07": Reply(200, b'{"data": [', JSON), "08": Reply(403, b"no", ())}


@contextmanager
def march(tmp_path, *, more="", window=MARCH, head=""):
    """Two weeks of an API that is down for the 5th, sends rubbish for the 7th and forbids the 8th."""
    api = Api([item("12T08:00", "a"), item("12T09:00", "b"), item("11T09:00", "c"), item("06T09:00", "e")])

    def script(request):
        return ODD.get(dict(request.query).get("from", "")[8:10]) or api(request)

    with an_archive(tmp_path, script, series(window=window, more=more), head=head) as archive:
        archive.api = api
        yield archive


def gaps(archive, **given):
    return explaining.gaps(archive.path, (), archive.world, **given)


def told(archive, **given):
    return report_days.gaps(gaps(archive, **given))


def story(archive, day, stream="demo/items"):
    return explaining.why(archive.path, stream, day, archive.world)


def causes(archive, **given):
    return [(str(gap.first)[8:], gap.lack.state, gap.lack.cause) for gap in gaps(archive, **given).gaps]


def fits(text):
    """The longest line, names of files and commands apart."""
    return max(len(line) for line in text.splitlines() if not line.lstrip().startswith("snap ")) <= 80


# --- gaps ---


def test_gaps_tell_reasons_and_the_next_command(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=9)
        found = told(archive)
        kept = gaps(archive).gaps[1].lack.evidence.quarantine

    assert fits(found)
    assert found == dedent(f"""\
        demo/items 2026-03-01 to 2026-03-05 (5 days): untried
          the last run stopped before it: the requests of this run are spent
          the next fetch goes on there:
            snap fetch demo/items

        demo/items 2026-03-07: invalid
          data came and could not be used (200): the JSON document is cut off at line 1,
            column 11
          tried 2026-03-14 12:00 UTC
          look at what came, correct the source file, read it again:
            snap quarantine show {kept}
            snap check demo
            snap quarantine retry {kept}

        demo/items 2026-03-08: failed
          the credentials may not read it: 403 (forbidden: this key or token may not
            read it)
          tried 2026-03-14 12:00 UTC
          see what the credentials of demo may read, then:
            snap fetch demo/items --since 2026-03-08 --until 2026-03-08""")


def test_a_stream_without_gaps_says_so(tmp_path):
    with march(tmp_path, window='{ start = "2026-03-11", step = "1d" }') as archive:
        archive.fetch()

        assert told(archive) == "no gaps: every day that is over is there, or proved empty"


def test_nothing_is_said_of_all_days_where_a_source_file_cannot_be_read(tmp_path):
    with march(tmp_path, window='{ start = "2026-03-11", step = "1d" }') as archive:
        archive.fetch()
        (archive.path / "sources/demo.toml").write_text("format = ")

        words = told(archive)

        assert "no gaps in what could be looked at" in words
        assert "every day" not in words


def test_what_needs_nothing_is_told_when_one_asks_why(tmp_path):
    with march(tmp_path, window='{ start = "2026-03-10", step = "1d" }') as archive:
        archive.fetch()
        found = told(archive, why=True)

    assert found.split("nothing to do about these:\n")[1] == (
        "  demo/items until 2026-03-09: beyond: before the origin, 2026-03-10\n"
        "  demo/items 2 days: empty: the API was asked for the whole of it and has no\n"
        "    records\n"
        "  demo/items 2026-03-14: open: not over yet"
    )


def test_evidence_names_the_run_the_status_and_the_bytes(tmp_path):
    partial = Reply(200, b'{"data": [], "next": "c1"}', JSON)

    def script(request):
        return Reply(500, b"", ()) if "cursor" in dict(request.query) else partial

    with an_archive(tmp_path, script, series()) as archive:
        archive.fetch()
        (gap,) = gaps(archive, why=True).gaps
        page = archive.last().pages[0]

    assert gap.lack.evidence.run.startswith("20260314T120000Z")
    assert (gap.lack.evidence.status, gap.lack.evidence.sha256) == (500, page.sha256)


def test_gaps_of_chosen_days_are_cut_to_them(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=9)

        assert causes(archive, since=date(2026, 3, 4), until=date(2026, 3, 7)) == [
            ("04", "untried", "max_requests"),
            ("07", "invalid", "unusable"),
        ]


def test_days_in_the_wrong_order_are_a_mistake(tmp_path):
    with march(tmp_path) as archive, pytest.raises(UsageError, match="lies after"):
        gaps(archive, since=date(2026, 3, 4), until=date(2026, 3, 2))


@pytest.mark.parametrize(
    ("head", "cause", "command"),
    [
        ("", "new_stream", "snap fetch demo/items"),
        (
            '[secrets]\ntoken = "env:NO_SUCH"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"',
            "missing_secret",
            "snap fetch demo",
        ),
    ],
)
def test_what_was_never_asked_says_why(tmp_path, head, cause, command):
    with march(tmp_path, head=head) as archive:
        (gap,) = gaps(archive).gaps

    assert (gap.first, gap.lack.state, gap.lack.cause) == (date(2026, 3, 1), "untried", cause)
    assert gap.lack.commands == (command,)


def test_what_nobody_agreed_to_is_told_as_such(tmp_path):
    with march(tmp_path) as archive:
        (archive.path / ".git/snap/trust-name").unlink()
        (gap,) = gaps(archive).gaps

    assert (gap.lack.cause, gap.lack.commands) == ("untrusted", ("snap trust",))


def test_an_archived_stream_that_no_file_describes_is_told(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch()
        (archive.path / "sources/demo.toml").unlink()
        found = told(archive)

    assert found.splitlines()[0] == (
        "warning: demo/items: archived, but no source file describes it: nothing of it is asked;"
        " put it back into sources/demo.toml; to be rid of it, do that, then `snap remove demo/items`"
    )


def test_days_archived_before_an_origin_that_was_put_later_are_not_told_as_missing(tmp_path):
    with march(tmp_path, window='{ start = "2026-03-10", step = "1d" }') as archive:
        archive.fetch()
        file = archive.path / "sources/demo.toml"
        file.write_text(file.read_text().replace("2026-03-10", "2026-03-13"))
        archive.fetch()
        found = told(archive, why=True)

    assert "demo/items until 2026-03-09: beyond: before the origin, 2026-03-13" in found


# --- why ---


def test_the_story_of_a_day_that_changed(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=3)
        archive.api.records[0]["note"] = "late"
        archive.later(hours=7)
        archive.fetch(max_requests=3)
        found = report_days.day_story(story(archive, "2026-03-12"))
        newest, oldest = archive.git("log", "--format=%h", "--abbrev=8", "--", "demo/items/2026").split()
        runs = [record.run for record in archive.runs()]
        bodies = [told.pages[-1].sha256[:12] for told in archive.stories() if told.window.start.day == 12]

    assert fits(found)
    assert found == dedent(f"""\
        demo/items 2026-03-12: saved
          It is whole: 2 records, last seen 2026-03-14 19:00 UTC (recent).

        tries, newest first
          2026-03-14 19:00 UTC  recent 200  2 records, changed
              asked 2026-03-12, 1 request, stopped: no_next
              run {runs[-1]}, body {bodies[1]}…
          2026-03-14 12:00 UTC  recent 200  2 records
              asked 2026-03-12, 1 request, stopped: no_next
              run {runs[0]}, body {bodies[0]}…

        versions, newest first
          {newest}  2026-03-14 19:00 UTC  2 records  +0 −0 ~1
          {oldest}  2026-03-14 12:00 UTC  2 records  +2 −0 ~0

        next
          the next fetch asks it again: lookback goes back to 2026-03-12""")


def test_a_try_that_changed_nothing_tells_what_is_there_still(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=3)
        archive.later(hours=7)
        archive.fetch(max_requests=3)

        assert [item.outcome for item in story(archive, "2026-03-12").tries] == ["2 records, as before", "2 records"]
        assert {item.outcome for item in story(archive, "2026-03-13").tries} == {"no records"}


@pytest.mark.parametrize(
    ("day", "state", "sentence"),
    [
        ("2026-03-05", "failed", "The API failed: 503 (the service is not available now)"),
        ("2026-03-07", "invalid", "Data came and could not be used (200): the JSON document is cut off"),
        ("2026-03-10", "empty", "It is not there: the API has no records of it, last seen 2026-03-14 12:00 UTC"),
        ("2026-03-14", "open", "It is not over yet."),
        ("2026-03-15", "open", "It has not begun."),
        ("2026-02-01", "beyond", "It is not there: before the origin, 2026-03-01."),
    ],
)
def test_every_state_is_told_in_a_sentence(tmp_path, day, state, sentence):
    with march(tmp_path) as archive:
        archive.fetch()
        found = story(archive, day)

    assert found.state == state
    assert found.sentence.startswith(sentence)


def test_a_young_empty_day_is_told_as_not_believed_yet(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=4)
        young, settled = story(archive, "2026-03-13"), story(archive, "2026-03-11")

    assert young.comes == ("an empty day this young is not believed yet: it is asked again from 2026-03-15 00:00 UTC",)
    assert "not believed" not in settled.comes[0]


def test_a_day_that_was_never_asked_has_no_tries(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=2)
        found = story(archive, "2026-03-02")

    assert (found.state, found.tries, found.versions) == ("untried", (), ())
    assert found.comes == ("the next fetch goes on there", "snap fetch demo/items")


def test_decisions_about_a_day_are_told(tmp_path):
    with march(tmp_path, more='expect = { max_drop = "40%" }') as archive:
        archive.fetch(max_requests=3)
        del archive.api.records[1]
        archive.later(hours=7)
        archive.fetch(max_requests=3)
        waits = story(archive, "2026-03-12")
        assert waits.held
        assert "    snap held accept demo/items 2026-03-12\n    snap held reject demo/items 2026-03-12" in (
            report_days.day_story(waits)
        )
        assert "  nothing" not in report_days.day_story(waits)
        holding.accept(archive.path, "demo/items", "2026-03-12", archive.world)
        found = story(archive, "2026-03-12")

    assert [item.what for item in found.decisions] == ["accepted", "held"]
    assert [version.records for version in found.versions] == [1, 2]
    assert not found.held


def test_an_edit_by_hand_is_told_as_one(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch(max_requests=3)
        file = archive.path / "demo/items/2026/03/2026-03-12.json"
        file.write_text(file.read_text().replace('"a"', '"A"'))
        archive.git("-c", "user.name=anna", "-c", "user.email=a@b", "commit", "-qam", "Correct a typing mistake")
        found = report_days.day_story(story(archive, "2026-03-12"))

    assert "by hand: Correct a typing mistake" in found


def test_the_story_of_a_whole_state(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), snapshot()) as archive:
        archive.fetch()
        found = story(archive, None)

    assert (found.state, found.records, len(found.versions)) == ("saved", 1, 1)
    assert found.sentence == "It is whole: 1 record, last seen 2026-03-14 12:00 UTC (snapshot)."


def test_a_feed_tells_what_it_cannot_reach_and_what_failed_later(tmp_path):
    api = Api([item("12T08:00", "a"), item("11T08:00", "b"), item("13T08:00", "c")], newest_first=True)
    with an_archive(tmp_path, api, feed()) as archive:
        archive.fetch()
        (gap,) = gaps(archive).gaps
        archive.server.script = lambda _: Reply(401, b"", ())
        archive.later(hours=30)
        archive.fetch()
        later = story(archive, "2026-03-14")

    assert (gap.first, gap.lack.cause, gap.lack.commands) == (date(2026, 3, 11), "out_of_reach", ())
    assert [item.outcome.split(":")[0] for item in later.tries] == ["failed", "no records"]
    assert later.comes[-1] == "snap fetch demo/items"


def test_only_the_records_that_touch_the_day_are_read(tmp_path, monkeypatch):
    with march(tmp_path) as archive:
        for _ in range(4):
            archive.fetch()
            archive.later(days=1)
        read = []
        monkeypatch.setattr(explaining, "records_named", lambda *given: read.extend(given[2]) or iter(()))
        story(archive, "2026-03-12")

    assert 0 < len(read) < len(archive.runs()) / 2


def test_a_miss_whose_source_file_was_changed_since_tells_no_old_next_try(tmp_path):
    with march(tmp_path) as archive:
        archive.fetch()
        archive.later(hours=2)
        archive.fetch()
        file = archive.read("sources/demo.toml")
        [before] = [gap for gap in gaps(archive).gaps if gap.lack.cause == "unusable"]

        archive.place(file + "# mended\n")

        [after] = [gap for gap in gaps(archive).gaps if gap.lack.cause == "unusable"]
        assert before.lack.next_try is not None
        assert after.lack.next_try is None
        assert "the source file was changed since, so the next fetch asks it" in after.lack.why
        assert story(archive, "2026-03-07").lack.next_try is None


def test_a_new_day_that_waits_for_its_turn_says_when_it_comes(tmp_path):
    with march(tmp_path, window='{ start = "2026-03-09", step = "1d" }', more='every = "3d"') as archive:
        archive.fetch()
        archive.later(days=2)

        [day] = [gap for gap in gaps(archive).gaps if gap.first == date(2026, 3, 15)]
        assert day.lack.cause == "not_due"
        assert day.lack.why == "asked every 3d; due at 2026-03-17 12:00 UTC"
        assert story(archive, "2026-03-15").sentence == f"It was never asked: {day.lack.why}."
