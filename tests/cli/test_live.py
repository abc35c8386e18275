"""The live display is readable at 80 columns, and no text of an API can draw on the terminal."""

import io
import re
import sys
import threading

from rich.console import Console

from snapshotter.cli import live as live_display
from snapshotter.cli.live import Watch
from snapshotter.results import Progress


def a_watch(width=80, height=24, kinds=()):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    return Watch(console, lambda: 12.0, kinds=kinds)


def drawn(watch):
    watch.console.print(watch)
    return watch.console.file.getvalue()


def asked(watch, stream, text="page 1: 100 records"):
    watch.tell(Progress(stream, "lane", "asks", total=34, lane="api.example.org"))
    watch.tell(Progress(stream, "page", text))


def test_a_run_is_a_line_a_stream_and_one_for_all():
    watch = a_watch()
    asked(watch, "usgs-earthquakes/events")
    watch.tell(Progress("usgs-earthquakes/events", "budget", "99 of 100 requests left (hour)"))
    watch.tell(Progress("usgs-earthquakes/events", "landed", "2018-02-05 new (278 records)", records=278, days=1))

    assert drawn(watch).splitlines() == [
        "usgs-earthquakes/events  1/34  1 request  1 day  2018-02-05 new (278 records)",
        "api.example.org: 99 of 100 requests left (hour)",
        "1 of 34 windows, 1 request, 1 day saved, 12 s, about 7 min left",
    ]


def test_every_line_fits_into_80_columns():
    watch = a_watch()
    asked(watch, "a-source-with-a-long-name/and-a-stream-with-a-longer-one", "backfill: " + "long words " * 20)

    assert max(map(len, drawn(watch).splitlines())) <= 80


def test_many_streams_leave_room_on_a_small_terminal():
    watch = a_watch(height=12)
    for number in range(40):
        asked(watch, f"source/stream-{number}")

    lines = drawn(watch).splitlines()
    assert len(lines) <= 10
    assert any("and 34 more streams" in line for line in lines)


def test_control_characters_and_markup_stand_as_they_are():
    watch = a_watch(kinds=("page",))
    asked(watch, "a/b", "\x1b[2J[red]title[/red]")

    text = drawn(watch)
    assert "\x1b[2J" not in text
    assert text.count("[red]title[/red]") == 2  # as a line that stays, and in its row


def test_a_line_that_stays_is_broken_between_words_only():
    watch = a_watch(kinds=("page",))
    asked(watch, "a-source/and-its-stream", "words that go on and on " * 5)

    lines = watch.console.file.getvalue().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 80
    assert {"words", "that"} <= set(" ".join(lines).split())


def test_lines_of_many_threads_never_tear_what_is_drawn(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(live_display, "FRAMES", 500)

    with live_display.live(lambda: 1.0, kinds=("page",)) as tell:
        threads = [threading.Thread(target=many, args=(tell, f"s/{number}")) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

    left = [line for line in played(screen.getvalue()) if line]
    assert sorted(left) == sorted(f"s/{number}: page {page}" for number in range(4) for page in range(60))


def many(tell, stream):
    tell(Progress(stream, "lane", "asks", total=60, lane=stream))
    for page in range(60):
        tell(Progress(stream, "page", f"page {page}"))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def played(text):
    """What stands on a terminal that goes on for ever, after all that was written to it."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] if row == len(lines) else []
        elif part == "\x1b[2K":
            lines[row] = ""
        elif found := re.fullmatch(r"\x1b\[(\d+)A", part):
            row -= int(found[1])
        elif part[0] not in "\r\x1b":
            lines[row] = part
    return lines
