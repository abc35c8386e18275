"""What the shipped pre-push hook calls: `python -I -m snapshotter.cli.guard REMOTE`, git's lines on standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from snapshotter.archive.guarding import guard
from snapshotter.cli.surroundings import the_world
from snapshotter.errors import SnapError


def main() -> int:
    """0: let it go out; 1: refuse, with the reason on standard error."""
    try:
        refused = guard(Path.cwd(), sys.argv[1], sys.stdin.read().splitlines(), the_world())
    except SnapError as error:
        refused = f"snap: push to {sys.argv[1]} refused: it could not be looked through: {error}"
    if refused is not None:
        sys.stderr.write(f"{refused}\n")
    return 1 if refused is not None else 0


if __name__ == "__main__":
    sys.exit(main())
