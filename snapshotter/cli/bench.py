"""`record`, `test`."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from snapshotter.archive import benching, recording
from snapshotter.archive.stopping import Stops
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, json_option, trace_option
from snapshotter.cli.surroundings import archive_folder, on_signals, telling, the_world
from snapshotter.core import report_bench
from snapshotter.errors import UsageError
from snapshotter.results import Exit
from snapshotter.results.bench import RecordOptions


@click.command("record", epilog=HELP)
@click.argument("target", metavar="SOURCE/STREAM")
@click.option("--day", "day", type=DAY, help="One day; by default the newest window.")
@click.option("--since", type=DAY, help="The first day.")
@click.option("--until", type=DAY, help="The last day.")
@click.option("--pages", type=click.IntRange(1), metavar="N", help="Stop after N answers.")
@click.option("--to", "file", metavar="FILE", help="Where to; by default recordings/SOURCE/STREAM.json.")
@click.option("--scrub", multiple=True, metavar="PATH", help="Personal values at PATH become stand-ins; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked; ask and write nothing.")
@trace_option
@json_option
@click.pass_obj
def record_command(archive: str | None, /, target: str, day: date | None, *, as_json: bool, **asked: Any) -> int:
    """Ask a stream once and keep all answers in one file, without any secret, for `snap test`.

    Asks as `fetch` does: in the lane's turn, within its limits, signed in. Nothing of it goes into the archive.
    PATH names members of an answer from its top, like data[*].email; equal values get equal stand-ins.

    \b
    Examples:
      snap record usgs-earthquakes/events --day 2018-02-05
      snap record strava/activities --pages 2 --scrub "[*].athlete.id" --scrub "[*].name"
      snap record weather/daily --to tests/recordings/weather/daily.json
    """
    if day is not None and (asked["since"] is not None or asked["until"] is not None):
        raise UsageError("--day is one day; leave --since and --until out")
    if day is not None:
        asked |= {"since": day, "until": day}
    world = the_world()
    stops = Stops(world.clock)
    options = RecordOptions(**asked)
    with telling() as tell, on_signals(stops.interrupt):
        result = recording.record(archive_folder(archive), target, world, options=options, tell=tell, stops=stops)
    echo_json(result) if as_json else echo(report_bench.recorded(result))
    return Exit.DONE


@click.command("test", epilog=HELP)
@click.argument("target", metavar="FILE|SOURCE[/STREAM]")
@click.option("--source", "file", metavar="FILE", help="The source file; by default the archive's or the catalogue's.")
@json_option
@click.pass_obj
def test_command(archive: str | None, target: str, file: str | None, *, as_json: bool) -> int:
    """Play a recording to a source file: without a network, without keys, and with everything that can go wrong.

    Says how the days fall and why paging ends. Then answers come too early, cut, broken, twice, refused or late: none
    may make a day look complete that is not, and a clean run afterwards must give the very same archive. 3 if not.

    \b
    Examples:
      snap test recordings/usgs-earthquakes/events.json
      snap test usgs-earthquakes
      snap test tests/recordings/weather/daily.json --source weather.toml --json
    """
    result = benching.play_all(archive_folder(archive), target, the_world(), file=file)
    echo_json(result) if as_json else echo(report_bench.tested(result))
    return Exit.DONE if result.good else Exit.SOME_DAYS
