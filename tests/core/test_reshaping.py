"""A source file with a stream under another name, or without it: nothing else changes."""

import tomllib

import pytest

from snapshotter.core.reshaping import renamed_source, renamed_table, without_table

TEXT = """# strava
format = 1
source = "strava"  # mine

[client]
base_url = "https://api.example.org"

# runs and rides
[streams.items]
path = "/items"
[streams.items.window]
params = { a = [
  1] }

[[streams.items.errors]]
status = 404

# others
[streams.items2]
path = "/items2"
[streams."third"]
path = "/third"
"""


def without(text, *path):
    raw = tomllib.loads(text)
    at = raw
    for part in path[:-1]:
        at = at[part]
    del at[path[-1]]
    return raw


@pytest.mark.parametrize("name", ["items", "items2", "third"])
def test_a_table_goes_with_all_below_it_and_nothing_else(name):
    found = without_table(TEXT, "streams", name)

    assert tomllib.loads(found) == without(TEXT, "streams", name)


def test_the_comment_above_the_next_table_stays():
    assert "# others\n[streams.items2]" in without_table(TEXT, "streams", "items")


@pytest.mark.parametrize("name", ["items", "items2", "third"])
def test_a_table_gets_another_name(name):
    found = tomllib.loads(renamed_table(TEXT, "streams", name, new="new"))["streams"]
    before = tomllib.loads(TEXT)["streams"]

    assert found == {("new" if key == name else key): value for key, value in before.items()}


def test_the_source_gets_another_name_and_keeps_its_comment():
    found = renamed_source(TEXT, new="sports")

    assert 'source = "sports"  # mine\n' in found
    assert tomllib.loads(found) == {**tomllib.loads(TEXT), "source": "sports"}


def test_a_key_called_source_in_a_table_is_left_alone():
    text = 'source = "a"\n[x]\nsource = "a"\n'

    assert renamed_source(text, new="b") == 'source = "b"\n[x]\nsource = "a"\n'
