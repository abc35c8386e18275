"""OAuth tokens are never lost, never spent twice, never seen."""

import base64
import json
import os
import subprocess
import sys
import threading
import types
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from snapshotter.edge.http import Habits
from snapshotter.edge.tokens import Tokens, Vault
from snapshotter.errors import Refused
from snapshotter.masking import Masker
from snapshotter.model import Miss, NoAnswer
from snapshotter.spec import OAuth2Auth
from tests.provider import CLIENT, OK, Provider, ask, oauth, stored
from tests.senders import AClock, a_request, a_sender, a_source, a_world, secret
from tests.server import Reply, Server, by_path, html_page, json_reply, redirect, reset


def test_a_first_run_spends_the_seed_and_keeps_what_it_got(tmp_path):
    with Server(Provider()) as server:
        answer = ask(oauth(server), tmp_path)

    assert answer.status == 200
    assert server.paths == ["/token", "/x"]
    assert server.seen[0].form == {"grant_type": "refresh_token", **CLIENT}
    assert server.seen[0].header("accept") == "application/json"
    assert stored(tmp_path) | {"obtained_at": 0, "expires_at": 0} == {
        "format": 1,
        "access_token": "access-token-1",
        "refresh_token": "refresh-token-1",
        "obtained_at": 0,
        "expires_at": 0,
        "refresh_expires_at": None,
    }


def test_tokens_are_on_the_disk_before_their_first_use(tmp_path):
    provider = Provider()
    provider.store = tmp_path
    with Server(provider) as server:
        ask(oauth(server), tmp_path)

    assert provider.at_first_use[0][0]["refresh_token"] == "refresh-token-1"


def test_tokens_can_be_read_by_their_owner_only(tmp_path):
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path / "state")

    (path,) = (tmp_path / "state/tokens").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "seed" not in path.name


def test_the_next_run_uses_the_token_that_is_there(tmp_path):
    with Server(Provider()) as server:
        for _ in range(3):
            ask(oauth(server), tmp_path)

    assert server.paths == ["/token", "/x", "/x", "/x"]


def test_an_expired_token_is_renewed_with_the_later_refresh_token(tmp_path):
    clock = AClock()
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path, clock=clock)
        clock.move(hours=2)
        answer = ask(oauth(server), tmp_path, clock=clock)

    assert answer.status == 200
    assert server.seen[2].form["refresh_token"] == "refresh-token-1"


@pytest.mark.parametrize(("minutes", "renewed"), [(54, False), (56, True)])
def test_a_token_is_renewed_some_minutes_before_its_end(tmp_path, minutes, renewed):
    clock = AClock()
    with Server(Provider(expires_in=3600)) as server:
        ask(oauth(server), tmp_path, clock=clock)
        clock.move(minutes=minutes)
        ask(oauth(server), tmp_path, clock=clock)

    assert (server.paths.count("/token") == 2) is renewed


def test_a_token_with_a_short_life_is_not_renewed_at_every_request(tmp_path):
    clock = AClock()
    with Server(Provider(expires_in=60)) as server:
        for _ in range(4):
            ask(oauth(server), tmp_path, clock=clock)
            clock.move(seconds=9)

    assert server.paths.count("/token") == 2 - 1


def test_a_refused_token_is_renewed_once(tmp_path):
    provider = Provider()
    with Server(provider) as server:
        ask(oauth(server), tmp_path)
        provider.access = "somebody ended it"
        answer = ask(oauth(server), tmp_path, renew=True)

    assert answer.status == 200
    assert server.paths == ["/token", "/x", "/x", "/token", "/x"]


def test_a_token_that_another_process_renewed_is_used_without_asking(tmp_path):
    provider = Provider()
    with Server(provider) as server, a_sender(oauth(server), secrets=CLIENT, world=a_world(tmp_path)) as first:
        first.send(a_request(f"{server.url}/x"))
        provider.access = "somebody ended it"
        ask(oauth(server), tmp_path, renew=True)
        refused = first.send(a_request(f"{server.url}/x"))
        renewed = first.renew()
        answer = first.send(a_request(f"{server.url}/x"))

    assert (refused.status, renewed, answer.status) == (401, True, 200)
    assert provider.count == 2


