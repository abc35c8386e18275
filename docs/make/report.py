"""docs/report-*.png: the report of an archive that has seen much, in a real browser; its APIs are on this machine."""

import json
import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from docs.make.browser import a_browser
from snapshotter.archive import fetching, reporting, setup
from snapshotter.archive.opening import for_writing
from snapshotter.edge.world import World
from snapshotter.model import Batch, FileChange
from snapshotter.results import FetchOptions

BEGIN = datetime(2026, 3, 20, 5, 0, tzinfo=UTC)
DAYS = 18  # that are lived through, after the first run
ONE = timedelta(days=1)
SHOTS = (("light", 960, 1140, ""), ("dark", 960, 690, "days"), ("phone", 360, 800, "days"))
SOURCES = {
    "health": """\
format = 1
source = "health"

[client]
base_url = "URL/health"

[[rate_limits]]
name = "15 minutes"
limit = 200
interval = "15m"
[[rate_limits]]
name = "day"
limit = 1000
interval = "24h"
kind = "sliding"

[streams.activities]
kind = "series"
path = "/activities"
id = "id"
params = { from = "{window.start|iso}", to = "{window.end|iso}" }
window = { start = "2022-03-01", step = "30d", lookback = "9d" }
day = { field = "at", parse = "instant", zone = "UTC" }

[streams.sleep]
kind = "series"
path = "/sleep"
id = "id"
params = { from = "{window.start|iso}", to = "{window.end|iso}" }
window = { start = "2023-05-14", step = "30d", lookback = "3d" }
day = { field = "at", parse = "instant", zone = "UTC" }
[streams.sleep.expect]
max_drop = "20%"

[streams.goals]
kind = "snapshot"
path = "/goals"
id = "id"
""",
    "balcony": """\
format = 1
source = "balcony"

[client]
base_url = "URL/balcony"

[streams.readings]
kind = "series"
path = "/readings"
id = "id"
params = { from = "{window.start|iso}", to = "{window.end|iso}" }
window = { start = "2024-08-10", step = "14d" }
day = { field = "at", parse = "instant", zone = "UTC" }
""",
    "bank": """\
format = 1
source = "bank"

[client]
base_url = "URL/bank"

[streams.bookings]
kind = "series"
path = "/bookings"
id = "id"
params = { from = "{window.start|iso}", to = "{window.end|iso}" }
window = { start = "2025-10-01", step = "1d" }
day = { field = "at", parse = "instant", zone = "UTC" }
""",
}


