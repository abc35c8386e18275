"""`init`, `check`, `gitview`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import changing, setup
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report, report_changing
from snapshotter.errors import UsageError
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


@click.command("check", epilog=HELP)
@click.argument("sources", nargs=-1, metavar="[SOURCE[/STREAM]]...")
@click.option("--accept", is_flag=True, help="Say that what changed in these streams is meant, and record that.")
@json_option
@click.pass_obj
def check_command(archive: str | None, sources: tuple[str, ...], *, accept: bool, as_json: bool) -> int:
    """Check snap.toml and the source files, all mistakes at once, and which secrets are missing.

    Where a stream is described otherwise than in its last run, it says what that means for the archived days. A change
    that would reinterpret them stops the stream until it is put back, or accepted here.

    \b
    Examples:
      snap check
      snap check strava
      snap check strava/activities --accept
    """
    if accept:
        settled = changing.accept(archive_folder(archive), sources, the_world())
        echo_json(settled) if as_json else echo(report_changing.accepted(settled))
        return Exit.DONE
    result = setup.check(archive_folder(archive), sources, the_world())
    echo_json(result) if as_json else echo(report.checked(result))
    stopped = any(item.stopped for item in result.changed)
    return Exit.CONFIG if result.problems or result.missing or stopped else Exit.DONE


@click.command("gitview", epilog=HELP)
@click.option("--off", is_flag=True, help="Let git show the bytes again, also after later runs.")
@click.pass_obj
def gitview_command(archive: str | None, *, off: bool) -> int:
    """Let plain `git diff`, `git log -p` and `git show` print a document a member a line, under its record's name.

    `snap init` and every run do this too; after `git clone` it is only needed where nothing is ever fetched. It is a
    setting of this clone alone. `git diff --no-textconv` shows the bytes once.

    \b
    Examples:
      snap gitview
      snap gitview --off
    """
    if not setup.show_documents(archive_folder(archive), the_world(), readably=not off):
        raise UsageError(
            "diff.snap.textconv is set to a program of your own; `git config --unset diff.snap.textconv` first"
        )
    echo("git shows documents byte for byte" if off else "git diff, log -p and show print a member a line")
    return Exit.DONE
