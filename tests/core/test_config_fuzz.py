"""Whatever a file says, it gives sources or problems: never an exception, never both, never silence."""

import tomllib
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.config import load_settings, load_source
from snapshotter.core.config.reference import toml
from snapshotter.core.config.tables import Table
from tests.core.config_builders import EXAMPLES, FILE, settings

DOCUMENTS = [tomllib.loads(path.read_text()) for path in sorted(EXAMPLES.glob("*.toml"))]
KNOWN = settings()

PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["", "now", "{", "}}", "{vars.x}", "{secrets.pat}", "{window.start|date}", "{account}", "1d", "P1M", "0s", "[)",
         "UTC", "Europe", "../..", "hash", "20%", "64MiB", "{ header = 1 }", "a.b", "a[", "*", "none", "cursor", "\x00"]
    ),
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(value, path=()):
    """Every place of a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """The document with another value at one place."""
    if not path:
        return new
    if isinstance(value, dict):
        return {key: changed(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [changed(inner, path[1:], new) if index == path[0] else inner for index, inner in enumerate(value)]


@st.composite
def mangled(draw):
    """An example with some places overwritten, and some keys put where they do not belong."""
    document = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(1, 4))):
        known = [path for path in places(document) if path]
        path = draw(st.sampled_from(known))
        document = changed(document, path, draw(ANYTHING))
    return document


def written(value):
    """A document as TOML, every key quoted."""
    match value:
        case dict():
            return "{" + ", ".join(f"{written(key)} = {written(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(written(inner) for inner in value) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(char):08X}" for char in value) + '"'
        case bool():
            return "true" if value else "false"
        case float():
            return "nan" if isnan(value) else repr(value).replace("e", "e") if "." in repr(value) else f"{value!r}"
        case _:
            return str(value)


def as_file(document):
    return "\n".join(f"{written(key)} = {written(value)}" for key, value in document.items())


@given(mangled())
def test_a_mangled_source_gives_sources_or_problems(document):
    loaded = load_source(as_file(document), file=FILE, settings=KNOWN)

    assert bool(loaded.sources) != bool(loaded.problems)
    assert all(str(problem).isprintable() for problem in (*loaded.problems, *loaded.warnings))


@given(
    st.dictionaries(st.sampled_from(["format", "zone", "secrets", "defaults", "run", "notify", "ping", "x"]), ANYTHING)
)
def test_mangled_settings_give_settings_or_problems(document):
    found, problems = load_settings(as_file(document))

    assert (found is None) == bool(problems)


@given(st.text(max_size=300))
def test_any_text_gives_a_problem(text):
    loaded = load_source(text, file=FILE, settings=None)

    assert loaded.problems
    assert not loaded.sources


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["source"])
def test_the_way_the_documents_are_written_here_is_right(document):
    assert load_source(as_file(document), file=FILE, settings=KNOWN).problems == ()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["source"])
def test_every_key_is_looked_at(document):
    """A key that nobody reads would let a mistake through."""
    for path in places(document):
        inside_free_tables = {"params", "headers", "vars", "secrets", "json", "fields"} & set(path)
        if path and isinstance(path[-1], str) and not inside_free_tables:
            wrong = changed(document, path, [[{"no": ["such", {"thing": 1.5}]}]])
            assert load_source(as_file(wrong), file=FILE, settings=KNOWN).problems, path


def test_tables_of_the_grammar_are_closed():
    assert toml({"a": [1, "b", True]}) == '{ a = [1, "b", true] }'
    assert Table("t", "d", ()).key("x") is None
