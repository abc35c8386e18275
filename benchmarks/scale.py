"""What the measured costs say about many accounts: the tables of docs/scale.md, from benchmarks/results.json.

    python benchmarks/scale.py [--write]

One stream asks once a day and keeps one answer a day; a share of the days is found changed later, which is one more
commit. Everything else is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import page
from rows import Row

RESULTS = Path(__file__).parent / "results.json"
MARKER = "<!-- made by `make bench` -->"
STREAMS, YEARS = 20, 10
DAYS = 365 * YEARS
AGAIN = 27 / 73  # of the days are found changed once, as in the measured archive
WINDOW = 30  # days of a window of the backfill
INTERVAL = 0.25  # seconds between two requests to one host
BLOCK = 4096  # bytes of the disk that a small file takes
HOST = 5 * 1024**3  # bytes of a repository that GitHub recommends at most
RUN = 86_400  # seconds in which the daily round must end


@dataclass(frozen=True)
class Fit:
    """What a commit, a day, a file and a run cost."""

    thin: float  # bytes of packs a commit, with a document of one record
    thick: float  # bytes of packs a version, with a document of about 12 kB
    ledger: float  # bytes a day
    index: float  # bytes a file
    rebuilt: float  # run records a second
    tidied: float  # commits a second
    syncs: float  # a commit
    run: float  # seconds of a run that saves one day

    @classmethod
    def of(cls, found: Sequence[Row]) -> Fit:
        """From the rows of a whole run of the benchmarks."""
        known = {(row.topic, row.what): row.ours for row in found}
        grows = {what: ours for (topic, what), ours in known.items() if topic == "What grows"}
        return cls(
            thin=grows["packs, tidied up"],
            thick=grows["packs a version of about 12 kB"],
            ledger=grows["the ledger's cache"],
            index=grows["git's index"],
            rebuilt=grows["rebuilding the ledger from the commits"],
            tidied=grows["tidying up everything"],
            syncs=known["Ingest", "syncs of a window's commit"],
            run=known["Flat", "fetch, one day more"] / 1e3,
        )


def size(value: float) -> str:
    """Bytes for people."""
    for unit, step in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= step:
            return f"{value / step:,.3g} {unit}"
    return f"{value / 1e3:,.3g} kB"


def span(seconds: float) -> str:
    """Seconds for people."""
    for unit, step in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * step:
            return f"{seconds / step:,.3g} {unit}"
    return f"{seconds:,.3g} s"


def one(fit: Fit) -> Iterator[str]:
    """What one archived day costs."""
    yield from ("| an archived day of one stream | |", "|---|---|")
    commits = 1 + AGAIN
    yield f"| requests | 1 when it is new, 1/{WINDOW} in the backfill, and what `refresh` may spend |"
    yield f"| commits | 1, and {AGAIN:.2f} for days that changed later |"
    yield f"| objects | {12 * commits:.0f}: a commit is 1 commit, 9 trees, 1 document, 1 run record |"
    yield f"| syncs | {fit.syncs * commits:.1f}, and at most one a second for the spool |"
    thin, thick = (size(each * commits) for each in (fit.thin, fit.thick))
    yield f"| packs, tidied up | {thin} with one short record a day, {thick} with about 12 kB a day |"
    yield f"| files on the disk | {2 + AGAIN:.2f}, {size(BLOCK * (2 + AGAIN))} in blocks of {BLOCK} bytes |"
    yield f"| git's index, read and written by each run that saves | {fit.index * (2 + AGAIN):.0f} B |"
    yield f"| the ledger's cache | {fit.ledger:.0f} B |"


def many(fit: Fit) -> Iterator[str]:
    """One archive with more and more accounts in it."""
    head = "packs (short records) | packs (12 kB) | index | ledger | rebuilt in | tidied up in | daily round, one host"
    yield f"| accounts | commits | {head} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for accounts in (1, 10, 100, 1_000, 10_000):
        days = accounts * STREAMS * DAYS
        commits = days * (1 + AGAIN)
        files = days * (2 + AGAIN)
        yield (
            f"| {accounts:,} | {commits:,.3g} | {size(fit.thin * commits)} | {size(fit.thick * commits)} |"
            f" {size(fit.index * files)} | {size(fit.ledger * days)} | {span(commits / fit.rebuilt)} |"
            f" {span(commits / fit.tidied)} | {span(accounts * STREAMS * INTERVAL)} |"
        )


def ends(fit: Fit) -> Iterator[str]:
    """Where one archive ends, by each of its limits."""
    days = STREAMS * DAYS
    commits, files = days * (1 + AGAIN), days * (2 + AGAIN)
    for what, limit in (
        ("5 GiB, which GitHub recommends at most, short records", HOST / (fit.thin * commits)),
        ("5 GiB, about 12 kB a day", HOST / (fit.thick * commits)),
        ("an index of 200 MB, read and written by each run that saves", 200e6 / (fit.index * files)),
        ("a ledger that is rebuilt within 10 minutes", 600 * fit.rebuilt / commits),
        ("a daily round at one host, 250 ms apart", RUN / (STREAMS * INTERVAL)),
    ):
        yield f"| {what} | {limit:,.0f} accounts |"


def fleet(fit: Fit) -> Iterator[str]:
    """An archive an account, for 10,000 accounts."""
    accounts, days = 10_000, STREAMS * DAYS
    commits = days * (1 + AGAIN)
    daily = STREAMS * (1 + AGAIN)
    yield from ("| 10,000 accounts × 20 streams × 10 years, an archive each | an archive | all |", "|---|---|---|")
    for what, value, form in (
        ("packs, short records", fit.thin * commits, size),
        ("packs, about 12 kB a day", fit.thick * commits, size),
        ("a push a day, about 12 kB a day", fit.thick * daily, size),
        ("requests a day", float(STREAMS), None),
        ("requests of the backfill", days / WINDOW, None),
        ("syncs a day", fit.syncs * daily, None),
        ("a run a day, one after the other", fit.run, span),
    ):
        each, whole = (form(value), form(value * accounts)) if form else (f"{value:,.3g}", f"{value * accounts:,.3g}")
        yield f"| {what} | {each} | {whole} |"


def made(found: Sequence[Row]) -> str:
    """What stands below the marker."""
    fit = Fit.of(found)
    lines = [
        "## What a day costs", "", *one(fit), "",
        f"## One archive, {STREAMS} streams an account, {YEARS} years", "", *many(fit), "",
        "| one archive ends at | |", "|---|---|", *ends(fit), "",
        "## An archive an account", "", *fleet(fit),
    ]  # fmt: skip
    return "\n".join([MARKER, "", *lines]) + "\n"


def write(found: Sequence[Row], docs: Path = page.DOCS) -> None:
    """Put the tables where people read them."""
    file = docs / "scale.md"
    head = file.read_text(encoding="utf-8").split(MARKER)[0]
    file.write_text(head + made(found), encoding="utf-8")


def main() -> None:
    _, found = page.read(RESULTS)
    print(made(found))
    if "--write" in sys.argv:
        write(found)


if __name__ == "__main__":
    main()
