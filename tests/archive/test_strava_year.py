"""A year of a service shaped like Strava: a list, two details each, tight limits, a refresh token for one use.

The server counts like the real one and remembers every call that it had to refuse; there must be none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from snapshotter.archive import looking
from tests.archive.worlds import Archive, Json, an_archive, utc
from tests.server import Answer, Reply, Seen, json_reply

START = utc("2026-03-01T06:05")  # somebody begins to archive; the year before is waiting
QUARTER, A_DAY = timedelta(minutes=15), timedelta(days=1)
PER_QUARTER, PER_DAY = 100, 1_000

HEAD = """
[secrets]
client_id = "env:ID"
client_secret = "env:SECRET"
refresh_token = "env:SEED"

[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "{url}/oauth/token"
client_id = "{{secrets.client_id}}"
client_secret = "{{secrets.client_secret}}"
refresh_token = "{{secrets.refresh_token}}"
expires = "expires_at"
refresh_before = "10m"
rotates = true

[pacing]
max_wait = "1m"
when_exhausted = "stop"

[[rate_limits]]
name = "short_read"
limit = 100
interval = "15m"
kind = "fixed"
match = {{ method = "GET" }}

[[rate_limits]]
name = "day_read"
limit = 1000
interval = "1d"
kind = "fixed"
zone = "UTC"
match = {{ method = "GET" }}

[[rate_headers]]
for = ["short_read", "day_read"]
limit = "x-readratelimit-limit"
used = "x-readratelimit-usage"
adopt = true

[[errors]]
status = 401
action = "refresh_auth"

[[errors]]
status = 429
action = "rate_limited"
"""
STREAMS = """
[streams.activities]
kind = "series"
path = "/athlete/activities"
params = { per_page = 30 }
id = "id"
ignore = ["kudos_count"]
paginate = { type = "page_number", param = "page", start = 1, stop = ["empty_page"] }
day = { field = "start_date_local", parse = "prefix" }

[streams.activities.window]
start = "2025-03-01"
step = "P3M"
bounds = "()"
granularity = "1s"
lookback = "7d"
overlap = "1d" # the filter looks at UTC, the day is local
params = { after = "{window.start|epoch}", before = "{window.end|epoch}" }

[streams.activities.details.activity]
path = "/activities/{record.id}"
params = { include_all_efforts = true }
fetch_if = "changed"

[streams.activities.details.streams]
path = "/activities/{record.id}/streams"
params = { keys = "latlng,time", key_by_type = true }
errors = [{ status = 404, action = "tombstone" }]
"""


@dataclass
class Service:
    """What the athlete did, and what may be asked of it when."""

    now: datetime = START
    done: list[Json] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    calls: Counter[datetime] = field(default_factory=Counter)
    refresh: str = "seed-token-123456"
    access: str = ""
    ends: datetime = START
    renewals: int = 0

    def __call__(self, seen: Seen) -> Answer:
        if seen.path == "/oauth/token":
            return self._token(seen)
        quarter = self.now.replace(minute=self.now.minute // 15 * 15, second=0, microsecond=0)
        day = quarter.replace(hour=0, minute=0) - timedelta(microseconds=1)  # a key of its own
        self.calls.update([quarter, day])
        usage = f"{self.calls[quarter]},{self.calls[day]}"
        answer = self._answer(seen)
        if self.calls[quarter] > PER_QUARTER or self.calls[day] > PER_DAY:
            answer = Reply(429, b"{}")
        if answer.status not in (200, 404):
            self.refused.append(f"{self.now} {seen.target} {answer.status} {usage}")
        return answer.with_headers(X_ReadRateLimit_Limit=f"{PER_QUARTER},{PER_DAY}", X_ReadRateLimit_Usage=usage)

    def _token(self, seen: Seen) -> Reply:
        if seen.form.get("refresh_token") != self.refresh:
            self.refused.append("a refresh token was used twice")
            return json_reply({"message": "Bad Request"}, 400)
        self.renewals += 1
        self.refresh, self.access = f"refresh-token-{self.renewals:06}", f"access-token-{self.renewals:06}"
        self.ends = self.now + timedelta(hours=6)
        ends = int(self.ends.timestamp())
        return json_reply({"access_token": self.access, "refresh_token": self.refresh, "expires_at": ends})

    def _answer(self, seen: Seen) -> Reply:
        if seen.header("authorization") != f"Bearer {self.access}" or self.now >= self.ends:
            return json_reply({"message": "Authorization Error"}, 401)
        parts = seen.path.split("/")
        if parts[1] == "athlete":
            return self._listed(dict(seen.query))
        one = next(one for one in self.done if one["id"] == int(parts[2]))
        if len(parts) == 3:
            return json_reply(self.activity(one))
        return Reply(404, b"{}") if one["manual"] else json_reply(self.streams(one))

    def _listed(self, query: dict[str, str]) -> Reply:
        after, before = (datetime.fromtimestamp(int(query[name]), UTC) for name in ("after", "before"))
        found = [one for one in self.done if after < datetime.fromisoformat(one["start_date"]) < before]
        page, size = int(query["page"]), int(query["per_page"])
        return json_reply([one for one in found if not one.get("gone")][(page - 1) * size : page * size])

    def activity(self, one: Json) -> Json:
        return {"id": one["id"], "name": one["name"], "calories": one["id"] % 700, "laps": [{"lap": 1}]}

    def streams(self, one: Json) -> Json:
        return {"time": {"data": [0, 1, one["id"] % 60]}}

    def does(self, at: datetime, *, manual: bool = False) -> None:
        """One more activity; the local day is that of a zone two hours ahead."""
        local = (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "Z"
        number = 9_000_000_001 + len(self.done)
        self.done.append({
            "id": number, "name": f"Run {number}", "start_date": at.isoformat(), "start_date_local": local,
            "manual": manual, "kudos_count": 0,
        })  # fmt: skip

    def truth(self) -> dict[str, object]:
        """Every file that a whole archive holds."""
        files: dict[str, object] = {}
        for one in self.done:
            day = one["start_date_local"][:10]
            folder = f"{day[:4]}/{day[5:7]}"
            files.setdefault(f"demo/activities/{folder}/{day}.json", []).append(one)  # type: ignore[attr-defined]
            files[f"demo/activities/activity/{folder}/{day[8:]}/{one['id']}.json"] = self.activity(one)
            if not one["manual"]:
                files[f"demo/activities/streams/{folder}/{day[8:]}/{one['id']}.json"] = self.streams(one)
        return files


@contextmanager
def a_year(folder: Path, *, activities: int) -> Iterator[tuple[Archive, Service]]:
    """An athlete with a year behind, and an archive that has seen nothing of it."""
    service = Service()
    for number in range(activities):
        at = utc("2025-03-01T05:00") + timedelta(days=365) / activities * number
        service.does(at.replace(microsecond=0), manual=number % 9 == 0)
    env = {"ID": "client-id-1", "SECRET": "client-secret-1", "SEED": service.refresh}
    with an_archive(folder, service, "", now=START, env=env) as archive:
        url = archive.server.url
        archive.place(f'format = 1\nsource = "demo"\n[client]\nbase_url = "{url}"\n{HEAD.format(url=url)}\n{STREAMS}')
        plain = service.__call__

        def by_the_clock(seen: Seen) -> Answer:
            service.now = archive.clock.now()
            return plain(seen)

        archive.server.script = by_the_clock  # type: ignore[assignment]
        yield archive, service


def archived(archive: Archive) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in archive.files():
        held = json.loads((archive.path / path).read_text())
        if held != []:
            found[path] = held
    return found


def waits(archive: Archive) -> int:
    (status,) = looking.status(archive.path, ["demo/activities"], archive.world).streams
    return sum(detail.due for detail in status.details)


def test_a_year_is_archived_without_one_refused_call(tmp_path: Path) -> None:
    with a_year(tmp_path, activities=505) as (archive, service):
        hours = 0
        while hours == 0 or waits(archive):
            archive.fetch()
            archive.later(minutes=40)
            hours += 1
            assert hours < 60
        assert archived(archive) == service.truth()
        assert service.refused == []
        assert PER_DAY - 10 <= max(service.calls.values()) <= PER_DAY  # the day's limit was spent, and not more

        for day in range(6):  # then life goes on
            service.does(archive.clock.now() - timedelta(hours=3), manual=day == 2)
            service.done[-2]["name"] = f"Renamed {day}"
            service.done[-3]["kudos_count"] += 1
            archive.later(days=1)
            archive.fetch()
        assert service.refused == []
        truth, kept = service.truth(), archived(archive)
        for one in service.done:
            one["kudos_count"] = 0
        assert kept.keys() == truth.keys()
        changed = [path for path, value in kept.items() if value != truth[path] and "/activity/" in path]
        assert changed == []
        assert archive.is_clean()
        assert service.renewals > 3
