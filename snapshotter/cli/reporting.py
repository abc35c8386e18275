"""`report`."""

from __future__ import annotations

import tempfile
import webbrowser
from datetime import date
from pathlib import Path

import click

from snapshotter.archive import reporting
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_whole
from snapshotter.errors import UsageError
from snapshotter.results import Exit


@click.command("report", epilog=HELP)
@click.option("--html", metavar="FILE", help="Write one page for a browser; it loads nothing and runs no script.")
@click.option("--open", "opens", is_flag=True, help="Show the page in your browser.")
@click.option("--since", type=DAY, help="Days, changes and runs from this day on; by default of a year.")
@json_option
@click.pass_obj
def report_command(archive: str | None, html: str | None, *, opens: bool, since: date | None, as_json: bool) -> int:
    """Tell everything on one page: what needs you, calendars of days, changes, runs, budgets, growth.

    Alone it prints a text of 80 columns with counts and names only, fit for mail. Nothing is asked and nothing
    in the archive is changed.

    \b
    Examples:
      snap report
      snap report --open
      snap report --html report.html --since 2024-01-01
    """
    if as_json and (html or opens):
        raise UsageError("--json prints the report for a script; leave --html and --open out")
    world = the_world()
    with telling() as tell:
        result = reporting.report(archive_folder(archive), world, since=since, tell=tell)
    if as_json:
        echo_json(result)
    elif html or opens:
        path = Path(html) if html else Path(tempfile.mkdtemp(prefix="snap-report-")) / "report.html"
        target = reporting.write(path, result, world)
        echo(f"Wrote {path}")
        if opens and not webbrowser.open(target.as_uri()):
            echo("No browser could be opened; open that file in one")
    else:
        echo(report_whole.text(result))
    return Exit.DONE
