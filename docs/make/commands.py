"""docs/commands.md: the reference of every command, made from the commands themselves."""

from collections.abc import Iterator
from copy import copy

import click

from snapshotter.cli import COMMANDS, snap

HEAD = """\
# Commands

Made from the program's own help by `make docs`. `snap` and `snapshotter` are the same program; `-C DIR` before a
command names the archive, by default it is the one around the current folder.

| command | |
|---|---|
"""


def every_command() -> list[tuple[str, click.Command]]:
    """The commands and those inside of them, in the order in which one meets them."""
    found = []
    for name in COMMANDS:
        command = snap.get_command(click.Context(snap), name)
        if command is None:
            raise LookupError(name)
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", sub) for inner, sub in command.commands.items()]
    return found


def command_reference() -> str:
    """The whole page."""
    rows = "".join(f"| [`snap {name}`](#snap-{name.replace(' ', '-')}) | {_brief(name)} |\n" for name in COMMANDS)
    return HEAD + rows + "\n" + "\n".join(_section(name, command) for name, command in every_command())


def _brief(name: str) -> str:
    return COMMANDS[name][1]


def _section(name: str, command: click.Command) -> str:
    fresh = copy(command)
    fresh._help_option = None  # click keeps the one of whoever asked first, with the names that were right there
    context = click.Context(
        fresh, info_name=f"snap {name}", max_content_width=100, terminal_width=100, help_option_names=["-h", "--help"]
    )
    return f"## snap {name}\n\n```\n" + "\n".join(_lines(fresh.get_help(context))) + "\n```\n"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip().startswith("Exit codes"):
            return  # the same for all: docs/design.md, 5
        yield line.rstrip()
