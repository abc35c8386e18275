"""`snap add`: what there is, and one of it filled in, by answers or by options."""

import json
import os
import pty
import subprocess
import sys
import threading

import pytest

from snapshotter.catalogue import names


@pytest.fixture
def inside(person, monkeypatch):
    """An empty archive, and the person in it."""
    person.types("init", "a", "--zone", "UTC")
    monkeypatch.chdir(person.folder / "a")
    monkeypatch.setenv("HOME", str(person.folder))
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    return person.folder / "a"


def on_a_terminal(folder, *words, answers):
    """What `snap` prints on a terminal. An answer (words, text) is typed once standard error ends with the words."""
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "snapshotter", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=folder, stdin=terminal, start_new_session=True, **pipes)
    guard = threading.Timer(60, process.kill)
    guard.start()
    asked = ""
    for answer in answers:
        awaited, text = answer if isinstance(answer, tuple) else ("", answer)
        while not asked.endswith(awaited):
            asked += process.stderr.read(1) or pytest.fail(f"{awaited} was not asked: {asked}")
        os.write(keyboard, f"{text}\n".encode())
    out, err = process.communicate()
    guard.cancel()
    os.close(keyboard)
    os.close(terminal)
    return subprocess.CompletedProcess(command, process.returncode, out, asked + err)


def test_the_list_says_what_each_needs_and_how_one_signs_in(person):
    told = person.types("add")

    assert told.index("No key needed:") < told.index("usgs-earthquakes") < told.index("A key or token")
    assert "needs your login, a token in GITHUB_TOKEN" in told
    assert max(map(len, told.splitlines())) <= 80


def test_the_list_for_a_script_has_every_file_with_its_streams(person):
    told = json.loads(person.types("add", "--json"))

    assert [entry["name"] for entry in told] == list(names())
    (github,) = (entry for entry in told if entry["name"] == "github")
    assert github["sign_in"] == "key"
    assert "events" in github["streams"]
    assert github["checked"][0] == "recorded answers"


def test_options_fill_a_file_in_and_its_comments_stay(person, inside):
    told = person.types("add", "github", "--set", "login=anna", "--secret", "token=file:~/token")

    text = (inside / "sources/github.toml").read_text()
    assert 'login = "anna" # your login' in text
    assert 'token = "file:~/token"' in text
    assert "snap try github/events" in told
    assert "put your own" not in told


def test_a_number_stays_a_number(person, inside):
    person.types("add", "open-meteo-history", "--set", "latitude=-33.9", "--set", "zone=Africa/Johannesburg")

    assert "latitude = -33.9 #" in (inside / "sources/open-meteo-history.toml").read_text()
    assert "1 source" in person.types("check")


def test_what_still_has_the_value_of_an_example_is_told(person, inside):
    told = person.types("add", "github")

    assert "put your own login into sources/github.toml" in told
    assert "set the environment variable GITHUB_TOKEN" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "logins=anna"], "there is no 'logins' in [vars]; there are: login"),
        (["--set", "login"], "write it like NAME=VALUE"),
        (["--secret", "token=hunter2"], "say where the secret is"),
        (["--secret", "tokens=env:X"], "there is no 'tokens' in [secrets]"),
        (["--set", "login=a\nb"], "no line breaks"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_added(person, inside, words, told):
    person.types("add", "github", *words, code=2)

    assert told in person.err
    assert not (inside / "sources/github.toml").exists()


def test_a_value_of_the_wrong_kind_is_refused(person, inside):
    person.types("add", "open-meteo-history", "--set", "latitude=north", code=2)
    assert "latitude is a number" in person.err

    person.types("add", "open-meteo-history", "--set", "zone=Nowhere/Land", code=2)
    assert "zone" in person.err


def test_options_without_a_name_are_refused(person, inside):
    person.types("add", "--set", "login=anna", code=2)

    assert "name the source" in person.err


def test_on_a_terminal_it_asks_and_a_secret_goes_into_a_file_for_its_owner_only(person, inside):
    typed = ["anna", "file:~/keys/github", ("yourself): ", "not-a-real-token"), ("\n", "n")]

    done = on_a_terminal(inside, "add", "github", answers=typed)

    assert done.returncode == 0, done.stderr
    kept = person.folder / "keys/github"
    assert kept.read_text() == "not-a-real-token\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    text = (inside / "sources/github.toml").read_text()
    assert 'login = "anna"' in text
    assert 'token = "file:~/keys/github"' in text
    assert "not-a-real-token" not in text + done.stdout + done.stderr
    assert "Try it now, with one page of github/events?" in done.stdout


def test_it_ends_with_a_try_of_what_was_added(person, inside, quakes):
    answers = [quakes.base_url, "2018-02-01", "2018-02-02", "y"]

    done = on_a_terminal(inside, "add", "usgs-earthquakes", answers=answers)

    assert done.returncode == 0, done.stderr
    assert "looks right. Next: snap fetch usgs-earthquakes/events" in done.stdout
    assert len(quakes.requests) == 1


def test_what_is_there_already_is_told_before_anything_is_asked(person, inside):
    person.types("add", "github")

    done = on_a_terminal(inside, "add", "github", answers=["anna"])

    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert "Enter keeps" not in done.stdout
