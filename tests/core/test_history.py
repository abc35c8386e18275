"""What probes behind a silent row promise: which histories can never be taken for the end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.history import Known, silence
from snapshotter.core.spans import parse_span
from snapshotter.core.windows import origin, windows_over
from snapshotter.model import Window
from snapshotter.spec import WindowRule

MOMENT = timedelta(microseconds=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STEPS = st.sampled_from(["1d", "7d", "P1M", "90d"])


@given(STEPS, st.integers(1, 4), st.integers(600, 9_000), st.floats(0, 1), st.sampled_from(["UTC", "Asia/Tokyo"]))
def test_records_from_some_distance_to_twice_that_distance_are_never_missed(step, stop, days, part, zone):
    """Behind the row: whatever has records in every window from some distance, a row's length or more, to twice it."""
    start = f"{NOW - timedelta(days=days):%Y-%m-%d}"
    rule = WindowRule(start=start, step=parse_span(step), zone=zone, empty_stop=stop)
    past = Window(origin(rule), NOW)
    row = windows_over(rule, past)[: stop + 1]  # the newest is cut short by now
    found = silence(rule, Known((Window(row[-1].start, NOW),)), zone=zone)
    assert found is not None

    longest = found.row.start - past.start
    shortest = min(found.row.end - found.row.start, longest)
    near = shortest + (longest - shortest) * part
    there = Window(max(found.row.start - 2 * near, past.start), found.row.start - near + MOMENT)
    assert any(probe.start < there.end and there.start < probe.end for probe in found.probes)
    assert any(probe.holds(past.start) for probe in found.probes)
    assert len(found.probes) <= 15
