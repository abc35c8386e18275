"""A window that filters by another field than the day's sees only a part of each day, and removes nothing."""

import pytest

from tests.archive.worlds import Api, an_archive, item, series

LATER = '{{ start = "2026-03-12", end = "2026-03-12", step = "1d", lookback = "2d"{more} }}'


@pytest.mark.parametrize(
    ("more", "left"),
    [
        (', field = "updated"', ["a", "b"]),  # an update-filtered list
        (', field = "at"', ["b"]),  # the day's own field
        (', field = "updated", overlap = "1d"', ["b"]),  # asked so much wider that the day is seen whole
        ("", ["b"]),
    ],
)
def test_what_an_update_filtered_list_leaves_out_stays(tmp_path, more, left):
    api = Api([item("12T08:00", "a"), item("12T09:00", "b")])
    with an_archive(tmp_path, api, series(window=LATER.format(more=more))) as archive:
        archive.fetch()
        api.records[:] = [item("12T09:00", "b", updated="2026-03-13T00:00:00Z")]
        archive.later(hours=12)
        archive.fetch()

        assert archive.ids("12") == left
        assert archive.day("12")[-1]["updated"] == "2026-03-13T00:00:00Z"
