"""Lanes on a Dask cluster: a real scheduler and two workers on loopback, each a process of its own."""

import datetime
import ipaddress
from collections import Counter

import pytest

from tests.archive.test_executors import ENV
from tests.archive.worlds import Api, a_file, an_archive, series, some_items
from tests.clusters import a_cluster

pytest.importorskip("distributed", reason="the extra [dask] is not installed")

IDS = [f"r{place:03}" for place in range(8)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with a_cluster(tmp_path_factory.mktemp("cluster"), "one", "two", threads=2) as made:
        yield made


def place_lanes(archive, count, *, head=""):
    """Sources with a lane each."""
    for number in range(count):
        name, lane = f"demo{number}", f'[pacing]\nlane = "lane{number}"\nmin_interval = "0s"\n'
        agent = f'user_agent = "{name}"'
        archive.place(a_file(archive.server.url, series(), name=name, head=head + lane, client=agent), name=name)


def test_lanes_are_asked_by_workers_of_a_cluster(tmp_path, cluster):
    with an_archive(tmp_path, Api(some_items(8))) as archive:
        place_lanes(archive, 6)
        ran = archive.fetch(executor=cluster.executor)

        assert [archive.ids("12", stream=f"demo{number}/items") for number in range(6)] == [IDS] * 6
        assert ran.notices == ()
        assert archive.is_clean()


def test_neither_the_scheduler_nor_a_log_hears_of_a_secret(tmp_path, cluster):
    head = '[secrets]\nextra = "env:EXTRA"\n[auth]\ntype = "bearer"\ntoken = "{secrets.extra}"\n'

    with an_archive(tmp_path, Api(some_items(8)), head=head, env=ENV) as archive:
        archive.fetch(executor=cluster.executor)

    assert archive.server.seen[0].header("authorization") == f"Bearer {ENV['EXTRA']}"
    for word in (ENV["EXTRA"], "demo", "items", f"127.0.0.1:{archive.server.port}"):
        assert word not in cluster.log()


def test_a_worker_that_is_killed_costs_the_requests_it_was_at_and_nothing_else(tmp_path, cluster):
    api = Api(some_items(8))

    def kill(number):
        if number == 30:
            cluster.workers["one"].kill()

    with an_archive(tmp_path, api) as archive:
        place_lanes(archive, 20)
        api.before = kill
        ran = archive.fetch(*(f"demo{number}" for number in range(20)), executor=cluster.executor)

        asked = Counter((seen.header("user-agent"), seen.target) for seen in archive.server.seen)
        twice = [count for count in asked.values() if count > 1]
        assert [archive.ids("12", stream=f"demo{number}/items") for number in range(20)] == [IDS] * 20
        assert len(asked) == 20 * 3
        assert len(twice) <= 2  # the worker had two threads, each with a request on the way
        assert set(twice) <= {2}
        assert ran.problems == ()
        assert any("a worker was lost" in notice.text for notice in ran.notices)
        assert all(notice.level == "info" for notice in ran.notices)


def certificates(folder):
    """A certificate authority of one cluster, and a certificate by it, as files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(name, public, *, is_authority):
        made = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("cluster"))
        made = made.public_key(public).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return made.add_extension(local, critical=False).sign(authority, hashes.SHA256())

    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate("cluster", authority.public_key(), is_authority=True).public_bytes(pem))
    (folder / "cert.pem").write_bytes(certificate("member", key.public_key(), is_authority=False).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "ca.pem"),
        **{
            f"DASK_DISTRIBUTED__COMM__TLS__{role}__{what.upper()}": str(folder / f"{what}.pem")
            for role in ("SCHEDULER", "WORKER", "CLIENT")
            for what in ("cert", "key")
        },
    }


def _flat(start, config):
    """Dask's own names of settings."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(f"{start}{name}.", value)
        else:
            yield f"{start}{name}", value


def test_with_certificates_everything_is_encrypted(tmp_path):
    import dask.config

    env = certificates(tmp_path)
    with (
        dask.config.set(dict(_flat("", dask.config.collect_env(env)))),
        a_cluster(tmp_path / "cluster", "one", options=("--protocol", "tls"), env=env) as cluster,
        an_archive(tmp_path, Api(some_items(8))) as archive,
    ):
        assert cluster.address.startswith("tls://")
        ran = archive.fetch(executor=cluster.address)

        assert archive.ids("12") == IDS
        assert ran.notices == ()
