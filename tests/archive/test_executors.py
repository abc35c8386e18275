"""Lanes on executors: workers ask, the one writer says when, and keeps what comes."""

import multiprocessing
import resource
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from snapshotter.archive import worker
from snapshotter.core import abreast
from snapshotter.edge.link import Ticket
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import SystemClock
from tests.archive.test_details import DETAILS, Listed
from tests.archive.worlds import AGAIN, Api, a_file, an_archive, feed, item, series, snapshot, some_items
from tests.server import Reply, json_reply

CLIENT_CREDENTIALS = """
[secrets]
id = "env:ID"
secret = "env:SECRET"
extra = "env:EXTRA"
[auth]
type = "oauth2"
grant_type = "client_credentials"
token_url = "URL/token"
client_id = "{secrets.id}"
client_secret = "{secrets.secret}"
"""
ROTATING = """
[secrets]
seed = "env:SECRET"
[auth]
type = "oauth2"
token_url = "URL/token"
client_id = "somebody"
refresh_token = "{secrets.seed}"
"""
ENV = {"ID": "client-12345", "SECRET": "the-secret-of-the-client", "EXTRA": "a-key-beside-it-42"}


class Threads(ThreadPoolExecutor):
    """Three threads that remember what they were given."""

    given: tuple[object, ...] = ()

    def __init__(self) -> None:
        super().__init__(3)
        Threads.given = ()

    def submit(self, fn, /, *args, **more):
        Threads.given = (*Threads.given, *args)
        return super().submit(fn, *args, **more)


class Broken(ThreadPoolExecutor):
    """Takes nothing."""

    def submit(self, fn, /, *args, **more):
        raise RuntimeError("nobody is here")


class Failing(ThreadPoolExecutor):
    """Takes everything, and does nothing of it."""

    def submit(self, fn, /, *args, **more):
        done: Future[str] = Future()
        done.set_exception(ModuleNotFoundError("No module named 'snapshotter'"))
        return done


class Silent(ThreadPoolExecutor):
    """Takes everything, and never comes to it."""

    def submit(self, fn, /, *args, **more):
        return Future()


THREADS = "tests.archive.test_executors:Threads"


def contents(archive):
    """All data of the last commit."""
    return {path: archive.read(path) for path in archive.files()}


@pytest.mark.parametrize(
    "streams",
    [series(), series("page"), series("link"), feed(), snapshot()],
    ids=["cursor", "page", "link", "feed", "snapshot"],
)
def test_a_worker_brings_what_the_writer_would_have_brought(tmp_path, streams):
    with an_archive(tmp_path / "here", Api(some_items(8)), streams) as here:
        here.fetch()
    with an_archive(tmp_path / "there", Api(some_items(8)), streams) as there:
        ran = there.fetch(executor=THREADS)

    assert contents(there) == contents(here)
    assert len(Threads.given) == 1
    assert there.server.seen
    assert len(there.server.seen) == len(here.server.seen)
    assert ran.notices == ()
    assert there.is_clean()


def test_a_process_is_a_worker(tmp_path):
    with an_archive(tmp_path, Api(some_items(8))) as archive:
        ran = archive.fetch(executor="processes:2")

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert ran.notices == ()


def test_a_process_that_is_killed_costs_a_request_and_no_page(tmp_path):
    def kill(number):
        if number == 2:
            for worker in multiprocessing.active_children():
                worker.kill()

    with an_archive(tmp_path, Api(some_items(8), before=kill)) as archive:
        ran = archive.fetch(executor="processes:1")

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert Counter(seen.target for seen in archive.server.seen).most_common()[0][1] == 2
        assert len(archive.server.seen) == 4
        assert any("asked from here" in notice.text for notice in ran.notices)


def test_a_page_is_in_the_spool_before_the_next_one_is_asked(tmp_path):
    spooled = []
    api = Api(some_items(8))

    with an_archive(tmp_path, api) as archive:
        api.before = lambda _: spooled.append(_pages_in_spool(archive))
        archive.fetch(executor=THREADS)

    assert spooled == [0, 1, 2]


def test_a_walk_goes_on_at_a_worker_where_an_earlier_run_was(tmp_path):
    with an_archive(tmp_path, Api(some_items(8))) as archive:
        archive.fetch(executor=THREADS, max_requests=2)
        archive.fetch(executor=THREADS)

        assert len(archive.server.seen) == 3
        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]


