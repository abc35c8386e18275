"""`diff` and `versions`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click

from snapshotter.archive import comparing
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, fitted, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core import report_diff
from snapshotter.errors import UsageError
from snapshotter.results import Exit

_STYLES: dict[str, dict[str, Any]] = {
    "added": {"fg": "green"}, "removed": {"fg": "red"}, "changed": {"fg": "yellow"}, "bold": {"bold": True},
    "dim": {"dim": True},
}  # fmt: skip
_ALL = 100_000


@click.command("diff", epilog=HELP, context_settings={"ignore_unknown_options": True})
@click.argument("target", metavar="SOURCE/STREAM")
@click.argument("words", metavar="[DAY] [A [B]]", nargs=-1)
@click.option("--held", is_flag=True, help="Compare what stands with the version that waits.")
@click.option("--stat", is_flag=True, help="Counts only, and which fields changed how often.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="Records shown.", metavar="N"
)
@click.option(
    "--format", "form", type=click.Choice(["snap", "deepdiff"]), default="snap", help="deepdiff: its own JSON."
)
@json_option
@click.pass_obj
def diff_command(
    archive: str | None, target: str, words: tuple[str, ...], *, held: bool, stat: bool, limit: int, form: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Tell how two versions of a day (or of a snapshot, which has no DAY) differ: by default, the last two.

    A and B are a commit, a date ("as it was at its end, in UTC"), an instant, or -1, -2 … counted back from the newest
    version, which is 0. B is the newest where only A is given.

    \b
    Examples:
      snap diff usgs-earthquakes/events 2018-02-05
      snap diff usgs-earthquakes/events 2018-02-05 2018-03-01 --stat
      snap diff usgs-earthquakes/events 2018-02-05 -3 -1
      snap diff github/starred 2024-01-01 2024-06-01
      snap diff strava/activities 2024-03-01 --held
    """
    for word in words:
        if word.startswith("-") and not word[1:].isdigit():
            raise UsageError(f"no such option: {word}; `snap diff --help` lists them")
    result = comparing.diff(
        archive_folder(archive), target, words, the_world(), held=held, most=_ALL if stat else limit,
        deep=form == "deepdiff",
    )  # fmt: skip
    if result.deepdiff is not None:
        click.echo(result.deepdiff)
    elif as_json:
        echo_json(result)
    else:
        _paint(report_diff.difference(result, stat=stat))
    return Exit.DONE


def _paint(lines: Iterable[report_diff.Line]) -> None:
    """Colour on a terminal only, and not where NO_COLOR is set."""
    plain = bool(the_world().env.get("NO_COLOR"))
    for line in lines:
        text = "".join(part if plain or not style else click.style(part, **_STYLES[style]) for style, part in line)
        click.echo(fitted(text, sys.stdout))


@click.command("versions", epilog=HELP)
@click.argument("target", metavar="[SOURCE[/STREAM]]", required=False)
@click.argument("day", metavar="[DAY]", required=False)
@click.option("--most-changed", is_flag=True, help="Those written most often first.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Lines shown.", metavar="N")
@json_option
@click.pass_obj
def versions_command(
    archive: str | None, target: str | None, day: str | None, *, most_changed: bool, limit: int, as_json: bool
) -> int:
    """List the versions of a day, or the days that have more than one: those that changed last first.

    \b
    Examples:
      snap versions usgs-earthquakes/events 2018-02-05
      snap versions usgs-earthquakes --most-changed -n 10
      snap versions
    """
    folder, world = archive_folder(archive), the_world()
    if target is not None and (day is not None or comparing.is_one_document(folder, target, world)):
        if most_changed:
            raise UsageError("--most-changed counts the days of a stream; leave the day out")
        lines = comparing.versions_of(folder, target, day, world, most=limit)
        echo_json(lines) if as_json else echo(report_diff.versions(lines))
        return Exit.DONE
    targets = () if target is None else (target,)
    found = comparing.written_often(folder, targets, world, most=limit, by_count=most_changed)
    echo_json(found) if as_json else echo(report_diff.written(found))
    return Exit.DONE
