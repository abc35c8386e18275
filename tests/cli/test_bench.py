"""`snap record` and `snap test` as a person types them."""

import json

import pytest


@pytest.fixture
def trusted(archive, person):
    person.types("trust", "--yes")
    return archive


def test_a_stream_is_recorded_and_tested(trusted, person, quakes):
    told = person.types(
        "record", "usgs-earthquakes/events", "--day", "2018-02-01", "--scrub", "features[*].properties.place"
    )
    assert "Recorded usgs-earthquakes/events" in told
    asked = len(quakes.requests)

    file = trusted / "recordings/usgs-earthquakes/events.json"
    found = json.loads(file.read_text())
    assert found["since"] == found["until"] == "2018-02-01"
    text = person.types("test", "usgs-earthquakes")

    assert len(quakes.requests) == asked
    assert "2018-02-01" in text
    assert "FAILED" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_result_for_a_script_and_the_exit_code_say_the_same(trusted, person):
    person.types("record", "usgs-earthquakes/events", "--day", "2018-02-01")
    source = trusted / "sources/usgs-earthquakes.toml"
    source.write_text(source.read_text() + '\n[[streams.events.errors]]\nstatus = 500\naction = "empty"\n')

    told = json.loads(person.types("test", "usgs-earthquakes/events", "--json", code=3))

    (stream,) = told["streams"]
    assert [played["scenario"] for played in stream["scenarios"] if played.get("passed") is False] == [
        "500 on the last page"
    ]


def test_a_dry_run_asks_nothing(trusted, person, quakes):
    assert "nothing was asked" in person.types("record", "usgs-earthquakes/events", "--dry-run")
    assert quakes.requests == []
    assert not (trusted / "recordings").exists()


def test_a_day_and_a_span_are_not_said_together(trusted, person):
    person.types("record", "usgs-earthquakes/events", "--day", "2018-02-01", "--since", "2018-02-01", code=2)
    assert "--day is one day" in person.err