def test_a_new_token_that_is_refused_too_is_not_renewed_for_ever(tmp_path):
    provider = Provider()
    provider.data = lambda seen: json_reply({}, 401)
    with Server(provider) as server, a_sender(oauth(server), secrets=CLIENT, world=a_world(tmp_path)) as sender:
        sender.send(a_request(f"{server.url}/x"))
        sender.renew()
        sender.send(a_request(f"{server.url}/x"))
        sender.send(a_request(f"{server.url}/x"))

    assert server.paths == ["/token", "/x", "/token", "/x", "/x"]


def test_two_threads_never_spend_the_same_refresh_token(tmp_path):
    provider = Provider(pause=0.05)
    answers = []
    with Server(provider) as server:
        threads = [threading.Thread(target=lambda: answers.append(ask(oauth(server), tmp_path))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [answer.status for answer in answers] == [200] * 4
    assert provider.count == 1


def test_two_processes_never_spend_the_same_refresh_token(tmp_path):
    provider = Provider(pause=0.3)
    script = """
import sys
from types import SimpleNamespace
from pathlib import Path
from tests.provider import ask, oauth
sys.exit(ask(oauth(SimpleNamespace(url=sys.argv[1])), Path(sys.argv[2])).status != 200)
"""
    root = Path(__file__).parents[2]
    with Server(provider) as server:
        command = [sys.executable, "-c", script, server.url, str(tmp_path)]
        running = [subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) for _ in range(2)]
        codes = [process.wait(30) for process in running]

    assert codes == [0, 0]
    assert provider.count == 1


def test_a_later_seed_is_another_grant(tmp_path):
    provider = Provider()
    with Server(provider) as server:
        ask(oauth(server), tmp_path)
        provider.refresh = "seed-token-2"
        answer = ask(oauth(server), tmp_path, secrets=CLIENT | {"refresh_token": "seed-token-2"})

    assert answer.status == 200
    assert server.seen[2].form["refresh_token"] == "seed-token-2"


def test_two_archives_with_the_same_seed_share_their_tokens(tmp_path):
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path)
        ask(replace(oauth(server), name="other"), tmp_path)

    assert server.paths.count("/token") == 1


def test_without_a_seed_two_accounts_do_not_share(tmp_path):
    provider = Provider()
    with Server(provider) as server:
        source = oauth(server, refresh_token=None, authorize_url="https://a.example/authorize")
        answer = ask(source, tmp_path)

    assert (answer.miss, server.seen) == (Miss.AUTH, [])
    assert answer.message == "there is no refresh token yet; run `snap auth demo`"


def test_a_refresh_token_that_is_not_replaced_goes_on(tmp_path):
    with Server(Provider(more={"refresh_token": None})) as server:
        ask(oauth(server), tmp_path)

    assert stored(tmp_path)["refresh_token"] == "seed-token-1"


@pytest.mark.parametrize(
    ("path", "more", "expires"),
    [
        ("expires_in", {"expires_in": 60}, 60),
        ("expires_in", {"expires_in": "60"}, 60),
        ("expires_in", {"expires_in": None}, None),
        ("expires_at", {"expires_at": datetime(2024, 5, 1, 13, tzinfo=UTC).timestamp()}, 3600),
        ("expires_at", {"expires_at": "2024-05-01T13:00:00Z"}, 3600),
        ("expires_at", {"expires_at": "2024-05-01T13:00:00"}, 3600),
        ("data.ttl", {"data": {"ttl": 5.5}}, 5.5),
        ("data.ttl", {"data": []}, None),
        ("expires_in", {"expires_in": True}, None),
        ("expires_in", {"expires_in": "soon"}, None),
        ("expires_in", {"expires_in": -5}, None),
    ],
)
def test_the_end_of_a_token_is_read_where_the_source_says(tmp_path, path, more, expires):
    with Server(Provider(more=more)) as server:
        ask(oauth(server, expires=path), tmp_path)

    ends = stored(tmp_path)["expires_at"]
    assert (ends and ends - AClock().now().timestamp()) == expires


def test_the_end_of_the_refresh_token_is_kept_for_warnings(tmp_path):
    with Server(Provider(more={"refresh_token_expires_in": 86400})) as server:
        ask(oauth(server), tmp_path)

    assert stored(tmp_path)["refresh_expires_at"] == AClock().now().timestamp() + 86400


