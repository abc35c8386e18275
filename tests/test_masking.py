"""A secret is never seen, however it is spelt."""

import base64
import html
import json
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.masking import Masker

ODD = 'M4RK/+=&"z9'

AWKWARD = 'p&ss w/rd+é"<x>'

SPELLINGS = {
    "plain": lambda value: value,
    "percent": lambda value: quote(value, safe=""),
    "percent, slashes kept": quote,
    "percent, lower case": lambda value: quote(value, safe="").lower(),
    "percent, as JavaScript does": lambda value: quote(value, safe="~!*'()"),
    "form": quote_plus,
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON, raw": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON, slashes escaped": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value))[3:-3],
    "repr": lambda value: repr(value)[1:-1],
    "HTML": html.escape,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64, behind one byte": lambda value: base64.b64encode(b"x" + value.encode() + b"yz").decode(),
    "base64, behind two bytes": lambda value: base64.b64encode(b"xx" + value.encode() + b"z").decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"u:" + value.encode()).decode(),
    "Basic": lambda value: base64.b64encode(f"anna:{value}".encode()).decode(),
}


REVERSIBLE = ["plain", "percent", "JSON", "HTML", *(name for name in SPELLINGS if name.startswith("base64"))]


@pytest.mark.parametrize("secret", ["sekrit-token-1", AWKWARD, "0123456789abcdef" * 3])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_secret_is_hidden(spelling, secret):
    spelt = SPELLINGS[spelling](secret)

    hidden = Masker({"token": secret}).hide(f"before {spelt} after")

    assert "{secrets.token" in hidden
    assert secret not in html.unescape(hidden)
    assert spelt not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name not in ("percent twice", "JSON in JSON")])
def test_a_body_with_a_secret_in_any_usual_spelling_is_recognised(spelling):
    masker = Masker({"other": "another-secret", "token": AWKWARD})

    assert masker.found_in(f'{{"x":"{SPELLINGS[spelling](AWKWARD)}"}}'.encode()) == "token"
    assert masker.found_in(b'{"x":"nothing of the kind"}') is None


def test_what_stands_in_place_names_the_secret():
    masker = Masker({"token": "sekrit-token-1"})

    assert masker.hide("Bearer sekrit-token-1!") == "Bearer {secrets.token}!"


def test_text_without_a_secret_is_the_same_text():
    text = "nothing here"

    assert Masker({"token": "sekrit-token-1"}).hide(text) is text


def test_the_longest_of_two_secrets_wins():
    masker = Masker({"short": "sekrit-token", "long": "sekrit-token-and-more"})

    assert masker.hide("x sekrit-token-and-more y sekrit-token z") == "x {secrets.long} y {secrets.short} z"


def test_secrets_that_overlap_leave_no_whole_one_behind():
    masker = Masker({"one": "abcdefgh1234", "two": "1234ijklmnop"})

    hidden = masker.hide("-abcdefgh1234ijklmnop-")

    assert "abcdefgh" not in hidden
    assert "1234ijklmnop" not in hidden


@pytest.mark.parametrize("value", ["", "1234567", "abc"])
def test_short_values_are_left_alone_since_they_stand_everywhere_by_chance(value):
    masker = Masker({"pin": value})

    assert masker.hide(f"year {value} of 1234567") == f"year {value} of 1234567"
    assert masker.found_in(value.encode()) is None


def test_public_values_are_left_alone():
    masker = Masker({"client_id": "client-12345"}, public={"client_id"})

    assert masker.hide("client-12345") == "client-12345"
    assert masker.found_in(b"client-12345") is None


def test_a_value_added_later_is_hidden_beside_the_one_it_replaces():
    masker = Masker()
    masker.add("access", "old-access-token")
    masker.add("access", "new-access-token")

    assert masker.hide("old-access-token new-access-token") == "{secrets.access} {secrets.access}"


