"""Jobs read back from their names."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.resuming import job_named
from snapshotter.model import Job, Reason, Window

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given


@given(st.lists(INSTANTS, min_size=2, max_size=2, unique=True).map(sorted))
def test_a_job_is_read_back_from_its_name(times):
    job = Job("strava", "activities", Window(*times), Reason.BACKFILL, "never asked")

    again = job_named(job.name, pages=3)

    assert again == Job("strava", "activities", Window(*times), Reason.RESUME, "3 pages wait in the spool")


def test_a_job_without_a_window_is_read_back_too():
    assert job_named("github/events", pages=1) == Job(
        "github", "events", None, Reason.RESUME, "1 page waits in the spool"
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "github",
        "a/b 2018",
        "a/b x y",
        "a/b 2018-01-01 2018-01-02",
        "a/b 2018-01-02T00:00:00+00:00 2018-01-01T00:00:00+00:00",
    ],
)
def test_other_names_are_no_jobs(name):
    assert job_named(name, pages=1) is None
