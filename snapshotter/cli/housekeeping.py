"""`rename`, `remove`."""

from __future__ import annotations

from collections.abc import Callable

import click

from snapshotter.archive import housekeeping
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, remark, wait_option
from snapshotter.cli.surroundings import archive_folder, is_answerable, the_world
from snapshotter.core import report_housekeeping
from snapshotter.results import Exit
from snapshotter.results.housekeeping import Reshaped

_DRY = click.option("--dry-run", "only_looks", is_flag=True, help="Say what would be done; change nothing.")
_YES = click.option("--yes", is_flag=True, help="Do it without being asked.")


@click.command("rename", epilog=HELP)
@click.argument("target", metavar="SOURCE[/STREAM]")
@click.argument("new", metavar="NEW")
@_DRY
@_YES
@wait_option
@json_option
@click.pass_obj
def rename_command(
    archive: str | None, target: str, new: str, wait: float, *, only_looks: bool, yes: bool, as_json: bool
) -> int:
    """Give a source or a stream another name: source file, data and run records in one commit.

    Nothing is asked again: what was archived under the old name is known under the new one.

    \b
    Examples:
      snap rename strava sports
      snap rename strava/activities workouts --dry-run
    """
    folder, world = archive_folder(archive), the_world()
    look = housekeeping.rename(folder, target, new, world, dry_run=True, wait=wait)
    return _settle(
        look, lambda: housekeeping.rename(folder, target, new, world, wait=wait), stops=only_looks, yes=yes, js=as_json
    )


@click.command("remove", epilog=HELP)
@click.argument("target", metavar="SOURCE[/STREAM]")
@_DRY
@_YES
@wait_option
@json_option
@click.pass_obj
def remove_command(archive: str | None, target: str, wait: float, *, only_looks: bool, yes: bool, as_json: bool) -> int:
    """Take a source or a stream out of the archive, in one commit. History keeps what was there.

    To be rid of it in history too, make a new archive with `snap copy --without`.

    \b
    Examples:
      snap remove strava/activities --dry-run
      snap remove strava --yes
    """
    folder, world = archive_folder(archive), the_world()
    look = housekeeping.remove(folder, target, world, dry_run=True, wait=wait)
    return _settle(
        look, lambda: housekeeping.remove(folder, target, world, wait=wait), stops=only_looks, yes=yes, js=as_json
    )


def _settle(look: Reshaped, does: Callable[[], Reshaped], *, stops: bool, yes: bool, js: bool) -> int:
    """Show what would be done, ask, and do it."""
    if stops:
        echo_json(look) if js else echo(report_housekeeping.reshaped(look))
        return Exit.DONE
    if not yes:
        echo(report_housekeeping.reshaped(look))
        if js or not is_answerable() or not click.confirm("Do it?", err=True):
            remark("snap: nothing was changed; --yes does it without being asked")
            return Exit.CONFIG
    done = does()
    echo_json(done) if js else echo(report_housekeeping.reshaped(done))
    return Exit.DONE
