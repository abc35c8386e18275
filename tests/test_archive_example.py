"""The example archive is whole: every file loads, and says what the catalogue and the schemas say."""

from pathlib import Path

import pytest

from snapshotter import catalogue
from snapshotter.canonical import encode_indented
from snapshotter.core.config import check_together, load_settings, load_source
from snapshotter.core.schema import settings_schema, source_schema

ARCHIVE = Path(__file__).parent.parent / "archive.example"
FILES = sorted((ARCHIVE / "sources").glob("*.toml"))
SETTINGS = load_settings((ARCHIVE / "snap.toml").read_text())[0]
REGENERATE = "run `python -m tests.test_archive_example` to write it anew"


def sources():
    for path in FILES:
        yield from load_source(path.read_text(), file=f"sources/{path.name}", settings=SETTINGS).sources


def schemas():
    return {"source.v1.json": source_schema(), "settings.v1.json": settings_schema()}


def test_the_settings_load_without_a_problem():
    settings, problems = load_settings((ARCHIVE / "snap.toml").read_text())

    assert problems == ()
    assert settings is not None
    assert settings.zone == "Europe/Zurich"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_source_loads_without_a_problem(path):
    loaded = load_source(path.read_text(), file=f"sources/{path.name}", settings=SETTINGS)

    assert [str(problem) for problem in (*loaded.problems, *loaded.warnings)] == []
    assert [source.name for source in loaded.sources] == [path.stem]


def test_all_sources_fit_together():
    assert check_together(sources()) == ()


def test_the_settings_reach_every_source():
    assert {source.client.user_agent for source in sources()} == {"snap (+mailto:archive@example.org)"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_source_differs_from_the_catalogue_in_its_variables_only(path):
    head, _, rest = path.read_text().partition("[vars]")
    ready_head, _, ready_rest = catalogue.text(path.stem).partition("[vars]")

    assert head == ready_head
    assert rest.partition("\n[")[2] == ready_rest.partition("\n[")[2]


@pytest.mark.parametrize("name", schemas())
def test_the_schemas_are_those_of_the_program(name):
    assert (ARCHIVE / "schema" / name).read_bytes() == encode_indented(schemas()[name]), REGENERATE


def test_the_readme_names_every_stream():
    readme = (ARCHIVE / "README.md").read_text()

    assert [stream.key for source in sources() for stream in source.streams.values() if stream.key not in readme] == []


if __name__ == "__main__":
    for name, schema in schemas().items():
        (ARCHIVE / "schema" / name).write_bytes(encode_indented(schema))
