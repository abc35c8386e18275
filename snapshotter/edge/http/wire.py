"""The one place that speaks to urllib3: one exchange, within its limits, every foreign error named.

What goes through a proxy is handed to requests (`proxied`), which costs others nothing.

A `Watch` sits on the socket itself, so that the total time and the total size of an exchange hold for the status line,
the headers and each byte of the body, however slowly they drip.
"""

from __future__ import annotations

import http.client
import io
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPException
from pathlib import Path
from socket import gaierror, herror, socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
import urllib3.connection
import urllib3.exceptions

from snapshotter.edge.exchange import Draft, Got, Lost
from snapshotter.edge.http.bodies import too_large, unpack
from snapshotter.edge.origins import Origin, origin_of, proxy_for, target_of
from snapshotter.frozen import dataclass
from snapshotter.model import Miss

if TYPE_CHECKING:
    from snapshotter.edge.http.proxied import Adapter

_PIECE = 1 << 16
_OVERHEAD = 16 << 20  # bytes on the wire beside the body: headers, chunk borders, a proxy's answer
_SHORTEST_WAIT = 0.001
# A success whose head holds nothing that two parsers could read in two ways: no folded line, no odd character.
_USUAL_HEAD = re.compile(
    rb"HTTP/1\.1 (20[0-3])((?: [ -~]*)?)\r\n((?:[A-Za-z0-9_-]{1,100}:[\t -~]{0,8000}\r\n){1,90})\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large one exchange may be."""

    connect: float  # seconds
    read: float  # seconds without a byte
    total: float  # seconds from the first to the last byte
    body: int  # bytes, unpacked


class Watch:
    """The time and the bytes that an exchange has left."""

    def __init__(
        self, limits: Limits, monotonic: Callable[[], float], *, on_sent: Callable[[], None] | None = None
    ) -> None:
        self.limits = limits
        self.on_sent = on_sent
        self._monotonic = monotonic
        self._until = monotonic() + limits.total
        self._bytes = 2 * limits.body + _OVERHEAD
        self.too_much = False

    def left(self) -> float:
        """Seconds until the exchange must be over."""
        return self._until - self._monotonic()

    def patience(self) -> float:
        """Seconds that the next read may take; raises `TimeoutError` when the time is over."""
        left = self.left()
        if left <= 0:
            raise TimeoutError("the exchange takes too long")
        return max(min(self.limits.read, left), _SHORTEST_WAIT)

    def count(self, size: int) -> None:
        """Note bytes that came; raises `OSError` when it is more than any answer needs."""
        self._bytes -= size
        if self._bytes < 0:
            self.too_much = True
            raise OSError("the answer does not end")


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Wire:
    """Connections to the servers of one source. It keeps no cookies and reads no netrc."""

    def __init__(
        self,
        limits: Limits,
        env: Mapping[str, str],
        monotonic: Callable[[], float],
        *,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        self.limits = limits
        self._on_sent = on_sent
        self._env = env
        self._monotonic = monotonic
        self._manager = urllib3.PoolManager(num_pools=4, maxsize=4, cert_reqs="CERT_REQUIRED")
        self._manager.pool_classes_by_scheme = _POOLS
        self._pools: dict[Origin, urllib3.HTTPConnectionPool] = {}
        self._adapter: Adapter | None = None  # for what goes through a proxy
        self._authorities = _first(env, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

    def exchange(self, draft: Draft, body: bytes | None) -> Got:
        """Send one request and read its whole answer; raises `Lost`."""
        watch = Watch(self.limits, self._monotonic, on_sent=self._on_sent)
        origin = origin_of(draft.url)
        proxy = proxy_for(origin, self._env)
        token = _watch.set(watch)
        try:
            with errors_named(f"{origin.host}:{origin.port}", watch, proxied=proxy is not None):
                waits = (min(self.limits.connect, watch.patience()), watch.patience())
                if proxy is None:
                    return self._read(self._send(origin, draft, body, waits), watch)
                adapter = self._adapter = self._adapter or _adapter()
                raw = adapter.exchange(
                    draft.method,
                    draft.url,
                    _headers(draft, body),
                    body,
                    waits=waits,
                    proxy=proxy,
                    authorities=self._authorities,
                )
                return self._read(raw, watch)
        finally:
            _watch.reset(token)

    def close(self) -> None:
        """Close all connections, now: the library waits until nobody knows of them any more."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        self._manager.clear()
        if self._adapter is not None:
            self._adapter.close()

    def _send(
        self, origin: Origin, draft: Draft, body: bytes | None, waits: tuple[float, float]
    ) -> urllib3.BaseHTTPResponse:
        pool = self._pools.get(origin)
        if pool is None or pool.pool is None:  # closed, to make room for others
            pool = self._pools[origin] = self._pool_for(draft.url)
        return pool.urlopen(
            draft.method,
            target_of(draft.url),
            body=body,
            headers=_headers(draft, body),
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=urllib3.Retry(0, read=False),
            timeout=urllib3.Timeout(*waits),
        )

    def _pool_for(self, url: str) -> urllib3.HTTPConnectionPool:
        """Connections to a server; believed by the authorities of the environment, else by those that are shipped."""
        split = urlsplit(url)
        trust: dict[str, Any] = {}
        if split.scheme == "https":
            authorities = self._authorities or _shipped_authorities()
            trust["ca_cert_dir" if Path(authorities).is_dir() else "ca_certs"] = authorities
        return self._manager.connection_from_host(split.hostname, split.port, split.scheme, pool_kwargs=trust)

    def _read(self, raw: urllib3.BaseHTTPResponse, watch: Watch) -> Got:
        try:
            headers = tuple((name.lower(), _readable(value)) for name, value in raw.headers.iteritems())
            packed = _packed_body(raw, dict(headers), watch)
        except BaseException:
            raw.close()  # the rest of the answer is in it: the connection is of no use any more
            raise
        raw.release_conn()
        coding = ", ".join(value for name, value in headers if name == "content-encoding")
        return Got(raw.status, headers, unpack(packed, coding, limit=self.limits.body))


def _readable(value: str) -> str:
    """A header's value on one line; http.client reads bytes as Latin-1, but servers that send others send UTF-8."""
    try:
        text = value if value.isascii() else value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        text = value
    return " ".join(text.split())


def _packed_body(raw: urllib3.BaseHTTPResponse, headers: Mapping[str, str], watch: Watch) -> bytes:
    body = io.BytesIO()  # gives all of it without a copy, where joined pieces are there twice
    size = 0
    expected = _expected(raw, headers)
    if expected is not None and expected > watch.limits.body:
        raise too_large(watch.limits.body, size=expected)
    for piece in raw.stream(_PIECE, decode_content=False):
        size += len(piece)
        body.write(piece)
        if size > watch.limits.body:
            raise too_large(watch.limits.body)
        watch.patience()
    if expected is not None and size != expected:
        raise Lost(Miss.TRUNCATED, f"the answer was cut short: {size} of {expected} bytes came")
    return body.getvalue()


def _expected(raw: urllib3.BaseHTTPResponse, headers: Mapping[str, str]) -> int | None:
    """How many bytes the body has, where the server says so (old versions of urllib3 do not check it)."""
    length = headers.get("content-length", "")
    if raw.chunked or raw.length_remaining is None or not length.isascii() or not length.isdigit():
        return None
    return raw.length_remaining


def _headers(draft: Draft, body: bytes | None) -> dict[str, str]:
    fields = {name.lower(): (name, value) for name, value in draft.headers}
    if body is not None:
        fields["content-length"] = ("Content-Length", str(len(body)))
    return dict(fields.values())


def _first(env: Mapping[str, str], *names: str) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)


def _shipped_authorities() -> str:
    import certifi  # noqa: PLC0415 - only https needs it

    return certifi.where()


def _adapter() -> Adapter:
    from snapshotter.edge.http.proxied import Adapter  # noqa: PLC0415 - requests costs a third of asking a day more

    return Adapter(_POOLS)


# --- the watch on the socket ---


class _Watched(io.RawIOBase):
    """A socket's bytes under a watch."""

    def __init__(self, raw: io.RawIOBase, sock: socket, watch: Watch) -> None:
        self._raw = raw
        self._sock = sock
        self._watch = watch
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._watch.patience())
        size = self._raw.readinto(buffer)
        self._watch.count(size or 0)
        self.ended = size == 0
        return size

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    _method: str | None  # of the request, as the library keeps it

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        watch = _watch.get()
        self._watched = None
        if watch is not None:
            if watch.on_sent is not None:  # an answer is waited for as soon as its request has left
                watch.on_sent()
            self._watched = _Watched(self.fp.detach(), sock, watch)
            self.fp = io.BufferedReader(self._watched, _PIECE)

    def begin(self) -> None:
        """Read the head: the usual one at once, which takes a fifth of the time; any other as the library does."""
        begun: object = self.headers
        if begun is not None or self._begin_quickly():
            return
        super().begin()
        if self._watched is not None and self._watched.ended:  # http.client takes a cut head for a whole one
            raise http.client.IncompleteRead(b"")

    def _begin_quickly(self) -> bool:
        """Whether the head is here whole, in plain ASCII lines, and says how long the body is."""
        head = _USUAL_HEAD.match(self.fp.peek(1)) if self._watched is not None and self._method != "HEAD" else None
        if head is None:
            return False
        message = http.client.HTTPMessage()
        for line in head[3].decode("ascii").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            message[name] = value.strip(" \t")
        lengths, close = message.get_all("content-length", []), message.get("connection", "keep-alive")
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or close.lower() != "keep-alive":
            return False
        if "transfer-encoding" in message:
            return False
        self.version, self.code, self.reason = 11, int(head[1]), head[2].decode("ascii").strip()
        self.status, self.headers = self.code, message
        self.msg = message
        self.chunked, self.will_close, self.length = False, False, int(lengths[0])
        self.fp.read(head.end())
        return True


class _Http(urllib3.connection.HTTPConnection):
    response_class = _Answer


class _Https(urllib3.connection.HTTPSConnection):
    response_class = _Answer


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _HttpPool, "https": _HttpsPool}


