"""`notify`."""

from __future__ import annotations

import click

from snapshotter.archive import notifying
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo, echo_json, json_option
from snapshotter.cli.surroundings import archive_folder, the_world
from snapshotter.errors import UsageError
from snapshotter.results import Exit


@click.command("notify", epilog=HELP)
@click.option("--test", "is_test", is_flag=True, help="Send a test message now.")
@json_option
@click.pass_obj
def notify_command(archive: str | None, *, is_test: bool, as_json: bool) -> int:
    """Send a test message to everybody whom `[[notify]]` in snap.toml names, and call no API.

    Runs send their messages by themselves: when something turns bad, while it lasts, and when it is good again.

    \b
    Example:
      snap notify --test
    """
    if not is_test:
        raise UsageError("runs send their messages by themselves; `snap notify --test` sends a test message")
    tried = notifying.test(archive_folder(archive), the_world())
    if not tried:
        raise UsageError("nobody is told: snap.toml has no [[notify]]; docs/how-to.md shows how one looks")
    if as_json:
        echo_json([{"target": name, "problem": problem} for name, problem in tried])
    else:
        for name, problem in tried:
            echo(f"{name}: {'sent' if problem is None else problem}")
    return Exit.DONE if all(problem is None for _, problem in tried) else Exit.NOT_TOLD
