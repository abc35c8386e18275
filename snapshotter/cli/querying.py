"""`query`."""

from __future__ import annotations

import shutil
import sys
from itertools import islice
from typing import Any

import click

from snapshotter.archive import querying
from snapshotter.archive.tabling import Chosen
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import DAY, F, echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_query
from snapshotter.errors import UsageError
from snapshotter.results import Exit
from snapshotter.results.querying import Answered


def chosen_options(command: F) -> F:
    """`--at`, `--since`, `--until`: which versions, and of which days."""
    command = click.option("--until", type=DAY, metavar="DAY", help="Days up to this one only.")(command)
    command = click.option("--since", type=DAY, metavar="DAY", help="Days from this one on only.")(command)
    words = "As it was at a revision, a date (its end, in UTC) or an instant."
    return click.option("--at", metavar="WHEN", help=words)(command)


@click.command("query", epilog=HELP)
@click.argument("sql", metavar="[SQL]", required=False)
@chosen_options
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows shown.", metavar="N")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@click.option("--memory", default=querying.MEMORY, show_default=True, metavar="SIZE", help="What DuckDB may use.")
@json_option
@click.pass_obj
def query_command(
    archive: str | None, /, sql: str | None, *, limit: int, as_csv: bool, memory: str, as_json: bool, **chosen: Any
) -> int:  # fmt: skip
    """Ask all records by SQL (DuckDB); without a statement, list the tables that there are.

    Each stream is a table called SOURCE_STREAM, with `-` as `_`, or "SOURCE/STREAM"; details are SOURCE_STREAM_DETAIL.
    `_day` and `_instant` (UTC) say where a record lies. The archive cannot be changed by it. SQL `-` is read from
    standard input.

    \b
    Examples:
      snap query
      snap query "describe usgs_earthquakes_events"
      snap query "select _day, count(*) from usgs_earthquakes_events group by _day order by _day"
      snap query "select id from usgs_earthquakes_events" --at 2018-03-01 --csv
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other")
    folder, world = archive_folder(archive), the_world()
    if sql is None:
        found = querying.views(folder, Chosen(**chosen), world)
        echo_json(found) if as_json else echo(report_query.views(found))
        return Exit.DONE
    text = sys.stdin.read() if sql == "-" else sql
    with telling() as tell, querying.query(folder, text, Chosen(**chosen), world, memory=memory, tell=tell) as answer:
        _print(answer, limit, form="csv" if as_csv else "json" if as_json else "table")
    return Exit.DONE


def _print(answer: Answered, limit: int, *, form: str) -> None:
    if form == "table":
        rows = list(islice(answer.rows, limit + 1))
        width = shutil.get_terminal_size((80, 24)).columns
        echo(report_query.table(answer.columns, rows[:limit], width=width, more=len(rows) > limit))
        return
    lines = report_query.csv_lines if form == "csv" else report_query.json_lines
    for line in lines(answer.columns, answer.rows):
        sys.stdout.write(line)
