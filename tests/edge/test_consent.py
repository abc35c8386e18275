"""Asking a user in a browser: how the answer comes back."""

import random
import socket
from urllib.parse import urlsplit

import pytest

from snapshotter.edge.consent import LOOPBACK, Listener, not_granted, pasted, question, way_back
from snapshotter.edge.world import SystemClock
from snapshotter.errors import Refused
from snapshotter.spec import OAuth2Auth, Template
from tests.edge.clocks import HandClock


@pytest.mark.parametrize(
    ("redirect", "listens_at"),
    [
        ("loopback", LOOPBACK),
        ("paste", None),
        ("https://app.example/back", None),
        ("http://localhost:8721/back", "http://localhost:8721/back"),
        ("http://127.0.0.1:8721/", "http://127.0.0.1:8721/"),
        ("http://127.0.0.1/back", None),
        ("https://localhost:8721/back", None),
    ],
)
def test_the_answer_is_listened_for_where_it_can_arrive(redirect, listens_at):
    assert way_back(redirect) == listens_at


def asked(url="https://a.example/authorize", **more):
    auth = OAuth2Auth("refresh_token", "https://a.example/token", Template(("me",)), authorize_url=url, **more)
    return question(auth, "me", redirect=None, chance=random.Random(1))


def test_an_address_that_has_a_query_keeps_it():
    assert asked("https://a.example/authorize?tenant=7").url.startswith("https://a.example/authorize?tenant=7&response")


def test_the_users_own_parameters_win():
    url = asked(authorize_params={"response_type": "code id_token", "prompt": ["consent", "login"]}).url

    assert url.count("response_type=") == 1
    assert "response_type=code%20id_token" in url
    assert "prompt=consent&prompt=login" in url


def test_no_two_questions_have_the_same_state():
    chance = random.Random(1)
    auth = OAuth2Auth("refresh_token", "https://a.example/token", Template(("me",)), authorize_url="https://a.example")
    first, second = (question(auth, "me", redirect=None, chance=chance) for _ in range(2))

    assert len({first.state, second.state, first.verifier, second.verifier}) == 4
    assert first.verifier not in first.url
    assert first.verifier not in repr(first)


def test_a_pasted_query_without_its_address_is_understood():
    now = asked()

    assert pasted(f"?code=the-code&state={now.state}\n", now, source="demo").code == "the-code"


def test_waiting_for_an_answer_ends():
    class Leaps(HandClock):
        def monotonic(self):
            self.steady += 400
            return self.steady

    with Listener() as listener, pytest.raises(Refused, match="no answer came"):
        listener.wait(Leaps())


def test_the_browser_has_its_page_before_the_answer_is_used():
    for _ in range(20):
        with (
            Listener() as listener,
            socket.create_connection(("127.0.0.1", urlsplit(listener.redirect).port)) as browser,
        ):
            browser.sendall(b"GET /?code=c HTTP/1.0\r\n\r\n")

            assert listener.wait(SystemClock()) == {"code": "c"}

            browser.setblocking(False)
            assert browser.recv(4096).endswith(b"You can close this window.\n")


def test_a_port_that_is_taken_is_named():
    with Listener() as taken:
        there = taken.redirect.replace("127.0.0.1", "localhost")
        with pytest.raises(Refused, match="cannot be listened on"):
            Listener(there)


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        (None, ()),  # RFC 6749, 5.1: a service says nothing when it gave all
        ("read activity:read_all", ()),
        ("activity:read_all,read", ()),
        ("read", ("activity:read_all",)),
        ("", ("read", "activity:read_all")),
        ("activity:read", ("read", "activity:read_all")),  # whole words, no prefixes
    ],
)
def test_scopes_that_were_not_granted_are_named(granted, lacking):
    assert not_granted(("read", "activity:read_all"), granted) == lacking


def test_a_service_that_tells_the_scopes_with_the_code_is_understood():
    question = asked()

    consent = pasted(f"https://app.example/?state={question.state}&code=abc&scope=read,write", question, source="demo")

    assert (consent.code, consent.scope) == ("abc", "read,write")
