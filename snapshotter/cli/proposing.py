"""`try URL`, `new`: a source file for an API that nobody has described yet."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from snapshotter.archive import proposing
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.core.proposing import (
    PAGERS,
    SIGN_INS,
    TIMES,
    Answers,
    as_name,
    drafted,
    proposed,
    read_address,
    saved,
    stream_name,
    write,
)
from snapshotter.core.select import compile_expression
from snapshotter.errors import ConfigError, UsageError
from snapshotter.results import Exit

PARSES = ("date", "prefix", "instant", "epoch", "epoch_ms", "http_date")


def try_address(archive: str | None, url: str, name: str | None, *, as_json: bool) -> int:
    """`try URL`: propose, and write only if a name is given."""
    world = the_world()
    if name is not None:
        proposing.check_free(archive_folder(archive), name, world)
    found = proposing.try_address(url, world, name=name)
    if name is None:
        echo_json(found) if as_json else click.echo(proposed(found))  # a file: its lines stay whole
        return Exit.DONE
    made = proposing.save(archive_folder(archive), name, found.text, "Proposed from one answer", world)
    echo_json({"path": made.path, "commit": made.commit, "proposal": found}) if as_json else echo(
        saved(found, made.path, made.commit)
    )
    return Exit.DONE


@click.command("new", epilog=HELP)
@click.argument("name")
@click.pass_obj
def new_command(archive: str | None, name: str) -> int:
    """Ask about an API, question by question, and write its source file into the archive. Asks nothing of the API.

    \b
    Examples:
      snap new weather
      snap new bank-account
    """
    if not sys.stdin.isatty():
        raise UsageError("`snap new` asks questions and needs a terminal; `snap try URL` proposes a file without")
    folder, world = archive_folder(archive), the_world()
    proposing.check_free(folder, name, world)
    draft = drafted(_asked(name))
    made = proposing.save(folder, name, write(draft), "Described by a person", world)
    echo(f"\nAdded {made.path} (commit {made.commit[:8]}), checked and without mistakes")
    for where in draft.secrets.values():
        echo(f"Set the environment variable {where.removeprefix('env:')} before you go on")
    echo(f"\nNext:\n  snap try {name}/{draft.stream}")
    return Exit.DONE


def _asked(name: str) -> Answers:
    """All questions, in the order in which the documents of an API answer them."""
    address = _ask("Address of the endpoint, with its fixed parameters", check=read_address)
    found = read_address(address)
    if found.credentials:
        raise UsageError("the address holds a secret; leave it out, it is asked for by name")
    told = {"source": name, "address": found}
    told["stream"] = _ask("Name of the stream, a folder of the archive", stream_name(found), check=_name)
    told["sign_in"] = _choose("How does one sign in?", SIGN_INS, "none")
    if told["sign_in"] in ("header", "query"):
        told["key_name"] = _ask(f"Name of the {told['sign_in']} that carries the key", "X-Api-Key")
    told["records"] = _ask("Where are the records? A path like data.items, or @ for the whole answer", "@", _path)
    told["id"] = _ask("Which field is another one in every record? hash: none, the content is it", "id", _path)
    told |= _asked_time()
    told |= _asked_pages()
    return Answers(**told, about=(f"{name}: described by answers to `snap new`",))  # type: ignore[arg-type]


def _asked_time() -> dict[str, object]:
    told: dict[str, object] = {}
    told["day"] = _ask("Which field says when a record was? Empty: none", "", _path_or_nothing)
    if not told["day"]:
        return told
    told["parse"] = _choose("How is it written?", PARSES, "instant")
    if told["parse"] == "instant":
        told["naive"] = _ask("In which zone is it meant, if none is written? Empty: it is always written", "", _zone)
    told["start_param"] = _ask("Which parameter names the start of a span of time? Empty: none", "")
    if not told["start_param"]:
        told["newest_first"] = click.confirm("Does the newest record come first?", default=False)
        return told
    told["end_param"] = _ask("Which parameter names its end? Empty: none", "")
    told["time_form"] = _choose("How are they written?", TIMES, "date")
    told["since"] = _ask("How far back do you want to go?", "2020-01-01", _date)
    if told["end_param"]:
        told["step"] = _ask("How wide may one question be?", "30d", _length)
    return told


def _asked_pages() -> dict[str, object]:
    told: dict[str, object] = {"pager": _choose("How is the next page asked for?", PAGERS, "none")}
    if told["pager"] == "next_url":
        told["pager_place"] = _ask("Where does the next address stand?", "next", _path)
    if told["pager"] == "cursor":
        told["pager_place"] = _ask("Where does the next cursor stand?", "next_cursor", _path)
    if told["pager"] in ("cursor", "page_number", "offset"):
        usual = {"cursor": "cursor", "page_number": "page", "offset": "offset"}[str(told["pager"])]
        told["pager_param"] = _ask("Which parameter carries it?", usual)
        told["size_param"] = _ask("Which parameter asks for more records on a page? Empty: none", "")
        if told["size_param"]:
            told["size"] = click.prompt("How many?", default=100, type=click.IntRange(1))
    return told


# --- one question ---


def _ask(question: str, default: str | None = None, check: Callable[[str], object] | None = None) -> str:
    def checked(text: str) -> str:
        try:
            if check is not None:
                check(text)
        except (ConfigError, UsageError, ValueError) as error:
            raise click.UsageError(str(error)) from error
        return text

    answer: str = click.prompt(question, default=default, value_proc=checked, show_default=bool(default))
    return answer


def _choose(question: str, choices: tuple[str, ...], default: str) -> str:
    answer: str = click.prompt(question, default=default, type=click.Choice(choices))
    return answer


def _path(text: str) -> None:
    compile_expression(text)


def _path_or_nothing(text: str) -> None:
    if text:
        compile_expression(text)


def _name(text: str) -> None:
    if as_name(text, "") != text:
        raise UsageError("a name has small letters, digits, - and _ and starts with a letter")


def _zone(text: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - only where one is given

    try:
        _ = ZoneInfo(text) if text else None
    except (ZoneInfoNotFoundError, OSError) as error:
        raise UsageError("no such zone; write it like Europe/Berlin or UTC") from error


def _date(text: str) -> None:
    from datetime import date  # noqa: PLC0415

    date.fromisoformat(text)


def _length(text: str) -> None:
    from snapshotter.core.spans import parse_span  # noqa: PLC0415

    parse_span(text)
