"""How fast canonical.py reads and writes, as a share of orjson's own speed on the same body, all in one run.

    python benchmarks/canonical.py

Each line is a way that APIs spell the same 80 records. 1.00 would be as fast as `orjson.loads` and `orjson.dumps`.
Writing is measured as a page is written: where decoding found that orjson writes its records in canonical form, nothing
is looked at twice.
"""

import json
import random
import time
from collections.abc import Callable

import orjson
import rows

from snapshotter import canonical


def a_record(number: int, chance: random.Random) -> dict[str, object]:
    return {
        "id": 1_000_000 + number,
        "name": f"Morning Ride {number} in Köln",
        "distance": round(chance.random() * 1e5, 1),
        "moving_time": chance.randint(1, 9999),
        "start_date": f"2024-01-{number % 28 + 1:02}T10:11:12Z",
        "map": {"id": f"a{number}", "polyline": f"abc\\def/{number}", "summary": None},
        "latlng": [chance.random() * 50, chance.random() * 50],
        "trainer": False,
        "gear_id": None,
        "tags": ["commute", "with bags"],
        "average_speed": round(chance.random() * 10, 3),
        "description": "word " * 12,
    }


def bodies() -> dict[str, bytes]:
    chance = random.Random(1)
    value = [a_record(number, chance) for number in range(80)]
    compact = orjson.dumps(value)
    return {
        "compact": compact,
        "pretty": orjson.dumps(value, option=orjson.OPT_INDENT_2),
        "escaped (Python)": json.dumps(value).encode(),
        "escaped (PHP)": json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode(),
        "prices like 1.10": compact.replace(b'"trainer":', b'"price":1.10,"trainer":'),
    }


def best_of(rounds: int, works: list[Callable[[], object]]) -> list[float]:
    """The shortest time of each, measured in turns so that all of them meet the same noise."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[place] = min(best[place], time.perf_counter() - start)
    return best


def main() -> None:
    print(f"{'body':18} {'bytes':>7} {'decode':>9} {'encode':>9} {'both':>6}")
    for name, body in bodies().items():
        decoded, plain = canonical.decode(body), orjson.loads(body)
        write = canonical.encode_regular if decoded.is_regular else canonical.encode  # as pages are read
        times = best_of(
            400,
            [
                lambda body=body: orjson.loads(body),
                lambda plain=plain: orjson.dumps(plain, option=orjson.OPT_SORT_KEYS),
                lambda body=body: canonical.decode(body),
                lambda value=decoded.value, write=write: write(value),
            ],
        )
        loads, dumps, decode, encode = (seconds * 1e6 for seconds in times)
        share = (loads + dumps) / (decode + encode)
        print(f"{name:18} {len(body):7} {decode:6.0f} µs {encode:6.0f} µs {share:6.2f}")
        goal = 0.5 if name == "compact" else None  # what most APIs send
        peer, what = "orjson loads + dumps", f"canonical form of 80 records, {name}"
        rows.put(rows.Row("Reading", what, decode + encode, "µs", peer, loads + dumps, share, goal))


if __name__ == "__main__":
    main()
