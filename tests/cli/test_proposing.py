"""`try URL`, `new` and `completion`, as a person meets them."""

import json
import os
import pty
import subprocess
import sys

import pytest

from snapshotter.core.config import load_source
from tests.cli.test_commands import git
from tests.server import Reply, Server, html_page, json_reply

KEY = "k3y-0123456789-abcdef"
BODY = {"items": [{"id": n, "taken": f"2024-05-0{n}T10:00:00Z", "v": 1.5} for n in range(1, 8)], "next": None}


@pytest.fixture
def api():
    """An API that nobody has described."""
    with Server(lambda request: json_reply(BODY)) as server:
        yield server


@pytest.fixture
def inside(person, monkeypatch):
    """An empty archive, and the person in it."""
    person.types("init", "a")
    monkeypatch.chdir(person.folder / "a")
    return person.folder / "a"


def test_an_address_is_asked_once_and_a_file_that_loads_is_printed(person, api):
    told = person.types("try", f"{api.url}/v1/readings?from=2024-05-01&to=2024-05-07")

    assert len(api.seen) == 1
    assert load_source(told, file="sources/local.toml", settings=None).problems == ()
    assert "# sure:" in told
    assert "snap try URL --save local" in told


def test_a_saved_proposal_can_be_tried_and_fetched(person, inside, api):
    told = person.types("try", f"{api.url}/v1/readings?from=2024-05-01&to=2024-05-07", "--save", "meter")
    person.types("check")
    tried = person.types("try", "meter/readings", "--day", "2024-05-02")
    person.types("fetch", "meter", "--since", "2024-05-01", "--until", "2024-05-07")

    assert "snap try meter/readings" in told
    assert "looks right" in tried
    assert "2024-05-03" in person.types("show", "meter/readings", "2024-05-03")
    assert "Add meter" in git(inside, "log", "--format=%s")


def test_a_source_that_is_there_is_never_overwritten_and_nothing_is_asked(person, inside, api):
    person.types("try", f"{api.url}/readings", "--save", "meter")
    before = (inside / "sources/meter.toml").read_bytes()
    asked = len(api.seen)

    person.types("try", f"{api.url}/readings", "--save", "meter", code=2)

    assert "is there already" in person.err
    assert (inside / "sources/meter.toml").read_bytes() == before
    assert len(api.seen) == asked


def test_a_secret_of_the_address_is_sent_and_stands_nowhere(person, inside, api):
    url = f"{api.url}/readings?api_key={KEY}&unit=m"
    told = person.types("try", url) + person.types("try", url, "--json")
    told += person.types("try", url, "--save", "meter")

    assert dict(api.seen[0].query) == {"api_key": KEY, "unit": "m"}
    assert KEY not in told + person.err
    assert "METER_API_KEY" in told
    assert subprocess.run(["grep", "-r", KEY, str(person.folder)], check=False, capture_output=True).returncode == 1


def test_a_proposal_is_json_for_a_script(person, api):
    found = json.loads(person.types("try", f"{api.url}/readings", "--json"))

    assert {"source", "stream", "findings", "text"} <= set(found)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (html_page(), "a web page came"),
        (json_reply({}, 401), "put its key into the address"),
        (json_reply({}, 404), "404"),
        (json_reply(b"{broken"), "nothing to propose from: syntax"),
        (Reply(200, b"a,b\n1,2\n", (("Content-Type", "text/csv"),)), "the server calls it text/csv"),
        (json_reply({}, 405), "if it wants a POST"),
        (json_reply(b""), "empty"),
    ],
)
def test_an_answer_that_is_of_no_use_is_told_with_exit_code_3(person, reply, told):
    with Server(lambda request: reply) as server:
        person.types("try", f"{server.url}/readings?token={KEY}", code=3)

    assert told in person.err
    assert KEY not in person.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["try", "http://api.example.org/x?key=geheim"], "https"),
        (["try", "http://127.0.0.1:1/x", "--save", "Bad Name"], "is no name"),
        (["try", "http://127.0.0.1:1/x", "--save", "schema"], "kept for the archive itself"),
        (["try", "api.example.org/v1"], "an address begins with https://"),
        (["try", "a/b", "--save", "x"], "--save belongs to an address"),
        (["try", "http://127.0.0.1:1/x", "--day", "2024-05-01"], "belong to a stream"),
        (["new", "Bad"], "needs a terminal"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(person, inside, words, told):
    person.types(*words, code=2)

    assert told in person.err


def answered(folder, *words, answers):
    """What `snap` prints on a terminal whose keyboard types these answers."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, "".join(f"{answer}\n" for answer in answers).encode())
        return subprocess.run(
            [sys.executable, "-m", "snapshotter", *words],
            cwd=folder,
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        (
            ["https://api.example.org/v1/readings?unit=m", "", "header", "X-Key", "data", "id", "time", "instant",
             "UTC", "from", "to", "iso", "2020-01-01", "30d", "offset", "", "limit", "50"],
            ['kind = "series"', 'type = "offset"', 'size_param = "limit"', 'key = "env:METER_KEY"', 'step = "30d"'],
        ),
        (
            ["https://api.example.org/v1/events", "", "", "", "", "created", "epoch", "", "y", "link_header"],
            ['order = "newest_first"', 'parse = "epoch"'],
        ),
        (["https://api.example.org/v1/events", "all", "basic", "", "", "", "cursor", "", "", ""],
         ['kind = "snapshot"', "[streams.all]", 'username = "env:METER_USERNAME"', 'param = "cursor"']),
    ],
)  # fmt: skip
def test_questions_end_in_a_checked_file_and_the_next_step(person, inside, answers, lines):
    done = answered(inside, "new", "meter", answers=answers)

    text = (inside / "sources/meter.toml").read_text()
    assert [line for line in lines if line not in text] == [], text
    assert "snap try meter/" in done.stdout
    assert load_source(text, file="sources/meter.toml", settings=None).problems == ()


def test_a_wrong_answer_is_asked_again(person, inside):
    answers = ["nonsense", "https://api.example.org/v1/events", "", "", "a[", "a", "", "", ""]

    done = answered(inside, "new", "meter", answers=answers)

    assert "begins with http" in done.stdout + done.stderr
    assert 'records = "a"' in (inside / "sources/meter.toml").read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(person, shell):
    assert "_SNAP_COMPLETE" in person.types("completion", shell)


def test_a_shell_gets_the_commands_from_us(person):
    env = {**os.environ, "_SNAP_COMPLETE": "bash_complete", "COMP_WORDS": "snap fe", "COMP_CWORD": "1"}

    done = subprocess.run([sys.executable, "-m", "snapshotter"], env=env, capture_output=True, text=True, check=False)

    assert "fetch" in done.stdout
