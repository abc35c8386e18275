"""Every ready-made file loads without a problem, and says what has to be filled in."""

from pathlib import Path

import pytest

from snapshotter import catalogue
from snapshotter.archive.benching import play_all
from snapshotter.core.config import load_source
from snapshotter.edge.quakes import Quakes
from snapshotter.edge.world import World
from snapshotter.spec import Kind, OffsetPaging, Shape, Source, Span
from tests.core.config_builders import settings


def loaded(name: str, text: str | None = None) -> Source:
    found = load_source(text or catalogue.text(name), file=f"sources/{name}.toml", settings=settings())
    assert [str(problem) for problem in (*found.problems, *found.warnings)] == []
    (source,) = found.sources
    return source


@pytest.mark.parametrize("name", catalogue.names())
def test_a_file_loads_without_a_problem_and_is_named_like_its_source(name):
    assert loaded(name).name == name


@pytest.mark.parametrize("name", catalogue.names())
def test_a_file_names_its_schema_and_the_pages_its_facts_are_from(name):
    text = catalogue.text(name)

    assert text.startswith("#:schema ../schema/source.v1.json\n")
    assert "Facts are from" in text


@pytest.mark.parametrize("entry", catalogue.listing(), ids=lambda entry: entry.name)
def test_a_file_says_what_it_is_and_what_it_needs(entry):
    assert entry.title
    assert not entry.title.startswith(("needs", "#"))
    assert bool(entry.needs) == (entry.name != "usgs-earthquakes")


@pytest.mark.parametrize("name", catalogue.names())
def test_the_secrets_of_a_file_are_among_its_needs(name):
    needs = {entry.name: " ".join(entry.needs) for entry in catalogue.listing()}

    assert all(secret.where in needs[name] for secret in loaded(name).secrets.values())


def test_a_name_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        catalogue.text("../spec")


def test_earthquakes_are_asked_with_both_ends_included_and_counted_from_one():
    stream = loaded("usgs-earthquakes").streams["events"]

    assert stream.window is not None
    assert (stream.window.bounds, stream.window.granularity) == ("[]", Span(microseconds=1_000))
    assert isinstance(stream.paging, OffsetPaging)
    assert (stream.paging.start, stream.paging.param, stream.paging.size_param) == (1, "offset", "limit")


def test_earthquakes_can_be_pointed_at_another_server_and_another_time():
    text = catalogue.text("usgs-earthquakes")
    with Quakes(events=[]) as server:
        text = text.replace('https://earthquake.usgs.gov"', f'{server.base_url}"')
        text = text.replace('since = "2018-01-01"', 'since = "2018-01-31"').replace('"now"', '"2018-02-07"')

        source = loaded("usgs-earthquakes", text)

    window = source.streams["events"].window
    assert source.client.base_url == server.base_url
    assert window is not None
    assert (window.start, window.end) == ("2018-01-31", "2018-02-07")


def test_weather_comes_in_columns_and_is_filed_by_local_days():
    daily, hourly = loaded("open-meteo-history").streams.values()

    assert {daily.selection.shape, hourly.selection.shape} == {Shape.COLUMNS}
    assert daily.window is not None
    assert hourly.window is not None
    assert daily.day is not None
    assert hourly.day is not None
    assert daily.window.zone == daily.day.zone == hourly.day.zone == "Europe/Berlin"
    assert hourly.window.zone == hourly.day.naive == "UTC"


def test_what_happens_on_github_is_a_feed_and_the_stars_a_state():
    events, starred = loaded("github-events").streams.values()

    assert events.is_feed
    assert events.horizon is not None
    assert starred.kind is Kind.SNAPSHOT


RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*/*.json"))


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_file_reads_what_was_recorded_whatever_goes_wrong(file, tmp_path):
    world = World(env={}, state=tmp_path)

    (told,) = play_all(tmp_path, str(file), world).streams

    assert told.good, told
    assert told.records > 0
    assert told.source_file == f"the catalogue's {file.parent.name}"
