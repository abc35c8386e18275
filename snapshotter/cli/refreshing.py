"""`refresh`."""

from __future__ import annotations

import click

from snapshotter.archive import refreshing
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, LENGTH, echo, echo_json, limit_options
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.cli.watched import Loudness, loudness_options, run_watched
from snapshotter.core import report_refresh
from snapshotter.results import Exit
from snapshotter.results.refreshing import RefreshOptions


@click.command("refresh", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option("--older-than", type=LENGTH, metavar="T", help="All days not asked for this long, like 90d.")
@click.option("--since", type=DAY, help="All days from this one on.")
@click.option("--until", type=DAY, help="All days up to this one.")
@click.option("--budget", type=click.IntRange(0), metavar="N", help="At most N requests for each lane, in this run.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked and why; ask nothing.")
@click.option("--explain", is_flag=True, help="The same, with budgets and how well the choosing does.")
@limit_options
@loudness_options
@click.pass_obj
def refresh_command(
    archive: str | None, /, *, dry_run: bool, explain: bool, verbose: int, quiet: bool, as_json: bool, **given: object
) -> int:
    """Ask days again that are complete. What is the same costs no commit; what looks worse waits (`snap held`).

    Without a length or days, each stream's own policy decides, within its budget: the ages of `recheck`, or what was
    learned from what changed before.

    \b
    Examples:
      snap refresh
      snap refresh strava --budget 50
      snap refresh usgs-earthquakes/events --older-than 90d
      snap refresh usgs-earthquakes --since 2018-02-01 --until 2018-02-28 --dry-run
      snap refresh --explain
    """
    options = RefreshOptions(**given)  # type: ignore[arg-type]
    folder, world = archive_folder(archive), the_world()
    if dry_run or explain:
        planned = refreshing.plan(folder, options, world)
        echo_json(planned) if as_json else echo(report_refresh.planned(planned, explains=explain))
        return Exit.DONE
    loudness = Loudness(verbose, quiet=quiet, as_json=as_json)
    return run_watched(
        lambda tell, stops: refreshing.refresh(folder, options, world, tell=tell, stops=stops), world, loudness
    )
