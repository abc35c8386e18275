"""The JSON Schemas for editors agree with the checker about the shape of a file."""

import tomllib

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from snapshotter import catalogue
from snapshotter.core.config import load_settings, settings_template
from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.tables import ABSENT
from snapshotter.core.schema import settings_schema, source_schema
from tests.core.config_builders import CLIENT, EXAMPLES, HEAD, STREAM, a_file, a_windowed_file, load
from tests.core.test_config_fuzz import as_file, mangled

SOURCES = Draft202012Validator(source_schema())
SETTINGS_VALIDATOR = Draft202012Validator(settings_schema())
GOOD = {path.stem: path.read_text() for path in EXAMPLES.glob("*.toml")} | {
    name: catalogue.text(name) for name in catalogue.names()
}

VARIANTS = {
    "accounts": a_file("[vars]\nu = 1\n[accounts.anna]\nu = 2\n[accounts.bob.vars]\nu = 3\n"),
    "secrets": a_file('[secrets]\na = "env:A"\nb = { from = "command:x", public = true }\n'),
    "overlap": a_windowed_file('overlap = { before = "1h" }'),
    "no window": a_file(stream=STREAM + "window = false\n"),
    "placeholders": a_file('[vars]\nn = 2\n[pacing]\nconcurrency = "{vars.n}"\nmin_interval = "{vars.n}s"\n'),
    "cursor in a header": a_file(
        stream=STREAM + 'paginate = { type = "cursor", cursor = { header = "next" }, param = "c", carry = ["a"] }\n'
    ),
    "hash": a_file(stream=STREAM.replace('id = "id"', 'id = "hash"')),
    "format": a_file(stream=STREAM.replace('"instant"', '"fmt:%d.%m.%Y"')),
    "incomplete defaults": a_file(
        '[defaults.paginate]\nmax_pages = 5\n[templates.t.window]\nlookback = "7d"\n',
        stream=STREAM + 'paginate.type = "link_header"\n',
    ),
}


@pytest.mark.parametrize("schema", [source_schema(), settings_schema()])
def test_the_schemas_are_schemas(schema):
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_meets_the_schema(name):
    assert [error.message for error in SOURCES.iter_errors(tomllib.loads(GOOD[name]))] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_every_way_of_writing_meets_the_schema(name):
    assert load(VARIANTS[name]).problems == ()
    assert [error.message for error in SOURCES.iter_errors(tomllib.loads(VARIANTS[name]))] == []


@pytest.mark.parametrize(
    "text",
    [
        a_file("unknown = 1"),
        a_file("[pacing]\nmin_interval = 5"),
        a_file("[pacing]\nmin_interval = '5 seconds'"),
        a_file("[pacing]\nwhen_exhausted = 'sleep'"),
        a_file("[auth]\ntype = 'bearer'"),
        a_file("[auth]\ntype = 'none'\ntoken = '{secrets.t}'"),
        a_file("[secrets]\nt = 'plain'"),
        a_file("[[errors]]\nstatus = 404"),
        a_file("[[rate_limits]]\nname = 'a'\nlimit = 0\ninterval = '1h'"),
        a_file("[defaults]\nevry = '1d'"),
        a_file("[templates.t.window]\nstep = 1"),
        a_file(stream=STREAM.replace("[streams.items]", "[streams.Items]")),
        a_file(stream=STREAM + "method = 'PUT'"),
        a_file(stream=STREAM + "paginate = { type = 'link_header', cursor = 'x' }"),
        a_file(stream=STREAM + "expect = { max_drop = '200%' }"),
        a_file(stream=STREAM.replace('"/items"', '"items"')),
        a_windowed_file("window = true").replace("window = true", "bounds = '[['"),
        a_windowed_file("start = '2020'").replace('start = "2020-01-01"\n', ""),
        HEAD + STREAM,
        HEAD + CLIENT,
        CLIENT + STREAM,
        HEAD.replace("1", "2") + CLIENT + STREAM,
    ],
)
def test_a_mistake_of_shape_is_seen_by_both(text):
    assert load(text).problems
    assert not SOURCES.is_valid(tomllib.loads(text))


@settings(max_examples=60)
@given(mangled())
def test_what_the_checker_takes_the_schema_takes(document):
    """An editor that marks a right file as wrong is worse than one that overlooks a mistake."""
    parsed = tomllib.loads(as_file(document))

    if load(as_file(document)).sources:
        assert SOURCES.is_valid(parsed)


def test_the_first_settings_of_an_archive_meet_the_schema():
    text = settings_template("UTC")

    assert load_settings(text)[1] == ()
    assert SETTINGS_VALIDATOR.is_valid(tomllib.loads(text))


@pytest.mark.parametrize(
    "text", ["format = 1", 'format = 1\nzone = "UTC"\nx = 1', 'format = 1\nzone = "UTC"\nnotify = 1']
)
def test_wrong_settings_are_seen_by_both(text):
    assert load_settings(text)[0] is None
    assert not SETTINGS_VALIDATOR.is_valid(tomllib.loads(text))


def test_every_key_is_described():
    def tables_in(table):
        yield table
        for key in table.keys:
            for inner in key.kind.tables:
                yield from tables_in(inner)

    for table in {id(table): table for root in (SOURCE, SETTINGS) for table in tables_in(root)}.values():
        assert table.doc.endswith(".") or table.doc.endswith("`."), table.name
        for key in table.keys:
            assert key.doc[-1] in ".`", (table.name, key.name)
            has_example = key.example or key.default is not ABSENT or key.kind.shape != "value"
            assert has_example, (table.name, key.name)
