"""The last run record of a stream closes the run, also where the run ended early."""

from snapshotter.archive.stopping import Stops
from tests.archive.worlds import Api, an_archive, series, some_items


def closing(archive):
    return [(record.stream, record.closes, record.notes) for record in archive.runs() if record.closes]


def test_a_run_that_ends_well_is_closed_by_its_last_commit(tmp_path):
    with an_archive(tmp_path, Api(some_items(2)), series()) as archive:
        archive.fetch()

        assert [closes for _, closes, _ in closing(archive)] == [True]


def test_a_run_that_is_interrupted_is_closed_with_the_reason(tmp_path):
    api = Api(some_items(7))
    with an_archive(tmp_path, api, series()) as archive:
        stops = Stops(archive.clock)
        api.before = lambda number: stops.interrupt() if number == 2 else None
        archive.fetch(stops=stops)

        assert closing(archive) == [("items", True, ("interrupted",))]