def test_budgets_are_kept_by_the_writer(tmp_path):
    limit = '[[rate_limits]]\nname = "hour"\nlimit = 2\ninterval = "1h"\nkind = "fixed"\n'
    head = f'{limit}[pacing]\nwhen_exhausted = "stop"\n'

    with an_archive(tmp_path, Api(some_items(8)), head=head) as archive:
        ran = archive.fetch(executor=THREADS)
        archive.fetch()

        assert len(archive.server.seen) == 2
        assert "goes on at" in ran.held_back[0].why


def test_details_are_asked_by_a_worker(tmp_path):
    api = Listed(item("12T08:00", "a"), item("12T09:00", "b"))

    with an_archive(tmp_path, api, series(window=AGAIN, more=DETAILS)) as archive:
        archive.fetch(executor=THREADS)

        assert archive.read("demo/items/full/2026/03/12/a.json")
        assert archive.read("demo/items/full/2026/03/12/b.json")
        assert len(Threads.given) == 1


def test_lanes_keep_their_distance_at_the_server(tmp_path):
    interval = 0.05
    head = '[pacing]\nmin_interval = "50ms"\n'

    with an_archive(tmp_path, Api(some_items(18)), head=head, clock=SystemClock()) as archive:
        archive.fetch(executor=THREADS)

        gaps = [later.at - earlier.at for earlier, later in pairwise(archive.server.seen)]
        assert len(gaps) == 5
        assert min(gaps) >= interval - 0.001


class Guarded:
    """An API that wants a token, and a server that gives them."""

    def __init__(self) -> None:
        self.api = Api(some_items(8))
        self.tokens = 0
        self.refuse_at = 0

    def __call__(self, request):
        if request.path == "/token":
            self.tokens += 1
            return json_reply({"access_token": f"token-number-{self.tokens:06}", "expires_in": 3600})
        if self.api.asked + 1 == self.refuse_at:
            self.refuse_at = 0
            return Reply(401, b"{}")
        assert request.header("authorization") == f"Bearer token-number-{self.tokens:06}"
        return self.api(request)


@pytest.mark.parametrize("refuse_at", [0, 2])
def test_tokens_are_obtained_by_the_writer_and_lent(tmp_path, monkeypatch, refuse_at):
    guarded = Guarded()
    lent = _watch_loans(monkeypatch)

    with an_archive(tmp_path, guarded, env=ENV) as archive:
        head = CLIENT_CREDENTIALS.replace("URL", archive.server.url)
        archive.place(a_file(archive.server.url, series(), head=head))
        guarded.refuse_at = refuse_at
        archive.fetch(executor=THREADS)

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert guarded.tokens == (2 if refuse_at else 1)
        assert [dict(loan.secrets) for loan in lent] == [{}]
        assert len(Threads.given) == 1


def test_a_source_whose_tokens_change_with_every_use_stays_with_the_writer(tmp_path):
    Threads.given = ()
    with an_archive(tmp_path, Guarded(), env=ENV) as archive:
        archive.place(a_file(archive.server.url, series(), head=ROTATING.replace("URL", archive.server.url)))
        archive.fetch(executor=THREADS)

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert Threads.given == ()


def test_a_worker_is_lent_the_keys_of_its_own_source_only(tmp_path, monkeypatch):
    lent = _watch_loans(monkeypatch)
    head = '[secrets]\nextra = "env:EXTRA"\nid = "env:ID"\n[auth]\ntype = "bearer"\ntoken = "{secrets.extra}"\n'

    with an_archive(tmp_path, Api(some_items(8)), head=head, env=ENV) as archive:
        archive.fetch(executor=THREADS)

        assert [dict(loan.secrets) for loan in lent] == [{"extra": ENV["EXTRA"]}]
        assert archive.server.seen[0].header("authorization") == f"Bearer {ENV['EXTRA']}"
        assert not any(ENV["EXTRA"] in repr(one) for one in (*lent, *Threads.given))


