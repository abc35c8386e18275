"""`init`, `add`, `check`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import setup
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report
from snapshotter.results import Exit


@click.command("init", epilog=HELP)
@click.argument("folder", metavar="DIR")
@click.option(
    "--zone", metavar="ZONE", help="The time zone that cuts the days, like Europe/Berlin; by default the machine's."
)
@json_option
def init_command(folder: str, zone: str | None, *, as_json: bool) -> int:
    """Make an archive in a new or empty folder.

    \b
    Examples:
      snap init my-archive
      snap init my-archive --zone Europe/Berlin
    """
    result = setup.init(Path(folder), the_world(), zone=zone)
    echo_json(result) if as_json else echo(report.created(result))
    return Exit.DONE


@click.command("add", epilog=HELP)
@click.argument("name", required=False)
@json_option
@click.pass_obj
def add_command(archive: str | None, name: str | None, *, as_json: bool) -> int:
    """Copy a ready source file into the archive; without NAME, list what there is.

    \b
    Examples:
      snap add
      snap add usgs-earthquakes
    """
    world = the_world()
    if name is None:
        entries = setup.entries(archive_folder(archive), world, needs_archive=archive is not None)
        echo_json(entries) if as_json else echo(report.catalogue(entries))
        return Exit.DONE
    result = setup.add(archive_folder(archive), name, world)
    echo_json(result) if as_json else echo(report.added(result))
    return Exit.DONE


@click.command("check", epilog=HELP)
@click.argument("sources", nargs=-1)
@json_option
@click.pass_obj
def check_command(archive: str | None, sources: tuple[str, ...], *, as_json: bool) -> int:
    """Check snap.toml and the source files, all mistakes at once, and which secrets are missing.

    \b
    Examples:
      snap check
      snap check strava
    """
    result = setup.check(archive_folder(archive), sources, the_world())
    echo_json(result) if as_json else echo(report.checked(result))
    return Exit.CONFIG if result.problems or result.missing else Exit.DONE
