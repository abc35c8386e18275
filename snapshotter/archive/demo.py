"""`snap demo`: a recorded week of earthquakes, served from this machine, fetched, revised, fetched again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from snapshotter import catalogue
from snapshotter.archive import looking, reporting, setup
from snapshotter.archive.fetching import fetch
from snapshotter.archive.opening import LOCAL, for_writing
from snapshotter.core import paths, report
from snapshotter.edge.quakes import Quakes
from snapshotter.edge.world import World
from snapshotter.model import Batch, FileChange
from snapshotter.results import FetchOptions, Progress

STATE = f"{LOCAL}/state"  # in place of the user's: what the demo agreed to is nothing for their other archives
SOURCE = "usgs-earthquakes"
STREAM = f"{SOURCE}/events"
FIRST, LAST = date(2018, 1, 31), date(2018, 2, 6)
WIDEST = 40  # characters of a bar


def play(folder: Path, world: World) -> Iterator[str]:
    """The demo, step by step, in words. Nothing is left outside the folder but what it shows."""
    own = replace(world, state=folder / STATE / "snap")
    with Quakes() as server:
        created = setup.init(folder, own, zone="UTC")
        yield f"$ snap init {folder}\nMade an archive in {created.path}\n"
        _add(folder, own, base_url=server.base_url)
        yield f"$ snap add {SOURCE}\nAdded sources/{SOURCE}.toml, asking a server on this machine\n"
        yield f"$ snap fetch\n{_fetched(folder, own)}\n"
        yield f"$ snap status\n{report.status(looking.status(folder, (), own))}\n"
        server.revise()
        yield "The service revises its week: five magnitudes, one late event, one deleted.\n"
        yield f"$ snap fetch\n{_fetched(folder, own)}\n"
    yield f"$ snap log {STREAM}\n{report.log(looking.log(folder, STREAM, None, own))}\n"
    yield _calendar(folder, own)
    yield _next(folder)
    yield _report(folder, own)


def _add(folder: Path, world: World, *, base_url: str) -> None:
    """The source file of the catalogue, with its [vars] filled in for the demo."""
    text = catalogue.text(SOURCE)
    wanted = {"base_url": base_url, "since": FIRST.isoformat(), "until": LAST.isoformat()}
    lines = [_filled(line, wanted) for line in text.splitlines()]
    change = FileChange(f"{paths.SOURCES}/{SOURCE}.toml", ("\n".join(lines) + "\n").encode())
    with for_writing(folder, world, command="snap demo") as opened:
        opened.store.commit(Batch((change,), f"Add {SOURCE}\n", world.clock.now()), opened.store.head())
        opened.store.finish()


def _filled(line: str, wanted: dict[str, str]) -> str:
    name, found, _ = line.partition("=")
    value = wanted.pop(name.strip(), None) if found else None
    return line if value is None else f'{name}= "{value}"'


def _fetched(folder: Path, world: World) -> str:
    return report.ran(fetch(folder, FetchOptions(), world, tell=_silent))


def _silent(step: Progress) -> None:
    """The demo tells the results only."""


def _calendar(folder: Path, world: World) -> str:
    """The week as bars, one a day."""
    counts = {}
    day = FIRST
    while day <= LAST:
        counts[day] = looking.show(folder, STREAM, day.isoformat(), world).data.count(b"\n") - 2
        day += timedelta(days=1)
    most = max(counts.values())
    bars = [f"  {day:%a %Y-%m-%d}  {'#' * (count * WIDEST // most)} {count}" for day, count in counts.items()]
    return "\n".join(["The week, earthquakes a day:", *bars, ""])


def _report(folder: Path, world: World) -> str:
    """The page, beside the archive's own things, so that git has nothing to say about it."""
    page = reporting.write(folder / LOCAL / "report.html", reporting.report(folder, world), world)
    return f"\nAll of it on one page, for your browser:\n  {page}"


def _next(folder: Path) -> str:
    return "\n".join(
        [
            "Where to look next:",
            f"  cd {folder}",
            f'  export XDG_STATE_HOME="$PWD/{STATE}"    # what the demo agreed to lies there',
            "  git log --stat",
            f"  snap log {STREAM} 2018-02-02",
            f"  snap show {STREAM} 2018-02-02",
            f"  snap why {STREAM} 2018-02-02",
            "  snap runs",
        ]
    )
