"""States, not events: who hears what, and how rarely."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from snapshotter.core import notifying
from snapshotter.core.notifying import Trouble, decide

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
REFUSED = Trouble("demo:auth", "demo: the token was refused", lasting=True)
FAILED = Trouble("demo/items:failed", "demo/items: 1 day failed", lasting=False)


def told(*days):
    """Run once a day; each day's troubles in, the words of what is told out."""
    standing, heard = {}, []
    for number, troubles in enumerate(days):
        decided = decide(standing, troubles, START + timedelta(days=number))
        standing = decided.standing
        heard.append("".join(["N" * len(decided.new), "A" * len(decided.again), "F" * len(decided.fixed)]))
    return heard


def test_what_only_a_person_can_end_is_told_at_once_then_rarely_then_its_end():
    days = [[REFUSED]] * 16 + [[]] * 2

    assert told(*days) == ["N", "A", "", "A", "", "", "", "A", *[""] * 6, "A", "", "F", ""]


def test_what_may_pass_is_told_only_after_it_has_lasted():
    assert told([FAILED], [], [FAILED], []) == ["", "", "", ""]
    assert told([FAILED], [FAILED], [FAILED], []) == ["", "N", "", "F"]


def test_two_runs_at_one_time_tell_once():
    first = decide({}, [REFUSED, REFUSED], START)
    second = decide(first.standing, [REFUSED], START)

    assert len(first.new) == 1
    assert not second.is_news


def test_a_message_names_what_is_new_and_hides_line_breaks_of_others():
    odd = Trouble("demo:odd", "demo: odd", lasting=True)
    message = notifying.message("my\narchive", decide({}, [odd], START), host="box")

    assert "\n" not in message.subject
    assert message.text.startswith("New:\n  demo: odd (since 2026-03-01 06:00 UTC)")


def a_subject(*days):
    """The subject after one run a day with these troubles."""
    standing = {}
    for number, troubles in enumerate(days):
        decided = decide(standing, troubles, START + timedelta(days=number))
        standing = decided.standing
    return notifying.message("archive", decided, host="box").subject.removeprefix("snap: archive: ")


def test_a_subject_says_the_one_thing_or_counts():
    other, long = replace(REFUSED, key="b"), replace(REFUSED, words="demo: " + "word " * 40 + "; do this")

    assert a_subject([replace(REFUSED, words="demo: the token was refused; renew it")]) == "demo: the token was refused"
    assert a_subject([REFUSED], [REFUSED]) == "still so: demo: the token was refused"
    assert a_subject([REFUSED], [REFUSED, other]) == "2 problems, 1 new"
    assert a_subject([REFUSED, other]) == "2 problems"
    assert a_subject([REFUSED], []) == "all is well again"
    assert a_subject([long]).endswith("word…")
    assert len(a_subject([long])) <= 80


def test_a_digest_is_due_by_its_rhythm_though_cron_is_never_exact():
    assert notifying.digest_due(None, "weekly", START)
    assert not notifying.digest_due(START, "weekly", START + timedelta(days=6))
    assert notifying.digest_due(START, "weekly", START + timedelta(days=7, seconds=-5))
    assert not notifying.digest_due(None, None, START)


def test_a_subject_is_one_line_also_of_a_trouble_of_many():
    many = Trouble("config:", "a.toml:1: bad\nb.toml:2: bad", lasting=True)

    message = notifying.message("a", decide({}, [many], START), host="box")

    assert message.subject == "snap: a: a.toml:1: bad b.toml:2: bad"
