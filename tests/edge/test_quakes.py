"""The demo's server answers like the real one."""

import json
import urllib.error
import urllib.request

import pytest

from snapshotter.edge.quakes import Quakes, recorded_week

WEEK = "starttime=2018-01-31T00:00:00&endtime=2018-02-08T00:00:00"


def ask(server: Quakes, query: str) -> dict:
    with urllib.request.urlopen(f"{server.base_url}/fdsnws/event/1/query?format=geojson&{query}") as answer:
        return json.load(answer)


def test_the_recorded_week_has_every_event():
    assert len(recorded_week()) == 1707


def test_offset_counts_from_one_and_pages_join_without_a_seam():
    with Quakes() as server:
        pages = [ask(server, f"{WEEK}&limit=1000&offset={offset}")["features"] for offset in (1, 1001, 2001)]

    ids = {event["id"] for page in pages for event in page}
    assert [len(page) for page in pages] == [1000, 707, 0]
    assert len(ids) == 1707


def test_order_is_newest_first_unless_asked_otherwise():
    with Quakes() as server:
        newest, oldest = (ask(server, f"{WEEK}&limit=1&orderby={order}")["features"] for order in ("time", "time-asc"))

    assert newest[0]["properties"]["time"] > oldest[0]["properties"]["time"]


@pytest.mark.parametrize("query", ["limit=20001", "offset=0", "limit=x"])
def test_a_bad_query_is_refused(query):
    with Quakes() as server, pytest.raises(urllib.error.HTTPError, match="400") as refused:
        ask(server, f"{WEEK}&{query}")

    refused.value.close()


def test_a_revision_edits_adds_and_removes():
    with Quakes() as server:
        before = {event["id"]: event for event in ask(server, WEEK)["features"]}
        server.revise()
        after = {event["id"]: event for event in ask(server, WEEK)["features"]}

    assert len(after.keys() - before.keys()) == 1
    assert len(before.keys() - after.keys()) == 1
    assert sum(before[name] != after[name] for name in before.keys() & after.keys()) == 5
