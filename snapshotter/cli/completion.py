"""`completion`: the script that lets a shell finish commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from snapshotter.cli.exits import HELP
from snapshotter.results import Exit


@click.command("completion", epilog=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> int:
    """Print the script that completes commands and options in your shell.

    \b
    Examples:
      snap completion bash > ~/.local/share/bash-completion/completions/snap
      snap completion zsh > ~/.zfunc/_snap
      snap completion fish > ~/.config/fish/completions/snap.fish
    """
    kind = get_completion_class(shell)
    root = ctx.find_root()
    if kind is None:  # click knows all three
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(root.command, {}, "snap", "_SNAP_COMPLETE").source())
    return Exit.DONE
