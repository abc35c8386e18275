"""What people read on a terminal: no line is wider than it, whatever names, ids and answers hold."""

import io
import sys

import pytest

from snapshotter.cli import snap
from snapshotter.cli.exits import run
from snapshotter.core.folding import columns
from tests.server import Server, by_path, json_reply

SOURCE = "a-service-with-a-name-of-many-words"
STREAM = "every-reading-there-is"
KEY = f"{SOURCE}/{STREAM}"
DAY = (KEY, "2024-05-02")
WORDS = "眠りの質は良い Grüße aus dem Süden, " * 6
FILE = f"""
format = 1
source = "{SOURCE}"
[client]
base_url = "URL"
[pacing]
min_interval = "1ms"
[retry]
attempts = 1
[streams.{STREAM}]
kind = "series"
path = "/good/a-path-that-takes-its-time-to-end"
id = "id"
expect = {{ max_drop = "10%" }}
window = {{ start = "2024-05-01", end = "2024-05-09", step = "1d", params = {{ from = "{{window.start|iso}}" }} }}
day = {{ field = "at", parse = "prefix" }}
[streams.what-fails-and-says-so-at-length]
kind = "series"
path = "/bad"
id = "id"
window = {{ start = "2024-05-01", end = "2024-05-04", step = "1d", params = {{ from = "{{window.start|iso}}" }} }}
day = {{ field = "at", parse = "prefix" }}
"""


class Screen(io.TextIOWrapper):
    """A terminal that remembers."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True


def seen_on_a_terminal(monkeypatch, *words):
    """The lines that a command leaves on a terminal, with those of standard error."""
    screen = Screen()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        patch.setattr(sys, "stderr", screen)
        run(snap, list(words))
    return screen.buffer.getvalue().decode().splitlines()


def too_wide(lines, width):
    """The lines that a space could have made narrower; commands stay whole, to be copied."""
    command = ("snap ", "git ")
    return [
        line for line in lines if columns(line) > width and " " in line.strip() and not line.strip().startswith(command)
    ]


def readings(versions):
    """An API whose answers shrink from version to version."""

    def answer(request):
        day = dict(request.query)["from"][:10]
        return json_reply([
            {"id": f"{day}-{number}-{'x' * 60}", "at": day, "text": WORDS, "n": versions["now"]}
            for number in range(20 if versions["now"] < 3 else 2)
        ])  # fmt: skip

    bad = json_reply({"error": WORDS}, 500)
    return by_path({"/good/a-path-that-takes-its-time-to-end": answer, "/bad": bad})


@pytest.fixture
def rich(person, monkeypatch):
    """An archive in which much has happened: new days, changed ones, failed ones, one that is held."""
    versions = {"now": 1}
    with Server(readings(versions)) as server:
        person.types("init", "a")
        monkeypatch.chdir(person.folder / "a")
        (person.folder / f"a/sources/{SOURCE}.toml").write_text(FILE.replace("URL", server.url))
        person.types("fetch", code=3)
        for version in (2, 3):
            versions["now"] = version
            days = ("--since", "2024-05-02", "--until", "2024-05-03")
            person.types("refresh", KEY, *days, code=0 if version == 2 else 3)
        yield server


@pytest.mark.parametrize("width", [80, 60])
def test_no_listing_is_wider_than_the_terminal(rich, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    commands = [
        ["status"], ["gaps"], ["gaps", "--why"], ["why", *DAY], ["runs"], ["runs", "show"], ["runs", "log"], ["log"],
        ["log", *DAY], ["versions", *DAY], ["versions", KEY], ["diff", *DAY], ["held"], ["quarantine"], ["limits"],
        ["check"], ["add"], ["try", KEY, "--day", "2024-05-02"], ["try", "nothing/like-it"], ["verify"],
        ["fetch", "--dry-run"], ["refresh", "--dry-run"], ["reconcile", "--dry-run"], ["report", "--text"], ["push"],
        ["no-such-command"], ["fetch", "--no-such-option"], ["show", KEY, "2023-01-01"], ["restore"], ["maintain"],
        ["trust"], ["schedule"],
    ]  # fmt: skip

    wide = {" ".join(words): too_wide(seen_on_a_terminal(monkeypatch, *words), width) for words in commands}

    assert {command: lines for command, lines in wide.items() if lines} == {}


def test_a_pipe_gets_lines_that_are_not_folded(rich, person):
    log = person.types("log")

    assert any(line.endswith("2024-05-09 new") and len(line) > 80 for line in log.splitlines())
