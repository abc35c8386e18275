"""Text from outside stands on one line and moves nothing."""

import pytest

from snapshotter.core.escaping import dotted, escape, escape_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain — ✓", "plain — ✓"),
        ("a\nb\tc\x1b[2J\x9b", "a\\u000ab\\u0009c\\u001b[2J\\u009b"),
        ("right\u202eleft\u2028", "right\\u202eleft\\u2028"),
        ("\U000e0001", "\\U000e0001"),
        ("x" * 81, "x" * 79 + "…"),
        ("\n" * 1000, "\\u000a" * 13 + "\\…"),
    ],
)
def test_a_text_is_shown_on_one_line(text, shown):
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (True, "true"), (False, "false"), ("a\n", '"a\\u000a"'), (7, "7"), (1.5, "1.5"), ([1], "a list"),
     ({}, "an object"), pytest.param(10**5000, "a very long number", id="huge")],
)  # fmt: skip
def test_a_value_is_shown_as_json(value, shown):
    assert escape_value(value) == shown


def test_a_place_is_shown_as_a_member_path():
    assert dotted(["items", 3, "odd name", "[*]", "x-y"]) == 'items[3]."odd name"[*].x-y'