# --- errors ---

# Every error class of the libraries below, by what it means here; None: it only wraps another one. `proxied` has those
# of requests.
_U, _H = urllib3.exceptions, http.client
MEANINGS: dict[type[BaseException], Miss | None] = {
    gaierror: Miss.DNS,
    herror: Miss.DNS,
    _U.NameResolutionError: Miss.DNS,
    ssl.SSLCertVerificationError: Miss.TLS,
    ssl.SSLEOFError: Miss.RESET,
    ssl.SSLZeroReturnError: Miss.RESET,
    ssl.SSLSyscallError: Miss.RESET,
    ssl.SSLError: Miss.TLS,
    _U.SSLError: Miss.TLS,
    TimeoutError: Miss.TIMEOUT,
    _U.TimeoutError: Miss.TIMEOUT,
    _U.TimeoutStateError: Miss.OTHER,
    _U.ReadTimeoutError: Miss.TIMEOUT,
    _U.ConnectTimeoutError: Miss.TIMEOUT,
    ConnectionRefusedError: Miss.CONNECT,
    _U.NewConnectionError: Miss.CONNECT,
    _U.ProxyError: Miss.CONNECT,
    ConnectionError: Miss.RESET,
    ConnectionResetError: Miss.RESET,
    ConnectionAbortedError: Miss.RESET,
    BrokenPipeError: Miss.RESET,
    _H.RemoteDisconnected: Miss.RESET,
    _U.ClosedPoolError: Miss.RESET,
    _U.IncompleteRead: Miss.TRUNCATED,
    _U.InvalidChunkLength: Miss.TRUNCATED,
    _H.IncompleteRead: Miss.TRUNCATED,
    _U.DecodeError: Miss.DECODING,
    _U.LocationValueError: Miss.ORIGIN,
    _U.LocationParseError: Miss.ORIGIN,
    _U.URLSchemeUnknown: Miss.ORIGIN,
    _U.HostChangedError: Miss.ORIGIN,
    _H.InvalidURL: Miss.ORIGIN,
    # not HTTP as it should be: worth another try, since proxies and restarting servers do this
    _H.BadStatusLine: Miss.OTHER,
    _H.LineTooLong: Miss.OTHER,
    _H.UnknownProtocol: Miss.OTHER,
    _H.UnknownTransferEncoding: Miss.OTHER,
    _H.UnimplementedFileMode: Miss.OTHER,
    _U.ResponseNotChunked: Miss.OTHER,
    _U.BodyNotHttplibCompatible: Miss.OTHER,
    _U.HeaderParsingError: Miss.OTHER,
    # mistakes of the caller, a proxy's address among them
    _H.NotConnected: Miss.OTHER,
    _H.ImproperConnectionState: Miss.OTHER,
    _H.CannotSendRequest: Miss.OTHER,
    _H.CannotSendHeader: Miss.OTHER,
    _H.ResponseNotReady: Miss.OTHER,
    _U.EmptyPoolError: Miss.OTHER,
    _U.FullPoolError: Miss.OTHER,
    _U.InvalidHeader: Miss.OTHER,
    _U.ProxySchemeUnknown: Miss.OTHER,
    _U.ProxySchemeUnsupported: Miss.OTHER,
    _U.UnrewindableBodyError: Miss.OTHER,
    # wrappers: what they hold says more
    OSError: None,
    HTTPException: None,
    _U.HTTPError: None,
    _U.PoolError: None,
    _U.RequestError: None,
    _U.MaxRetryError: None,
    _U.ProtocolError: None,
    _U.ResponseError: None,
}


