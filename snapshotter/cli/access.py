"""`limits`, `trust`, `auth`."""

from __future__ import annotations

import click

from snapshotter.archive import budgets, trust
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option, remark
from snapshotter.cli.surroundings import archive_folder, is_answerable, the_world
from snapshotter.core import report_access
from snapshotter.results import Exit


@click.command("limits", epilog=HELP)
@click.argument("targets", metavar="[SOURCE]...", nargs=-1)
@json_option
@click.pass_obj
def limits_command(archive: str | None, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Say what is left of every rate limit, and when a spent one lets requests out again. Asks no API.

    \b
    Examples:
      snap limits
      snap limits strava
    """
    result = budgets.limits(archive_folder(archive), targets, the_world())
    echo_json(result) if as_json else echo(report_access.limits(result))
    return Exit.DONE


@click.command("trust", epilog=HELP)
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@json_option
@click.pass_obj
def trust_command(archive: str | None, *, yes: bool, as_json: bool) -> int:
    """Show what the files of an archive from elsewhere would do on this machine, and agree to it.

    Until then its sources are skipped. What changes in them later is shown again. An archive that `snap init` made
    here is trusted.

    \b
    Examples:
      snap trust
      snap trust --yes
    """
    folder, world = archive_folder(archive), the_world()
    shown = trust.look(folder, world)
    echo_json(shown) if as_json else echo(report_access.trusting(shown))
    if shown.is_trusted:
        return Exit.CONFIG if shown.problems else Exit.DONE
    if not yes and (as_json or not is_answerable() or not click.confirm("Do you agree?", err=True)):
        remark("snap: nothing was agreed to; `snap trust --yes` agrees to all that is shown")
        return Exit.SOME_DAYS
    trust.agree(folder, world, shown)
    return Exit.DONE


@click.command("auth", epilog=HELP)
@click.argument("source", metavar="SOURCE")
@click.pass_obj
def auth_command(archive: str | None, source: str) -> int:
    """Say yes to an application in a browser, once; from then on its tokens are renewed by themselves.

    For a source with `authorize_url` in its `[auth]`. The answer comes back to this machine, or is pasted where
    `redirect` says so.

    \b
    Example:
      snap auth strava
    """
    from snapshotter.archive import authorizing  # noqa: PLC0415 - it brings a server, which `limits` does not need

    folder, world = archive_folder(archive), the_world()
    result = authorizing.authorize(folder, source, world, show=_show, ask=_pasted)
    echo(report_access.authorized(result))
    return Exit.DONE


def _show(address: str) -> None:
    click.echo(f"Open this address in a browser and agree:\n\n{address}\n")


def _pasted() -> str:
    words = "Then paste the address that the browser was sent to, or the code that it shows"
    pasted: str = click.prompt(words, prompt_suffix=":\n", err=True)
    return pasted
