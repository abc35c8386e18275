"""`restore`."""

from __future__ import annotations

import click

from snapshotter.archive import restoring
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report_housekeeping
from snapshotter.errors import UsageError
from snapshotter.results import Exit
from snapshotter.results.housekeeping import Restored


@click.command("restore", epilog=HELP)
@click.argument("remote", metavar="REMOTE")
@click.option("--test", "only_tests", is_flag=True, help="Clone into a folder that goes again, and look at all of it.")
@json_option
@click.pass_obj
def restore_command(archive: str | None, remote: str, *, only_tests: bool, as_json: bool) -> int:
    """Try whether this archive could be restored from a remote: clone it, verify all of it, compare the two.

    REMOTE is a name that git knows (`git remote`), an address or a folder. Nothing here is changed. To restore for
    good, `snap clone` the address.

    \b
    Examples:
      snap restore --test origin
      snap restore --test /mnt/backup/my-archive
    """
    if not only_tests:
        raise UsageError(
            f"say --test to try it; to restore for good: `snap clone {remote} FOLDER`, there `snap verify --full`"
        )
    with telling() as tell:
        result = restoring.try_restore(archive_folder(archive), remote, the_world(), tell=tell)
    echo_json(result) if as_json else echo(report_housekeeping.restored(result))
    return code_of(result)


def code_of(result: Restored) -> Exit:
    """The exit code: damaged or gone apart, else lacking something, else done."""
    if result.relation in ("apart", "ahead") or (result.verified is not None and result.verified.damage):
        return Exit.DAMAGED
    return Exit.NOT_TOLD if result.relation in ("behind", "empty") else Exit.DONE
