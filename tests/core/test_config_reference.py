"""The reference names every key, and what it gives as example or default is right."""

import tomllib

import pytest

from snapshotter.core.config import reference_markdown
from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.grammar_stream import STREAM
from snapshotter.core.config.problems import Report
from snapshotter.core.config.reference import toml
from snapshotter.core.config.tables import ABSENT, At, Scope

SCOPE = Scope(
    dict.fromkeys(["user", "mail", "service_account"], "x"),
    frozenset(["token", "password", "client_id", "app", "refresh_token", "key", "mail", "apprise", "ping"]),
    "anna",
)


def tables_in(table, seen=None):
    seen = {} if seen is None else seen
    if id(table) not in seen:
        seen[id(table)] = table
        for key in table.keys:
            for inner in key.kind.tables:
                tables_in(inner, seen)
    return list(seen.values())


KEYS = [(table, key) for root in (SOURCE, SETTINGS) for table in tables_in(root) for key in table.keys]
ids = [f"{table.name}.{key.name}" for table, key in KEYS]


@pytest.mark.parametrize(("table", "key"), KEYS, ids=ids)
def test_an_example_is_read_by_its_own_key(table, key):
    if key.example is not None:
        value = tomllib.loads(f"x = {key.example}")["x"]
        report = Report("x")
        key.kind.read(value, At(report, SCOPE, is_layer=True))

        assert not report.problems


@pytest.mark.parametrize(("table", "key"), KEYS, ids=ids)
def test_a_default_is_read_by_its_own_key(table, key):
    if key.default is not ABSENT:
        report = Report("x")
        key.kind.read(key.default, At(report, SCOPE))

        assert not report.problems
        assert tomllib.loads(f"x = {toml(key.default)}")["x"] == key.default


def test_every_key_stands_in_the_reference():
    text = reference_markdown()

    assert [key.name for _, key in KEYS if f"| `{key.name}` |" not in text] == []


def test_every_table_has_its_header():
    text = reference_markdown()

    for header in ("[client.timeout]", "[[rate_limits]]", "[streams.NAME.paginate]", "[streams.NAME.details.NAME]"):
        assert f"### `{header}`\n" in text


def test_each_table_is_explained_once():
    for page in reference_markdown().split("\n## "):
        headers = [line for line in page.splitlines() if line.startswith("#")]

        assert len(headers) == len(set(headers))


def test_rows_have_five_cells():
    for line in reference_markdown().splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 6


def test_a_stream_says_where_its_template_is():
    assert STREAM.keys[0].name == "use"
