"""A test that would touch the home directory, the state folder or the outside network cannot."""

import os
import socket
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

for name in list(os.environ):
    if name.startswith(("SNAP_", "GIT_", "XDG_")) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ["TZ"] = "Pacific/Kiritimati"  # no zone that a test could rely on by accident
os.environ["GIT_CONFIG_NOSYSTEM"] = "1"


@pytest.fixture(autouse=True)
def a_home_of_its_own(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
            raise AssertionError(f"a test went online: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_terminal_summary(terminalreporter):
    """How long each part of the torture took: its short form, which is one of many tests, must stay short."""
    took = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        name = getattr(report, "nodeid", "").partition("::")[0]
        if name.startswith(("tests/torture/", "tests/test_zoo", "tests/test_hostile")):
            took[name] += getattr(report, "duration", 0.0)
    for name, seconds in sorted(took.items()):
        terminalreporter.write_line(f"{seconds:6.1f} s  {name}")
    if took:
        terminalreporter.write_line(f"{sum(took.values()):6.1f} s  of work for torture")