class Clock:
    """A clock that is turned by hand, so that weeks take seconds."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.steady = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.steady += seconds


class Apis(BaseHTTPRequestHandler):
    """What the APIs answer, by the day it is."""

    clock: Clock

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        name, asked = address.path.rpartition("/")[2], parse_qs(address.query)
        status, body = ANSWERS[name](asked, self.clock.now())
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


Asked = dict[str, list[str]]
Answered = tuple[int, object]


def _days(asked: Asked, now: datetime) -> list[date]:
    first, last = (datetime.fromisoformat(asked[end][0]) for end in ("from", "to"))
    last = min(last, now)
    return [first.date() + ONE * number for number in range(math.ceil((last - first) / ONE))]


def _number(day: date, salt: int) -> random.Random:
    return random.Random(day.toordinal() * 31 + salt)  # noqa: S311 - the same every time


def _activities(asked: Asked, now: datetime) -> Answered:
    found = []
    for day in _days(asked, now):
        dice = _number(day, 1)
        season = 1.1 - math.cos((day.timetuple().tm_yday - 15) / 58) / 2
        for place in range(int(dice.random() * 3.4 * season)):
            kind = dice.choice(["run", "ride", "swim", "walk"])
            late = now.date() - day > 6 * ONE and dice.random() < 0.2
            name = f"{'Long ' if late else ''}{kind} before work"
            km = round(dice.uniform(2, 40) * (1.02 if late else 1), 1)
            at = f"{day}T0{6 + place % 3}:10:00Z"
            found.append({"id": f"{day:%Y%m%d}{place}", "at": at, "kind": kind, "name": name, "km": km})
    return 200, found


def _sleep(asked: Asked, now: datetime) -> Answered:
    days = _days(asked, now)
    if now.date() >= date(2026, 4, 6):
        return 401, {"error": "token expired"}
    if any(date(2025, 7, 20) <= day <= date(2025, 8, 2) for day in days):
        return 503, {"error": "down for maintenance"}
    found = []
    for day in days:
        dice = _number(day, 2)
        phases = 1 if day == date(2026, 3, 26) and now.date() > date(2026, 3, 27) else dice.randint(4, 9)
        if dice.random() > 0.06:
            found += [
                {"id": f"{day:%Y%m%d}-{n}", "at": f"{day}T0{n % 8}:0{n % 6}:00Z", "minutes": dice.randint(20, 110)}
                for n in range(phases)
            ]
    return 200, found


def _readings(asked: Asked, now: datetime) -> Answered:
    found = []
    for day in _days(asked, now):
        dice = _number(day, 3)
        hours = 0 if date(2025, 9, 8) <= day <= date(2025, 9, 15) else dice.randint(14, 24)
        warm = 11 - 9 * math.cos(day.timetuple().tm_yday / 58)
        found += [
            {"id": f"{day:%Y%m%d}{n:02}", "at": f"{day}T{n:02}:00:00Z", "celsius": round(warm + dice.gauss(0, 2), 1)}
            for n in range(hours)
        ]
    return 200, found


def _bookings(asked: Asked, now: datetime) -> Answered:
    days = _days(asked, now)
    if any(day in (date(2025, 11, 11), date(2025, 11, 12), date(2026, 1, 20)) for day in days):
        return 200, {"message": "format changed"}
    return 200, [
        {"id": f"{day:%y%m%d}{n}", "at": f"{day}T1{n}:00:00Z", "cents": -_number(day, n).randint(100, 9000)}
        for day in days if day.weekday() < 5 for n in range(_number(day, 4).randint(0, 4))
    ]  # fmt: skip


def _goals(asked: Asked, now: datetime) -> Answered:
    return 200, [{"id": "year", "km": 2400, "done": 300 + now.day * 7}, {"id": "sleep", "hours": 7.5}]


ANSWERS: dict[str, Callable[[Asked, datetime], Answered]] = {
    "activities": _activities, "sleep": _sleep, "readings": _readings, "bookings": _bookings, "goals": _goals,
}  # fmt: skip


def lived_through(folder: Path) -> World:
    """Make an archive that has seen weeks of runs, holes, failures, changes and a held version; gives its world."""
    clock = Clock(BEGIN)
    handler = type("Handler", (Apis,), {"clock": clock})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    world = World(env={}, state=folder.parent / "state", clock=clock, chance=random.Random(7))  # noqa: S311
    setup.init(folder, world, zone="UTC")
    url = f"http://127.0.0.1:{server.server_address[1]}"
    files = tuple(
        FileChange(f"sources/{name}.toml", text.replace("URL", url).encode()) for name, text in SOURCES.items()
    )
    with for_writing(folder, world, command="example") as opened:
        opened.store.commit(Batch(files, "Describe three sources\n", clock.now()), opened.store.head())
        opened.store.finish()
    for _ in range(DAYS):
        fetching.fetch(folder, FetchOptions(), world, tell=lambda step: None)
        clock.sleep(86_400 - clock.now().timestamp() % 86_400 + 5 * 3600)
    fetching.fetch(folder, FetchOptions(), world, tell=lambda step: None)
    server.shutdown()
    server.server_close()
    return world


def pictures(docs: Path) -> None:
    """Write the three pictures."""
    with TemporaryDirectory() as name, a_browser() as browser:
        folder = Path(name) / "life"
        world = lived_through(folder)
        page = Path(name) / "report.html"
        reporting.write(page, reporting.report(folder, world), world)
        for shot, width, height, part in SHOTS:
            browser.size(width, height, dark=shot == "dark")
            browser.open(page)
            browser.run(f"document.documentElement.style.scrollBehavior = 'auto'; location.hash = '{part}'")
            (docs / f"report-{shot}.png").write_bytes(browser.picture())
