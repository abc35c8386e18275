"""`maintain`."""

from __future__ import annotations

import click

from snapshotter.archive import maintaining
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, remark, wait_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core.maintaining import shown
from snapshotter.results import Exit


@click.command("maintain", epilog=HELP)
@click.option("--dry-run", is_flag=True, help="Say what there is to tidy up; change nothing.")
@wait_option
@json_option
@click.pass_obj
def maintain_command(archive: str | None, *, dry_run: bool, wait: float, as_json: bool) -> int:
    """Join packs and loose objects, and say how the archive grows. Nothing is dropped; runs do it by themselves.

    \b
    Examples:
      snap maintain
      snap maintain --dry-run
    """
    done = maintaining.maintain(archive_folder(archive), the_world(), dry_run=dry_run, wait=wait)
    if as_json:
        echo_json(done)
        return Exit.DONE
    if done.done:
        echo(
            f"packs {done.packs_before} -> {done.packs_after}, loose objects {done.loose_before} -> {done.loose_after}"
        )
    else:
        due = "due" if done.due else "not due yet"
        echo(f"{done.packs_before} packs and {done.loose_before} loose objects; tidying up is {due}")
    monthly = "too early to say how it grows" if done.bytes_a_month is None else f"{shown(done.bytes_a_month)} a month"
    echo(f"size {shown(done.bytes)}; {monthly}")
    for notice in done.notices:
        remark(f"{notice.about}: {notice.text}")
    return Exit.DONE
