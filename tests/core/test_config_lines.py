"""A key is found on its line, however the file is written."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.config.lines import key_lines

TRICKY = '''\
# [not.a.table]
a = "# no comment"   # = one
b.c = 1

[table]
text = """
[still.text]
key = 1 \\""" """
literal = \'\'\'
x = 2\'\'\'\'
after = 1
"quoted key".'lit' = { in = 1, "li ne" = [1, { deep = 2 }] }

[[list]]
one = 1
  [list.inner]
  two = 2
[[list]]
one = [
  "a",  # a comment, with ] and }
  { k = 1 },
]
[list.inner]
two = 1979-05-27 07:32:00
[ spaced . "out" ]
z = 1
'''

EXPECTED = {
    ("a",): 2,
    ("b",): 3,
    ("b", "c"): 3,
    ("table",): 5,
    ("table", "text"): 6,
    ("table", "literal"): 9,
    ("table", "after"): 11,
    ("table", "quoted key", "lit"): 12,
    ("table", "quoted key", "lit", "in"): 12,
    ("table", "quoted key", "lit", "li ne", 1, "deep"): 12,
    ("list", 0): 14,
    ("list", 0, "inner", "two"): 17,
    ("list", 1): 18,
    ("list", 1, "one", 0): 20,
    ("list", 1, "one", 1, "k"): 21,
    ("list", 1, "inner"): 23,
    ("list", 1, "inner", "two"): 24,
    ("spaced", "out"): 25,
    ("spaced", "out", "z"): 26,
}


def paths_in(value, path=()):
    """Every path of a parsed document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_in(inner, (*path, key))


@pytest.mark.parametrize("path", EXPECTED, ids=str)
def test_a_key_is_found_on_its_line(path):
    assert key_lines(TRICKY)[path] == EXPECTED[path]


def test_every_path_of_the_document_has_a_line():
    assert set(paths_in(tomllib.loads(TRICKY))) <= key_lines(TRICKY).keys()


def test_carriage_returns_change_nothing():
    assert key_lines(TRICKY.replace("\n", "\r\n")) == key_lines(TRICKY)


def test_a_table_stands_where_its_header_is():
    assert key_lines("[a.b]\nx = 1\n[a]\ny = 2\n")["a",] == 3


# --- any document, written in any of TOML's ways ---

KEYS = st.sampled_from(["a", "b-c", "d_1", "e f", "g.h", 'q"q', "ü", ""])
SCALARS = st.sampled_from(
    ["1", "true", '"x = [1] # {"', "'''\n'a' = 1\n'''", '"""\n\\"""[t]\n"""', "2020-01-01", "[]", "{}"]
)


@st.composite
def documents(draw):
    """A document of uniquely named tables, as text."""
    lines = []
    for number in range(draw(st.integers(0, 5))):
        name = f"t{draw(st.integers(0, 2))}"
        form = draw(st.sampled_from(["plain", "list"]))
        lines.append(f"[[l{name}]]" if form == "list" else f"[t{number}.{_quoted(draw(KEYS))}]")
        for key in draw(st.lists(KEYS, unique=True, max_size=4)):
            lines.append(draw(st.sampled_from(["", "# [c]", "  "])))
            lines.append(f"{_quoted(key)} = {draw(_values())}")
    return "\n".join(lines)


def _values():
    return st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "]"),
            st.dictionaries(KEYS, inner.filter(lambda text: "\n" not in text), max_size=2).map(
                lambda items: "{" + ", ".join(f"{_quoted(key)} = {value}" for key, value in items.items()) + "}"
            ),
        ),
        max_leaves=5,
    )


def _quoted(key):
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(max_examples=40)
@given(documents())
def test_no_way_of_writing_loses_a_line(text):
    lines = key_lines(text)
    rows = text.split("\n")

    for path in paths_in(tomllib.loads(text)):
        assert path in lines
        if isinstance(path[-1], str) and path[-1]:
            assert path[-1].replace('"', '\\"') in rows[lines[path] - 1]


@given(st.text(max_size=200))
def test_text_that_is_no_toml_has_no_lines_but_no_error_either(text):
    key_lines(text)
