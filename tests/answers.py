"""Answers that a contributor wrote from the documentation, made a recording: in the form of `snap record`.

    python -m tests.answers github/gists --at 2026-05-04T06:00:00Z --since 2026-05-01 --until 2026-05-03 < pages.json

`pages.json` is a list of bodies, in the order in which they are asked for. A page that is an object with `body` may
name `status` and `headers` too. The stream is played as the engine asks it, and each request takes the next page.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from snapshotter.archive import benching
from snapshotter.canonical import encode
from snapshotter.core.recordings import Answered, Asked, Recording, Taken, to_bytes
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from tests.catalogue_checks import by_day

RECORDINGS = Path(__file__).parent / "recordings"


class Written:
    """Gives every request the next page, and notes both."""

    def __init__(self, pages: Sequence[object]) -> None:
        self._pages = iter(pages)
        self.taken: list[Taken] = []

    def find(self, asked: Asked) -> Answered:
        """The next page."""
        try:
            page = next(self._pages)
        except StopIteration:
            raise UsageError(f"there is no page left for the request {len(self.taken) + 1}: {asked.url}") from None
        answered = answer_of(page)
        self.taken.append(Taken(asked, answered))
        return answered

    @property
    def left(self) -> int:
        """How many pages nobody asked for."""
        return sum(1 for _ in self._pages)


def answer_of(page: object) -> Answered:
    """A page as an answer: a body, or an object that says more."""
    given = page if isinstance(page, dict) and "body" in page and set(page) <= {"body", "status", "headers"} else None
    body = page if given is None else given["body"]
    headers = {"content-type": "application/json", **((given or {}).get("headers") or {})}
    return Answered((given or {}).get("status", 200), tuple(headers.items()), encode(body))


def written(recording: Recording, pages: Sequence[object], world: World) -> Recording:
    """The recording with these pages as answers to what is asked."""
    shelf = Written(pages)
    benching.ask_once(recording, shelf, world)
    if left := shelf.left:
        raise UsageError(f"{left} of the pages were not asked for; {len(shelf.taken)} were")
    return replace(recording, exchanges=tuple(shelf.taken))


def save(recording: Recording, folder: Path, world: World) -> dict[str, int]:
    """Write it, with the days as they fall now: whoever wrote the pages has to look at them."""
    place = folder / recording.source / f"{recording.stream}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(to_bytes(recording))
    (told,) = benching.play_all(folder, str(place), world, only=()).streams
    days = by_day(told)
    text = json.loads(to_bytes(recording))
    exchanges = text.pop("exchanges")
    place.write_text(
        json.dumps({**text, **({"days": days} if days else {}), "exchanges": exchanges}, indent=2, ensure_ascii=False)
        + "\n"
    )
    return days


def _lines(arguments: Sequence[str]) -> Iterator[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", metavar="SOURCE/STREAM")
    parser.add_argument("--at", required=True, help="when the answers would have come, in UTC")
    parser.add_argument("--since", type=date.fromisoformat)
    parser.add_argument("--until", type=date.fromisoformat)
    given = parser.parse_args(arguments)
    source, _, stream = given.target.partition("/")
    at = datetime.fromisoformat(given.at)
    world = World(env={}, state=Path("/nonexistent"))
    recording = Recording(source, stream, at, (), given.since, given.until, snap="")
    recording = written(recording, json.load(sys.stdin), world)
    days = save(recording, RECORDINGS, world)
    yield f"wrote {RECORDINGS.name}/{given.target}.json: {len(recording.exchanges)} answers"
    yield "are these the days that the documentation makes of them?" if days else "it is kept as a whole"
    yield from (f"  {day}  {count}" for day, count in days.items())


if __name__ == "__main__":
    try:
        print("\n".join(_lines(sys.argv[1:])))
    except UsageError as error:
        sys.exit(str(error))
