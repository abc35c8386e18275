"""`runs`: past runs, one whole, its log."""

from __future__ import annotations

from datetime import date

import click

from snapshotter.archive import past
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report_past
from snapshotter.core.logs import LEVELS
from snapshotter.results import Exit


@click.group("runs", invoke_without_command=True, epilog=HELP)
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="The newest N.")
@click.option("--failed", is_flag=True, help="Only runs with problems.")
@click.option("--since", type=DAY, help="Only runs that started on this day or later.")
@json_option
@click.pass_context
def runs_command(ctx: click.Context, *, limit: int, failed: bool, since: date | None, as_json: bool) -> int:
    """List past runs, newest first.

    \b
    Examples:
      snap runs
      snap runs --failed --since 2024-03-01
      snap runs show 20180205T031500Z-3f9a2c
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    lines = past.run_lines(archive_folder(ctx.obj), the_world(), limit=limit, failed=failed, since=since)
    echo_json(lines) if as_json else echo(report_past.run_lines(lines))
    return Exit.DONE


@runs_command.command("show", epilog=HELP)
@click.argument("run", metavar="[ID]", required=False)
@json_option
@click.pass_obj
def runs_show(archive: str | None, run: str | None, *, as_json: bool) -> int:
    """Tell what one run planned and asked, what came, how long it took and why it stopped.

    Without ID the newest run; the beginning of an ID is enough.

    \b
    Examples:
      snap runs show
      snap runs show 20180205T031500Z-3f9a2c
    """
    story = past.run_story(archive_folder(archive), run, the_world())
    echo_json(story) if as_json else echo(report_past.run_story(story))
    return Exit.DONE


@runs_command.command("log", epilog=HELP)
@click.argument("run", metavar="[ID]", required=False)
@click.option(
    "--level", type=click.Choice(LEVELS), default="steps", show_default=True, help="`all` shows each request and page."
)
@json_option
@click.pass_obj
def runs_log(archive: str | None, run: str | None, level: str, *, as_json: bool) -> int:
    """Print the log that a run left on this machine, event by event; the newest 30 are kept.

    Without ID the newest run; the beginning of an ID is enough.

    \b
    Examples:
      snap runs log
      snap runs log --level problems
      snap runs log 20180205T0315 --level all
    """
    log = past.run_log(archive_folder(archive), run, the_world(), level=level)
    echo_json(log) if as_json else echo(report_past.run_log(log))
    return Exit.DONE
