"""`try`."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from snapshotter.archive import trying
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, json_option, trace_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report
from snapshotter.errors import UsageError
from snapshotter.results import Exit


@click.command("try", epilog=HELP)
@click.argument("target", metavar="SOURCE/STREAM|URL")
@click.option("--pages", default=2, show_default=True, type=click.IntRange(1, 10), help="How many pages at most.")
@click.option("--day", "day", type=DAY, help="A day to ask for; by default the newest window.")
@click.option("--save", metavar="NAME", help="With a URL: write the proposed file into the archive.")
@trace_option
@json_option
@click.pass_obj
def try_command(
    archive: str | None, /, target: str, day: date | None, save: str | None, *, as_json: bool, **asked: Any
) -> int:
    """Ask for a page or two: the request, what came, how the days fall, what would be left out. Writes nothing.

    With the address of an API that has no source file yet: asks it once and proposes one, with how sure each line is.

    \b
    Examples:
      snap try usgs-earthquakes/events
      snap try usgs-earthquakes/events --day 2018-02-05 --pages 1
      snap try "https://api.example.org/v1/items?since=2024-05-01"
      snap try "https://api.example.org/v1/items?since=2024-05-01" --save example
    """
    if target.startswith(("http://", "https://")):
        from snapshotter.cli.proposing import try_address  # noqa: PLC0415 - only where an address is given

        if day is not None or asked["trace"] is not None:
            raise UsageError("--day and --trace belong to a stream; save the address first, then try its stream")
        return try_address(archive, target, save, as_json=as_json)
    if save is not None:
        raise UsageError("--save belongs to an address; the stream has a source file already")
    result = trying.try_stream(archive_folder(archive), target, the_world(), day=day, **asked)
    echo_json(result) if as_json else echo(report.tried(result))
    return Exit.DONE if result.good else Exit.SOME_DAYS
