"""Commit messages: what a person reads in the log, and what git's own tools read."""

import subprocess
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.messages import SUBJECT, WIDTH, message
from snapshotter.model import Change, Window
from tests.histories import a_day, a_miss, a_record, a_story, at, day_span, span, stories


def day(text):
    return date.fromisoformat(f"2018-{text}")


WEEK = Window(at("01-31 00:00"), at("02-07 00:00"))
WEEK_DAYS = {day("01-31") + timedelta(days=n): a_day(240 + n, added=240 + n) for n in range(7)}
REVISED = {day("02-02"): a_day(243, change="changed", added=1, edited=2)}
THREE = {
    day("02-01"): a_day(3, added=3),
    day("02-02"): a_day(4, change="changed", edited=1),
    day("02-03"): a_day(0, change="emptied", removed=7),
}


def told(*stories, changes=None, **given):
    return message([a_record(*stories, **given)], changes or {})


def subject_of(*stories):
    return told(*stories).splitlines()[0]


def test_a_week_that_is_new():
    assert (
        told(a_story(WEEK, days=WEEK_DAYS, requests=9))
        == """\
usgs-earthquakes/events: 7 days new, 2018-01-31 to 2018-02-06 (1,701 records)

New: 2018-01-31 (240), 2018-02-01 (241), 2018-02-02 (242), 2018-02-03 (243),
  2018-02-04 (244), 2018-02-05 (245), 2018-02-06 (246).

Run: 20180207T060000Z-3f9a2c
Source: usgs-earthquakes
Stream: events
Window: 2018-01-31T00:00:00Z/2018-02-07T00:00:00Z
Reason: recent
Requests: 9
Days-Saved: 7
Records: 1701
Stop: no_next
"""
    )


def test_a_day_that_changed():
    lines = ("~ us1000abcd: properties.mag 4.5 → 4.6, properties.updated 1517500000000 → 1517600000000", "+ us2000cmy3")

    assert (
        told(a_story(day_span("02-02"), days=REVISED), changes={day("02-02"): Change(1, 0, 2, lines)})
        == """\
usgs-earthquakes/events: 2018-02-02 changed: 1 added, 2 edited

2018-02-02: 1 added, 2 edited
  ~ us1000abcd: properties.mag 4.5 → 4.6, properties.updated 1517500000000 →
    1517600000000
  + us2000cmy3

Run: 20180207T060000Z-3f9a2c
Source: usgs-earthquakes
Stream: events
Window: 2018-02-02T00:00:00Z/2018-02-03T00:00:00Z
Reason: recent
Requests: 1
Days-Changed: 1
Records: 243
Stop: no_next
"""
    )


def test_days_of_all_kinds_a_miss_and_a_run_that_died():
    miss = replace(
        a_miss("partial", kind="interrupted", status=None, why="stopped by SIGTERM"),
        tries=2,
        first=at("02-05 12:00"),
        next_try=at("02-08 00:00"),
    )

    assert (
        told(a_story(day_span("02-01", days=5), days=THREE, miss=miss), notes=("a run died after 37 pages",))
        == """\
usgs-earthquakes/events: 1 day new, 2 changed; 5 days partial (interrupted)

2018-02-03: 7 removed, now empty
2018-02-02: 1 edited

New: 2018-02-01 (3).

Missed: 2018-02-01 to 2018-02-05 partial, interrupted: stopped by SIGTERM;
  try 2, first at 2018-02-05 12:00 UTC; next try 2018-02-08 00:00 UTC

Note: a run died after 37 pages

Run: 20180207T060000Z-3f9a2c
Source: usgs-earthquakes
Stream: events
Window: 2018-02-01T00:00:00Z/2018-02-06T00:00:00Z
Reason: recent
Requests: 1
Days-Saved: 1
Days-Changed: 2
Records: 7
Missed: 1
Stop: interrupted
"""
    )


@pytest.mark.parametrize(
    ("stories", "subject"),
    [
        ([a_story(day_span("02-06"), days={day("02-06"): a_day(1)})], "2018-02-06 new (1 record)"),
        (
            [a_story(day_span("02-01", days=3), days={d: replace(f, change="changed") for d, f in THREE.items()})],
            "3 days changed, 2018-02-01 to 2018-02-03",
        ),
        ([a_story(day_span("02-03"), days={day("02-03"): THREE[day("02-03")]})], "2018-02-03 emptied: 7 removed"),
        ([a_story(day_span("02-01", days=3), days=THREE)], "1 day new, 2 changed, 2018-02-01 to 2018-02-03"),
        ([a_story(day_span("02-05"), miss=a_miss())], "no new data; 2018-02-05 failed (503)"),
        (
            [a_story(day_span("02-05"), miss=a_miss(status=None, kind="network"))],
            "no new data; 2018-02-05 failed (network)",
        ),
        (
            [
                a_story(day_span("02-05"), miss=a_miss()),
                a_story(day_span("02-06"), miss=a_miss("invalid", status=None)),
            ],
            "no new data; 2018-02-05 to 2018-02-06 not proved",
        ),
        ([a_story(None, miss=a_miss())], "no new data; failed (503)"),
        (
            [a_story(WEEK, days=WEEK_DAYS), a_story(day_span("02-07"), miss=a_miss())],
            "7 days new; 2018-02-07 failed (503)",
        ),
        ([a_story(None, dateless=a_day(1250))], "snapshot new (1,250 records)"),
        (
            [a_story(None, dateless=a_day(250, change="changed", added=3, removed=1))],
            "snapshot changed: 3 added, 1 removed",
        ),
        (
            [a_story(day_span("02-06"), days={day("02-06"): a_day(1)}, dateless=a_day(3, change="changed", added=1))],
            "undated records changed, 1 day new or changed",
        ),
        ([a_story(day_span("02-01", days=3))], "proved, no new records, 2018-02-01 to 2018-02-03"),
        (
            [a_story(day_span("02-06"), days={day("02-06"): a_day(1, change="same")})],
            "proved again, no news, 2018-02-06",
        ),
        ([a_story(day_span("02-01"), history_ends="422")], "no records, the end of history is found"),
        ([a_story(None)], "no news in 1 run"),
        ([], "no news in 1 run"),
        (
            [a_story(day_span("02-06"), job="j", miss=a_miss()), a_story(day_span("02-06"), job="j")],
            "proved, no new records, 2018-02-06",
        ),
    ],
)
def test_the_subject_says_what_happened_to_which_days(stories, subject):
    assert subject_of(*stories) == f"usgs-earthquakes/events: {subject}"


