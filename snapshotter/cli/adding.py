"""`add`: the ready source files, and one of them in the archive, filled in by answers or by options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from snapshotter.archive import accounts, adding
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, is_answerable, the_world
from snapshotter.core import report_adding
from snapshotter.errors import UsageError
from snapshotter.results import Added, Exit
from snapshotter.results.adding import Filling, Form

if TYPE_CHECKING:
    from snapshotter.edge.world import World


@click.command("add", epilog=HELP)
@click.argument("name", required=False)
@click.option("--as", "account", metavar="ACCOUNT", help="Add an account: its table goes into the source file.")
@click.option("--set", "values", multiple=True, metavar="VAR=VALUE", help="Fill in one of [vars]; repeatable.")
@click.option(
    "--secret", "references", multiple=True, metavar="NAME=WHERE", help="Say where a secret is, like token=file:PATH."
)
@json_option
@click.pass_obj
def add_command(
    archive: str | None,
    name: str | None,
    account: str | None,
    *,
    values: tuple[str, ...],
    references: tuple[str, ...],
    as_json: bool,
) -> int:
    """Copy a ready source file into the archive; without NAME, list what there is and what each needs.

    On a terminal it asks for what is needed: values of [vars], and where each secret is. The file only ever holds
    that place (env:NAME, file:PATH, keyring:SERVICE/USER), never the secret itself.

    With --as, one file serves several accounts side by side: each is a source NAME-ACCOUNT with days, keys and limits
    of its own.

    \b
    Examples:
      snap add
      snap add usgs-earthquakes
      snap add github --set login=octocat --secret token=file:~/.config/snap/github
      snap add github --as anna
    """
    world, folder = the_world(), archive_folder(archive)
    given = Filling(_pairs(values, "--set"), _pairs(references, "--secret"))
    if name is None:
        if account is not None or values or references:
            raise UsageError("name the source to add, like: snap add github")
        entries = adding.entries(folder, world, needs_archive=archive is not None)
        echo_json(entries) if as_json else echo(report_adding.catalogue(entries))
        return Exit.DONE
    if account is not None:
        if values or references:
            raise UsageError("--set and --secret fill in a new file; edit the account's table after --as")
        return _told(accounts.add_account(folder, name, account, world), as_json=as_json)
    if as_json or not is_answerable():
        return _told(adding.add(folder, name, world, filling=given), as_json=as_json)
    return _with_questions(folder, name, given, world, archive=archive)


def _told(result: Added, *, as_json: bool) -> int:
    echo_json(result) if as_json else echo(report_adding.added(result))
    return Exit.DONE


def _pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {word}: write it like NAME=VALUE")
        found[name] = value
    return found


# --- on a terminal ---


def _with_questions(folder: Path, name: str, given: Filling, world: World, *, archive: str | None) -> int:
    """Ask what was not said, add the file, and offer to try it."""
    adding.check_free(folder, name, world)
    asked = _asked(adding.form(name, world), given, world)
    result = adding.add(folder, name, world, filling=asked)
    echo(report_adding.added(result))
    if result.missing or result.to_fill:
        return Exit.DONE
    target = f"{name}/{result.streams[0]}"
    if not click.confirm(f"\nTry it now, with one page of {target}?", default=True):
        return Exit.DONE
    from snapshotter.cli.trying import try_command  # noqa: PLC0415 - only where it is wanted

    words = [target, "--pages", "1"]
    code = try_command.main(words, prog_name="snap try", obj=archive, standalone_mode=False)
    return code if isinstance(code, int) else Exit.DONE


def _asked(form: Form, given: Filling, world: World) -> Filling:
    """The answers, beside what was said already."""
    values, references = dict(given.values), dict(given.references)
    echo(f"{form.title}\nEnter keeps what stands in brackets.\n")
    for blank in form.blanks:
        if blank.name not in values:
            about = f", {blank.about}" if blank.about else ""
            answer = click.prompt(f"{blank.name}{about}", default=blank.value)
            if answer != blank.value or blank.needed:
                values[blank.name] = answer
    for secret in form.secrets:
        if secret.name not in references:
            where = click.prompt(f"Where is the secret {secret.name}?", default=secret.where, value_proc=_reference)
            if where != secret.where:
                references[secret.name] = where
        _keep(secret.name, references.get(secret.name, secret.where), world)
    return Filling(values, references)


def _reference(text: str) -> str:
    try:
        adding.check_reference(text)
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    return text


def _keep(name: str, where: str, world: World) -> None:
    """Where a file or the keyring has no such secret yet: ask for it, unseen, and put it there."""
    if not where.startswith(("file:", "keyring:")) or adding.is_found(where, world):
        return
    value = click.prompt(
        f"  {where} has none yet. Its value (not shown; empty: put it there yourself)",
        default="",
        show_default=False,
        hide_input=sys.stdin.isatty(),
    )
    if value:
        echo(f"  {name} is kept in {adding.keep_secret(where, value, world)}")
