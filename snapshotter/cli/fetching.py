"""`fetch`."""

from __future__ import annotations

import click

from snapshotter.archive import fetching
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, limit_options
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.cli.watched import Loudness, loudness_options, run_watched
from snapshotter.core import report
from snapshotter.results import Exit, FetchOptions


@click.command("fetch", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option("--since", type=DAY, help="The first day to ask for.")
@click.option("--until", type=DAY, help="The last day to ask for.")
@click.option("--extend", is_flag=True, help="Look behind the end of history again: the API may have older days now.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked and why; ask nothing.")
@limit_options
@loudness_options
@click.pass_obj
def fetch_command(
    archive: str | None, /, *, dry_run: bool, verbose: int, quiet: bool, as_json: bool, **given: object
) -> int:
    """Download recent days, then older ones, newest first, until the origin. Silent under cron when all is well.

    \b
    Examples:
      snap fetch
      snap fetch strava --max-requests 100
      snap fetch usgs-earthquakes/events --since 2018-02-01 --until 2018-02-07
      snap fetch --dry-run
    """
    options = FetchOptions(**given)  # type: ignore[arg-type]
    folder, world = archive_folder(archive), the_world()
    if dry_run:
        planned = fetching.plan(folder, options, world)
        echo_json(planned) if as_json else echo(report.planned(planned))
        return Exit.DONE
    loudness = Loudness(verbose, quiet=quiet, as_json=as_json)
    return run_watched(
        lambda tell, stops: fetching.fetch(folder, options, world, tell=tell, stops=stops), world, loudness
    )
