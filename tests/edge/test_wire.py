"""What a server or the way to it can do to one exchange: every kind of trouble told apart, every limit kept."""

import gzip
import http.client
import socket
import threading
from datetime import UTC, datetime

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.edge.exchange import Lost
from snapshotter.edge.http import Habits, proxied, wire
from snapshotter.model import Miss, NoAnswer
from snapshotter.spec import BearerAuth
from tests.senders import SECRET, a_request, a_sender, a_source, a_world, seconds, secret
from tests.server import (
    Raw,
    Reply,
    Server,
    a_certificate,
    bad_gzip,
    cut,
    dripping,
    gzip_bomb,
    hang_up,
    html_page,
    json_reply,
    reset,
    stall,
    zipped,
)

OK = json_reply({"ok": True})
BEARER = BearerAuth(secret())
BODY = b'{"ok": true}'


def the_answer(script, request=None, **client):
    """What a sender makes of a server's answer."""
    with Server(script) as server, a_sender(a_source(server.url, **client)) as sender:
        return sender.send(request or a_request(f"{server.url}/x"))


# --- what comes ---


def test_an_answer_comes_with_status_headers_body_and_time():
    answer = the_answer([json_reply(b"[1]", 418, X_One="1", Link="<a>")])

    assert (answer.status, answer.body) == (418, b"[1]")
    assert answer.header("x-one") == "1"
    assert answer.received == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert 0 <= answer.seconds < 5


def test_headers_are_in_lower_case_and_repeated_ones_stay_apart():
    reply = Reply(200, b"", (("Link", "<a>"), ("X-B", "ü"), ("Link", "<b>")))

    answer = the_answer([reply])

    assert [value for name, value in answer.headers if name == "link"] == ["<a>", "<b>"]


def test_headers_in_utf_8_are_read_and_folded_ones_joined():
    head = b"HTTP/1.1 200 OK\r\nX-A: \xc3\xbc\r\nX-B: \xfc\r\nX-C: one\r\n two\r\nContent-Length: 0\r\n\r\n"

    answer = the_answer([Raw((head,))])

    assert [answer.header(name) for name in ("x-a", "x-b", "x-c")] == ["ü", "ü", "one two"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate"])
def test_compressed_bodies_are_unpacked(coding):
    assert the_answer([zipped(OK, coding)]).body == BODY


@pytest.mark.parametrize("coding", ["utf-8", "none", "identity", ""])
def test_a_content_encoding_that_is_none_changes_nothing(coding):
    assert the_answer([OK.with_headers(Content_Encoding=coding)]).body == BODY


def test_codings_can_be_stacked():
    twice = zipped(zipped(OK, "deflate"))

    assert the_answer([twice]).body == BODY


def test_gzip_in_several_members_or_with_rubbish_behind_is_read_to_its_end():
    body = gzip.compress(b'{"ok":') + gzip.compress(b" true}")

    assert the_answer([Reply(200, body, (("Content-Encoding", "gzip"),))]).body == BODY
    assert the_answer([Reply(200, body + b"\0\0\0", (("Content-Encoding", "gzip"),))]).body == BODY


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, BODY, chunked=True),
        Reply(200, BODY, closes=True),
        zipped(Reply(200, BODY, chunked=True)),
        Reply(204),
        Reply(200, b"", (("Content-Encoding", "gzip"),)),
    ],
)
def test_bodies_are_read_however_their_end_is_told(reply):
    assert the_answer([reply]).body in (BODY, b"")


def test_head_has_no_body_whatever_length_it_announces():
    with Server([OK]) as server, a_sender(server.url) as sender:
        answers = [sender.send(a_request(f"{server.url}/x", method="HEAD")) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"", b""]
    assert {seen.connection for seen in server.seen} == {0}


# --- trouble ---

CHUNKED = Reply(200, BODY, chunked=True)

