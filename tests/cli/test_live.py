"""The live display is readable at 80 columns, and no text of an API can draw on the terminal."""

import io

from rich.console import Console

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
