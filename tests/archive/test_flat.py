"""Looking, and a run with nothing to do, read no more of a big archive than of a small one: counted, not timed."""

from collections import Counter
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from snapshotter.archive import explaining, looking, reconciling
from snapshotter.archive.opening import open_archive
from snapshotter.edge.cache.file import CacheFile
from snapshotter.edge.store.repository import Repository
from snapshotter.results.reconciling import ReconcileOptions
from tests.archive.worlds import Api, an_archive, series
from tests.server import json_reply

NEWEST = 50  # run records of a stream that are named at most
END = date(2026, 3, 12)


def window(days):
    return f'{{ start = "{END - (days - 1) * timedelta(days=1)}", end = "{END}", step = "15d" }}'


DETAILS = """
[streams.items.details.full]
path = "/full/{record.id}"
fetch_if = "changed"
stale_after = "90d"
"""


def a_detail(request):
    """What there is of one record, if this asks for one."""
    name = request.path.removeprefix("/full/")
    return None if name == request.path else json_reply(None if name.endswith("7") else {"of": name})


@contextmanager
def filled(folder, days, *, more=""):
    """An archive that holds so many days."""
    first = END - (days - 1) * timedelta(days=1)
    records = [{"id": f"r{n}", "at": f"{first + n * timedelta(days=1)}T08:00:00Z"} for n in range(days)]
    streams = series(window=window(days), more=more)
    folder.mkdir()
    api = Api(records, size=1000, instead=a_detail)
    with an_archive(folder, api, streams, client="", head='[pacing]\nmin_interval = "0s"\n') as archive:
        archive.fetch()
        archive.later(hours=1)  # runs of one second have no order
        archive.fetch()  # whatever is done once
        yield archive


@contextmanager
def counting(monkeypatch):
    """How many rows of the ledger and objects of git are read inside."""
    counted = Counter()
    rows, one, read = CacheFile.rows, CacheFile.one, Repository.read

    def all_rows(*given):
        found = rows(*given)
        counted["rows"] += len(found)
        return found

    def one_row(*given):
        counted["rows"] += 1
        return one(*given)

    def an_object(*given):
        counted["objects"] += 1
        return read(*given)

    with monkeypatch.context() as patch:
        patch.setattr(CacheFile, "rows", all_rows)
        patch.setattr(CacheFile, "one", one_row)
        patch.setattr(Repository, "read", an_object)
        yield counted


ACTS = {
    "status": lambda archive: looking.status(archive.path, (), archive.world, max_age=timedelta(hours=26)),
    "gaps": lambda archive: explaining.gaps(archive.path, (), archive.world, why=True),
    "why": lambda archive: explaining.why(archive.path, "demo/items", "2026-03-03", archive.world),
    "fetch": lambda archive: archive.fetch(),
    "reconcile": lambda archive: reconciling.plan(archive.path, ReconcileOptions(), archive.world),
}


@pytest.fixture(scope="module", params=["", DETAILS], ids=["days", "details"])
def archives(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat")
    small, big = (filled(folder / name, days, more=request.param) for name, days in (("small", 45), ("big", 45 * 12)))
    with small as one, big as other:
        yield one, other


@pytest.mark.parametrize("act", ACTS)
def test_no_more_is_read_of_a_big_archive(archives, monkeypatch, act):
    counts = []
    for archive in archives:
        with counting(monkeypatch) as counted:
            ACTS[act](archive)
        counts.append(counted)
    small, big = counts

    assert small["rows"] > 0
    assert big["rows"] <= small["rows"] + NEWEST
    assert big["objects"] <= small["objects"] + 8


def test_a_rebuild_reads_each_run_record_once_and_tells_how_far_it_is(archives, monkeypatch):
    _, big = archives
    records = len(big.runs())
    (big.path / ".git/snap/cache.sqlite").unlink()
    told = []
    monkeypatch.setattr("snapshotter.archive.opening.TOLD_EVERY", 10)
    read = []
    blob = Repository.read
    monkeypatch.setattr(Repository, "read", lambda *given: read.append(given[1]) or blob(*given))

    opened = open_archive(big.path, big.world, tell=lambda step: told.append(step.text))
    with opened.closing():
        assert opened.cache.ledger("demo/items").totals.filled == 45 * 12

    assert read.count("blob") == records
    assert told[:2] == ["10 run records read", "20 run records read"]
