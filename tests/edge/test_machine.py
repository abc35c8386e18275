"""How much memory a process may have here."""

import subprocess
import sys

from snapshotter.edge import machine

ASK = "from snapshotter.edge.machine import memory; print(memory())"


def test_a_machine_says_how_much_memory_it_has():
    assert machine.memory() > 1 << 26


def test_what_the_user_was_granted_counts_where_it_is_less():
    limited = f"ulimit -v 1000000; exec {sys.executable} -c '{ASK}'"
    told = subprocess.run(["/bin/sh", "-c", limited], check=True, capture_output=True, text=True)

    assert int(told.stdout) == min(machine.memory(), 1_000_000 * 1024)


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    """A control group may be bounded by one further up."""
    inner = tmp_path / "app" / "job"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text("50000000\n")

    monkeypatch.setattr(machine, "_GROUPS", tmp_path)
    monkeypatch.setattr(machine, "_MINE", tmp_path / "mine")
    (tmp_path / "mine").write_text("0::/app/job\n")

    assert machine.memory() == 50_000_000
