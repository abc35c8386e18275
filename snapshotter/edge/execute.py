"""Executors that lanes run on: processes of this machine, a Dask cluster, or any other `concurrent.futures.Executor`.

Whatever it is, it is asked for one thing only: to call `work` with a ticket, somewhere, once a lane.
"""

from __future__ import annotations

import importlib
import ipaddress
import logging
import multiprocessing
import os
import re
import secrets
import signal
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from snapshotter import __version__
from snapshotter.edge.link import Link, Ticket, reached
from snapshotter.errors import Refused, UsageError
from snapshotter.frozen import dataclass

FORMS = "processes:N, dask://HOST:PORT, tls://HOST:PORT or MODULE:FUNCTION"
CERTIFICATES = (
    "the certificates are those of Dask: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__TLS__CLIENT__CERT and "
    "…__TLS__CLIENT__KEY (see docs/fleets.md)"
)
_PROCESSES = re.compile(r"processes:[1-9][0-9]{0,3}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_LOUD = ("distributed", "distributed.client", "distributed.core", "distributed.comm", "tornado.application")
ATTEMPT = 10.0  # seconds that a scheduler and its first worker may take to answer


@dataclass(frozen=True, slots=True)
class Crew:
    """An executor, and where its workers find the writer."""

    executor: Executor
    name: str = "workers"
    host: str = "127.0.0.1"  # where the writer listens
    context: ssl.SSLContext | None = field(default=None, repr=False)
    close: Callable[[], None] = lambda: None

    def ticket(self, port: int, lane: int, key: bytes) -> Ticket:
        """What a worker is given to take a lane."""
        return Ticket(self.host, port, lane, key, __version__, tls=self.context is not None)


def check(address: str) -> None:
    """Find out whether an address can mean an executor, before anything is asked; raises `UsageError`."""
    if "://" in address:
        _checked(address)
    elif not (_PROCESSES.fullmatch(address) or _FUNCTION.fullmatch(address)):
        raise UsageError(f"--executor: {address!r} is no executor; write {FORMS}")


def worker_env() -> dict[str, str]:
    """The environment of a worker: it has its own way to the network."""
    return dict(os.environ)


def new_key() -> bytes:
    """What the workers of one run are known by."""
    return secrets.token_bytes(32)


def crew_of(address: str) -> Crew:
    """The crew at an address; raises `UsageError` for one that means nothing or must not be used."""
    check(address)
    if "://" in address:
        return _dask(address)
    if _PROCESSES.fullmatch(address):
        return _processes(int(address.partition(":")[2]))
    return _made_by(address)


def link_to_writer(ticket: Ticket) -> Link:
    """The link that a worker has to the writer, with the certificates of its own cluster."""
    return reached(ticket, _worker_context() if ticket.tls else None)


def _processes(count: int) -> Crew:
    spawn = multiprocessing.get_context("spawn")  # threads are under way here, which a fork would tear apart
    pool = ProcessPoolExecutor(count, mp_context=spawn, initializer=_leave_interrupts_to_the_writer)
    return Crew(pool, f"{count} processes", close=lambda: pool.shutdown(cancel_futures=True))


def _leave_interrupts_to_the_writer() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _made_by(address: str) -> Crew:
    module, _, name = address.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)()
    except Exception as error:
        what = f"{type(error).__name__}: {_brief(error)}"
        raise UsageError(f"--executor: {address} cannot be called ({what})") from error
    if not isinstance(made, Executor):
        raise UsageError(f"--executor: {address} gave a {type(made).__name__}, not a concurrent.futures.Executor")
    return Crew(made, address, close=lambda: made.shutdown(cancel_futures=True))


# --- Dask ---


def _dask(address: str) -> Crew:
    where = _checked(address)
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise UsageError("--executor: the library distributed is missing; pip install 'snapshotter[dask]'") from error
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it, the run tells in its own words
    is_tls = where.startswith("tls://")
    security = distributed.Security(require_encryption=True) if is_tls else distributed.Security()
    context = _listening_context(security, where) if is_tls else None
    try:
        client = distributed.Client(where, security=security, timeout=ATTEMPT, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        hint = f"; {CERTIFICATES}" if is_tls else ""
        raise Refused(f"--executor: no Dask scheduler answers at {where} ({_brief(error)}){hint}") from error
    try:
        _check_workers(client, where)
        host = _own_address(where)
    except (Refused, UsageError):
        client.close()
        raise
    executor = client.get_executor(pure=False)
    return Crew(_Living(executor, client), where, host, context, close=client.close)


class _Living(Executor):
    """Dask's own executor, which takes work also when its scheduler is gone, and then never does it."""

    def __init__(self, executor: Executor, client: Any) -> None:
        self._executor = executor
        self._client = client

    def submit(self, fn: Any, /, *args: Any, **more: Any) -> Any:
        if self._client.status != "running":
            raise RuntimeError("the scheduler is gone")
        return self._executor.submit(fn, *args, **more)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as it is there
        self._executor.shutdown(wait=wait and not cancel_futures)


def _checked(address: str) -> str:
    """The address as Dask writes it; off loopback it is TLS or nothing."""
    split = urlsplit(address)
    try:
        port = split.port
    except ValueError:
        port = None
    if split.scheme not in ("dask", "tcp", "tls") or not split.hostname or port is None or split.username:
        raise UsageError(f"--executor: {address!r} is no executor; write {FORMS}")
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    if split.scheme != "tls" and not is_loopback(split.hostname):
        raise UsageError(
            f"--executor: {split.hostname} is not this machine, and what workers are sent holds secrets; "
            f"start the scheduler and its workers with certificates and write tls://{host}:{port}; {CERTIFICATES}"
        )
    return f"{'tls' if split.scheme == 'tls' else 'tcp'}://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_workers(client: Any, where: str) -> None:
    try:
        client.wait_for_workers(1, timeout=ATTEMPT)
    except TimeoutError as error:
        raise Refused(f"--executor: the scheduler at {where} has no worker; start one: dask worker {where}") from error
    for address in client.nthreads():
        split = urlsplit(address)
        if split.scheme not in ("tls", "inproc") and not is_loopback(split.hostname or ""):
            raise UsageError(
                f"--executor: a worker is at {address}, off this machine and without encryption; what workers are sent "
                f"holds secrets; {CERTIFICATES}"
            )


def _listening_context(security: Any, where: str) -> ssl.SSLContext:
    try:
        context = security.get_listen_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise UsageError(f"--executor: the certificates for {where} cannot be used ({_brief(error)})") from error
    if not isinstance(context, ssl.SSLContext):
        raise UsageError(f"--executor: {where} needs certificates; {CERTIFICATES}")
    return context


def _worker_context() -> ssl.SSLContext | None:
    """What a worker of Dask shows to whoever it connects to."""
    worker = importlib.import_module("distributed").get_worker()
    context = worker.security.get_connection_args("worker")["ssl_context"]
    return context if isinstance(context, ssl.SSLContext) else None


def _own_address(where: str) -> str:
    """The address by which this machine is seen on the way to the scheduler; nothing is sent for it."""
    split = urlsplit(where)
    try:
        found = socket.getaddrinfo(split.hostname, split.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, target = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:  # the name is gone meanwhile, or there is no way there but through somebody else
        raise Refused(f"--executor: no way to {split.hostname} is found from here ({_brief(error)})") from error


def _brief(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
