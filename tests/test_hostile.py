"""Hostile answers, each against a real server: nothing falls over, nothing is called complete, the next run goes on."""

import os

import pytest

from snapshotter.edge.world import SystemClock
from snapshotter.results import Exit
from tests.archive.worlds import Api, an_archive, item, series, snapshot, some_items
from tests.server import Reply, chunks, cut, dripping, gzip_bomb, html_page, json_reply, redirect, zipped
from tests.torture.points import counted

LIMIT = 'max_body = "2KiB"\ntimeout = { connect = "1s", read = "1s" }\n'
ONCE = "[retry]\nattempts = 1\n"
ODD_NAMES = [
    "a/b",
    "../../../etc/passwd",
    "..",
    ".",
    "\x00\x1b[2J",
    "CON",
    "nul.txt",
    "x" * 300,
    "ü" * 150,
    "a\nb",
    " ",
]


@pytest.fixture(autouse=True)
def in_the_table():
    """One point of `make torture`."""
    with counted("hostile answers") as tried:
        yield
        tried.points = 1


def fetched(folder, odd, *, client=LIMIT, streams=None, head=ONCE, every=True):
    """An archive whose API answers oddly: every time, or the first time."""
    api = Api(some_items(2), instead=(lambda seen: odd) if every else None, odd={} if every else {1: odd})
    return an_archive(folder, api, streams or series(), client=client, head=head)


def check_not_taken(archive, ran, state="failed"):
    """The day is not called complete, its file is not made, and a person is told."""
    assert ran.exit is Exit.SOME_DAYS
    assert archive.ids("12") is None
    assert archive.state_of("12") == state


def big():
    return json_reply({"data": [item("12T08:00", "a", text="x" * 5000)], "next": None})


def deflate_bomb(size):
    return zipped(Reply(200, b"[" + b" " * size + b"]", (("Content-Type", "application/json"),)), "deflate")


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(big(), id="a body over max_body"),
        pytest.param(big().with_headers(), id="a body over max_body, with its length"),
        pytest.param(Reply(200, big().body, big().headers, chunked=True), id="a chunked body over max_body"),
        pytest.param(gzip_bomb(5_000_000), id="a gzip bomb"),
        pytest.param(deflate_bomb(5_000_000), id="a deflate bomb"),
    ],
)
def test_a_body_over_max_body_is_refused_and_the_setting_named(tmp_path, odd):
    with fetched(tmp_path, odd) as archive:
        ran = archive.fetch()

        check_not_taken(archive, ran)
        assert "max_body" in ran.problems[0].why


def test_a_redirect_loop_is_left(tmp_path):
    with fetched(tmp_path, redirect("/items")) as archive:
        check_not_taken(archive, archive.fetch())
        assert len(archive.server.seen) < 10


@pytest.mark.parametrize(
    "where", ["http://localhost:1/elsewhere", "http://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_a_redirect_to_another_origin_is_not_followed(tmp_path, where):
    with fetched(tmp_path, redirect(where)) as archive:
        check_not_taken(archive, archive.fetch())


def test_a_slow_drip_meets_its_total_deadline(tmp_path):
    drip = dripping(json_reply({"data": [], "next": None}), every=0.15, size=2)
    tiny = 'timeout = { connect = "200ms", read = "200ms" }'
    with an_archive(tmp_path, [drip], head=ONCE, client=tiny, clock=SystemClock()) as archive:
        check_not_taken(archive, archive.fetch())


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_truncated_body_is_no_answer(tmp_path, then):
    reply = json_reply({"data": some_items(2), "next": None})
    with fetched(tmp_path, cut(reply, 60, then=then)) as archive:
        check_not_taken(archive, archive.fetch())


def test_a_chunked_body_that_is_cut_is_no_answer(tmp_path):
    body = json_reply({"data": some_items(2), "next": None}).body
    reply = Reply(200, body, (("Content-Type", "application/json"),), chunked=True)
    with fetched(tmp_path, cut(reply, len(chunks(body)) // 2)) as archive:
        check_not_taken(archive, archive.fetch())


def test_html_with_200_is_kept_and_is_no_day(tmp_path):
    with fetched(tmp_path, html_page()) as archive:
        check_not_taken(archive, archive.fetch(), state="invalid")
        assert archive.quarantined()[0][1] == html_page().body


def test_a_wrong_charset_is_kept_and_is_no_day(tmp_path):
    body = '{"data": [{"id": "é", "at": "2026-03-12T08:00:00Z"}], "next": null}'.encode("latin-1")
    odd = Reply(200, body, (("Content-Type", "application/json; charset=utf-8"),))
    with fetched(tmp_path, odd) as archive:
        check_not_taken(archive, archive.fetch(), state="invalid")
        assert archive.quarantined() == [("encoding", body)]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:12])
def test_an_odd_id_is_stored_as_it_came_and_makes_no_path(tmp_path, name):
    with fetched(tmp_path, json_reply({"data": [item("12T08:00", name)], "next": None})) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.ids("12") == [name]
        assert archive.files() == ["demo/items/2026/03/2026-03-12.json"]
        assert "\x1b" not in archive.git("log", "--format=%B")
        assert archive.is_clean()


@pytest.mark.parametrize("day", ["../../2026-03-12", "2026-03-12/../../x", "CON", "9" * 300, "2026-02-30T00:00:00Z"])
def test_an_odd_day_makes_no_path(tmp_path, day):
    odd = json_reply({"data": [{"id": "a", "at": day}], "next": None})
    with fetched(tmp_path, odd) as archive:
        check_not_taken(archive, archive.fetch(), state="invalid")
        assert archive.files() == []
        assert archive.quarantined()[0][1] == odd.body


def test_a_snapshot_of_a_tenth_of_its_size_is_held_and_both_are_kept(tmp_path):
    api = Api(some_items(30), size=50)
    with an_archive(tmp_path, api, snapshot(more='[streams.items.expect]\nmax_drop = "20%"\n')) as archive:
        archive.fetch()
        api.records[:] = some_items(3)
        archive.later(days=1)
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert len(archive.state()) == 30
        assert archive.read("demo/items/_held/snapshot.json").count('"id"') == 3


def test_after_each_of_them_a_good_answer_completes_the_day(tmp_path):
    with fetched(tmp_path, gzip_bomb(5_000_000), every=False) as archive:
        archive.fetch()
        archive.later(days=1)

        assert archive.fetch().exit is Exit.DONE
        assert archive.ids("12") == ["r000", "r001"]


def test_nothing_is_written_outside_the_archive(tmp_path):
    with fetched(tmp_path, json_reply({"data": [item("12T08:00", "../../../../escaped")], "next": None})) as archive:
        archive.fetch()

        assert sorted(os.listdir(tmp_path)) == ["archive", "state"]  # noqa: PTH208 - names are enough
