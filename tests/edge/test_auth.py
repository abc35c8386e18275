"""Every way to show who asks stands where its API expects it."""

import base64
import json
import os
import sys
import types
from dataclasses import replace

import pytest

from snapshotter.edge.auth import lane_of
from snapshotter.edge.http import Habits
from snapshotter.errors import Refused
from snapshotter.masking import Masker
from snapshotter.model import FormBody, JsonBody, Miss
from snapshotter.spec import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    CommandAuth,
    JwtBearerAuth,
    NoAuth,
    OAuth2Auth,
    Pacing,
    Template,
)
from tests.provider import CLIENT, OK, Provider, ask
from tests.senders import SECRET, AClock, a_request, a_sender, a_source, a_world, secret
from tests.server import Server


def seen_with(auth, *, secrets=None, path="/x", **request):
    """The request as a server sees it."""
    with Server([OK]) as server, a_sender(a_source(server.url, auth), secrets=secrets) as sender:
        sender.send(a_request(f"{server.url}{path}", **request))
    return server.seen[0]


# --- credentials that do not change ---


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (BearerAuth(secret()), "authorization", f"Bearer {SECRET}"),
        (BearerAuth(secret(), scheme="bearer"), "authorization", f"bearer {SECRET}"),
        (BearerAuth(Template(("pre-", *secret().parts))), "authorization", f"Bearer pre-{SECRET}"),
        (ApiKeyAuth("header", "X-Api-Key", secret()), "x-api-key", SECRET),
        (NoAuth(), "authorization", None),
    ],
)
def test_a_credential_stands_in_its_header(auth, header, value):
    assert seen_with(auth).header(header) == value


def test_basic_is_user_and_password_in_utf_8():
    auth = BasicAuth(Template(("anna",)), secret())

    seen = seen_with(auth, secrets={"token": "pässwörd"})

    assert seen.header("authorization") == f"Basic {base64.b64encode('anna:pässwörd'.encode()).decode()}"


def test_a_user_name_with_a_colon_is_refused():
    with pytest.raises(Refused, match="colon"):
        seen_with(BasicAuth(Template(("an:na",)), secret()))


def test_the_pair_of_basic_is_masked_even_if_its_password_is_short():
    masker = Masker()
    with a_sender(
        a_source("https://a.example", BasicAuth(Template(("anna",)), secret())), secrets={"token": "pw"}, masker=masker
    ):
        pass

    assert masker.hide("Basic YW5uYTpwdw==") == "Basic {secrets.demo.basic}"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/x", f"/x?key={SECRET}"),
        ("/x?a=1", f"/x?a=1&key={SECRET}"),
        ("/x?key=old&a=1", f"/x?a=1&key={SECRET}"),
        ("/x?a=1&key=", f"/x?a=1&key={SECRET}"),
    ],
)
def test_a_key_in_the_query_stands_there_once(path, target):
    assert seen_with(ApiKeyAuth("query", "key", secret()), path=path).target == target


BODY_AUTH = BodyAuth({"token": secret(), "deep": {"ids": [secret(), 1]}, "plain": True})


@pytest.mark.parametrize("body", [JsonBody({"n": 1, "token": "mine"}), None])
def test_fields_in_a_json_body_are_added_to_it(body):
    sent = seen_with(BODY_AUTH, method="POST", body=body).json

    assert (sent["token"], sent["deep"], sent["plain"]) == (SECRET, {"ids": [SECRET, 1]}, True)
    assert sent.get("n") == (1 if body else None)


def test_fields_in_a_form_are_added_to_it():
    auth = BodyAuth({"token": secret(), "plain": True})

    sent = seen_with(auth, method="POST", body=FormBody((("a", "1"), ("token", "mine")))).form

    assert sent == {"a": "1", "token": SECRET, "plain": "true"}


@pytest.mark.parametrize(
    ("request_", "words"), [({}, "method = 'POST'"), ({"method": "POST", "body": JsonBody([1])}, "JSON object")]
)
def test_fields_without_a_body_to_put_them_into_are_refused(request_, words):
    with pytest.raises(Refused, match=words):
        seen_with(BODY_AUTH, **request_)


def test_a_credential_that_does_not_change_cannot_be_renewed():
    with a_sender(a_source("https://a.example", BearerAuth(secret()))) as sender:
        assert sender.renew() is False


# --- commands ---


def by_command(server, line):
    return a_source(server.url, CommandAuth(("sh", "-c", line)))


def ask_with_command(server, line, tmp_path, *, trusted=True):
    world = a_world(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    habits = Habits(trusted=trusted)
    with a_sender(by_command(server, line), world=world, habits=habits) as sender:
        answers = [sender.send(a_request(f"{server.url}/x")) for _ in range(2)]
        renewed = sender.renew()
        return answers[-1], renewed


@pytest.mark.parametrize(
    "line",
    [
        "echo command-token-1",
        'printf \'{"token": "command-token-1", "expires_in": 60}\'',
        'echo \'{"access_token": "command-token-1"}\'',
    ],
)
def test_a_command_prints_the_token(tmp_path, line):
    with Server([OK]) as server:
        answer, renewed = ask_with_command(server, line, tmp_path)

    assert (answer.status, renewed) == (200, True)
    assert server.seen[0].header("authorization") == "Bearer command-token-1"
    assert not (tmp_path / "tokens").exists()


def test_a_command_is_run_once_and_again_when_its_token_is_refused(tmp_path):
    with Server([OK]) as server:
        ask_with_command(server, f"echo x >>{tmp_path}/count; echo command-token-1", tmp_path)

    assert (tmp_path / "count").read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 3", "ended with code 3"),
        ("true", "printed no token"),
        ("echo '{}'", "printed no token"),
        ("echo '{'", "printed no token"),
    ],
)
def test_a_command_without_a_token_stops_the_source(tmp_path, line, words):
    with Server([OK]) as server:
        answer, renewed = ask_with_command(server, line, tmp_path)

    assert (answer.miss, renewed, server.seen) == (Miss.AUTH, False, [])
    assert words in answer.message


