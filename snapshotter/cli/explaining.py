"""`gaps`, `why`."""

from __future__ import annotations

from datetime import date

import click

from snapshotter.archive import explaining
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_days
from snapshotter.results import Exit


@click.command("gaps", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option("--why", is_flag=True, help="With the evidence, and with the days that need nothing.")
@click.option("--since", type=DAY, help="The first day to look at.")
@click.option("--until", type=DAY, help="The last day to look at.")
@json_option
@click.pass_obj
def gaps_command(
    archive: str | None,
    targets: tuple[str, ...],
    since: date | None,
    until: date | None,
    *,
    why: bool,
    as_json: bool,
) -> int:
    """List the days that are lacking, as ranges with their reasons and the command that does something about each.

    \b
    Examples:
      snap gaps
      snap gaps usgs-earthquakes --why
      snap gaps usgs-earthquakes/events --since 2018-02-01 --until 2018-02-28
    """
    with telling() as tell:
        result = explaining.gaps(
            archive_folder(archive), targets, the_world(), since=since, until=until, why=why, tell=tell
        )
    echo_json(result) if as_json else echo(report_days.gaps(result))
    return Exit.DONE


@click.command("why", epilog=HELP)
@click.argument("target", metavar="SOURCE/STREAM")
@click.argument("day", metavar="[DAY]", required=False)
@json_option
@click.pass_obj
def why_command(archive: str | None, target: str, day: str | None, *, as_json: bool) -> int:
    """Tell the whole story of one day: every try, every version, every decision, and what comes next.

    A stream that is one whole state has no DAY.

    \b
    Examples:
      snap why usgs-earthquakes/events 2018-02-05
      snap why github/starred
    """
    with telling() as tell:
        story = explaining.why(archive_folder(archive), target, day, the_world(), tell=tell)
    echo_json(story) if as_json else echo(report_days.day_story(story))
    return Exit.DONE