def test_the_client_may_show_itself_by_basic_authentication(tmp_path):
    with Server(Provider()) as server:
        ask(oauth(server, client_auth="basic"), tmp_path, secrets=CLIENT | {"client_secret": "se:cret/1"})

    seen = server.seen[0]
    assert base64.b64decode(seen.header("authorization").removeprefix("Basic ")) == b"client-12345:se%3Acret%2F1"
    assert "client_secret" not in seen.form


def test_the_token_request_may_be_json(tmp_path):
    provider = Provider()
    provider.token = lambda seen: json_reply({"access_token": "access-token-1"})
    provider.access = "access-token-1"
    with Server(provider) as server:
        ask(oauth(server, encoding="json"), tmp_path)

    assert server.seen[0].json == {"grant_type": "refresh_token", **CLIENT}


def test_a_token_answer_may_be_a_form(tmp_path):
    reply = Reply(
        200, b"access_token=access-token-1&expires_in=60", (("Content-Type", "application/x-www-form-urlencoded"),)
    )
    with Server(by_path({"/token": reply, "/x": OK})) as server:
        answer = ask(oauth(server), tmp_path)

    assert answer.status == 200
    assert server.seen[1].header("authorization") == "Bearer access-token-1"


def test_client_credentials_send_their_scopes_and_keep_the_token(tmp_path):
    with Server(Provider()) as server:
        source = oauth(
            server, grant_type="client_credentials", scopes=("read", "all"), scope_separator=",", refresh_token=None
        )
        for _ in range(2):
            answer = ask(source, tmp_path)

    assert answer.status == 200
    assert server.paths == ["/token", "/x", "/x"]
    assert server.seen[0].form["scope"] == "read,all"


def test_tokens_are_masked_as_soon_as_they_are_known(tmp_path):
    masker = Masker()
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path, masker=masker)
        later = Masker()
        ask(oauth(server), tmp_path, masker=later)

    for known in (masker, later):
        assert (
            known.hide("access-token-1 refresh-token-1") == "{secrets.demo.access_token} {secrets.demo.refresh_token}"
        )


# --- when no token can be had ---


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            json_reply({"error": "invalid_grant", "error_description": "Token expired"}, 400),
            "400 (invalid_grant: Token expired)",
        ),
        (json_reply({"error": "invalid_client"}, 401), "401 (invalid_client)"),
        (json_reply({"message": "Bad Request", "errors": []}, 400), "400 (Bad Request)"),
        (json_reply({"error": "bad_verification_code"}), "200 (bad_verification_code)"),
        (json_reply({"token": "x"}), "200 without an access token"),
        (json_reply({"access_token": 5}), "200 without an access token"),
        (json_reply({"access_token": ""}), "200 without an access token"),
        (html_page(403), "403"),
        (redirect("/elsewhere"), "302, a redirect; write the final address as auth.token_url"),
        (json_reply({"access_token": "two\nlines"}), "cannot be sent in a header: it holds a line break"),
    ],
)
def test_a_token_server_that_refuses_is_named_and_stops_the_source(tmp_path, reply, words):
    with Server([reply]) as server:
        answer = ask(oauth(server), tmp_path)

    assert (answer.miss, server.paths) == (Miss.AUTH, ["/token"])
    assert words in answer.message
    assert not any(value in answer.message for value in CLIENT.values())


def test_the_refusal_says_what_to_do(tmp_path):
    with Server([json_reply({"error": "invalid_grant"}, 400)]) as server:
        answer = ask(oauth(server, authorize_url="https://a.example/authorize"), tmp_path)

    assert answer.message == (
        "the token endpoint at 127.0.0.1 answered 400 (invalid_grant); run `snap auth demo`, "
        "or set the environment variable REFRESH_TOKEN anew"
    )


@pytest.mark.parametrize(
    ("reply", "again_after"),
    [
        (json_reply({}, 503, Retry_After="30"), 30.0),
        (json_reply({"error": "slow_down"}, 429), None),
        (json_reply({}, 500), None),
        (html_page(200), None),
        (reset(), None),
    ],
)
def test_a_token_server_in_trouble_is_asked_again_later(tmp_path, reply, again_after):
    provider = Provider()
    with Server(lambda seen: reply if len(server.seen) == 1 else provider(seen)) as server:
        source, world = oauth(server), a_world(tmp_path)
        with a_sender(source, secrets=CLIENT, world=world) as sender:
            first = sender.send(a_request(f"{server.url}/x"))
            second = sender.send(a_request(f"{server.url}/x"))

    assert isinstance(first, NoAnswer)
    assert first.miss is not Miss.AUTH
    assert first.again_after == again_after
    assert second.status == 200