@contextmanager
def errors_named(server: str, watch: Watch, *, proxied: bool = False) -> Iterator[None]:
    """Every error that the libraries below raise becomes `Lost`, without their texts (which may hold secrets)."""
    try:
        yield
    except (
        urllib3.exceptions.HTTPError,
        HTTPException,
        OSError,
        ValueError,
    ) as error:  # an error of requests is OSError
        if watch.too_much:
            raise too_large(watch.limits.body) from None
        chain = _chain(error)
        miss = _meaning(chain)
        raise Lost(miss, _words(miss, chain, watch, server, proxied=proxied)) from None


def _chain(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps, outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), getattr(one, "original_error", None), one.__cause__]
    return found


def _meaning(chain: list[BaseException]) -> Miss:
    """What the innermost error that says anything means."""
    meanings = (_meant(kind) for error in reversed(chain) for kind in type(error).__mro__)
    found = next((miss for miss in meanings if miss is not None), None)
    if found is None and type(chain[-1]) is urllib3.exceptions.ProtocolError:
        return Miss.TRUNCATED  # urllib3 says "ended prematurely" in words only
    return found or Miss.OTHER


def _meant(kind: type) -> Miss | None:
    if kind.__module__ != "requests.exceptions":
        return MEANINGS.get(kind)
    from snapshotter.edge.http import proxied  # noqa: PLC0415 - it is loaded where there is such an error

    return proxied.MEANINGS.get(kind)


