"""`demo`."""

from __future__ import annotations

from pathlib import Path

import click

from snapshotter.archive import demo
from snapshotter.cli.exits import HELP
from snapshotter.cli.options import echo
from snapshotter.cli.surroundings import the_world
from snapshotter.results import Exit


@click.command("demo", epilog=HELP)
@click.argument("folder", metavar="[DIR]", default="snap-demo")
def demo_command(folder: str) -> int:
    """Play a recorded week of earthquakes from a server on this machine into an archive. Asks nothing of the internet.

    \b
    Examples:
      snap demo
      snap demo /tmp/quakes
    """
    for text in demo.play(Path(folder), the_world()):
        echo(text)
    return Exit.DONE
