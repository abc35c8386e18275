"""A loopback server that answers like the USGS FDSN event service, from a recorded week (for the demo and its tests).

The week: all earthquakes of 2018-01-31 to 2018-02-07, as published by the U.S. Geological Survey (public domain).
Parameters as in https://earthquake.usgs.gov/fdsnws/event/1/: `starttime`, `endtime`, `orderby`, `limit`, `offset`
(counted from 1). `revise()` plays what happens there every day: reviewed magnitudes, a late event, a deleted one.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

WEEK = "usgs-earthquakes-2018-02.json.gz"
MOST = 20_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def recorded_week() -> list[str]:
    """The recorded events, each as its JSON text (so that no number is touched on the way)."""
    text = gzip.decompress((files("snapshotter._data") / WEEK).read_bytes()).decode()
    body = text[text.index('"features":[') + len('"features":[') : text.rindex("]", 0, text.rindex('"bbox"'))]
    return [line.removesuffix(",") for line in body.strip().splitlines()]


class Quakes:
    """The server; a context manager. `requests` counts what it was asked."""

    def __init__(self, events: Iterable[str] | None = None) -> None:
        self._events = [(_time_of(text), text) for text in (recorded_week() if events is None else events)]
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def revise(self) -> None:
        """Five magnitudes are reviewed, one event of 2018-02-02 comes late, one of 2018-02-04 turns out to be none."""
        reviewed = 0
        revised: list[tuple[int, str]] = []
        for time, text in self._events:
            event = json.loads(text)
            day = (EPOCH + timedelta(milliseconds=time)).date().isoformat()
            if day == "2018-02-04" and event["id"] == _first_id(self._events, day):
                continue
            if reviewed < 5 and day in ("2018-02-01", "2018-02-03") and event["properties"]["status"] == "automatic":
                event["properties"] |= {"status": "reviewed", "mag": round((event["properties"]["mag"] or 1) + 0.1, 2)}
                event["properties"]["updated"] += 86_400_000
                revised.append((time, json.dumps(event, separators=(",", ":"))))
                reviewed += 1
            else:
                revised.append((time, text))
        self._events = [*revised, _late_event()]

    def answer(self, query: dict[str, list[str]]) -> tuple[int, str]:
        """Status and body for a query."""
        given = {name: values[-1] for name, values in query.items()}
        try:
            start, end = (_instant(given[name]) for name in ("starttime", "endtime"))
            limit, offset = int(given.get("limit", MOST)), int(given.get("offset", 1))
        except (KeyError, ValueError) as error:
            return 400, f"Error 400: Bad Request\n\n{error}\n"
        if not (1 <= limit <= MOST and offset >= 1):
            return 400, f"Error 400: Bad Request\n\nlimit must be 1 to {MOST}, offset at least 1\n"
        newest_first = given.get("orderby", "time") == "time"
        chosen = sorted((event for event in self._events if start <= event[0] <= end), reverse=newest_first)
        page = [text for _, text in chosen[offset - 1 : offset - 1 + limit]]
        head = {
            "generated": 1_518_000_000_000,
            "status": 200,
            "api": "1.5.8",
            "limit": limit,
            "offset": offset,
            "count": len(page),
        }
        return 200, f'{{"type":"FeatureCollection","metadata":{json.dumps(head)},"features":[{",".join(page)}]}}'

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                server.requests.append(self.path)
                known = parts.path == "/fdsnws/event/1/query"
                status, text = server.answer(parse_qs(parts.query)) if known else (404, "Error 404: Not Found\n")
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status == 200 else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the inherited signature
                """Say nothing."""

        return Handler


def _time_of(text: str) -> int:
    return int(json.loads(text)["properties"]["time"])


def _first_id(events: list[tuple[int, str]], day: str) -> str:
    first = min(event for event in events if (EPOCH + timedelta(milliseconds=event[0])).date().isoformat() == day)
    return str(json.loads(first[1])["id"])


def _instant(text: str) -> int:
    """Milliseconds since 1970; a time without a zone is UTC, as the service says."""
    instant = datetime.fromisoformat(text)
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=1)


def _late_event() -> tuple[int, str]:
    time = 1_517_571_296_120
    event = {
        "type": "Feature",
        "properties": {
            "mag": 4.3,
            "place": "South of the Kermadec Islands",
            "time": time,
            "updated": time + 400_000_000,
            "tz": -720,
            "status": "reviewed",
            "net": "us",
            "magType": "mb",
            "type": "earthquake",
            "title": "M 4.3 - South of the Kermadec Islands",
        },
        "geometry": {"type": "Point", "coordinates": [-177.8512, -33.0021, 10]},
        "id": "usdemo0001",
    }
    return time, json.dumps(event, separators=(",", ":"))
