"""`reconcile`."""

from __future__ import annotations

import click

from snapshotter.archive import reconciling
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, limit_options
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.cli.watched import Loudness, loudness_options, run_watched
from snapshotter.core import report
from snapshotter.results import Exit
from snapshotter.results.reconciling import ReconcileOptions


@click.command("reconcile", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option("--since", type=DAY, help="The first day to look at.")
@click.option("--until", type=DAY, help="The last day to look at.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked again and why; ask nothing.")
@limit_options
@loudness_options
@click.pass_obj
def reconcile_command(
    archive: str | None, /, *, dry_run: bool, verbose: int, quiet: bool, as_json: bool, **given: object
) -> int:
    """Ask again what failed, is missing, or looks wrong: a sudden drop, an empty day between full ones. Worst first.

    Also what `snap fetch` gave up, and at once, however long a fetch would wait. What was asked again and is still so
    is believed, until something beside it changes.

    \b
    Examples:
      snap reconcile --dry-run
      snap reconcile strava/activities --since 2024-01-01
      snap reconcile --max-requests 50
    """
    options = ReconcileOptions(**given)  # type: ignore[arg-type]
    folder, world = archive_folder(archive), the_world()
    if dry_run:
        planned = reconciling.plan(folder, options, world)
        echo_json(planned) if as_json else echo(report.planned(planned))
        return Exit.DONE
    loudness = Loudness(verbose, quiet=quiet, as_json=as_json)
    return run_watched(
        lambda tell, stops: reconciling.reconcile(folder, options, world, tell=tell, stops=stops), world, loudness
    )
