"""Each kind of trouble through a real run: who hears of it when, how rarely after that, and once that it is over."""

import errno
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from snapshotter.archive.opening import for_writing
from snapshotter.errors import SnapError
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import Api, an_archive, item, series, utc
from tests.edge.git_archives import Calm, git
from tests.server import Raw, Reply, Server, html_page, json_reply

START = utc("2026-03-13T06:00")
WINDOW = '{ start = "2026-03-12", step = "1d", lookback = "2d" }'


class ReadOnly(Calm):
    """A disk that turned read-only, as a worn card does."""

    def before(self, step, path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class Full(Calm):
    """A disk without a free byte: what a file has already can be written over."""

    def write(self, fd, data):
        if os.lseek(fd, 0, os.SEEK_CUR) + len(data) > os.fstat(fd).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)


class Told:
    """An archive whose messages are heard."""

    def __init__(self, archive, api, box):
        self.archive, self.api, self.box = archive, api, box

    def days(self, number):
        """One run a day: the word that each day's message begins with, or nothing."""
        heard = []
        for _ in range(number):
            before = len(self.box.seen)
            with suppress(SnapError):
                self.archive.run()
            new = [seen.json["text"].partition(":")[0] for seen in self.box.seen[before:]]
            heard.append(" and ".join(new))
            self.archive.later(days=1)
        return heard

    @property
    def last(self):
        return self.box.seen[-1].json["text"].replace("\n   ", "")

    @contextmanager
    def on(self, disk):
        world, self.archive.world = self.archive.world, replace(self.archive.world, disk=disk)
        yield
        self.archive.world = world

    @contextmanager
    def answering(self, answer):
        self.api.instead = lambda seen: answer
        yield
        self.api.instead = None

    @contextmanager
    def placing(self, path, text):
        self._commit(path, text)
        yield
        self._commit(path, None)

    def _commit(self, path, text):
        with for_writing(self.archive.path, self.archive.world, command="test") as opened:
            change = FileChange(path, None if text is None else text.encode())
            opened.store.commit(Batch((change,), "Change\n", self.archive.clock.now()), opened.store.head())
            opened.store.finish()


@pytest.fixture
def told(tmp_path, a_home_of_its_own):
    api = Api([item(f"{day:02}T08:00", f"r{day}") for day in range(12, 32)], size=100)
    with (
        Server(lambda seen: Reply(200, b"")) as box,
        an_archive(tmp_path, api, series(window=WINDOW), now=START) as archive,
    ):
        git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        told = Told(archive, api, box)
        told._commit("snap.toml", f'format = 1\nzone = "UTC"\n[[notify]]\ntype = "webhook"\nurl = "{box.url}/"\n')
        assert told.days(1) == [""]
        yield told


AT_ONCE = ["New", "Still so", "", "Still so", "", "", "", "Still so"]  # the first, and after 1, 3 and 7 days
CUT = Raw((b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"data": [',))
RENAMED = json_reply({"payload": [], "cursor": None})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply(401, b"{}"), "the credentials were not accepted"),
        (Reply(403, b"{}"), "the credentials may not read it"),
        (Reply(400, b"{}"), "the API does not understand what is asked"),
        (RENAMED, "data came and could not be used"),
    ],
    ids=["auth", "forbidden", "request", "schema"],
)
def test_what_an_api_refuses_for_good_is_told_at_once_then_rarely_and_once_that_it_is_over(told, answer, words):
    with told.answering(answer):
        assert told.days(4) == AT_ONCE[:4]
        assert words in told.last

    assert told.days(3).count("Fixed") == 1


@pytest.mark.parametrize(
    "answer",
    [Reply(503, b""), Reply(429, b""), Raw((), "reset"), html_page(), CUT],
    ids=["server", "rate limit", "network", "a page for people", "cut short"],
)
def test_what_may_pass_is_told_only_after_it_lasted_a_day(told, answer):
    with told.answering(answer):
        assert told.days(1) == [""]
    assert told.days(1) == [""]

    with told.answering(answer):
        assert told.days(2) == ["", "New"]
    assert told.days(1) == ["Fixed"]


def test_a_full_disk_is_one_state_however_many_runs_meet_it(told):
    with told.on(Full()):
        assert told.days(8) == AT_ONCE
        assert "nothing can be saved: " in told.last
        assert "the disk is full" in told.last

    assert told.days(2) == ["Fixed", ""]


def test_a_disk_that_turned_read_only_is_one_state_where_the_users_state_lies_elsewhere(told):
    class ButOne(ReadOnly):
        """The archive's disk is read-only; the user's state lies on another one."""

        def before(self, step, path):
            if not re.fullmatch(r"[0-9a-f]{16}\.json", path):
                super().before(step, path)

    (told.archive.world.state / "told").mkdir(parents=True)
    with told.on(ButOne()):
        assert told.days(4) == AT_ONCE[:4]
        assert "read-only" in told.last

    assert told.days(2) == ["Fixed", ""]
    assert not [*(told.archive.world.state / "told").iterdir()]


def test_damage_is_one_state(told):
    head = told.archive.path / ".git/refs/heads/main"
    before = head.read_text()
    head.write_text("0" * 39 + "1\n")
    assert told.days(4) == AT_ONCE[:4]
    assert "damage" in told.last

    head.write_text(before)
    assert told.days(2) == ["Fixed", ""]


def test_a_rejected_push_is_told_at_once_and_a_network_that_is_away_only_after_a_day(told, tmp_path):
    settings = told.archive.path / "snap.toml"
    told._commit("snap.toml", settings.read_text() + "[remote]\npush = true\n")
    hook = tmp_path / "remote.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert told.days(3) == AT_ONCE[:3]
    assert "rejected" in told.last
    hook.unlink()
    assert told.days(1) == ["Fixed"]

    (tmp_path / "remote.git").rename(tmp_path / "away.git")
    assert told.days(2) == ["", "New"]
    (tmp_path / "away.git").rename(tmp_path / "remote.git")
    assert told.days(1) == ["Fixed"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("this is no toml", "sources/other.toml"), ('[secrets]\nkey = "env:NOT_THERE"\n', "NOT_THERE")],
    ids=["a mistake", "a missing secret"],
)
def test_what_is_wrong_in_a_source_file_is_one_state(told, text, words):
    source = (told.archive.path / "sources/demo.toml").read_text().replace('source = "demo"', 'source = "other"')
    text = text if "no toml" in text else source + text
    with told.placing("sources/other.toml", text):
        assert told.days(4) == AT_ONCE[:4]
        assert words in told.last

    assert told.days(2) == ["Fixed", ""]
