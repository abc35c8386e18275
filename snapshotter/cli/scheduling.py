"""`schedule`."""

from __future__ import annotations

from typing import Any

import click

from snapshotter.archive import scheduling
from snapshotter.archive.scheduling import ScheduleOptions
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import LENGTH, echo, echo_json, json_option, remark
from snapshotter.cli.surroundings import archive_folder, own_program, the_world
from snapshotter.core import report
from snapshotter.core.scheduling import KINDS
from snapshotter.errors import UsageError
from snapshotter.results import Exit
from snapshotter.results.scheduling import Scheduled

AUTO = "auto"


@click.command("schedule", epilog=HELP)
@click.option(
    "--print", "printed", type=click.Choice(KINDS), help="Print what this kind of timer takes; write nothing."
)
@click.option(
    "--install",
    type=click.Choice((AUTO, "cron", "systemd")),
    is_flag=False,
    flag_value=AUTO,
    help="Put it in place: systemd where it runs for you, else your crontab.",
)
@click.option("--uninstall", is_flag=True, help="Take it away again.")
@click.option("--every", type=LENGTH, default="1h", show_default=True, metavar="T", help="How often, like 30m or 1d.")
@click.option("--env-file", metavar="FILE", help="A file of NAME=value lines with secrets, for the timer to read.")
@click.option("--dry-run", is_flag=True, help="With --install: only print it.")
@json_option
@click.pass_obj
def schedule_command(
    archive: str | None, /, *, every: float, env_file: str | None, as_json: bool, **chosen: Any
) -> int:
    """Let a timer call `snap run`. Without an option: say what calls this archive now.

    Everything is named by its whole path, the minute is this archive's own, and what was slept through is made up for.
    A run asks only what is due, so an hour is a good pace for all.

    \b
    Examples:
      snap schedule --install
      snap schedule --print systemd --every 30m
      snap schedule --print github-actions --every 6h
      snap schedule --uninstall
    """
    folder, world = archive_folder(archive), the_world()
    options = ScheduleOptions(program=own_program(), every=every, env_file=env_file)
    printed, install, uninstall, dry_run = (chosen[name] for name in ("printed", "install", "uninstall", "dry_run"))
    if sum(bool(one) for one in (printed, install, uninstall)) > 1:
        raise UsageError("--print, --install and --uninstall are three things; give one of them")
    if uninstall:
        taken = scheduling.uninstall(folder, options, world)
        echo_json({"removed": taken}) if as_json else echo(f"removed: {', '.join(taken) or 'nothing was there'}")
        return Exit.DONE
    if printed is not None or (install and dry_run):
        kind = printed or ("cron" if install == AUTO else install)
        return _tell(scheduling.shown(folder, kind, options, world), as_json=as_json)
    if install is not None:
        return _tell(scheduling.install(folder, install, options, world), as_json=as_json)
    return _tell(scheduling.look(folder, options, world), as_json=as_json)


def _tell(result: Scheduled, *, as_json: bool) -> Exit:
    """The files to standard output, so that they can be sent on; what is said about them beside it."""
    if as_json:
        echo_json(result)
        return Exit.DONE
    if not result.kind:
        echo("nothing calls `snap run` for this archive by itself; `snap schedule --install` changes that")
    if result.done:
        echo(f"installed for {result.kind}:")
    for name, text in result.files.items():
        click.echo(f"# {name}\n{text}" if len(result.files) > 1 else text, nl=len(result.files) > 1)
    for step in result.steps:
        remark(f"next: {step}")
    for notice in result.notices:
        remark(report.notice(notice))
    return Exit.DONE
