"""`verify`."""

from __future__ import annotations

import click

from snapshotter.archive import verifying
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, wait_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_care
from snapshotter.core.verifying import FULL, QUICK, Scope, share
from snapshotter.errors import UsageError
from snapshotter.results import Exit


@click.command("verify", epilog=HELP)
@click.option("--full", is_flag=True, help="Look at every object of git and the content of every document too.")
@click.option("--subset", metavar="N/T", help="Of the contents, look at the N-th of T parts only, like 2/7.")
@wait_option
@json_option
@click.pass_obj
def verify_command(archive: str | None, *, full: bool, subset: str | None, wait: float, as_json: bool) -> int:
    """Look for damage: references, locks, ledger, spool; with --full every object and document. Changes nothing.

    \b
    Examples:
      snap verify
      snap verify --full
      snap verify --subset 2/7
    """
    scope = _scope(full=full, subset=subset)
    with telling() as tell:
        result = verifying.verify(archive_folder(archive), the_world(), scope=scope, tell=tell, wait=wait)
    echo_json(result) if as_json else echo(report_care.verified(result))
    return Exit.DAMAGED if result.damage else Exit.DONE


def _scope(*, full: bool, subset: str | None) -> Scope:
    if full and subset is not None:
        raise UsageError("--full is all of it, --subset a part; name one of them")
    return FULL if full else QUICK if subset is None else share(subset)
