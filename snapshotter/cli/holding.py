"""`held`."""

from __future__ import annotations

from collections.abc import Callable

import click

from snapshotter.archive import holding
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report_care
from snapshotter.results import Exit


@click.group("held", invoke_without_command=True, epilog=HELP)
@json_option
@click.pass_context
def held_command(ctx: click.Context, *, as_json: bool) -> int:
    """List versions of days that came and looked worse than what stands, so that you decide (`expect`).

    \b
    Examples:
      snap held
      snap held accept usgs-earthquakes/events 2018-02-05
      snap held reject usgs-earthquakes/events 2018-02-05
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    versions = holding.held(archive_folder(ctx.obj), (), the_world())
    echo_json(versions) if as_json else echo(report_care.held(versions))
    return Exit.DONE


def _about_one_version(command: Callable[..., int]) -> Callable[..., int]:
    """The words and options of both decisions."""
    target = click.argument("target", metavar="SOURCE/STREAM")
    day = click.argument("day", metavar="[DAY]", required=False)
    return target(day(wait_option(json_option(click.pass_obj(command)))))


@held_command.command("accept", epilog=HELP)
@_about_one_version
def held_accept(archive: str | None, target: str, day: str | None, wait: float, *, as_json: bool) -> int:
    """Let the version that waits take the place of the one that stands; a snapshot has no DAY.

    \b
    Example:
      snap held accept usgs-earthquakes/events 2018-02-05
    """
    result = holding.accept(archive_folder(archive), target, day, the_world(), wait=wait)
    echo_json(result) if as_json else echo(report_care.settled(result))
    return Exit.DONE


@held_command.command("reject", epilog=HELP)
@_about_one_version
def held_reject(archive: str | None, target: str, day: str | None, wait: float, *, as_json: bool) -> int:
    """Drop the version that waits; what stands stays, and history keeps both.

    \b
    Example:
      snap held reject usgs-earthquakes/events 2018-02-05
    """
    result = holding.reject(archive_folder(archive), target, day, the_world(), wait=wait)
    echo_json(result) if as_json else echo(report_care.settled(result))
    return Exit.DONE
