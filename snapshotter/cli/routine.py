"""`run`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import routine
from snapshotter.cli.exits import HELP, attempt
from snapshotter.cli.options import echo, echo_json, limit_options, remark
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.cli.watched import Loudness, loudness_options, show, watched
from snapshotter.codec import to_plain
from snapshotter.core import report
from snapshotter.edge.world import World
from snapshotter.exits import worst
from snapshotter.results import Exit, Planned, Ran
from snapshotter.results.routine import RoutineOptions


@click.command("run", epilog=HELP)
@click.argument("targets", metavar="[SOURCE[/STREAM]]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print what would be asked and why; ask nothing.")
@limit_options
@loudness_options
@click.pass_context
def run_command(
    ctx: click.Context, /, *, dry_run: bool, verbose: int, quiet: bool, as_json: bool, **given: object
) -> int:
    """Do everything that is due: the one command for a timer. Silent there when all is well.

    What an earlier run left, new days (of a stream as often as its `every` says), what failed and is due again,
    details, old days within the budget of refreshing, the past; then push, tidy up and send messages, where snap.toml
    says so. Whatever ends it early, what matters most was asked first. Several archives: one after the other, each
    within these limits; the exit code is the worst of all.

    \b
    Examples:
      snap run
      snap run --deadline 50m
      snap run strava --dry-run
      snap --archive ~/archive --archive ~/work run
    """
    options, world = RoutineOptions(**given), the_world()  # type: ignore[arg-type]
    folders = [archive_folder(name) for name in ctx.find_root().params["archive"] or [None]]
    loudness = Loudness(verbose, quiet=quiet, as_json=as_json)
    if len(folders) == 1:
        result = _do(folders[0], options, world, loudness=loudness, dry_run=dry_run)
        echo_json(result) if as_json else _show(result, loudness)
        return _code(result)
    codes: set[Exit] = set()
    told: list[dict[str, object]] = []
    for folder in folders:
        if Exit.INTERRUPTED in codes:
            told.append({"archive": str(folder), "error": "interrupted before it began"})
            continue
        code, plain = _one_of_many(folder, options, world, loudness=loudness, dry_run=dry_run)
        codes.add(code)
        told.append(plain)
    if as_json:
        echo_json(told)
    return worst(codes)


def _do(folder: Path, options: RoutineOptions, world: World, *, loudness: Loudness, dry_run: bool) -> Ran | Planned:
    if dry_run:
        return routine.plan(folder, options, world)
    return watched(lambda tell, stops: routine.run(folder, options, world, tell=tell, stops=stops), world, loudness)


def _one_of_many(
    folder: Path, options: RoutineOptions, world: World, *, loudness: Loudness, dry_run: bool
) -> tuple[Exit, dict[str, object]]:
    """One archive of several: what goes wrong there does not stop the others."""
    if loudness.is_watched and not loudness.as_json:
        click.echo(f"{folder}:")
    result, code, words = attempt(lambda: _do(folder, options, world, loudness=loudness, dry_run=dry_run))
    if result is None:
        remark(f"snap: {folder}: {words}")
        return code, {"archive": str(folder), "error": words}
    if not loudness.as_json:
        _show(result, loudness)
    return _code(result), {"archive": str(folder), "result": to_plain(result)}


def _show(result: Ran | Planned, loudness: Loudness) -> None:
    show(result, loudness) if isinstance(result, Ran) else echo(report.planned(result))


def _code(result: Ran | Planned) -> Exit:
    return result.exit if isinstance(result, Ran) else Exit.DONE
