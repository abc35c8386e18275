"""`limits`."""

from __future__ import annotations

import click

from snapshotter.archive import budgets
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report_access
from snapshotter.results import Exit


@click.command("limits", epilog=HELP)
@click.argument("targets", metavar="[SOURCE]...", nargs=-1)
@json_option
@click.pass_obj
def limits_command(archive: str | None, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Say what is left of every rate limit, and when a spent one lets requests out again. Asks no API.

    \b
    Examples:
      snap limits
      snap limits strava
    """
    result = budgets.limits(archive_folder(archive), targets, the_world())
    echo_json(result) if as_json else echo(report_access.limits(result))
    return Exit.DONE
