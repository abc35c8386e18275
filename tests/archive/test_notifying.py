"""A run tells whoever wants to know; what cannot be delivered waits; nothing secret goes out."""

import errno
import json
import os
import re
import socket
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller

from snapshotter.archive import notifying
from snapshotter.archive.opening import for_writing, open_archive
from snapshotter.errors import DiskRefused
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.archive.worlds import AGAIN, Api, an_archive, item, series
from tests.edge.git_archives import Calm
from tests.server import Reply, Server


@pytest.fixture
def archive(tmp_path):
    api = Api([item("13T08:00", "a")])
    with an_archive(tmp_path, api, series(window=AGAIN.replace("12", "13"))) as archive:
        archive.api = api
        archive.world = replace(archive.world, env={"PATH": "/usr/bin:/bin", "PING": "sesame-ping-1"})
        yield archive


def settings(archive, text):
    with for_writing(archive.path, archive.world, command="test") as opened:
        change = FileChange("snap.toml", f'format = 1\nzone = "UTC"\n{text}'.encode())
        opened.store.commit(Batch((change,), "Settings\n", archive.clock.now()), opened.store.head())
        opened.store.finish()


class Mailbox:
    def __init__(self):
        self.letters = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
        self.letters.append(envelope.content.decode())
        return "250 OK"


@contextmanager
def a_mail_server():
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


def mail_to(port, more=""):
    where = f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"'
    return f'[[notify]]\ntype = "email"\nto = "me@example.org"\n{where}\n{more}'


def break_it(archive):
    archive.place("this is no toml", name="broken")


def mend_it(archive):
    with for_writing(archive.path, archive.world, command="test") as opened:
        change = FileChange("sources/broken.toml", None)
        opened.store.commit(Batch((change,), "Mend\n", archive.clock.now()), opened.store.head())
        opened.store.finish()


def test_one_letter_when_it_breaks_and_one_when_it_is_good_again(archive):
    with a_mail_server() as (box, port):
        settings(archive, mail_to(port))
        archive.fetch()
        break_it(archive)
        archive.fetch()
        archive.fetch()
        mend_it(archive)
        archive.fetch()

    assert len(box.letters) == 2
    assert "Subject: snap: archive: sources/broken.toml:1: no TOML" in box.letters[0]
    assert "all is well again" in box.letters[1]


def test_what_cannot_be_delivered_waits_and_goes_with_the_next_run(archive):
    with a_mail_server() as (_, port):
        pass
    settings(archive, mail_to(port))
    break_it(archive)
    ran = archive.fetch()

    assert "it waits and goes with the next run" in ran.notices[-1].text
    with a_mail_server() as (box, port):
        settings(archive, mail_to(port))
        archive.fetch()
    assert len(box.letters) == 1


def test_a_digest_comes_once_in_its_time_to_each_who_wants_one(archive):
    with a_mail_server() as (box, port):
        settings(archive, mail_to(port, 'digest = "daily"\n') + mail_to(port, 'digest = "weekly"\n'))
        for _ in range(8):
            archive.fetch()
            archive.fetch()
            archive.later(days=1)

    subjects = [subject for letter in box.letters for subject in re.findall(r"(daily|weekly) digest", letter)]
    assert (subjects.count("daily"), subjects.count("weekly")) == (8, 2)


def test_the_switch_is_called_at_the_start_and_after_a_good_run(archive):
    with Server(lambda seen: Reply(200, b"")) as server:
        address = f"{server.url}/{{secrets.ping}}"
        settings(
            archive,
            f'[secrets]\nping = "env:PING"\n[ping]\nurl = "{address}"\nstart_url = "{address}/start"\n'
            f'failure_url = "{address}/fail"\n',
        )
        archive.fetch()
        called = [seen.path for seen in server.seen]

    assert called == ["/sesame-ping-1/start", "/sesame-ping-1"]


def test_a_failed_push_is_no_success_for_the_switch(archive):
    with Server(lambda seen: Reply(200, b"")) as server:
        settings(archive, f'[remote]\npush = true\n[ping]\nurl = "{server.url}/ok"\nfailure_url = "{server.url}/bad"\n')
        ran = archive.fetch()

    assert ran.exit is Exit.NOT_TOLD
    assert [seen.path for seen in server.seen] == ["/bad"]