@pytest.mark.parametrize(("status", "can_help"), [(503, True), (400, False)])
def test_renewing_says_whether_another_try_can_help(tmp_path, status, can_help):
    with Server([json_reply({}, status)]) as server:
        source, world = oauth(server), a_world(tmp_path)
        with a_sender(source, secrets=CLIENT, world=world) as sender:
            renewed = sender.renew()

    assert renewed is can_help


def test_what_a_token_server_answers_is_in_no_trace_and_no_answer(tmp_path):
    traced = []
    with Server(Provider()) as server:
        habits = Habits(trace=traced.append)
        with a_sender(oauth(server), secrets=CLIENT, world=a_world(tmp_path), habits=habits) as sender:
            answer = sender.send(a_request(f"{server.url}/x"))

    assert [one.status for one in traced] == [200, 200]
    text = repr((traced, answer))
    assert not any(value in text for value in (*CLIENT.values(), "access-token-1", "refresh-token-1"))


def test_asking_for_a_token_and_then_for_data_takes_two_turns(tmp_path):
    turns = []
    with Server(Provider()) as server:
        habits = Habits(extra_turn=lambda: turns.append(list(server.paths)))
        with a_sender(oauth(server), secrets=CLIENT, world=a_world(tmp_path), habits=habits) as sender:
            sender.send(a_request(f"{server.url}/x"))
            sender.renew()

    assert turns == [["/token"], ["/token", "/x"]]


def test_secrets_go_to_a_token_server_over_https_or_on_this_machine_only():
    auth = OAuth2Auth("client_credentials", "http://a.example/token", secret("client_id"))
    with (
        pytest.raises(Refused, match=r"auth\.token_url is http://a\.example"),
        a_sender(a_source("https://a.example", auth), secrets=CLIENT),
    ):
        pass


def test_a_token_url_that_is_none_is_refused():
    auth = OAuth2Auth("client_credentials", "nonsense", secret("client_id"))
    with (
        pytest.raises(Refused, match=r"auth\.token_url"),
        a_sender(a_source("https://a.example", auth), secrets=CLIENT),
    ):
        pass


# --- where tokens are kept ---


def test_a_refresh_token_is_not_spent_if_the_new_one_could_not_be_kept(tmp_path):
    (tmp_path / "tokens").write_text("a file in the folder's place")
    with Server(Provider()) as server, pytest.raises(Refused, match="tokens"):
        ask(oauth(server), tmp_path)

    assert server.seen == []


def test_a_token_file_that_makes_no_sense_is_named(tmp_path):
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path)
        (path,) = (tmp_path / "tokens").glob("*.json")
        path.write_text("{}")
        with pytest.raises(Refused, match=f"{path.name} cannot be read as tokens; remove it"):
            ask(oauth(server), tmp_path)


def test_a_token_file_that_is_a_link_is_not_followed(tmp_path):
    with Server(Provider()) as server:
        ask(oauth(server), tmp_path)
        (path,) = (tmp_path / "tokens").glob("*.json")
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(Refused, match="symbolic link"):
            ask(oauth(server), tmp_path)


def test_tokens_may_be_kept_in_the_keyring(tmp_path, monkeypatch):
    entries = {}
    keyring = types.ModuleType("keyring")
    keyring.get_password = lambda service, user: entries.get((service, user))
    keyring.set_password = lambda service, user, text: entries.__setitem__((service, user), text)
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    with Server(Provider()) as server:
        for _ in range(2):
            answer = ask(oauth(server, token_store="keyring"), tmp_path)

    assert answer.status == 200
    assert server.paths == ["/token", "/x", "/x"]
    assert json.loads(next(iter(entries.values())))["refresh_token"] == "refresh-token-1"
    assert not list((tmp_path / "tokens").glob("*.json"))


def test_without_the_keyring_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with Server(Provider()) as server, pytest.raises(Refused, match=r"snapshotter\[keyring\]"):
        ask(oauth(server, token_store="keyring"), tmp_path)


def test_tokens_come_back_as_they_were_kept(tmp_path):
    tokens = Tokens("access-token-1", obtained=1.5, expires=2.5, refresh=None, refresh_expires=3.5)
    vault = Vault(tmp_path, "name")

    vault.write(tokens)

    assert vault.read() == tokens
    assert "access-token-1" not in repr(tokens)
