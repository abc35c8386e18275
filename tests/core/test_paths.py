"""Where things lie in an archive."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core import paths


@given(st.dates())
def test_the_day_of_a_document_is_read_back_from_its_path(day):
    assert paths.day_of(paths.document("a/b", day), "a/b") == day


def test_a_document_lies_under_its_year_and_month():
    assert paths.document("strava/activities", date(2018, 2, 5)) == "strava/activities/2018/02/2018-02-05.json"


@pytest.mark.parametrize(
    "path",
    [
        "a/b/undated.json",
        "a/b/snapshot.json",
        "a/b/_held/2018/02/2018-02-05.json",
        "a/b/2018/03/2018-02-05.json",
        "a/b/2018/02/2018-02-31.json",
        "a/c/2018/02/2018-02-05.json",
    ],
)
def test_other_paths_are_no_days(path):
    assert paths.day_of(path, "a/b") is None


@given(st.none() | st.dates())
def test_what_leads_to_a_document_is_known_by_its_first_name(day):
    assert paths.leads_to_documents(paths.document("a/b", day).split("/")[2])
    assert paths.leads_to_documents(paths.snapshot("a/b").split("/")[2])


@pytest.mark.parametrize("name", ["_runs", "_held", "_removed.json", "full", "snapshot", "y2018", "20188"])
def test_run_records_and_details_lead_to_no_document(name):
    assert not paths.leads_to_documents(name)


def test_a_held_version_waits_beside_the_data():
    assert paths.held("a/b/2018/02/2018-02-05.json", "a/b") == "a/b/_held/2018/02/2018-02-05.json"
