"""How much torture: a short form for every test run, `make torture` for most points, `make torture-full` for all.

Each form is a seeded choice, so that a failure can be repeated; results are added up in a file for the table.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

FORM = os.environ.get("TORTURE", "short")  # short, long, full
RESULTS = os.environ.get("TORTURE_RESULTS")
SHARDS = {"short": 1, "long": 8, "full": 16}[FORM]
T = TypeVar("T")


def share(
    points: Sequence[T], *, seed: str, short: int, long: float, full: float = 1.0, shard: int | None = None
) -> list[T]:
    """The points of one shard, or of a suite that is not cut in shards: a few, a part (of 1), or all of them."""
    chance = random.Random(seed)
    part = {"short": 0.0, "long": long, "full": full}[FORM]
    wanted = min(short, len(points)) if FORM == "short" else math.ceil(len(points) * part)
    chosen = chance.sample(list(points), wanted)
    return chosen if shard is None else chosen[shard::SHARDS]


@dataclass
class Tried:
    """The points that were tried, and what did not hold at some of them."""

    suite: str = ""
    points: int = 0
    unreached: int = 0
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def point(self, name: object) -> Iterator[None]:
        """Try one; a failure does not hide the others."""
        try:
            yield
        except Unreached:
            self.unreached += 1
            return
        except AssertionError as error:
            self.failures.append(f"{name}: {error}")
            self._tell_now(self.failures[-1])
        self.points += 1

    def _tell_now(self, failure: str) -> None:
        """A suite takes minutes: what did not hold is seen beside the results as soon as it is known."""
        print(failure, file=sys.stderr)
        if RESULTS is not None:
            with Path(f"{RESULTS}.failed").open("a") as file:
                file.write(f"{self.suite}: {failure}\n")


class Unreached(Exception):
    """The run had no such point."""


@contextmanager
def counted(suite: str) -> Iterator[Tried]:
    """The points of a suite; they are written down, also where some did not hold, and all must hold."""
    began, tried = time.monotonic(), Tried(suite)
    broke = True
    try:
        yield tried
        broke = False
    finally:
        _write_down(tried, failed=len(tried.failures) + broke, seconds=time.monotonic() - began)
    assert not tried.failures, f"{len(tried.failures)} of {tried.points}:\n" + "\n".join(tried.failures)
    assert tried.unreached <= max(2, tried.points // 10), f"{tried.unreached} points were not reached"


def _write_down(tried: Tried, *, failed: int, seconds: float) -> None:
    if RESULTS is None:
        return
    told = {"suite": tried.suite, "form": FORM, "points": tried.points, "failed": failed, "seconds": seconds}
    with Path(RESULTS).open("a") as file:
        file.write(json.dumps({**told, "ended": time.time(), "commit": commit()}) + "\n")


@cache
def commit() -> str:
    """The commit that is tried, marked where files differ from it."""
    described = ("git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")
    return subprocess.run(described, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