def _words(miss: Miss, chain: list[BaseException], watch: Watch, server: str, *, proxied: bool) -> str:
    way = " (through the proxy of the environment)" if proxied else ""
    detail = _detail(chain)
    match miss:
        case Miss.DNS:
            return f"the name of {server} cannot be resolved{way}{detail}"
        case Miss.CONNECT:
            return f"no connection to {server}{way}{detail}"
        case Miss.TLS:
            return f"no TLS connection to {server} that can be trusted{way}{detail}"
        case Miss.RESET:
            return f"{server} closed the connection before it had answered{way}"
        case Miss.TIMEOUT:
            return f"{_slowness(chain, watch, server)}{way}"
        case Miss.TRUNCATED:
            return f"the answer of {server} was cut short{way}"
        case _:
            return f"{server} did not answer as an HTTP server does{way} ({type(chain[-1]).__name__})"


def _slowness(chain: list[BaseException], watch: Watch, server: str) -> str:
    if watch.left() <= 0:
        return f"the answer of {server} was not complete after {watch.limits.total:g} s"
    if any(isinstance(error, urllib3.exceptions.ConnectTimeoutError) for error in chain):
        return f"{server} did not accept a connection within {watch.limits.connect:g} s"
    return f"{server} sent nothing for {watch.limits.read:g} s"


def _detail(chain: list[BaseException]) -> str:
    """The operating system's or OpenSSL's own words for it; they hold no URL."""
    for error in reversed(chain):
        if isinstance(error, ssl.SSLError):
            said = getattr(error, "verify_message", None) or getattr(error, "reason", None) or ""
            return f" ({said.replace('_', ' ').lower()})" if said else ""
        if isinstance(error, OSError) and error.errno is not None and error.strerror:
            return f" ({error.strerror.lower()})"
        if isinstance(error, OSError) and str(error).startswith("Tunnel connection failed"):
            return f" ({str(error).lower()})"
    return ""
