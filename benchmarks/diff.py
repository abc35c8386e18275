"""What changed between two versions of a day, against deepdiff, jsondiff and jsonpatch: same pairs, one run.

    pip install 'snapshotter[bench]'
    python benchmarks/diff.py [--json FILE] [--limit SECONDS]

Everybody is given the same two documents as bytes. "whole" begins there: the others read them with json of the standard
library, ours sets equal lines aside and reads the rest exactly (1.0 is not 1), as `snap diff` does. "compare" begins
where that is done. Ours tells counts and the largest edits with old and new values. "right" says whether what is told
equals what was done. Each runs in a process of its own that is stopped at the limit.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import rows

from snapshotter.canonical import decode_document, document, encode
from snapshotter.core.apart import apart
from snapshotter.core.diff import summarise
from snapshotter.model import Record

Json = list[dict[str, object]]
RECORDS = 5_000
OURS = "snapshotter"


@dataclass(frozen=True)
class Pair:
    name: str
    old: Json
    new: Json
    truth: tuple[int, int, int] | None  # added, removed, changed; None: there is no one right answer


@dataclass(frozen=True)
class Measured:
    pair: str
    tool: str
    seconds: float  # of comparing
    whole: float  # with reading both
    told: str
    right: bool | None
    in_time: bool


def a_record(number: int, chance: random.Random) -> dict[str, object]:
    return {
        "id": f"us{number:06x}",
        "time": 1_517_500_000_000 + number * 61_000,
        "mag": round(chance.random() * 6, 2),
        "place": f"{chance.randint(1, 90)} km off {chance.choice(['Adak', 'Hilo', 'Lima', 'Oslo'])}",
        "status": chance.choice(["automatic", "reviewed"]),
        "coordinates": [round(chance.uniform(-180, 180), 4), round(chance.uniform(-90, 90), 4)],
        "sources": {"net": "us", "code": f"{number:06x}", "types": ["origin", "phase-data"]},
    }


def pairs() -> list[Pair]:
    chance = random.Random(1)
    base = [a_record(number, chance) for number in range(RECORDS)]
    grown = [*base[: RECORDS // 2], a_record(RECORDS, chance), *base[RECORDS // 2 :]]
    edited, truth = _edited(base, chance)
    bare = [{name: value for name, value in record.items() if name != "id"} for record in base]
    other = [
        {**record, "time": number * 7 + 1, "mag": -1 - number, "place": f"p{number}", "coordinates": [number, -number],
         "sources": {"net": "x", "code": f"y{number}", "types": [number]}}
        for number, record in enumerate(bare)
    ]  # fmt: skip
    close = [{**record, "mag": number + 10} for number, record in enumerate(bare)]
    return [
        Pair("one insertion", base, grown, (1, 0, 0)),
        Pair("100 random edits", base, edited, truth),
        Pair("all changed a little, no ids", bare, close, (0, 0, RECORDS)),
        Pair("all changed a lot, no ids", bare, other, None),
    ]


def _edited(base: Json, chance: random.Random) -> tuple[Json, tuple[int, int, int]]:
    places = chance.sample(range(RECORDS), 100)
    gone, changed = set(places[:20]), set(places[20:70])
    kept: Json = []
    for number, record in enumerate(base):
        if number in changed:
            kept.append({**record, "mag": 9.99})
        elif number not in gone:
            kept.append(record)
    for number in range(30):
        kept.insert(chance.randrange(len(kept)), a_record(RECORDS + 1 + number, chance))
    return kept, (30, 20, 50)


# --- the tools: each gives what it told in words, and counts where it has them ---

Told = tuple[str, tuple[int, int, int] | None]


def records_of(data: bytes) -> list[Record]:
    """Exactly read: each record with its canonical text, so that 1.0 is not 1."""
    side: Any = decode_document(data).value
    return [Record(encode(value), encode(value["id"]) if "id" in value else None, None, None) for value in side]


def ours(old: list[Record], new: list[Record]) -> Told:
    change = summarise(old, new, ignore=(), clock=time.perf_counter)
    cut = ", cut short" if change.cut_short else ""
    counts = (change.added, change.removed, change.changed)
    return "{} added, {} removed, {} changed".format(*counts) + cut, counts


def deepdiff(old: Json, new: Json) -> Told:
    from deepdiff import DeepDiff  # noqa: PLC0415 - only where it is measured

    found = DeepDiff(old, new)
    return ", ".join(f"{len(items)} {kind}" for kind, items in found.items()), None


def jsondiff(old: Json, new: Json) -> Told:
    import jsondiff as library  # noqa: PLC0415

    found = library.diff(old, new)
    return f"{len(found)} entries", None


def jsonpatch(old: Json, new: Json) -> Told:
    import jsonpatch as library  # noqa: PLC0415

    return f"{len(library.make_patch(old, new).patch)} operations", None


OTHERS: dict[str, Callable[[Json, Json], Told]] = {"deepdiff": deepdiff, "jsondiff": jsondiff, "jsonpatch": jsonpatch}


# --- measuring ---


def _read(documents: list[bytes]) -> tuple[list[Record], list[Record]]:
    left = apart(*documents)
    return records_of(left.old), records_of(left.new)


def _work(tool: str, pair: Pair, out: Connection) -> None:
    documents = [document([encode(record) for record in side]) for side in (pair.old, pair.new)]
    read: Callable[[list[bytes]], Any] = _read if tool == OURS else lambda sides: map(json.loads, sides)
    tell: Callable[[Any, Any], Told] = OTHERS.get(tool, ours)
    small = [document([encode(record) for record in side[:3]]) for side in (pair.old, pair.new)]
    tell(*read(small))  # everything is loaded before the clock runs
    began = time.perf_counter()
    old, new = read(documents)
    has_read = time.perf_counter()
    told = tell(old, new)
    ended = time.perf_counter()
    out.send((ended - has_read, ended - began, told))


def measure(tool: str, pair: Pair, limit: float) -> Measured:
    here, there = get_context("fork").Pipe(duplex=False)
    process = get_context("fork").Process(target=_work, args=(tool, pair, there))
    process.start()
    there.close()
    try:
        if not here.poll(limit):
            return Measured(pair.name, tool, limit, limit, "stopped at the limit", None, in_time=False)
        seconds, whole, (words, counts) = here.recv()
    except EOFError:
        return Measured(pair.name, tool, 0.0, 0.0, "failed (is it installed?)", None, in_time=False)
    finally:
        process.kill()
        process.join()
    right = None if pair.truth is None or counts is None else counts == pair.truth
    return Measured(pair.name, tool, seconds, whole, words, right, in_time=True)


def _against(seconds: float, ours: float, *, in_time: bool) -> str:
    more = "" if in_time else ">"
    times = f"{more}{seconds / ours:,.0f}" if ours else "–"
    return f"{f'{more}{seconds:.3f}':>9} s {times:>8} ×"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a tool may take")
    options = parser.parse_args()
    results: list[Measured] = []
    for pair in pairs():
        print(f"\n{pair.name} ({len(pair.old):,} → {len(pair.new):,} records)")
        print(f"  {'':12} {'compare':>9} {'':>12} {'whole':>9}")
        base = measure(OURS, pair, options.limit)
        for tool in (OURS, *OTHERS):
            found = base if tool == OURS else measure(tool, pair, options.limit)
            results.append(found)
            right = {None: "", True: "right", False: "in part" if "cut short" in found.told else "WRONG"}[found.right]
            compare = _against(found.seconds, base.seconds, in_time=found.in_time)
            whole = _against(found.whole, base.whole, in_time=found.in_time)
            print(f"  {tool:12} {compare} {whole} {right:7} {found.told}")
            if tool != OURS and found.seconds:
                goal = 50 if (pair.name, tool) == ("one insertion", "deepdiff") else None
                what, peer = f"what changed: {pair.name}", tool if found.in_time else f"{tool}, stopped"
                ratio = found.whole / base.whole
                rows.put(rows.Row("Differences", what, base.whole, "s", peer, found.whole, ratio, goal))
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
