"""The link between writer and worker: who has not the key is not let in, and nothing of theirs is unpickled."""

import pickle
import resource
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from queue import SimpleQueue

import pytest

from snapshotter.edge.link import Door, Link, LinkLost, Ticket, reached

KEY = b"k" * 32


SPRUNG = []


class Trap:
    """Whoever unpickles it has run code of a stranger."""

    def __reduce__(self):
        return (spring, ())


def spring():
    SPRUNG.append("sprung")


@contextmanager
def a_door(key=KEY):
    """A door, the tickets for it, and who came in."""
    came = SimpleQueue()
    door = Door("127.0.0.1", key, arrived=lambda lane, link: came.put((lane, link)))
    try:
        yield Ticket("127.0.0.1", door.port, 7, KEY, "1.0"), came
    finally:
        door.close()


def test_both_ends_hear_what_the_other_sends():
    with a_door() as (ticket, came):
        worker = reached(ticket, None)
        lane, writer = came.get()
        worker.send("one", ("two", b"x" * 1_000_000))
        writer.send({"three": 3})

        assert lane == 7
        assert writer.receive() == "one"
        assert writer.receive() == ("two", b"x" * 1_000_000)
        assert worker.receive() == {"three": 3}
        worker.close()
        with pytest.raises(LinkLost, match="the other end is gone"):
            writer.receive()
        writer.close()


def test_a_worker_with_another_key_is_not_let_in():
    with a_door() as (ticket, came):
        with pytest.raises(LinkLost, match="cannot be reached"):
            reached(replace(ticket, key=b"x" * 32), None)

        assert came.empty()


def test_a_worker_does_not_take_somebody_else_for_its_writer():
    with a_door(key=b"x" * 32) as (ticket, _), pytest.raises(LinkLost, match="cannot be reached"):
        reached(ticket, None)


def test_nothing_of_a_stranger_is_unpickled():
    with a_door() as (ticket, came), socket.create_connection((ticket.host, ticket.port)) as stranger:
        stranger.sendall(pickle.dumps(Trap()) + b"\0" * 200)
        with suppress(ConnectionResetError):
            while stranger.recv(4096):
                pass

        assert came.empty()
        assert SPRUNG == []


def test_a_ticket_shows_no_key():
    assert "kkkk" not in repr(Ticket("127.0.0.1", 1, 7, KEY, "1.0"))


def test_a_worker_without_certificates_takes_no_lane_that_wants_them():
    with pytest.raises(LinkLost, match="no certificate"):
        reached(Ticket("127.0.0.1", 1, 7, KEY, "1.0", tls=True), None)


def test_a_writer_that_is_gone_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(LinkLost, match=f"127.0.0.1:{port} cannot be reached"):
        reached(Ticket("127.0.0.1", port, 7, KEY, "1.0"), None)


def test_a_closed_link_wakes_who_waits_at_it():
    left, right = (Link(sock) for sock in socket_pair())
    found = SimpleQueue()
    waiting = threading.Thread(target=receive, args=(left, found))
    waiting.start()
    left.close()
    waiting.join(10)

    assert isinstance(found.get_nowait(), LinkLost)
    right.close()


def receive(link, found):
    try:
        link.receive()
    except LinkLost as lost:
        found.put(lost)


def socket_pair():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    return one, other


def test_a_door_that_could_let_nobody_in_for_a_moment_stays_open():
    with a_door() as (ticket, came):
        strangers = [socket.socket() for _ in range(2)]
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))  # but for the one it waits for, nobody can be answered
        try:
            heard = []
            for one in strangers:
                one.connect((ticket.host, ticket.port))
                heard.append(within_a_moment(one))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))

        worker = reached(ticket, None)
        lane, writer = came.get(timeout=5)

        assert heard[1] == b""
        assert lane == 7
        for one in (*strangers, worker, writer):
            one.close()


def within_a_moment(sock):
    sock.settimeout(0.3)
    with suppress(TimeoutError):
        return sock.recv(1)
    return b""
