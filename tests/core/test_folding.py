"""Text on a narrow terminal."""

from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.folding import columns, fold


def test_what_fits_stays_as_it_is():
    assert fold("  a b   c\n\nd", 80) == "  a b   c\n\nd"


def test_the_rest_of_a_line_hangs_below_its_last_column():
    line = "20260101T000000Z  fetch: one two three four five six seven eight"

    assert fold(line, 40).split("\n") == [
        "20260101T000000Z  fetch: one two three",
        "                  four five six seven",
        "                  eight",
    ]


def test_the_rest_of_a_sentence_hangs_a_little_in():
    assert fold("  one two three four five six seven eight", 30) == "  one two three four five six\n    seven eight"


def test_a_command_and_an_address_are_left_to_be_copied_whole():
    command = "  snap fetch one/two --since 2024-05-01 --until 2024-05-02"
    address = "GET https://api.example.org/v1/a-long-path?with=a&long=query"

    assert fold(command, 30) == command
    assert fold(address, 30).split("\n")[1].strip() == address.removeprefix("GET ")


def test_wide_characters_take_two_columns_and_accents_none():
    assert (columns("眠り"), columns("e\u0301"), columns("\x1b[1mabc\x1b[0m")) == (4, 1, 3)


@given(st.text(alphabet="ab 眠é", max_size=200), st.integers(30, 90))
def test_no_line_is_wider_than_its_terminal_and_no_word_is_lost(text, width):
    folded = fold(text, width)

    assert folded.split() == text.split()
    assert all(columns(line) <= width or " " not in line.strip() for line in folded.split("\n"))