def test_a_subject_of_long_names_is_the_shortest_there_is():
    record = a_record(a_story(WEEK, days=WEEK_DAYS), source="s" * 60, stream="t" * 60)

    assert message([record], {}).splitlines()[0] == f"{record.source}/{record.stream}: 7 days new"


def test_records_that_waited_go_in_together():
    runs = [a_record(a_story(span("02-07 00:00", f"02-07 0{hour}:00")), sequence=hour, turn=hour) for hour in (2, 1)]

    lines = message(runs, {}).splitlines()

    assert lines[0] == "usgs-earthquakes/events: proved, no new records, 2018-02-07"
    assert "Earlier-Records: 1" in lines
    assert "Requests: 2" in lines


def test_what_is_much_is_told_in_part():
    days = {date(2017, 1, 1) + timedelta(days=n): a_day(n, change="changed", edited=n) for n in range(1, 61)}
    new = {date(2017, 6, 1) + timedelta(days=n): a_day(1) for n in range(60)}
    missed = [a_story(day_span("02-01"), job=str(n), miss=a_miss()) for n in range(30)]
    windows = [a_story(Window(at("01-01 00:00"), at("01-02 00:00") + timedelta(days=n))) for n in range(30)]
    change = Change(0, 0, 60, tuple(f"~ {n}" for n in range(50)), cut_short=True)

    text = told(a_story(WEEK, days=days | new), *missed, *windows, changes={date(2017, 3, 2): change})

    assert text.splitlines()[2:4] == ["2017-03-02: 60 edited", "  ~ 0"]
    assert "  … cut short: describing it took too long (see `snap diff`)" in text
    assert "And 40 more days changed." in text
    assert "and 20 more." in " ".join(text.split())
    assert "Missed: 20 more windows" in text
    assert "Windows: 32" in text
    assert len(text.splitlines()) <= 70


# --- nothing that an API says is taken for ours ---


def trailers(text):
    """What git reads, with `---` as the end of a message, as in a mailed patch."""
    found = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=text.encode(), capture_output=True, check=True
    )
    return found.stdout.decode().splitlines()


EVIL = ["Run: forged", "\n\nRun: forged", "--- a", "\r\nRun: forged", "\u2028Run: forged", "\x1b[2JRun: forged", "# x"]


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_of_an_api_passes_for_a_trailer_or_an_end(evil):
    story = a_story(
        day_span("02-02"),
        days=REVISED,
        miss=replace(a_miss(kind=evil, why=evil, status=None), quarantine=evil),
        history_ends=evil,
        stop=evil,
    )

    text = told(story, notes=(evil,), changes={day("02-02"): Change(1, 0, 2, (evil, evil * 40))})

    body = text.split("\n\n")[-1].splitlines()
    assert trailers(text) == body
    assert [line for line in body if line.startswith("Run:")] == ["Run: 20180207T060000Z-3f9a2c"]
    assert text.replace("\n", "").isprintable()
    assert not [line for line in text.splitlines() if line.startswith(("---", "#"))]


@settings(max_examples=40)
@given(st.lists(stories(), max_size=3))
def test_every_message_fits_and_has_its_three_parts(told_stories):
    text = told(*told_stories)

    first, blank, *rest = text.splitlines()
    assert len(first) <= SUBJECT
    assert blank == ""
    assert all(len(line) <= WIDTH or line.startswith(("Stop:", "Window:", "Reason:")) for line in rest)
    assert "\n\n\n" not in text
    assert text.endswith("\n")


def test_git_log_reads_the_trailers(tmp_path):
    def git(*arguments, given=None):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout.decode()

    git("init", "-q")
    text = told(a_story(WEEK, days=WEEK_DAYS, requests=9))
    git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", given=text.encode())

    assert git("log", "--format=%s").strip() == text.splitlines()[0]
    assert git("log", "--format=%(trailers:key=Days-Saved,valueonly)").strip() == "7"