def test_why_a_message_did_not_go_names_no_secret_address(archive):
    with Server(lambda seen: Reply(500, b"")) as server:
        settings(
            archive,
            f'[secrets]\nping = "env:PING"\n[[notify]]\ntype = "webhook"\nurl = "{server.url}/{{secrets.ping}}"\n',
        )
        tried = notifying.test(archive.path, archive.world)

    assert tried == (("notify[0] (webhook)", "127.0.0.1: it answered 500"),)


def test_a_command_reads_the_message_and_a_webhook_gets_json(archive, tmp_path):
    script = tmp_path / "tell.py"
    script.write_text(f"import sys; open({str(tmp_path / 'told')!r}, 'w').write(sys.stdin.read())")
    with Server(lambda seen: Reply(200, b"")) as server:
        argv = json.dumps([sys.executable, str(script)])
        settings(
            archive,
            f'[[notify]]\ntype = "command"\nargv = {argv}\n[[notify]]\ntype = "webhook"\nurl = "{server.url}/"\n',
        )
        assert [problem for _, problem in notifying.test(archive.path, archive.world)] == [None, None]

    assert "Nothing is wrong" in (tmp_path / "told").read_text()
    assert json.loads(server.seen[0].body)["subject"] == "snap: archive: a test"


SAMPLE = re.compile(r'([a-z_]+)(?:\{stream="([^"\\\n]*)"\})? (\S+)')


def numbers(path):
    """Prometheus' text format, read as strictly as it is described: a sample's family is declared before it."""
    found, declared = {}, set()
    text = path.read_text()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            declared.add(line.removeprefix("# TYPE ").removesuffix(" gauge"))
        elif not line.startswith("# HELP "):
            name, stream, value = SAMPLE.fullmatch(line).groups()
            assert name in declared
            assert (name, stream) not in found
            found[name, stream] = float(value)
    return found


def test_numbers_for_a_monitor_are_written(archive, tmp_path):
    settings(archive, f'[metrics]\ntextfile = "{tmp_path}/snap.prom"\n')
    archive.fetch()

    told = numbers(tmp_path / "snap.prom")
    assert told["snap_last_run_good", None] == 1
    assert told["snap_last_run_timestamp_seconds", None] == archive.clock.now().timestamp()
    assert told["snap_missing_days", "demo/items"] == 0


def test_a_day_that_is_missing_counts_until_it_is_there_though_a_run_did_not_ask_it(archive, tmp_path):
    settings(archive, f'[metrics]\ntextfile = "{tmp_path}/snap.prom"\n')
    archive.api.instead = lambda seen: Reply(503)
    archive.fetch()
    archive.fetch()  # too soon after the first

    assert numbers(tmp_path / "snap.prom")["snap_missing_days", "demo/items"] == 1
    archive.api.instead = None
    archive.later(days=1)
    archive.fetch()
    assert numbers(tmp_path / "snap.prom")["snap_missing_days", "demo/items"] == 0


def test_a_message_that_does_not_go_is_no_good_run_for_a_monitor_and_the_switch(archive, tmp_path):
    with Server(lambda seen: Reply(200, b"")) as server:
        settings(
            archive,
            f'[metrics]\ntextfile = "{tmp_path}/snap.prom"\n[ping]\nurl = "{server.url}/ok"\n'
            f'failure_url = "{server.url}/bad"\n[[notify]]\ntype = "command"\nargv = ["false"]\nwhen = "always"\n',
        )
        archive.fetch()

    told = numbers(tmp_path / "snap.prom")
    assert (told["snap_last_run_good", None], told["snap_last_run_exit_code", None]) == (0, Exit.NOT_TOLD)
    assert [seen.path for seen in server.seen] == ["/bad"]


def test_days_that_an_api_did_not_give_do_not_hold_the_switch_down(archive):
    archive.api.instead = lambda seen: Reply(401)
    with Server(lambda seen: Reply(200, b"")) as server:
        settings(archive, f'[ping]\nurl = "{server.url}/ok"\nfailure_url = "{server.url}/bad"\n')
        assert archive.fetch().exit is Exit.SOME_DAYS

    assert [seen.path for seen in server.seen] == ["/ok"]


class NoRoom(Calm):
    """A disk on which nothing of the messages can be written."""

    def before(self, step, path):
        if step == "create":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_stops_no_message(archive):
    with a_mail_server() as (box, port):
        settings(archive, mail_to(port))
        archive.fetch()
        opened = open_archive(archive.path, replace(archive.world, disk=NoRoom()))
        told = notifying.failed(opened, DiskRefused("the disk is full"))

    assert "the disk is full" in box.letters[0]
    assert any("cannot wait here" in notice.text for notice in told)
