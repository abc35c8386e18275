"""`push`, `pull`, `clone`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import sharing
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report_sharing
from snapshotter.results import Exit


@click.command("push", epilog=HELP)
@click.argument("remote", required=False)
@click.option("--dry-run", is_flag=True, help="Say how many commits would go; send nothing.")
@wait_option
@json_option
@click.pass_obj
def push_command(archive: str | None, remote: str | None, *, dry_run: bool, wait: float, as_json: bool) -> int:
    """Push the archive's branch to its remote through git, so that the guard in its hooks looks through it first.

    What another machine pushed meanwhile is merged. A push that does not get through ends with code 4.

    \b
    Examples:
      snap push
      snap push backup --dry-run
    """
    result = sharing.push(archive_folder(archive), the_world(), name=remote, dry_run=dry_run, wait=wait)
    echo_json(result) if as_json else echo(report_sharing.pushed(result, dry_run=dry_run))
    error = sharing.failure(result)
    if error is not None and not as_json:
        raise error
    return Exit.DONE if error is None else Exit.NOT_TOLD


@click.command("pull", epilog=HELP)
@click.argument("remote", required=False)
@wait_option
@json_option
@click.pass_obj
def pull_command(archive: str | None, remote: str | None, *, wait: float, as_json: bool) -> int:
    """Bring the remote's commits here; the lines of two machines become one by themselves.

    Of a document that both changed, the answer asked for later stands. What now reads another secret, runs a command
    or asks somebody else is named and waits for `snap trust`.

    \b
    Example:
      snap pull
    """
    result = sharing.pull(archive_folder(archive), the_world(), name=remote, wait=wait)
    echo_json(result) if as_json else echo(report_sharing.pulled(result))
    return Exit.DONE


@click.command("clone", epilog=HELP)
@click.argument("url")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def clone_command(archive: str | None, url: str, folder: Path, *, as_json: bool) -> int:
    """Copy an archive whole from URL into a new FOLDER. Nothing of it is used before `snap trust`.

    \b
    Example:
      snap clone ssh://backup.example.org/srv/archive.git archive
    """
    result = sharing.clone(url, folder, the_world())
    echo_json(result) if as_json else echo(report_sharing.cloned(result))
    return Exit.DONE
