"""The command line as a person meets it: a folder of their own, the earthquakes on loopback."""

import re
from pathlib import Path

import pytest

from snapshotter.cli import snap
from snapshotter.cli.exits import run
from snapshotter.edge.quakes import Quakes


class Person:
    """Types commands; sees what is printed and the exit code."""

    def __init__(self, folder: Path, capsysbinary) -> None:
        self.folder = folder
        self._out = capsysbinary
        self.err = ""

    def types(self, *words: str, code: int = 0) -> str:
        found = run(snap, list(words))
        out, err = self._out.readouterr()
        self.err = err.decode()
        assert found == code, f"snap {' '.join(words)} gave {found}:\n{out.decode()}\n{self.err}"
        return out.decode()


@pytest.fixture
def person(tmp_path, monkeypatch, capsysbinary):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    return Person(tmp_path, capsysbinary)


@pytest.fixture
def quakes():
    with Quakes() as server:
        yield server


@pytest.fixture
def archive(person, quakes, monkeypatch):
    """An archive of the earthquakes of two days, one window a page of the server away."""
    person.types("init", "a")
    monkeypatch.chdir(person.folder / "a")
    person.types("add", "usgs-earthquakes")
    file = person.folder / "a/sources/usgs-earthquakes.toml"
    wanted = {"base_url": quakes.base_url, "since": "2018-02-01", "until": "2018-02-02"}
    text = file.read_text().replace('min_interval = "1s"', 'min_interval = "10ms"')
    for name, value in wanted.items():
        text = re.sub(rf'(?m)^{name} = ".*?"', f'{name} = "{value}"', text, count=1)
    file.write_text(text)
    return person.folder / "a"