def test_a_command_is_not_run_for_an_archive_that_is_not_trusted(tmp_path):
    with Server([OK]) as server, pytest.raises(Refused, match="snap trust"):
        ask_with_command(server, f"touch {tmp_path}/ran", tmp_path, trusted=False)

    assert not (tmp_path / "ran").exists()


# --- JWT ---


def by_jwt(server, **changes):
    usual = JwtBearerAuth(f"{server.url}/token", secret(), Template(("robot@a.example",)), "https://a.example/token")
    return a_source(server.url, replace(usual, **changes))


def decoded(segment):
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


@pytest.fixture
def signing(monkeypatch):
    """A stand-in for the optional library, which signs by naming the key."""
    serialization = types.ModuleType("serialization")
    serialization.load_pem_private_key = lambda pem, password: types.SimpleNamespace(
        sign=lambda data, padding, algorithm: b"signed with " + pem
    )
    padding = types.ModuleType("padding")
    padding.PKCS1v15 = object
    hashes = types.ModuleType("hashes")
    hashes.SHA256 = object
    base = "cryptography.hazmat.primitives"
    for name in ("cryptography", "cryptography.hazmat", base, f"{base}.asymmetric"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, module in (("serialization", serialization), ("hashes", hashes), ("asymmetric.padding", padding)):
        monkeypatch.setitem(sys.modules, f"{base}.{name}", module)


def test_a_signed_assertion_is_exchanged_for_a_token(tmp_path, signing):
    account = json.dumps({"private_key": "the pem", "private_key_id": "key-7"})
    with Server(Provider(more={"refresh_token": None})) as server:
        source = by_jwt(server, scopes=("a", "b"), subject=Template(("anna@a.example",)))
        answer = ask(source, tmp_path, secrets={"token": account})

    sent = server.seen[0].form
    head, claims, signature = sent["assertion"].split(".")
    now = int(AClock().now().timestamp())
    assert answer.status == 200
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "key-7"}
    assert decoded(claims) == {
        "iss": "robot@a.example",
        "sub": "anna@a.example",
        "aud": "https://a.example/token",
        "scope": "a b",
        "iat": now,
        "exp": now + 3600,
    }
    assert base64.urlsafe_b64decode(signature + "==") == b"signed with the pem"
    assert not (tmp_path / "tokens").exists()


def test_a_key_without_anything_around_it_has_no_id(tmp_path, signing):
    with Server(Provider()) as server:
        ask(by_jwt(server), tmp_path, secrets={"token": "-----BEGIN PRIVATE KEY-----"})

    assert decoded(server.seen[0].form["assertion"].split(".")[0]) == {"alg": "RS256", "typ": "JWT"}


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hashes", None)
    with Server(Provider()) as server, pytest.raises(Refused, match=r"pip install 'snapshotter\[jwt\]'"):
        ask(by_jwt(server), tmp_path, secrets={"token": "a pem of a key"})


def test_the_real_library_signs_what_the_public_key_verifies(tmp_path):
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with Server(Provider()) as server:
        ask(by_jwt(server), tmp_path, secrets={"token": pem})
        with pytest.raises(Refused, match="not an RSA private key") as refused:
            ask(by_jwt(server), tmp_path, secrets={"token": pem[:200]})

    signed, _, signature = server.seen[0].form["assertion"].rpartition(".")
    key.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert pem[:60] not in str(refused.value)


# --- lanes ---


def test_what_shares_host_and_credential_shares_a_lane():
    def lane(auth, secrets, url="https://a.example/v1"):
        return lane_of(a_source(url, auth), secrets)

    bearer = BearerAuth(secret())
    anna, ben = {"token": "token-of-anna"}, {"token": "token-of-ben"}
    assert lane(NoAuth(), {}) == "a.example"
    assert lane(bearer, anna) == lane(ApiKeyAuth("query", "k", secret()), anna, "https://a.example/v2")
    assert lane(bearer, anna) != lane(bearer, ben)
    assert lane(bearer, anna) != lane(bearer, anna, "https://b.example")
    assert "anna" not in lane(bearer, anna)


def test_an_application_shares_its_lane_whatever_the_account():
    auth = OAuth2Auth("refresh_token", "https://a.example/token", secret("client_id"), None, secret("refresh_token"))

    lanes = {
        lane_of(a_source("https://a.example", auth), CLIENT | {"refresh_token": account}) for account in ("anna", "ben")
    }

    assert len(lanes) == 1


@pytest.mark.parametrize(
    "auth",
    [
        BasicAuth(Template(("anna",)), secret()),
        BodyAuth({"k": secret(), "plain": 1}),
        JwtBearerAuth("https://a.example/token", secret(), secret(), "aud"),
        CommandAuth(("print-token",)),
    ],
)
def test_every_kind_of_credential_has_its_lane(auth):
    lane = lane_of(a_source("https://a.example", auth), {"token": SECRET})

    assert lane.startswith("a.example-")
    assert SECRET not in lane


def test_a_source_may_name_its_lane():
    source = replace(a_source("https://a.example"), pacing=Pacing(lane="shared"))

    assert lane_of(source, {}) == "shared"