def test_hiding_twice_is_hiding_once():
    masker = Masker({"token": AWKWARD})
    once = masker.hide(f"a={quote(AWKWARD)}&b={AWKWARD}")

    assert masker.hide(once) == once


@pytest.mark.parametrize("spelling", REVERSIBLE)
def test_what_was_hidden_in_a_url_or_header_can_be_put_back(spelling):
    masker = Masker({"token": AWKWARD})
    text = f"https://api.example/x?k={SPELLINGS[spelling](AWKWARD)}&page=2"

    assert masker.restore(masker.hide(text)) == text


def test_an_unusual_percent_encoding_is_put_back_with_the_same_meaning():
    masker = Masker({"token": AWKWARD})

    assert masker.restore(masker.hide(f"?k={quote_plus(AWKWARD)}")) == f"?k={quote(AWKWARD, safe='')}"


def test_unknown_names_stay_when_secrets_are_put_back():
    assert Masker({"token": "sekrit-token-1"}).restore("{secrets.else} {secrets.token|odd}") == (
        "{secrets.else} {secrets.token|odd}"
    )


def test_bytes_that_are_not_utf_8_stay_as_they_are():
    masker = Masker({"token": "sekrit-token-1"})

    assert masker.hide_bytes(b"\xff sekrit-token-1 \xfe") == b"\xff {secrets.token} \xfe"
    assert masker.hide_bytes(b"\xff") == b"\xff"


def test_its_repr_shows_nothing():
    masker = Masker({"token": "sekrit-token-1"})

    assert repr(masker) == "Masker(1 secrets)"
    assert "sekrit" not in repr(masker._secrets)


@pytest.mark.parametrize("value", ["\udcff\udcfe secret", "\ud800 lone one", "emoji 🔑 key", "line one\nline two"])
def test_values_of_any_kind_can_be_hidden(value):
    assert Masker({"odd": value}).hide(f"<{value}>") == "<{secrets.odd}>"


def test_threads_that_add_at_once_lose_none():
    masker = Masker()
    values = [f"value-number-{number:04d}" for number in range(200)]
    threads = [
        threading.Thread(target=lambda part=values[start::4]: [masker.add("v", value) for value in part])
        for start in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(masker.found_in(value.encode()) for value in values)


@given(st.text(min_size=8, max_size=30), st.text(max_size=20), st.text(max_size=20), st.sampled_from(sorted(SPELLINGS)))
def test_no_secret_survives_in_any_text(secret, before, after, spelling):
    try:
        spelt = SPELLINGS[spelling](secret)
    except UnicodeEncodeError:
        return
    text = before + spelt + after

    hidden = Masker({"s": secret}).hide(text)

    rest = hidden.replace("{secrets.s", "\0")
    assert secret not in rest


@given(st.text(min_size=8, max_size=30), st.sampled_from(sorted(SPELLINGS)))
def test_what_is_found_in_a_body_is_also_hidden(secret, spelling):
    try:
        body = SPELLINGS[spelling](secret).encode()
    except UnicodeEncodeError:
        return
    masker = Masker({"s": secret})

    assert masker.found_in(masker.hide_bytes(body)) is None or "{secrets." in secret


@pytest.mark.parametrize(
    "text",
    [
        quote(json.dumps(ODD), safe=""),
        quote(html.escape(ODD), safe=""),
        quote(quote(json.dumps(ODD), safe=""), safe=""),
    ],
    ids=["JSON in a URL", "HTML in a URL", "JSON in a URL in a URL"],
)
def test_a_value_is_hidden_in_one_coding_within_another(text):
    masker = Masker({"key": ODD})

    assert "M4RK" not in masker.hide(text)


@pytest.mark.parametrize("text", ["\\" * 100_000, "%5c" * 50_000, "%" + "25" * 50_000], ids=["\\", "%5c", "%25"])
def test_a_body_made_to_be_slow_is_not(text):
    masker = Masker({"key": '"' + ODD})

    began = time.process_time()
    masker.hide(text)

    assert time.process_time() - began < 2
