"""A user says yes to an application once; an authorization server made of a real library watches over every step."""

import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.oauth_server import CLIENT, SECRET, AuthorizationServer
from tests.server import Server


@pytest.fixture(autouse=True)
def over_http(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("DEMO_SECRET", SECRET)


@contextmanager
def a_source(person, monkeypatch, *, more="", **server):
    provider = AuthorizationServer(**server)
    with Server(provider) as api:
        person.types("init", "a")
        folder = person.folder / "a"
        (folder / "sources/demo.toml").write_text(
            'format = 1\nsource = "demo"\n[secrets]\nsecret = "env:DEMO_SECRET"\n'
            f'[client]\nbase_url = "{api.url}"\n[pacing]\nmin_interval = "1ms"\n'
            f'[auth]\ntype = "oauth2"\nauthorize_url = "{api.url}/authorize"\ntoken_url = "{api.url}/token"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{{secrets.secret}}"\n'
            f'scopes = ["read", "activity:read_all"]\n{more}\n'
            '[streams.items]\nkind = "snapshot"\npath = "/items"\n'
        )
        monkeypatch.chdir(folder)
        yield provider


class Authorizing:
    """`snap auth` in a process of its own, and what the browser does meanwhile."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snapshotter", "auth", "demo"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        while not (line := self.process.stdout.readline()).startswith("http"):
            assert line, self.process.stderr.read()
        self.address = line.strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def browse(self, address=None):
        """Follow the address; gives where it ends, whether something is there or not."""
        try:
            with urllib.request.urlopen(address or self.address, timeout=10) as page:
                return page.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code}"

    def redirected(self):
        """Where the server sends the browser to; that page does not load."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        try:
            urllib.request.build_opener(Stay).open(self.address, timeout=10)
        except urllib.error.HTTPError as error:
            with error:
                return error.headers["Location"]
        raise AssertionError("it was not redirected")

    def ends(self, typed=None):
        out, err = self.process.communicate(typed, timeout=20)
        return self.process.returncode, out, err


def kept(person):
    (path,) = (person.folder / "state/snap/tokens").glob("*.json")
    return path


def test_saying_yes_in_a_browser_gives_tokens_that_the_next_fetch_uses(person, monkeypatch):
    with a_source(person, monkeypatch) as provider:
        with Authorizing() as auth:
            assert "You can close this window" in auth.browse()
            code, out, err = auth.ends()

        assert (code, err) == (0, "")
        assert "demo: authorized; the token ends at" in out
        assert "Next: snap try demo/items" in out
        person.types("fetch")
        assert stat.S_IMODE(kept(person).stat().st_mode) == 0o600
        assert list(provider.memory.tokens) == [json.loads(kept(person).read_text())["access_token"]]
        told = auth.address + out
        secrets = [SECRET, *provider.memory.tokens, *provider.memory.tokens.values(), provider.traded[0]["code"]]
        assert [secret for secret in secrets if secret in told] == []


def test_a_box_that_was_not_ticked_is_told(person, monkeypatch):
    with a_source(person, monkeypatch) as provider:
        provider.unticked = {"activity:read_all"}
        with Authorizing() as auth:
            auth.browse()
            code, out, _ = auth.ends()

    assert code == 0
    assert "not granted: activity:read_all; what needs it will be refused" in out


def test_the_question_has_a_state_a_challenge_and_the_scopes_as_the_service_wants_them(person, monkeypatch):
    more = 'scope_separator = ","\nauthorize_params = { duration = "permanent", force = true }'
    with a_source(person, monkeypatch, more=more, separator=",") as provider, Authorizing() as auth:
        auth.browse()
        assert auth.ends()[0] == 0

    (asked,) = provider.asked
    assert asked["scope"] == "read,activity:read_all"
    assert (asked["duration"], asked["force"]) == ("permanent", "true")
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) == len(asked["code_challenge"]) == 43
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", asked["redirect_uri"])
    (traded,) = provider.traded
    assert traded["redirect_uri"] == asked["redirect_uri"]


def test_an_answer_to_another_question_is_refused(person, monkeypatch):
    with a_source(person, monkeypatch) as provider, Authorizing() as auth:
        back = dict(parse_qsl(urlsplit(auth.address).query))["redirect_uri"]
        auth.browse(f"{back}?code=somebody-elses-code&state=guessed")
        code, _, err = auth.ends()

    assert code == 3
    assert "its state differs" in err
    assert provider.traded == []


def test_what_else_a_browser_asks_for_is_not_taken_for_the_answer(person, monkeypatch):
    with a_source(person, monkeypatch), Authorizing() as auth:
        back = dict(parse_qsl(urlsplit(auth.address).query))["redirect_uri"]
        assert auth.browse(f"{back}favicon.ico") == "404"
        assert auth.browse(back) == "404"
        auth.browse()
        assert auth.ends()[0] == 0


def test_a_user_who_says_no_is_told_so(person, monkeypatch):
    with a_source(person, monkeypatch, says_no=True), Authorizing() as auth:
        auth.browse()
        code, _, err = auth.ends()

    assert code == 3
    assert "access_denied: The user said no" in err


@pytest.mark.parametrize("redirect", ["paste", "https://app.example/back"])
@pytest.mark.parametrize("form", ["address", "code"])
def test_the_answer_can_be_pasted(person, monkeypatch, redirect, form):
    with a_source(person, monkeypatch, more=f'redirect = "{redirect}"') as provider, Authorizing() as auth:
        address = auth.redirected()
        shown = dict(parse_qsl(urlsplit(address).query))["code"]
        code, out, _ = auth.ends(f"{address if form == 'address' else shown}\n")

    assert code == 0
    assert "authorized" in out
    assert len(provider.memory.tokens) == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("https://app.example/back?code=x&state=guessed", "its state differs"),
        ("what is this", "no code and no address"),
        ("a-code-that-is-none", "invalid_grant"),
    ],
)
def test_a_wrong_paste_is_refused_and_nothing_is_kept(person, monkeypatch, typed, words):
    with a_source(person, monkeypatch, more='redirect = "paste"'), Authorizing() as auth:
        code, _, err = auth.ends(f"{typed}\n")

    assert code == 3
    assert words in err
    assert "a-code-that-is-none" not in err
    assert not list((person.folder / "state/snap").glob("tokens/*.json"))


def test_tokens_of_an_authorization_are_renewed_by_later_runs(person, monkeypatch):
    with a_source(person, monkeypatch) as provider:
        with Authorizing() as auth:
            auth.browse()
            auth.ends()
        first = json.loads(kept(person).read_text())
        kept(person).write_text(json.dumps(first | {"expires_at": first["obtained_at"] + 1, "obtained_at": 0.0}))

        person.types("fetch")

        assert provider.traded[-1]["grant_type"] == "refresh_token"
        assert provider.traded[-1]["refresh_token"] == first["refresh_token"]


def test_a_source_without_an_authorization_says_so(person, archive):
    person.types("auth", "usgs-earthquakes", code=2)

    assert "needs no authorization" in person.err
