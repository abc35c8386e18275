"""`backup`, `restore`, `state`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import backing_up
from snapshotter.archive.backing_up import Lock
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, is_answerable, the_world
from snapshotter.core import report_sharing
from snapshotter.core.maintaining import shown
from snapshotter.edge.sealing import passphrase_in
from snapshotter.errors import UsageError
from snapshotter.results import Exit

_FILE = click.Path(path_type=Path)


@click.command("backup", epilog=HELP)
@click.option("--to", required=True, type=_FILE, metavar="FILE", help="A new file; .gpg or .age at its end locks it.")
@click.option("--recipient", metavar="KEY", help="Whom it is locked for.")
@click.option("--passphrase-file", "passphrase", type=_FILE, help="Lock it by the first line of this file (gpg).")
@wait_option
@click.pass_obj
def backup_command(
    archive: str | None, to: Path, recipient: str | None, passphrase: Path | None, *, wait: float
) -> int:
    """Write the whole archive with its history into one file, locked by gpg or age if wanted.

    \b
    Examples:
      snap backup --to archive.bundle
      snap backup --to archive.bundle.gpg --recipient me@example.org
      snap backup --to archive.bundle.gpg --passphrase-file ~/.keys/archive
    """
    size = backing_up.backup(
        archive_folder(archive), to.absolute(), Lock(recipient, passphrase), the_world(), wait=wait
    )
    click.echo(f"{to}: {shown(size)}; try it now: snap from-backup {to} /tmp/try && snap -C /tmp/try verify --full")
    return Exit.DONE


@click.command("from-backup", epilog=HELP)
@click.argument("file", type=_FILE)
@click.argument("folder", type=_FILE)
@click.option("--passphrase-file", "passphrase", type=_FILE, help="The file with the passphrase, or age's identity.")
@json_option
@click.pass_obj
def from_backup_command(
    archive: str | None, file: Path, folder: Path, *, passphrase: Path | None, as_json: bool
) -> int:
    """Make an archive of a backup FILE, in a new FOLDER. Nothing of it is used before `snap trust`.

    \b
    Example:
      snap from-backup archive.bundle.gpg archive
    """
    result = backing_up.restore(file, folder, Lock(passphrase=passphrase), the_world())
    echo_json(result) if as_json else echo(report_sharing.cloned(result))
    return Exit.DONE


@click.group("state", epilog=HELP)
def state_command() -> None:
    """Move tokens and budgets to a new machine; they lie in your state folder, never in the archive.

    \b
    Examples:
      snap state export moved.sealed
      snap state import moved.sealed
    """


@state_command.command("export", epilog=HELP)
@click.argument("file", type=_FILE)
@click.option("--passphrase-file", "passphrase", type=_FILE, help="The passphrase, on the first line of a file.")
def export_command(file: Path, *, passphrase: Path | None) -> int:
    """Write tokens and budgets into a new FILE, sealed by a passphrase.

    After that let only the new machine run: a token that both renew is lost to one of them.

    \b
    Example:
      snap state export moved.sealed
    """
    count = backing_up.export_state(file, _passphrase(passphrase, twice=True), the_world())
    click.echo(f"{file}: {count} files of tokens and budgets")
    return Exit.DONE


@state_command.command("import", epilog=HELP)
@click.argument("file", type=_FILE)
@click.option("--passphrase-file", "passphrase", type=_FILE, help="The passphrase, on the first line of a file.")
def import_command(file: Path, *, passphrase: Path | None) -> int:
    """Put the tokens and budgets of FILE in place; what is here already stays as it is.

    \b
    Example:
      snap state import moved.sealed --passphrase-file passphrase
    """
    count, kept = backing_up.import_state(file, _passphrase(passphrase, twice=False), the_world())
    click.echo(f"{count} files put in place" + (f"; left as they are: {', '.join(kept)}" if kept else ""))
    return Exit.DONE


def _passphrase(file: Path | None, *, twice: bool) -> str:
    if file is not None:
        return passphrase_in(file)
    if not is_answerable():
        raise UsageError("nobody can be asked for the passphrase here; name a file: --passphrase-file FILE")
    asked: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return asked
