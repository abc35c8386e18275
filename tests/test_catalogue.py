"""An API is a file, a page and answers, found by listing files; each is held to the same checks."""

import json
import os
import shutil
from zlib import crc32

import pytest

from docs.make.catalogue import catalogue_page
from snapshotter import catalogue
from snapshotter.core.config import load_source
from snapshotter.edge.quakes import Quakes
from snapshotter.edge.world import World
from snapshotter.spec import Kind, OffsetPaging, Shape, Source, Span
from tests import answers, catalogue_checks
from tests.catalogue_checks import ALL, ROOT, Entry, entries
from tests.core.config_builders import settings

RECORDINGS = [(entry, path) for entry in entries() for path in entry.recordings]


def loaded(name: str, text: str | None = None) -> Source:
    found = load_source(text or catalogue.text(name), file=f"sources/{name}.toml", settings=settings())
    assert [str(problem) for problem in (*found.problems, *found.warnings)] == []
    (source,) = found.sources
    return source


# --- every file ---


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_a_file_its_page_and_its_answers_are_as_they_should_be(entry):
    problems = [*catalogue_checks.file_problems(entry), *catalogue_checks.page_problems(entry)]

    assert [*problems, *catalogue_checks.answers_problems(entry)] == []


@pytest.mark.parametrize(("entry", "path"), RECORDINGS, ids=lambda value: getattr(value, "stem", None) or value.name)
def test_a_file_reads_its_answers_and_the_days_fall_where_their_author_says(entry, path, tmp_path):
    ways = ALL if os.environ.get("CATALOGUE") else (ALL[crc32(path.as_posix()[-24:].encode()) % len(ALL)],)

    assert list(catalogue_checks.play_problems(path, entry, tmp_path, ways)) == []


@pytest.mark.parametrize(("entry", "path"), RECORDINGS, ids=lambda value: getattr(value, "stem", None) or value.name)
def test_no_secret_and_nobodys_address_is_in_the_answers(entry, path):
    assert list(catalogue_checks.secret_problems(path)) == []


def test_every_recording_and_every_page_has_a_file():
    pages = {path.stem for path in (ROOT / "docs/catalogue").glob("*.md")}
    recorded = {path.name for path in (ROOT / "tests/recordings").iterdir()}

    assert pages == set(catalogue.names())
    assert recorded <= set(catalogue.names())


def test_the_table_is_made_from_the_files():
    assert (ROOT / "docs/catalogue.md").read_text() == catalogue_page(), "run `make docs` to write it anew"


def test_a_name_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        catalogue.text("../spec")


# --- what the checks find ---


@pytest.fixture
def mine(tmp_path):
    """A copy of the earthquakes, to make mistakes in."""
    entry = Entry("usgs-earthquakes", tmp_path)
    for there, here in ((Entry(entry.name).file, entry.file), (Entry(entry.name).page, entry.page)):
        here.parent.mkdir(parents=True)
        shutil.copy(there, here)
    shutil.copytree(ROOT / f"tests/recordings/{entry.name}", tmp_path / f"tests/recordings/{entry.name}")
    return entry


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def found(entry, folder):
    return "\n".join(catalogue_checks.problems_of(entry, folder, only=()))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("# checked: recorded answers\n", "", "a line `# checked: "),
        ("# checked: recorded answers", "# checked: by eye", "the words are: recorded answers"),
        ("# checked: recorded answers", "# checked: recorded answers (event)", "'event', which is no stream"),
        ("# needs: nothing\n", "", "a line `# needs: "),
        ("# facts: https", "# facts: see https", "a line `# facts: "),
        ("lookback =", "lookbak =", "did you mean"),
        ('source = "usgs-earthquakes"', 'source = "quakes"', "it has the name of the file"),
        ('zone = "UTC"', 'zone = "Pacific/Auckland"', "its author says that the days are"),
        ("[vars]\n", '[secrets]\ntoken = "env:QUAKES"\n\n[vars]\n', "does not name QUAKES"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_what_to_do(mine, tmp_path, before, after, told):
    edit(mine.file, before, after)

    assert told in found(mine, tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("## Limits", "## Its limits", "has the parts"),
        ("`events`", "Events", "does not say what events gets"),
        ("https://earthquake", "https://elsewhere", "does not name https://earthquake"),
    ],
)
def test_a_mistake_in_a_page_is_told(mine, tmp_path, before, after, told):
    edit(mine.page, before, after)

    assert told in found(mine, tmp_path)


def test_a_page_says_where_nothing_but_documentation_was_there(mine, tmp_path):
    edit(mine.file, "recorded answers", "documentation only")

    assert "could not be checked" in found(mine, tmp_path)


def test_answers_that_are_not_there_are_asked_for(mine, tmp_path):
    mine.recordings[0].unlink()

    assert "no answers for events" in found(mine, tmp_path)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (["Authorization", "Bearer abcdefgh"], "a value at 'Authorization'"),
        (["X-Who", "anna@gmail.com"], "a mail address"),
        (["X-Token", "ghp_" + "a1" * 18], "a token of GitHub"),
    ],
)
def test_a_secret_in_a_recording_is_told(mine, tmp_path, header, told):
    (path,) = mine.recordings
    recording = json.loads(path.read_text())
    recording["exchanges"][0]["request"]["headers"].append(header)
    path.write_text(json.dumps(recording))

    assert told in found(mine, tmp_path)


def test_answers_that_somebody_wrote_become_a_recording(mine, tmp_path):
    (path,) = mine.recordings
    recording = answers.benching.recordings.from_bytes(path.read_bytes(), path.name)
    pages = [exchange["response"]["json"] for exchange in json.loads(path.read_text())["exchanges"]]

    again = answers.written(recording, pages, World(env={}, state=tmp_path))

    asked = [taken.asked.url for taken in again.exchanges]
    assert asked == [taken.asked.url for taken in recording.exchanges]
    assert answers.save(again, tmp_path / "made", World(env={}, state=tmp_path)) == json.loads(path.read_text())["days"]


# --- single files ---


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
    streams = loaded("github").streams

    assert streams["events"].is_feed
    assert streams["events"].horizon is not None
    assert streams["starred"].kind is Kind.SNAPSHOT
