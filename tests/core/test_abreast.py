"""How many lanes are asked side by side."""

import pytest

from snapshotter.core.abreast import MOST, at_once, files_for


@pytest.mark.parametrize(
    ("lanes", "files", "expected"),
    [
        (3, 1024, 3),
        (2_000, 1024, 231),  # what many systems give at first
        (2_000, 256, 39),  # macOS
        (5_000, 1 << 20, MOST),
        (2_000, 50, 1),  # not even room for one: the system says so itself
    ],
)
def test_lanes_share_the_open_files(lanes, files, expected):
    assert at_once(lanes, files) == expected


def test_what_is_asked_for_is_enough_for_all_lanes_that_are_let_in():
    for lanes in (1, 500, 100_000):
        assert at_once(lanes, files_for(lanes)) == min(lanes, MOST)
