"""`status`, `gaps`, `why`, `runs log` as a person types them."""

import io
import json
import re
import sys
from datetime import date

import pytest

from snapshotter.cli import drawing
from snapshotter.cli.surroundings import telling
from snapshotter.core import calendars
from snapshotter.model import DayState
from snapshotter.results import Progress
from snapshotter.results.calendar import CalendarDay


@pytest.fixture
def fetched(person, archive):
    person.types("fetch")
    return archive


def test_one_stream_is_drawn_without_colour_where_there_is_no_terminal(person, fetched):
    told = person.types("status", "usgs-earthquakes/events")

    assert "2018-02 ▒█" in told or "2018-02 ██" in told
    assert "few to many records" in told
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80


def test_all_streams_together_are_not_drawn(person, fetched):
    assert "few to many" not in person.types("status")


def test_a_terminal_gets_the_same_letters_in_colour(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    days = [
        CalendarDay(date(2024, 3, day), DayState.SAVED if day < 9 else DayState.FAILED, day) for day in range(1, 12)
    ]
    drawing.draw(days)

    found = terminal.getvalue()
    assert "\x1b[" in found
    letters = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", found).splitlines()]
    assert letters[1:] == calendars.plain(calendars.drawing(days)).splitlines()


def test_long_work_is_told_on_one_line_of_a_terminal_that_is_wiped_at_the_end(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with telling() as tell:
        tell(Progress("ledger", "reading", "500 run records read"))

    assert terminal.getvalue().split("\r")[1:] == ["500 run records read".ljust(78), " " * 78, ""]


def test_a_monitor_learns_by_the_exit_code_which_stream_is_too_old(person, archive):
    told = person.types("status", "--max-age", "26h", code=3)

    assert "too old: usgs-earthquakes/events: no good answer yet" in told


def test_what_is_fresh_enough_ends_with_0(person, fetched):
    person.types("status", "--max-age", "26h")


def test_gaps_are_the_same_for_a_person_and_for_a_script(person, archive):
    told = person.types("gaps")
    (gap,) = json.loads(person.types("gaps", "--json"))["gaps"]

    assert "a new stream: nothing of it was asked yet" in told
    assert (gap["first"], gap["last"], gap["lack"]["cause"]) == ("2018-02-01", "2018-02-02", "new_stream")


def test_the_story_of_a_day_is_told(person, fetched):
    told = person.types("why", "usgs-earthquakes/events", "2018-02-02")
    story = json.loads(person.types("why", "usgs-earthquakes/events", "2018-02-02", "--json"))

    assert told.startswith("usgs-earthquakes/events 2018-02-02: saved\n  It is whole: 242 records")
    assert [version["records"] for version in story["versions"]] == [242]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["why", "usgs-earthquakes/events"], "is split by day; name one"),
        (["why", "usgs-earthquakes/events", "yesterday"], "'yesterday' is not a day"),
        (["why", "usgs-earthquakes/events", "undated"], "undated is no day"),
        (["gaps", "usgs-earthquake"], "did you mean usgs-earthquakes"),
        (["status", "--max-age", "long"], "length of time"),
        (["runs", "show", "nothing"], "no run 'nothing'"),
    ],
)
def test_a_mistake_is_answered_with_the_next_step(person, fetched, words, told):
    person.types(*words, code=2)

    assert told in person.err


def test_the_log_of_the_newest_run_is_read(person, fetched):
    told = person.types("runs", "log")
    everything = person.types("runs", "log", "--level", "all")

    assert "planned" in told
    assert "exchange" in everything
    assert len(everything) > len(told)
