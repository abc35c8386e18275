"""What is wrong is told by what is known, not by what one run happened to meet."""

from dataclasses import replace
from datetime import timedelta

import pytest

from snapshotter.core import notifying, troubles
from snapshotter.core.notifying import Standing, Trouble
from snapshotter.evidence import EVER, HistoryEnd, Missed, Moment, Proved, Stamp, StreamLedger
from snapshotter.model import MissFact, Window
from snapshotter.results import Notice, Ran
from snapshotter.results.details import Counted
from snapshotter.spec import Kind, Stream, Template, WindowRule
from tests.archive.worlds import utc

NOW = utc("2026-03-14T12:00")
STREAM = Stream("demo", "items", Kind.SERIES, Template(("/items",)), window=WindowRule(start="2026-03-01"))


def stamp(turn):
    return Stamp(turn, NOW, "r", 1, 0)


def a_day(day):
    start = utc(f"2026-03-{day:02}T00:00")
    return Window(start, start + timedelta(days=1))


def missed(day, kind, status=None, *, turn=5, state="failed"):
    window = day if isinstance(day, Window) else a_day(day)
    return Missed(window, MissFact(state, kind, "why: a value of mine", status), NOW, stamp(turn))


def told(*misses, **more):
    known = StreamLedger("demo/items", misses=misses, **more)
    return {one.words: one.lasting for one in troubles.of_stream(STREAM, known, now=NOW)}


def test_an_outage_may_pass_and_a_refusal_does_not():
    found = told(missed(12, "server", 503), missed(13, "server", 503), missed(14, "auth", 401))

    outage, refusal = found
    assert outage.startswith("demo/items: 2 days failed; ")
    assert refusal.startswith("demo/items: 1 day failed: the credentials were not accepted; check the credentials")
    assert list(found.values()) == [False, True]


@pytest.mark.parametrize(
    ("kind", "status", "lasting"),
    [
        ("network", None, False),
        ("rate_limit", 429, False),
        ("auth", 401, True),
        ("forbidden", 403, True),
        ("request", 400, True),
    ],
)
def test_who_must_act_decides_how_soon_it_is_told(kind, status, lasting):
    assert list(told(missed(12, kind, status)).values()) == [lasting]


def test_no_value_of_an_answer_is_told():
    assert "mine" not in "".join(told(missed(12, "server"), missed(13, "auth", 401)))


def test_complete_days_that_were_asked_again_in_vain_count_only_until_other_answers_come():
    proved = (Proved(Window(a_day(1).start, a_day(13).end), "UTC"),)
    early, late = Moment(NOW, stamp(4)), Moment(NOW, stamp(6))

    assert told(missed(12, "auth", 401), proved=proved, last_good=early)
    assert not told(missed(12, "auth", 401), proved=proved, last_good=late)
    assert told(missed(14, "auth", 401), proved=proved, last_good=late)


def test_days_before_the_origin_or_the_end_of_history_are_nobodys_trouble():
    end = HistoryEnd(utc("2026-03-05T00:00"), "silence", stamp(3))

    assert not told(missed(Window(utc("2026-02-01T00:00"), utc("2026-02-02T00:00")), "server"))
    assert not told(missed(3, "gone", 404), history=end)


def test_a_whole_state_is_named_so():
    known = StreamLedger("demo/items", whole_missed=missed(EVER, "server", 503))
    [found] = troubles.of_stream(replace(STREAM, window=None), known, now=NOW)

    assert found.words.startswith("demo/items: the whole state failed")


def test_what_waits_for_the_user_and_details_that_failed_are_told():
    counted = Counted("full", parents=9, failed=3)
    found = [
        one.words for one in troubles.of_stream(STREAM, StreamLedger("demo/items"), now=NOW, held=1, details=[counted])
    ]

    assert "1 version waiting for you" in found[0]
    assert "3 details full failed" in found[1]


def test_what_a_feed_lost_is_told_and_never_called_fixed():
    known = StreamLedger("demo/items", misses=(missed(12, "lost"),))
    feed = replace(STREAM, window=None)
    [lost] = troubles.of_stream(feed, known, now=NOW)
    first = notifying.decide({}, [lost], NOW)

    assert lost.lasting
    assert list(troubles.of_stream(feed, known, now=NOW + timedelta(days=15))) == []
    assert not notifying.decide(first.standing, [], NOW + timedelta(days=15)).is_news


def test_a_run_for_some_sources_says_nothing_about_the_others():
    before = {
        key: Standing(Trouble(key, key, lasting=True), NOW, told=1)
        for key in ("demo:the secret", "other:the secret", "push:push to origin")
    }

    kept = [one.key for one in troubles.untouched(before, ["demo/items"], ["demo", "other"])]

    assert kept == ["other:the secret"]
    assert list(troubles.untouched(before, [], ["demo", "other"])) == []


def test_only_errors_of_a_run_are_trouble_and_their_words_are_on_one_line():
    notices = (Notice("error", "push", "push to origin: rejected \n   quota"), Notice("warning", "x", "y"))
    ran = Ran("r", NOW, NOW, (), (), (), (), notices)

    [found] = troubles.of_run(ran)

    assert "\n" not in found.words
    assert found.lasting
