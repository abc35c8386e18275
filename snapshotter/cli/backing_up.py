"""`backup`, `restore`, `state`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import backing_up, moving
from snapshotter.archive.backing_up import Lock, Wanted
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, is_answerable, the_world
from snapshotter.core import report_sharing
from snapshotter.core.wording import counted
from snapshotter.edge.sealing import passphrase_in
from snapshotter.errors import UsageError
from snapshotter.results import Exit

_FILE = click.Path(path_type=Path)


@click.command("backup", epilog=HELP)
@click.option("--to", required=True, type=_FILE, metavar="FILE|FOLDER", help="A new file, or a folder that is there.")
@click.option("--recipient", metavar="KEY", help="Whom it is locked for: a key of gpg, or age1….")
@click.option("--passphrase-file", "passphrase", type=_FILE, help="Lock it by the first line of this file (gpg).")
@click.option("--full", is_flag=True, help="In a folder: write everything once more, not only what is new.")
@wait_option
@json_option
@click.pass_obj
def backup_command(
    archive: str | None,
    to: Path,
    recipient: str | None,
    passphrase: Path | None,
    *,
    full: bool,
    wait: float,
    as_json: bool,
) -> int:
    """Write the whole archive with its history into one file, locked by gpg or age if wanted.

    Into a folder goes a full backup the first time, and what is new each time after that: small files, to be kept
    together. A name that ends in .gpg or .age locks a single file.

    \b
    Examples:
      snap backup --to archive.bundle
      snap backup --to archive.bundle.gpg --recipient me@example.org
      snap backup --to /mnt/backups --recipient age1qqsz…
      snap backup --to /mnt/backups --passphrase-file ~/.keys/archive
    """
    wanted = Wanted(to.parent.resolve() / to.name, Lock(recipient, passphrase), full)
    result = backing_up.backup(archive_folder(archive), wanted, the_world(), wait=wait)
    echo_json(result) if as_json else echo(report_sharing.backed_up(result))
    return Exit.DONE


@click.command("from-backup", epilog=HELP)
@click.argument("file", metavar="FILE|FOLDER", type=_FILE)
@click.argument("folder", type=_FILE)
@click.option("--passphrase-file", "passphrase", type=_FILE, help="The file with the passphrase (gpg).")
@click.option("--identity", type=_FILE, help="The file with your key (age).")
@json_option
@click.pass_obj
def from_backup_command(
    archive: str | None, file: Path, folder: Path, *, passphrase: Path | None, identity: Path | None, as_json: bool
) -> int:
    """Make an archive of a backup FILE, or of a FOLDER of them, in a new FOLDER. Nothing is used before `snap trust`.

    \b
    Examples:
      snap from-backup archive.bundle.gpg archive
      snap from-backup /mnt/backups archive --identity ~/.keys/age.txt
    """
    lock = Lock(passphrase=passphrase, identity=identity)
    result = backing_up.restore(file, folder.parent.resolve() / folder.name, lock, the_world())
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
    count = moving.export_state(file, _passphrase(passphrase, twice=True), the_world())
    echo(f"{file}: {counted(count, 'file')} of tokens and budgets")
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
    count, kept = moving.import_state(file, _passphrase(passphrase, twice=False), the_world())
    echo(f"{counted(count, 'file')} put in place" + (f"; left as they are: {', '.join(kept)}" if kept else ""))
    return Exit.DONE


def _passphrase(file: Path | None, *, twice: bool) -> str:
    if file is not None:
        return passphrase_in(file)
    if not is_answerable():
        raise UsageError("nobody can be asked for the passphrase here; name a file: --passphrase-file FILE")
    asked: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return asked
