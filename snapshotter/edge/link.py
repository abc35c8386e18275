"""A link between the one writer and a worker elsewhere: messages one after the other, over TCP or TLS.

Messages are pickles, and whoever can send one can run code: so both ends first prove, by a key that is made for one
run, that they belong together, and until then nothing is unpickled. Off loopback a link is TLS on both sides.
"""

from __future__ import annotations

import hmac
import pickle
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any

from snapshotter.errors import SnapError
from snapshotter.frozen import dataclass

if TYPE_CHECKING:
    import ssl

GREETING = 10.0  # seconds that the other end may take to prove itself
# A machine that is gone is noticed by these: the last (in milliseconds) where something was on its way to it.
SILENCE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 25_000))
FULL = 0.1  # seconds that a door waits where nobody can be let in just now
_SIZE = struct.Struct(">Q")
_NUMBER = struct.Struct(">I")
_NONCE, _DIGEST = 32, 32
_ROOM = 1 << 16


class LinkLost(SnapError):
    """The other end is gone, or is not whom we wait for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a worker needs to take a lane; it goes through the scheduler, and names nothing and nobody."""

    host: str
    port: int
    lane: int
    key: bytes = field(repr=False)
    version: str  # of snap: what is sent to and fro is no format of its own
    tls: bool = False


class Link:
    """One end of a link."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._in = sock.makefile("rb", _ROOM)  # most messages come in one piece
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SILENCE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, *messages: Any) -> None:
        """Send messages; they arrive in this order."""
        packed = [pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL) for message in messages]
        try:
            self._sock.sendall(b"".join(part for data in packed for part in (_SIZE.pack(len(data)), data)))
        except OSError as error:
            raise LinkLost(f"the other end is gone ({type(error).__name__})") from error

    def receive(self) -> Any:
        """The next message, waited for."""
        (size,) = _SIZE.unpack(self.take(_SIZE.size))
        return pickle.loads(self.take(size))  # noqa: S301 - the other end has proved itself

    def take(self, size: int) -> bytes:
        """So many bytes."""
        try:
            data: bytes = self._in.read(size)
        except (OSError, ValueError) as error:  # ValueError: it was closed here meanwhile
            raise LinkLost(f"the other end is gone ({type(error).__name__})") from error
        if len(data) < size:
            raise LinkLost("the other end is gone")
        return data

    def put(self, data: bytes) -> None:
        """Send bytes as they are."""
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise LinkLost(f"the other end is gone ({type(error).__name__})") from error

    def be_patient(self) -> None:
        """From now on wait for the other end for as long as it lives."""
        self._sock.settimeout(None)

    def close(self) -> None:
        """Let go of it; whoever waits at either end hears of it."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._in.close()
        self._sock.close()


class Door:
    """Where workers come in: each proves itself, and is handed over with the number of the lane that it takes."""

    def __init__(
        self, host: str, key: bytes, *, arrived: Callable[[int, Link], None], context: ssl.SSLContext | None = None
    ) -> None:
        self._key = key
        self._arrived = arrived
        self._context = context
        self._closed = threading.Event()
        self._listening = socket.create_server((host, 0), family=_family(host), backlog=1024)
        self._thread = threading.Thread(target=self._open, name="door", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it is."""
        port: int = self._listening.getsockname()[1]
        return port

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits
        self._listening.close()
        self._thread.join(GREETING)

    def _open(self) -> None:
        while not self._closed.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:  # closed; or who came has gone again, or too many files are open: others come later
                self._closed.wait(FULL)
                continue
            threading.Thread(target=self._let_in, args=(sock,), name="greeting", daemon=True).start()

    def _let_in(self, sock: socket.socket) -> None:
        sock.settimeout(GREETING)
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            link = Link(sock)
            lane = _welcome(link, self._key)
        except (LinkLost, OSError):  # a stranger, or one who went
            sock.close()
            return
        self._arrived(lane, link)


def reached(ticket: Ticket, context: ssl.SSLContext | None) -> Link:
    """A link to the writer that made the ticket; raises `LinkLost`."""
    if ticket.tls and context is None:
        raise LinkLost("the writer wants TLS, and this worker has no certificate")
    sock = None
    try:
        sock = socket.create_connection((ticket.host, ticket.port), timeout=GREETING)
        if context is not None and ticket.tls:
            sock = context.wrap_socket(sock)
        link = Link(sock)
        _introduce(link, ticket)
    except (LinkLost, OSError) as error:
        if sock is not None:
            sock.close()
        raise LinkLost(f"the writer at {ticket.host}:{ticket.port} cannot be reached from here ({error})") from None
    return link


def _welcome(link: Link, key: bytes) -> int:
    """The writer's side: who comes shows the key first, and is shown it then."""
    ours = _nonce()
    link.put(ours)
    number, theirs, proof = link.take(_NUMBER.size), link.take(_NONCE), link.take(_DIGEST)
    if not hmac.compare_digest(proof, _proof(key, b"worker", ours, theirs, number)):
        raise LinkLost("a stranger")
    link.put(_proof(key, b"writer", theirs, ours, number))
    link.be_patient()
    (lane,) = _NUMBER.unpack(number)
    return int(lane)


def _introduce(link: Link, ticket: Ticket) -> None:
    theirs, ours, number = link.take(_NONCE), _nonce(), _NUMBER.pack(ticket.lane)
    link.put(number + ours + _proof(ticket.key, b"worker", theirs, ours, number))
    if not hmac.compare_digest(link.take(_DIGEST), _proof(ticket.key, b"writer", ours, theirs, number)):
        raise LinkLost("it is somebody else")
    link.be_patient()


def _nonce() -> bytes:
    return secrets.token_bytes(_NONCE)


def _proof(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"|".join(parts), "sha256")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