def test_an_answer_with_a_secret_in_it_is_known_by_the_writer(tmp_path):
    echo = [json_reply({"data": [item("12T08:00", ENV["SECRET"])], "next": None})]
    head = '[secrets]\nsecret = "env:SECRET"\n'

    with an_archive(tmp_path, echo, head=head, env=ENV) as archive:
        archive.fetch(executor=THREADS)

        assert [reason for reason, _ in archive.quarantined()] == ["secret"]


@pytest.mark.parametrize("executor", ["Broken", "Failing"])
def test_lanes_that_no_worker_takes_are_asked_from_here(tmp_path, executor):
    with an_archive(tmp_path, Api(some_items(8))) as archive:
        ran = archive.fetch(executor=f"tests.archive.test_executors:{executor}")

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert [notice.level for notice in ran.notices] == ["warning"]
        assert "1 lane was asked from here" in ran.notices[0].text
        assert ("No module named" in ran.notices[0].text) == (executor == "Failing")


def test_lanes_do_not_wait_for_workers_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("snapshotter.archive.staff.PATIENCE", 0.25)

    with an_archive(tmp_path, Api(some_items(8))) as archive:
        ran = archive.fetch(executor="tests.archive.test_executors:Silent")

        assert archive.ids("12") == [f"r{place:03}" for place in range(8)]
        assert "1 lane was asked from here" in ran.notices[0].text


def test_a_worker_of_another_version_takes_no_lane():
    ticket = Ticket("127.0.0.1", 1, 0, b"k" * 32, "0.0.1")

    assert "install the same everywhere" in worker.work(ticket)


def test_a_worker_knows_nothing_of_git():
    program = "import sys, snapshotter.archive.worker, snapshotter.edge.http.wire; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert not {"pygit2", "sqlite3", "snapshotter.edge.store", "snapshotter.edge.spool"} & set(loaded)


def _pages_in_spool(archive):
    spool = Spool(archive.path / ".git/snap/spool", archive.clock)
    return sum(len(spool.pages(job)) for job in spool.jobs())


def _watch_loans(monkeypatch):
    """What workers in this process are lent."""
    lent = []
    whole = worker.Away.__init__

    def watched(self, loan, *rest):
        lent.append(loan)
        whole(self, loan, *rest)

    monkeypatch.setattr(worker.Away, "__init__", watched)
    return lent


def place_lanes(archive, count):
    """As many sources more, each with a lane of its own."""
    for number in range(count):
        lane = f'[pacing]\nlane = "lane{number}"\nmin_interval = "0s"\n'
        archive.place(a_file(archive.server.url, series(), name=f"demo{number}", head=lane), name=f"demo{number}")


@pytest.mark.parametrize("executor", [None, THREADS])
def test_what_is_open_follows_the_lanes_under_way_and_not_all_lanes(tmp_path, monkeypatch, executor):
    monkeypatch.setattr(abreast, "MOST", 3)
    opened = []

    with an_archive(tmp_path, Api(some_items(3), before=lambda _: opened.append(open_now()))) as archive:
        place_lanes(archive, 59)
        archive.fetch(executor=executor)

        assert len(archive.ids("12", stream="demo58/items")) == 3
    third = len(opened) // 3
    (files, threads), (files_later, threads_later) = map(most, (opened[:third], opened[-third:]))
    assert files_later <= files + 8
    assert threads_later <= threads + 3


def open_now():
    """Open files and threads."""
    return len(list(Path("/dev/fd").iterdir())), threading.active_count()


def most(counted):
    return tuple(map(max, zip(*counted, strict=True)))


def test_more_lanes_than_files_may_be_open_wait_for_each_other(tmp_path, monkeypatch):
    of, room = resource.getrlimit, (112, 112)  # for three lanes
    monkeypatch.setattr(resource, "getrlimit", lambda what: room if what == resource.RLIMIT_NOFILE else of(what))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    abreast = []

    def look(_):
        abreast.append(sum(thread.name.startswith("lane") for thread in threading.enumerate()))

    with an_archive(tmp_path, Api(some_items(8), before=look)) as archive:
        place_lanes(archive, 12)
        ran = archive.fetch()

        assert max(abreast) == 3
        assert len(archive.server.seen) == 13 * 3
        assert [archive.ids("12", stream=f"demo{number}/items") for number in range(12)] == [
            [f"r{place:03}" for place in range(8)]
        ] * 12
        assert ran.notices == ()
