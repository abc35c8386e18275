"""`export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snapshotter.archive import exporting
from snapshotter.archive.exporting import ExportOptions
from snapshotter.archive.tabling import Chosen
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.querying import chosen_options
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_query
from snapshotter.results import Exit


@click.command("export", epilog=HELP)
@click.argument("form", metavar="FORMAT", type=click.Choice(["jsonl", "csv", "parquet", "sqlite"]))
@click.argument("streams", metavar="SOURCE[/STREAM[/DETAIL]]", nargs=-1, required=True)
@click.option("--to", metavar="PATH", required=True, help="The file; a folder, where several streams get a file each.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@chosen_options
@json_option
@click.pass_obj
def export_command(
    archive: str | None, /, form: Any, streams: tuple[str, ...], *, to: str, force: bool, as_json: bool, **chosen: Any
) -> int:
    """Write records as jsonl, csv, parquet or sqlite, exactly, with a note of where they come from.

    A number that a format cannot hold is written as text. SQLite takes all streams into one file, a table each.

    \b
    Examples:
      snap export jsonl usgs-earthquakes/events --to quakes.jsonl
      snap export csv usgs-earthquakes/events --to quakes.csv --since 2018-02-01 --until 2018-02-28
      snap export sqlite usgs-earthquakes --to quakes.sqlite --at 2018-03-01
      snap export parquet usgs-earthquakes/events --to quakes.parquet --force
    """
    options = ExportOptions(form, streams, Path(to), Chosen(**chosen), replaces=force)
    with telling() as tell:
        found = exporting.export(archive_folder(archive), options, the_world(), tell=tell)
    echo_json(found) if as_json else echo(report_query.exported(found))
    return Exit.DONE
