"""What is left of the rate limits, told without asking anybody."""

import json

import pytest

from tests.server import Server, json_reply


@pytest.fixture
def api():
    with Server(lambda _: json_reply([{"id": 1}], X_Left="7", X_Reset="4102444800")) as server:
        yield server


@pytest.fixture
def limited(person, api, monkeypatch):
    """An archive of one source with three limits, one of them known from headers alone."""
    person.types("init", "a")
    folder = person.folder / "a"
    (folder / "sources/demo.toml").write_text(f"""
format = 1
source = "demo"
[secrets]
token = "env:DEMO_TOKEN"
[client]
base_url = "{api.url}/v1"
[auth]
type = "bearer"
token = "{{secrets.token}}"
[[rate_limits]]
name = "hour"
limit = 100
interval = "1h"
reserve = 10
[[rate_limits]]
name = "items"
limit = 1
interval = "1d"
match = {{ path = "/v1/items*" }}
[streams.items]
kind = "snapshot"
path = "/items"
[streams.others]
kind = "snapshot"
path = "/others"
""")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEMO_TOKEN", "token-of-a-user")
    return folder


def test_before_any_request_everything_is_left(person, limited, api):
    told = person.types("limits")

    assert "hour: 100 of 100 left, 10 kept in reserve" in told
    assert "items: 1 of 1 left" in told
    assert "goes on" not in told
    assert api.seen == []


def test_after_a_fetch_what_was_sent_is_missing_and_a_spent_limit_says_when_it_goes_on(person, limited):
    person.types("fetch")

    told = person.types("limits", "demo")

    assert "hour: 98 of 100 left" in told
    assert "items: 0 of 1 left" in told
    assert "demo/items goes on at" in told
    assert "demo/others goes on at" not in told


def test_a_script_gets_it_as_json(person, limited):
    person.types("fetch", "demo/others")

    (lane,) = json.loads(person.types("limits", "--json"))["lanes"]

    assert lane["sources"] == ["demo"]
    assert [(left["name"], left["remaining"]) for left in lane["budgets"]] == [("hour", 99), ("items", 1)]
    assert "token-of-a-user" not in json.dumps(lane)


def test_without_its_credential_a_source_has_no_known_lane(person, limited, monkeypatch):
    monkeypatch.delenv("DEMO_TOKEN")

    told = person.types("limits")

    assert "set the environment variable DEMO_TOKEN" in told


def test_an_unknown_source_is_named(person, limited):
    person.types("limits", "dmeo", code=2)

    assert "did you mean demo" in person.err
