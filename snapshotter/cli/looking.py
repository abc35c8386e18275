"""`show`, `log`, `status`, `quarantine`."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from snapshotter.archive import looking
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import LENGTH, echo, echo_json, json_option, remark, wait_option
from snapshotter.cli.surroundings import archive_folder, telling, the_world
from snapshotter.core import report, report_care, report_status
from snapshotter.results import Exit


@click.command("show", epilog=HELP)
@click.argument("target", metavar="SOURCE/STREAM[/DETAIL]")
@click.argument("day", metavar="[DAY|ID]", required=False)
@click.option(
    "--at", metavar="REV", help="As of a commit, a date like 2024-03-01, an instant, or -1 for the last but one."
)
@click.pass_obj
def show_command(archive: str | None, target: str, day: str | None, at: str | None) -> int:
    """Print the document of a day, of `undated` records, of a snapshot (which has no DAY), or a detail by its ID.

    \b
    Examples:
      snap show usgs-earthquakes/events 2018-02-05
      snap show usgs-earthquakes/events 2018-02-05 --at HEAD~1
      snap show github/starred --at 2024-03-01
      snap show strava/activities/streams 1234567
    """
    if at is not None:
        from snapshotter.archive import comparing  # noqa: PLC0415 - only where the past is asked for
        from snapshotter.core import report_diff  # noqa: PLC0415

        result, version = comparing.show_at(archive_folder(archive), target, day, the_world(), at=at)
        remark(report_diff.shown(version.commit, f"{version.at:%Y-%m-%d %H:%M} UTC", version.subject))
    else:
        result = looking.show(archive_folder(archive), target, day, the_world())
    click.echo(result.data, nl=False)
    return Exit.DONE


@click.command("log", epilog=HELP)
@click.argument("target", metavar="[SOURCE[/STREAM]]", required=False)
@click.argument("day", metavar="[DAY]", required=False)
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="The newest N only.")
@click.option("--oneline", is_flag=True, help="A line a commit.")
@json_option
@click.pass_obj
def log_command(
    archive: str | None, target: str | None, day: str | None, limit: int | None, *, oneline: bool, as_json: bool
) -> int:
    """List the versions of a day, a stream or the whole archive, newest first, with what changed.

    \b
    Examples:
      snap log
      snap log usgs-earthquakes/events -n 5 --oneline
      snap log usgs-earthquakes/events 2018-02-05
    """
    entries = looking.log(archive_folder(archive), target, day, the_world(), limit=limit)
    echo_json(entries) if as_json else echo(report.log(entries, oneline=oneline))
    return Exit.DONE


@click.command("status", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option(
    "--max-age",
    type=LENGTH,
    metavar="T",
    help="For monitors, like 26h: exit with 3 and name the streams that have had no good news for longer.",
)
@json_option
@click.pass_obj
def status_command(archive: str | None, targets: tuple[str, ...], max_age: float | None, *, as_json: bool) -> int:
    """Say for each stream what is there, what is missing, and why; of one stream, draw a calendar of its days.

    \b
    Examples:
      snap status
      snap status usgs-earthquakes/events
      snap status --max-age 26h
    """
    age = None if max_age is None else timedelta(seconds=max_age)
    one = len(targets) == 1
    with telling() as tell:
        result = looking.status(archive_folder(archive), targets, the_world(), max_age=age, calendar=one, tell=tell)
    if as_json:
        echo_json(result)
    else:
        echo(report.status(result))
        if result.calendar:
            from snapshotter.cli.drawing import draw  # noqa: PLC0415 - only where there is something to draw

            draw(result.calendar)
        echo(report_status.stale(result.stale))
    return Exit.SOME_DAYS if result.stale else Exit.DONE


@click.group("quarantine", invoke_without_command=True, epilog=HELP)
@json_option
@click.pass_context
def quarantine_command(ctx: click.Context, *, as_json: bool) -> int:
    """List answers that could not be used; they are kept as they came.

    \b
    Examples:
      snap quarantine
      snap quarantine show NAME > body.bin
      snap quarantine retry
      snap quarantine drop NAME
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    entries = looking.quarantined(archive_folder(ctx.obj), the_world())
    echo_json(entries) if as_json else echo(report.quarantined(entries))
    return Exit.DONE


@quarantine_command.command("show", epilog=HELP)
@click.argument("name")
@click.pass_obj
def quarantine_show(archive: str | None, name: str) -> int:
    """Print the bytes of an answer, exactly as they came.

    \b
    Example:
      snap quarantine show 3f9a2c… > body.bin
    """
    sys.stdout.buffer.write(looking.quarantined_bytes(archive_folder(archive), name, the_world()))
    return Exit.DONE


@quarantine_command.command("drop", epilog=HELP)
@click.argument("name")
@click.pass_obj
def quarantine_drop(archive: str | None, name: str) -> int:
    """Throw an answer away.

    \b
    Example:
      snap quarantine drop 3f9a2c…
    """
    looking.drop_quarantined(archive_folder(archive), name, the_world())
    return Exit.DONE


@quarantine_command.command("retry", epilog=HELP)
@click.argument("name", required=False)
@wait_option
@json_option
@click.pass_obj
def quarantine_retry(archive: str | None, name: str | None, wait: float, *, as_json: bool) -> int:
    """Read kept answers again with the source file as it is now, all or one; asks no API.

    What can be read is merged into its days and leaves the quarantine.

    \b
    Examples:
      snap quarantine retry
      snap quarantine retry 3f9a2c…
    """
    from snapshotter.archive import rereading  # noqa: PLC0415 - it writes, which the others here do not

    result = rereading.retry(archive_folder(archive), name, the_world(), wait=wait)
    echo_json(result) if as_json else echo(report_care.reread(result))
    return Exit.SOME_DAYS if any(item.outcome == "unreadable" for item in result) else Exit.DONE