MISBEHAVIOURS = {
    "closed without a word": (hang_up(), Miss.RESET),
    "reset": (reset(), Miss.RESET),
    "reset in the body": (cut(OK, 5, "reset"), Miss.RESET),
    "cut before its Content-Length": (cut(OK, 5), Miss.TRUNCATED),
    "cut to nothing": (cut(OK, 0), Miss.TRUNCATED),
    "cut between chunks": (cut(CHUNKED, 12), Miss.TRUNCATED),
    "cut in a chunk": (cut(CHUNKED, 6), Miss.TRUNCATED),
    "cut before the last chunk": (cut(CHUNKED, -5), Miss.TRUNCATED),
    "cut gzip whose end is the end of the connection": (
        Raw((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"[1, 2, 3]" * 50)[:-20],)),
        Miss.TRUNCATED,
    ),
    "cut in the head": (Raw((b"HTTP/1.1 200 OK\r\nContent-Le",)), Miss.TRUNCATED),
    "false gzip": (bad_gzip(), Miss.DECODING),
    "gzip with a broken middle": (
        bad_gzip(gzip.compress(b"[1, 2, 3]" * 50)[:-8] + b"checksum"),
        Miss.DECODING,
    ),
    "a coding that was not asked for": (OK.with_headers(Content_Encoding="br"), Miss.DECODING),
    "too many codings": (OK.with_headers(Content_Encoding="gzip, gzip, gzip, gzip, gzip, gzip"), Miss.DECODING),
    "no HTTP": (Raw((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",)), Miss.OTHER),
    "a status that is none": (Raw((b"HTTP/1.1 abc OK\r\n\r\n",)), Miss.OTHER),
    "chunks that are none": (
        Raw((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",)),
        Miss.TRUNCATED,
    ),
    "more headers than anybody sends": (
        Raw((b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",)),
        Miss.OTHER,
    ),
    "an endless header": (Raw((b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n",)), Miss.OTHER),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_each_misbehaviour_is_told_apart_and_raises_nothing(name):
    script, miss = MISBEHAVIOURS[name]

    answer = the_answer([script])

    assert isinstance(answer, NoAnswer), answer
    assert answer.miss is miss, answer.message
    assert answer.at == datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_a_body_cut_where_nothing_tells_its_length_arrives_as_it_is():
    assert the_answer([Reply(200, b'{"ok": tr', closes=True)]).body == b'{"ok": tr'


def test_a_page_instead_of_json_arrives_as_it_is():
    assert the_answer([html_page()]).header("content-type") == "text/html"


def test_after_trouble_the_next_request_has_a_connection_of_its_own():
    script = [cut(CHUNKED, 6, "keep"), OK]
    with Server(script) as server, a_sender(a_source(server.url, read_timeout=seconds(0.2))) as sender:
        first = sender.send(a_request(f"{server.url}/x"))
        second = sender.send(a_request(f"{server.url}/x"))

    assert (first.miss, second.body) == (Miss.TIMEOUT, BODY)
    assert [seen.connection for seen in server.seen] == [0, 1]


def test_nobody_listening_is_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with a_sender(f"http://127.0.0.1:{port}") as sender:
        answer = sender.send(a_request(f"http://127.0.0.1:{port}/x"))

    assert (answer.miss, answer.message) == (
        Miss.CONNECT,
        f"no connection to 127.0.0.1:{port} (connection refused)",
    )


def test_a_name_that_nobody_knows_is_named(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with a_sender("https://api.invalid") as sender:
        answer = sender.send(a_request("https://api.invalid/x?k=v"))

    assert answer.miss is Miss.DNS
    assert answer.message == "the name of api.invalid:443 cannot be resolved (name or service not known)"


def test_a_name_that_cannot_be_is_no_address():
    with a_sender(f"https://{'a' * 64}.invalid") as sender:
        assert sender.send(a_request(f"https://{'a' * 64}.invalid/x")).miss is Miss.ORIGIN


# --- limits of time ---


def test_a_silent_server_is_left_after_the_read_timeout():
    answer = the_answer([stall()], read_timeout=seconds(0.1))

    assert answer.miss is Miss.TIMEOUT
    assert answer.message.endswith("sent nothing for 0.1 s")


@pytest.mark.parametrize(
    "reply", [OK, CHUNKED, Reply(200, BODY * 20, closes=True), zipped(OK), Reply(200, b"", (("X-Long", "b" * 300),))]
)
def test_a_slow_drip_is_left_when_its_time_is_over_though_it_never_falls_silent(reply):
    with Server([dripping(reply, every=0.02)]) as server:
        source = a_source(server.url, read_timeout=seconds(1))
        with a_sender(source, habits=Habits(total=0.2)) as sender:
            answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.miss is Miss.TIMEOUT
    assert answer.message.endswith("was not complete after 0.2 s")


def test_a_drip_that_ends_in_time_is_an_answer():
    assert the_answer([dripping(OK, every=0.001, size=20)]).body == BODY


def test_endless_interim_answers_are_left():
    answer = the_answer([Raw((b"HTTP/1.1 100 Continue\r\nX-A: " + b"a" * 50_000 + b"\r\n\r\n",) * 400)], max_body=1000)

    assert answer.miss is Miss.TOO_LARGE


# --- limits of size ---


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(b"x" * 1001),
        Reply(200, b"x" * 1001, chunked=True),
        Reply(200, b"x" * 1001, closes=True),
        zipped(json_reply(b"x" * 1001)),
        Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",), "stall"),
    ],
)
def test_a_body_over_the_limit_is_refused_and_names_the_setting(reply):
    answer = the_answer([reply], max_body=1000)

    assert answer.miss is Miss.TOO_LARGE
    assert "client.max_body (1000 bytes)" in answer.message


def test_a_length_that_is_announced_over_the_limit_is_told():
    answer = the_answer([Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n",), "stall")], max_body=1000)

    assert "the answer of 200 MiB is larger" in answer.message


def test_a_body_of_exactly_the_limit_is_taken():
    assert len(the_answer([zipped(json_reply(b"x" * 1000))], max_body=1000).body) == 1000


def test_a_decompression_bomb_is_left_before_it_fills_the_memory():
    answer = the_answer([gzip_bomb(40 << 20)])

    assert (answer.miss, "bomb" in answer.message) == (Miss.TOO_LARGE, True)


# --- proxies, authorities ---


def test_a_proxy_of_the_given_environment_is_used(tmp_path):
    with (
        Server([OK]) as proxy,
        a_sender("http://api.example", world=a_world(tmp_path, {"http_proxy": proxy.url})) as sender,
    ):
        answer = sender.send(a_request("http://api.example/x?a=1"))

    assert answer.body == BODY
    assert proxy.seen[0].target == "http://api.example/x?a=1"


def test_a_proxy_that_refuses_is_named_without_its_password(tmp_path):
    with Server([Reply(407)]) as proxy:
        env = {"HTTPS_PROXY": f"http://anna:proxy-password@127.0.0.1:{proxy.port}"}
        with a_sender("https://api.example", world=a_world(tmp_path, env)) as sender:
            answer = sender.send(a_request("https://api.example/x"))

    assert answer.miss is Miss.CONNECT
    assert "proxy of the environment" in answer.message
    assert "407" in answer.message
    assert "proxy-password" not in answer.message


@pytest.mark.parametrize("rule", ["*", "api.example", ".example", "other, example", "api.example:80"])
def test_an_exempt_host_is_asked_directly(tmp_path, rule, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with Server([OK]) as proxy:
        env = {"all_proxy": proxy.url, "no_proxy": rule}
        with a_sender("http://api.example", world=a_world(tmp_path, env)) as sender:
            sender.send(a_request("http://api.example/x"))

    assert proxy.seen == []


def test_this_machine_is_never_asked_through_a_proxy(tmp_path):
    env = {"http_proxy": "http://127.0.0.1:1"}
    with Server([OK]) as server, a_sender(server.url, world=a_world(tmp_path, env)) as sender:
        assert sender.send(a_request(f"{server.url}/x")).body == BODY


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return a_certificate(tmp_path_factory.mktemp("tls"))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    context, _ = certificate
    with Server([OK], tls=context) as server, a_sender(a_source(server.url, BEARER)) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.miss is Miss.TLS
    assert "self-signed certificate" in answer.message.replace("self signed", "self-signed")
    assert server.seen == []


def test_authorities_of_the_given_environment_are_trusted(certificate, tmp_path):
    context, authority = certificate
    world = a_world(tmp_path, {"REQUESTS_CA_BUNDLE": str(authority)})
    script = [dripping(OK, every=0.001, size=30)]
    with Server(script, tls=context) as server, a_sender(a_source(server.url, BEARER), world=world) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.body == BODY
    assert server.seen[0].header("authorization") == f"Bearer {SECRET}"


def test_the_drip_is_watched_under_encryption_too(certificate, tmp_path):
    context, authority = certificate
    world = a_world(tmp_path, {"REQUESTS_CA_BUNDLE": str(authority)})
    script, habits = [dripping(OK, every=0.02)], Habits(total=0.2)
    with Server(script, tls=context) as server, a_sender(server.url, world=world, habits=habits) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.miss is Miss.TIMEOUT


def answers_in_plain_text(listening):
    """Whatever is said first, the answer is HTTP. (A server that waits for a line may wait for ever for one.)"""
    talking, _ = listening.accept()
    with talking:
        talking.recv(1)
        talking.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def test_encryption_where_there_is_none_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        talker = threading.Thread(target=answers_in_plain_text, args=(listening,))
        talker.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with a_sender(url) as sender:
            answer = sender.send(a_request(f"{url}/x"))
        talker.join()

    assert answer.miss in (Miss.TLS, Miss.RESET)


# --- every error of the libraries below ---

MEANINGS = wire.MEANINGS | proxied.MEANINGS


def error_classes(module):
    return {
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, Warning)
        if found.__module__ == module.__name__
    }


@pytest.mark.parametrize(
    "module", [requests.exceptions, urllib3.exceptions, http.client], ids=lambda module: module.__name__
)
def test_every_error_of_the_libraries_below_has_a_meaning(module):
    assert error_classes(module) - set(MEANINGS) == set()


@pytest.mark.parametrize("error", sorted(MEANINGS, key=lambda kind: f"{kind.__module__}.{kind.__name__}"), ids=str)
def test_no_error_of_the_libraries_below_gets_through(error):
    raised = error.__new__(error)
    watch = wire.Watch(wire.Limits(1, 1, 1, 1000), lambda: 0.0)

    with pytest.raises(Lost) as lost, wire.errors_named("api.example:443", watch):
        raise raised

    assert "api.example:443" in lost.value.words or lost.value.miss is Miss.OTHER


def test_what_an_error_of_the_libraries_says_is_not_passed_on():
    watch = wire.Watch(wire.Limits(1, 1, 1, 1000), lambda: 0.0)

    with pytest.raises(Lost) as lost, wire.errors_named("api.example:443", watch):
        raise requests.ConnectionError(f"https://api.example/?key={SECRET}")

    assert SECRET not in lost.value.words
    assert lost.value.__suppress_context__


# --- the usual head, which is read at once ---

LINES = st.lists(
    st.sampled_from(
        [
            "Content-Length: 12",
            "content-length:12 ",
            "Content-Length: 3",
            "Content-Length: 1_2",
            "Content-Length: -1",
            "Transfer-Encoding: chunked",
            "Connection: close",
            "Connection: Keep-Alive",
            "Connection: upgrade, close",
            "Link: <a>; rel=next",
            "Link:",
            "X-Odd:\t a:b  ",
            "X Odd: 1",
            " folded",
            "no colon",
            "X-Bytes: \xfc",
            f"X-Long: {'a' * 9000}",
        ]
    ),
    max_size=6,
)
STARTS = st.sampled_from(
    ["HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1 204 None", "HTTP/1.0 200 OK", "HTTP/1.1 206 ü", "HTTP/1.1 404 No"]
)


def what_is_read(kind, sent):
    """Everything that one way of reading makes of the bytes of an answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        answer = kind(ours, method="GET")
        try:
            answer.begin()
            head = (answer.status, answer.version, answer.reason, answer.headers.items())
            return (*head, answer.length, answer.chunked, answer.will_close, answer.read())
        except http.client.HTTPException as error:
            return type(error)
        finally:
            answer.close()


@given(STARTS, LINES, st.sampled_from([BODY, BODY[:5], b"", b"c\r\n" + BODY + b"\r\n0\r\n\r\n"]))
def test_a_usual_head_is_read_as_the_library_reads_it(start, lines, body):
    sent = "".join(f"{line}\r\n" for line in (start, *lines, "")).encode("latin-1") + body
    token = wire._watch.set(wire.Watch(wire.Limits(5, 5, 5, 1000), lambda: 0.0))
    try:
        read = what_is_read(wire._Answer, sent)
    finally:
        wire._watch.reset(token)

    assert read == what_is_read(http.client.HTTPResponse, sent)
