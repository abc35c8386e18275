"""`import`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from snapshotter.archive import importing
from snapshotter.archive.importing import Doing, FileOptions
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_import
from snapshotter.errors import UsageError
from snapshotter.results import Exit
from snapshotter.results.importing import Imported


@click.group("import", epilog=HELP)
def import_command() -> None:
    """Bring what you have already into the history of a stream.

    \b
    Examples:
      snap import pdpl ~/old-archive --dry-run
      snap import files heartrate.csv --into oura/heartrate
    """


def _going(command: Callable[..., int]) -> Callable[..., int]:
    """The options of both ways."""
    dry = click.option("--dry-run", is_flag=True, help="Read and judge all files, write nothing.")
    return dry(wait_option(json_option(click.pass_obj(command))))


def _print(found: tuple[Imported, ...], *, as_json: bool) -> int:
    echo_json(found) if as_json else echo(report_import.imported(found))
    return Exit.DONE


@import_command.command("pdpl", epilog=HELP)
@click.argument("folder", metavar="DIR")
@click.option("--into", metavar="SOURCE/STREAM", help="The stream, where the folders are named otherwise.")
@_going
def import_pdpl(
    archive: str | None, /, folder: str, into: str | None, *, dry_run: bool, wait: float, as_json: bool
) -> int:
    """Take over a folder of API/ENDPOINT/DAY--run-TIME.json files: one commit for each run, dated by it.

    Each file is what a run saw of a day; records are merged by id, and nothing is removed by what a file lacks. A day
    that the archive knows of later stays as it is.

    \b
    Examples:
      snap import pdpl ~/old-archive --dry-run
      snap import pdpl ~/old-archive
      snap import pdpl ~/old-archive/oura_v2/sleep --into oura/sleep
    """
    with telling() as tell:
        doing = Doing(dry_run, wait, tell)
        found = importing.import_pdpl(archive_folder(archive), Path(folder), the_world(), into=into, doing=doing)
    return _print(found, as_json=as_json)


@import_command.command("files", epilog=HELP)
@click.argument("files", metavar="PATH", nargs=-1, required=True)
@click.option("--into", metavar="SOURCE/STREAM", required=True, help="The stream whose file says id and day.")
@click.option("--format", "form", type=click.Choice(["json", "jsonl", "csv"]), help="By default by the file's name.")
@click.option("--observed", metavar="WHEN", help="When the export was made; by default when the files were changed.")
@click.option("--proves", metavar="FIRST..LAST", help="The files hold everything there is of these days.")
@_going
def import_files(
    archive: str | None, /, files: tuple[str, ...], *, dry_run: bool, wait: float, as_json: bool, **said: Any
) -> int:
    """Take over files that a service exported (JSON, JSON Lines, CSV) as one observation of a stream.

    The source file says what the id and the day of a record are. Nothing is proved by it: a fetch asks the same days,
    unless you vouch for them by --proves.

    \b
    Examples:
      snap import files sleep-*.json --into oura/sleep --dry-run
      snap import files heartrate.csv --into oura/heartrate --observed 2024-05-01T12:00Z
      snap import files runs.jsonl --into strava/activities --proves 2019-01-01..2019-12-31
    """
    options = FileOptions(said["into"], said["form"], _instant(said["observed"]), _span(said["proves"]))
    with telling() as tell:
        doing = Doing(dry_run, wait, tell)
        paths = [Path(file) for file in files]
        found = importing.import_files(archive_folder(archive), paths, the_world(), options, doing=doing)
    return _print(found, as_json=as_json)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--observed {text!r}: write it like 2024-05-01T12:00Z, or 2024-05-01") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _span(text: str | None) -> tuple[date, date] | None:
    if text is None:
        return None
    try:
        first, _, last = text.partition("..")
        return date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise UsageError(f"--proves {text!r}: write it like 2019-01-01..2019-12-31") from error
