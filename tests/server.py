"""A scripted HTTP server on loopback: a function from request to answer, and every way of misbehaving.

    with Server(lambda request: json_reply({"path": request.path})) as server: …

It speaks HTTP/1.1 with keep-alive and without Nagle's delay, remembers what it saw and when, and ends by itself.
"""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

LONGEST = 10.0  # seconds that a connection may be silent, or stalled, before the server gives up by itself


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str  # as written in the request line
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    at: float  # seconds, monotonic
    connection: int  # which connection it came on, from 0

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


# --- answers ---


@dataclass(frozen=True)
class Reply:
    """A well-behaved answer. A Content-Length is added unless the headers or `chunked` say otherwise."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    closes: bool = False

    def with_headers(self, **more: str) -> Reply:
        """The same with more headers; `_` stands for `-`."""
        return replace(self, headers=(*self.headers, *((name.replace("_", "-"), text) for name, text in more.items())))

    def to_bytes(self) -> bytes:
        return self.head() + (chunks(self.body) if self.chunked else self.body)

    def head(self) -> bytes:
        known = {name.lower() for name, _ in self.headers}
        lines = list(self.headers)
        if self.chunked:
            lines.append(("Transfer-Encoding", "chunked"))
        elif "content-length" not in known and not self.closes and self.status not in (204, 304):
            lines.append(("Content-Length", str(len(self.body))))
        if self.closes:
            lines.append(("Connection", "close"))
        text = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return f"HTTP/1.1 {self.status} {_phrase(self.status)}\r\n{text}\r\n".encode("latin-1")


@dataclass(frozen=True)
class Raw:
    """Any bytes, in pieces with a pause between; then the connection is closed, reset, stalled or kept."""

    pieces: tuple[bytes, ...]
    then: str = "close"  # close, reset, stall, keep
    every: float = 0.0


Answer = Reply | Raw
Script = Callable[[Seen], Answer] | Sequence[Answer]


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON body with its content type."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Reply(status, body, (("Content-Type", "application/json"),)).with_headers(**headers)


def html_page(status: int = 200) -> Reply:
    """What a login or maintenance page looks like."""
    return Reply(status, b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", (("Content-Type", "text/html"),))


def redirect(location: str, status: int = 302) -> Reply:
    """A redirect with an HTML body, as servers send it."""
    return Reply(status, b"<a href>moved</a>", (("Location", location), ("Content-Type", "text/html")))


def zipped(reply: Reply, coding: str = "gzip") -> Reply:
    """The same body compressed, and said so."""
    coders = {"gzip": gzip.compress, "deflate": zlib.compress, "raw deflate": _raw_deflate, "x-gzip": gzip.compress}
    named = coding.removeprefix("raw ")
    return replace(reply, body=coders[coding](reply.body)).with_headers(Content_Encoding=named)


def bad_gzip(body: bytes = b"this is not gzip") -> Reply:
    """A body that is not what its Content-Encoding says."""
    return json_reply(body, Content_Encoding="gzip")


def gzip_bomb(size: int) -> Reply:
    """A few bytes that unpack to `size` zeros."""
    return zipped(json_reply(b"0" * size))


def cut(reply: Reply, at: int, then: str = "close") -> Raw:
    """Head and only the first bytes of the body (negative: all but the last), then silence."""
    whole = reply.to_bytes()
    head = len(reply.head())
    return Raw((whole[: head + at] if at >= 0 else whole[:at],), then)


def dripping(reply: Reply, every: float, size: int = 1) -> Raw:
    """The answer in small pieces, also its head."""
    whole = reply.to_bytes()
    return Raw(tuple(whole[at : at + size] for at in range(0, len(whole), size)), every=every)


def reset() -> Raw:
    """No answer: the connection is reset."""
    return Raw((), "reset")


def hang_up() -> Raw:
    """No answer: the connection is closed."""
    return Raw((), "close")


def stall() -> Raw:
    """No answer, and the connection stays open."""
    return Raw((), "stall")


def chunks(body: bytes, size: int = 7) -> bytes:
    """A body in chunked encoding."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Odd"


# --- the server ---


@dataclass
class Server:
    """The server; a context manager. `script` is a function, or answers in order of which the last one repeats."""

    script: Script
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(LONGEST * 6)
        self.port = int(self._listener.getsockname()[1])
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LONGEST)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.seen]

    @property
    def times(self) -> list[float]:
        return [request.at for request in self.seen]

    def _accept(self) -> None:
        number = 0
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            self._threads.append(thread)
            thread.start()
            number += 1

    def _serve(self, raw: socket.socket, number: int) -> None:
        raw.settimeout(LONGEST)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with raw, suppress(OSError, ValueError):
            connection = self.tls.wrap_socket(raw, server_side=True) if self.tls else raw
            with connection, self._known(connection), connection.makefile("rb") as lines:
                while (request := self._read(lines, number)) and self._answer(connection, request):
                    pass

    @contextmanager
    def _known(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        yield
        with self._lock:
            self._open.discard(connection)

    def _read(self, lines: Any, number: int) -> Seen | None:
        first = lines.readline()
        at = time.monotonic()
        if not first:
            return None
        method, target, _ = first.decode("latin-1").split(" ")
        headers = []
        while (line := lines.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers.append((name.lower(), value.strip()))
        body = lines.read(int(dict(headers).get("content-length", 0)))
        request = Seen(method, target, tuple(headers), body, at, number)
        with self._lock:
            self.seen.append(request)
        return request

    def _answer(self, connection: socket.socket, request: Seen) -> bool:
        """Send the answer; whether the connection goes on."""
        answer = self._chosen(request)
        if isinstance(answer, Reply):
            connection.sendall(answer.head() if request.method == "HEAD" else answer.to_bytes())
            return not answer.closes
        for place, piece in enumerate(answer.pieces):
            if place and self._stopping.wait(answer.every):
                return False
            connection.sendall(piece)
        return self._ended(connection, answer.then)

    def _chosen(self, request: Seen) -> Answer:
        if callable(self.script):
            return self.script(request)
        with self._lock:
            place = next(index for index, seen in enumerate(self.seen) if seen is request)
        return self.script[min(place, len(self.script) - 1)]

    def _ended(self, connection: socket.socket, how: str) -> bool:
        if how == "stall":
            self._stopping.wait(LONGEST)
        elif how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return how == "keep"


def by_path(answers: Mapping[str, Answer | Callable[[Seen], Answer]]) -> Callable[[Seen], Answer]:
    """A script that answers by path, 404 elsewhere."""

    def script(request: Seen) -> Answer:
        answer = answers.get(request.path)
        if answer is None:
            return json_reply({"message": "no such path"}, 404)
        return answer(request) if callable(answer) else answer

    return script


def a_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for this machine that nobody vouches for: what a server takes, and its file."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key", "-out", folder / "cert"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context, folder / "cert"
