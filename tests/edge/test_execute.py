"""What `--executor` takes, and what it refuses before anything is asked."""

import socket

import pytest

from snapshotter.edge.execute import _own_address, check, crew_of
from snapshotter.errors import Refused, UsageError


def nothing():
    return "not an executor"


@pytest.mark.parametrize(
    "address",
    [
        "processes:4", "dask://127.0.0.1:8786", "dask://localhost:8786", "dask://[::1]:8786", "tcp://127.0.0.1:8786",
        "tls://10.0.0.5:8786", "tls://scheduler.example:8786", "my.pools:make",
    ],
)  # fmt: skip
def test_an_address_may_be(address):
    check(address)


@pytest.mark.parametrize("address", ["", "dask", "processes:0", "dask://127.0.0.1", "http://127.0.0.1:1", "dask://h:x"])
def test_what_means_nothing_is_refused_with_what_may_be_written(address):
    with pytest.raises(UsageError, match="processes:N, dask://HOST:PORT"):
        check(address)


@pytest.mark.parametrize("host", ["10.0.0.5", "scheduler.example", "192.168.1.2", "[2001:db8::1]"])
@pytest.mark.parametrize("scheme", ["dask", "tcp"])
def test_off_this_machine_only_tls_will_do(host, scheme):
    with pytest.raises(UsageError) as refused:
        check(f"{scheme}://{host}:8786")

    assert "is not this machine, and what workers are sent holds secrets" in str(refused.value)
    assert f"write tls://{host}:8786" in str(refused.value)
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in str(refused.value)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("no.such.module:make", "No module named"),
        ("tests.edge.test_execute:lacking", "cannot be called"),
        ("tests.edge.test_execute:nothing", "gave a str"),
        ("tests.edge.test_execute:breaks", r"cannot be called \(KeyError: 'HOST'\)"),
    ],
)
def test_a_function_that_gives_no_executor_is_named(address, words):
    with pytest.raises(UsageError, match=words):
        crew_of(address)


def breaks():
    raise KeyError("HOST")


def test_a_host_without_an_address_is_named():
    with pytest.raises(Refused, match=r"no way to fe80::1%nosuch is found from here"):
        _own_address("tls://[fe80::1%nosuch]:8786")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, capfd):
    pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    monkeypatch.setattr("snapshotter.edge.execute.ATTEMPT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(Refused, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}"):
        crew_of(f"dask://127.0.0.1:{port}")

    assert capfd.readouterr().err == ""


def test_tls_without_certificates_is_refused():
    pytest.importorskip("distributed", reason="the extra [dask] is not installed")

    with pytest.raises(UsageError, match="needs certificates; the certificates are those of Dask"):
        crew_of("tls://127.0.0.1:8786")
