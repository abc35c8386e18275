"""`copy`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import copying
from snapshotter.archive.copying import CopyOptions
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_housekeeping
from snapshotter.errors import UsageError
from snapshotter.results import Exit


@click.command("copy", epilog=HELP)
@click.argument("folder", metavar="DIR")
@click.option("--without", multiple=True, metavar="SOURCE[/STREAM]", help="Leave it out of all history.")
@click.option("--without-value-of", "secrets", multiple=True, metavar="SECRET", help="Hide the value of this secret.")
@click.option("--without-text", "files", multiple=True, metavar="FILE", help="Hide each line of FILE (8 or more long).")
@click.option("--drop-records", "drops", is_flag=True, help="Leave out records that hold the text, not just the text.")
@json_option
@click.pass_obj
def copy_command(
    archive: str | None,
    folder: str,
    *,
    without: tuple[str, ...],
    secrets: tuple[str, ...],
    files: tuple[str, ...],
    drops: bool,
    as_json: bool,
) -> int:
    """Make a new archive in DIR with the same history, without a source, a stream, a secret or a text.

    History is never rewritten here; this is how a leaked secret or a person's data is got rid of. The old archive is
    not touched: remove it, and its copies elsewhere, when the new one is right. Change a leaked secret anyway.

    \b
    Examples:
      snap copy ../new --without strava/activities
      snap copy ../new --without-value-of token
      snap copy ../new --without-text names.txt --drop-records
    """
    texts = tuple(line for file in files for line in _lines(file))
    options = CopyOptions(without, secrets, texts, drops)
    with telling() as tell:
        result = copying.copy(archive_folder(archive), Path(folder), options, the_world(), tell=tell)
    echo_json(result) if as_json else echo(report_housekeeping.copied(result))
    return Exit.DAMAGED if result.verified.damage else Exit.DONE


def _lines(file: str) -> list[str]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--without-text {file}: it cannot be read as UTF-8 text ({error})") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
