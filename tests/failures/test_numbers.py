"""Failures seen elsewhere: numbers and text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import snapshotter
from snapshotter.results import Exit
from tests.archive.worlds import (
    AGAIN,
    Api,
    an_archive,
    instant,
    item,
    series,
)
from tests.server import Reply, json_reply

EXACT = [
    "18446744073709551617", "1.10", "1E400", "-0.0", "0.1234567890123456789012345678901234567890", "9007199254740993",
]  # fmt: skip


def test_no_number_loses_a_digit(tmp_path):
    """Integers from 2^64 on become floats, long decimals are rounded, 1E400 becomes Infinity."""
    numbers = ",".join(EXACT)
    body = f'{{"data": [{{"id": "a", "at": "{instant("12T01:00")}", "numbers": [{numbers}]}}]}}'
    with an_archive(tmp_path, [Reply(200, body.encode())]) as archive:
        archive.fetch()

        kept = re.search(r'"numbers":\[(.*)\]', archive.read("demo/items/2026/03/2026-03-12.json"))
        assert kept[1].lower().split(",") == numbers.lower().split(",")


@pytest.mark.parametrize(
    ("text", "reason"), [('{"a": 1, "a": 2}', "duplicate_key"), (r'"\ud800"', "surrogate"), ("NaN", "nan")]
)
def test_what_cannot_be_stored_exactly_is_kept_as_bytes_and_named(tmp_path, text, reason):
    """Of two equal keys the last one wins; half a surrogate pair becomes a question mark."""
    body = f'{{"data": [{{"id": "a", "at": "{instant("12T01:00")}", "odd": {text}}}]}}'.encode()
    with an_archive(tmp_path, [Reply(200, body)]) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.states() == {"invalid": 1}
        assert archive.quarantined() == [(reason, body)]
        assert archive.files() == []


def test_response_json_is_never_called():
    """`response.json()` decodes with whatever library happens to be installed."""
    sources = Path(snapshotter.__file__).parent.rglob("*.py")

    assert [path.name for path in sources if re.search(r"\.json\(", path.read_text())] == []


def test_an_id_of_digits_stays_a_text(tmp_path):
    """An id `"478"` becomes a number on its way through a template."""
    api = Api([])
    api.instead = lambda _: json_reply({"data": [item("12T01:00", "478")], "next": "478" if api.asked == 1 else None})
    paginate = '{ type = "cursor", cursor = "next", param = "cursor", into = "json" }'
    body = 'method = "POST"\njson = { limit = 5, window = "{window.start|date}" }\n'
    with an_archive(tmp_path, api, series(paginate, more=body)) as archive:
        archive.fetch()

        assert archive.server.seen[1].json["cursor"] == "478"
        assert archive.ids("12") == ["478"]


def test_white_space_and_key_order_are_no_change(tmp_path):
    """The server formats its answers anew, and every day has "changed"."""
    plain = [item("12T01:00", "a", tags=["x"], size=1.5), item("12T02:00", "b")]
    api = Api(plain)
    with an_archive(tmp_path, api, series(window=AGAIN)) as archive:
        archive.fetch()
        turned = [dict(reversed(record.items())) for record in reversed(plain)]
        api.instead = lambda _: Reply(200, json.dumps({"data": turned}, indent=4).encode())
        before = archive.commits()
        ran = archive.fetch()

        assert (ran.exit, ran.commits, archive.commits()) == (Exit.DONE, (), before)
