"""What a run notes of a version that waits is read again as it was meant."""

from datetime import date

import pytest

from snapshotter.core import held_notes


@pytest.mark.parametrize("day", [date(2024, 3, 1), None])
def test_a_note_tells_its_day_and_why_again(day):
    notes = [
        "another remark",
        "held back: nothing",
        "held 2024-02-31: no day",
        held_notes.note(day, "3 of 40 records: too few"),
    ]

    assert list(held_notes.told(notes)) == [(day, "3 of 40 records: too few")]
