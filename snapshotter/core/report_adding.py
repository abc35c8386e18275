"""`add` in words for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from snapshotter.core.listing import CONSENT, SIGN_INS
from snapshotter.core.report import missing
from snapshotter.results import Added, CatalogueEntry

WIDTH = 80
INDENT = 23


def catalogue(entries: Sequence[CatalogueEntry]) -> str:
    """`add` without a name: every ready file, by what one has to have for it."""
    lines = [f"{len(entries)} ready source files"]
    for sign_in, words in SIGN_INS.items():
        found = [entry for entry in entries if entry.sign_in == sign_in]
        if found:
            lines += ["", f"{words}:"]
            lines += [line for entry in found for line in _entry(entry)]
    return "\n".join([*lines, "", "Add one with: snap add NAME (it asks for what is needed)"])


def _entry(entry: CatalogueEntry) -> Iterator[str]:
    name = f"  {entry.name}{' (added)' if entry.added else ''}"
    told = _wrapped(entry.title) + [line for line in _wrapped(f"needs {', '.join(entry.needs)}") if entry.needs]
    if len(name) < INDENT:
        yield name + told[0][len(name) :]
        yield from told[1:]
    else:
        yield name
        yield from told


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * INDENT, subsequent_indent=" " * (INDENT + 2))


def added(result: Added) -> str:
    """After `add NAME`."""
    lines = [f"Added {result.path} (commit {result.commit[:8]})"]
    lines += [missing(item) for item in result.missing]
    steps = []
    if result.to_fill:
        steps.append(f"  put your own {', '.join(result.to_fill)} into {result.path}")
    if result.sign_in == CONSENT and result.missing:
        steps.append(f"  snap auth {result.source}")
    steps += [f"  snap try {result.source}/{result.streams[0]}", f"  snap fetch {result.source}"]
    return "\n".join([*lines, "", "Next:", *steps])
