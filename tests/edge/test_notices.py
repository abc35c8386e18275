"""Messages on their way out, against real servers on this machine: what arrives, and in which words one does not."""

import logging
import socket
import sys
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from snapshotter.edge import notices
from snapshotter.edge.http.plain import post_once
from snapshotter.edge.notices import Letter, Server, by_apprise, by_command, mail
from snapshotter.errors import CouldNotTell
from tests import server as http
from tests.server import Reply, a_certificate

LETTER = Letter(
    "snap: archive: Grüße",
    "One line.\n.\nAnd a dot alone.\n",
    ("me@example.org", "you@example.org"),
    "snap@example.org",
)
PASSWORD = "sesame-open-1"
# TLS from the first byte: aiosmtpd does not see it
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return a_certificate(tmp_path_factory.mktemp("tls"))


class Mailbox:
    """Takes letters, but not for whom it does not know."""

    def __init__(self, unknown=()):
        self.letters, self.logins, self.protected, self.unknown = [], [], [], unknown

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the name that aiosmtpd calls
        if address in self.unknown:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.letters.append(envelope)
        self.protected.append(server.transport.get_extra_info("cipher") is not None)
        return "250 OK"

    def log_in(self, server, session, envelope, mechanism, given):
        login, password = given.login.decode(), given.password.decode()
        self.logins.append((mechanism, login))
        return AuthResult(success=(login, password) == ("me", PASSWORD), handled=False)


@contextmanager
def a_mail_server(security, certificate, *, box=None, auth=False, without=()):
    """A real SMTP server; `without`: ways to log in that it does not know."""
    box = box or Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"hostname": "127.0.0.1", "port": port, "auth_exclude_mechanism": without}
    if auth:
        given |= {"authenticator": box.log_in, "auth_required": True, "auth_require_tls": security == "starttls"}
    if security == "tls":
        given["ssl_context"] = certificate[0]
    elif security == "starttls":
        given |= {"tls_context": certificate[0], "require_starttls": True}
    controller = Controller(box, **given)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


def send(port, security, *, trusted=None, login=None, letter=LETTER):
    env = {} if trusted is None else {"SSL_CERT_FILE": str(trusted[1])}
    return mail(letter, Server("127.0.0.1", port, security, login), at=0.0, env=env)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_letter_arrives_whole_and_protected_as_it_was_asked(certificate, security):
    with a_mail_server(security, certificate) as (box, port):
        assert send(port, security, trusted=certificate) is None

    [envelope] = box.letters
    assert envelope.rcpt_tos == ["me@example.org", "you@example.org"]
    assert "Auto-Submitted: auto-generated" in envelope.content.decode()
    assert "=?utf-8?" in envelope.content.decode()
    assert b"\n.\r\nAnd a dot alone." in envelope.content
    assert box.protected == [security != "none"]


@pytest.mark.parametrize(("without", "used"), [((), "PLAIN"), (("PLAIN",), "LOGIN")])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_logs_in_in_the_way_that_the_server_knows(certificate, security, without, used):
    with a_mail_server(security, certificate, auth=True, without=without) as (box, port):
        assert send(port, security, trusted=certificate, login=("me", PASSWORD)) is None

    assert box.logins == [(used, "me")]
    assert len(box.letters) == 1


def why_not(*args, **given):
    with pytest.raises(CouldNotTell) as caught:
        send(*args, **given)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_told_without_it(certificate):
    with a_mail_server("tls", certificate, auth=True) as (box, port):
        words = why_not(port, "tls", trusted=certificate, login=("me", PASSWORD + "x"))

    assert words.endswith("it refused the user name or password (535); check username and password")
    assert box.letters == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_password(certificate, security):
    with a_mail_server(security, certificate, auth=True) as (box, port):
        words = why_not(port, security, login=("me", PASSWORD))

    assert "its certificate is not trusted: self" in words
    assert "SSL_CERT_FILE" in words
    assert box.logins == []


def test_a_server_without_protection_gets_no_letter_that_wants_it(certificate):
    with a_mail_server("none", certificate) as (box, port):
        assert "does not offer what is asked (STARTTLS" in why_not(port, "starttls", trusted=certificate)
        assert "whether security is tls or starttls" in why_not(port, "tls", trusted=certificate)

    assert box.letters == []


def test_who_is_refused_is_named_and_the_others_get_it_once(certificate):
    box = Mailbox(unknown=("you@example.org",))
    with a_mail_server("none", certificate, box=box) as (box, port):
        assert send(port, "none").endswith("it refused you@example.org; the others have it")
    assert [envelope.rcpt_tos for envelope in box.letters] == [["me@example.org"]]

    box = Mailbox(unknown=("me@example.org", "you@example.org"))
    with a_mail_server("none", certificate, box=box) as (box, port):
        assert why_not(port, "none").endswith("it refused me@example.org (550), you@example.org (550); check `to`")


def test_a_server_that_is_silent_is_not_waited_for_long():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(CouldNotTell, match=r"no answer within 0\.2 s"),
    ):
        mail(LETTER, Server("127.0.0.1", silent.getsockname()[1], "none", seconds=0.2), at=0.0, env={})


def test_a_password_does_not_go_over_an_open_wire():
    with pytest.raises(CouldNotTell, match="set security to starttls or tls"):
        mail(LETTER, Server("mail.example.org", None, "none", ("me", PASSWORD)), at=0.0, env={})


# --- Apprise ---


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its own
def test_apprise_hands_a_message_on():
    pytest.importorskip("apprise")
    with http.Server(lambda seen: Reply(200, b"")) as server:
        by_apprise("the subject", "the text", url=server.url.replace("http://", "json://") + "/told")

    [seen] = server.seen
    assert (seen.path, seen.json["title"], seen.json["message"].strip()) == ("/told", "the subject", "the text")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("url", ["json://127.0.0.1:1/{}", "nosuch://{}@host", "{}"])
def test_apprise_says_nothing_of_an_address(url, capfd, caplog):
    pytest.importorskip("apprise")
    with caplog.at_level(logging.DEBUG), pytest.raises(CouldNotTell) as caught:
        by_apprise("subject", "text", url=url.format(PASSWORD))

    out, err = capfd.readouterr()
    assert PASSWORD not in str(caught.value) + out + err + caplog.text


def test_apprise_that_is_not_there_is_told_how_to_get(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(CouldNotTell, match=r"pip install 'snapshotter\[apprise\]'"):
        by_apprise("subject", "text", url="json://localhost/")


# --- web addresses and commands ---


def test_a_call_goes_through_the_proxy_of_the_environment_but_not_to_whom_it_exempts():
    with http.Server(lambda seen: Reply(200, b"")) as proxy:
        env = {"http_proxy": proxy.url, "no_proxy": "example.org, .invalid"}
        post_once("http://hc.example.com/ping/1", None, env=env, seconds=5)
        with pytest.raises(CouldNotTell, match=r"^hc\.invalid: "):
            post_once("http://hc.invalid/ping/1", None, env=env, seconds=0.2)

    assert [seen.target for seen in proxy.seen] == ["http://hc.example.com/ping/1"]


def test_a_call_trusts_the_authorities_of_the_environment_only(certificate):
    with http.Server(lambda seen: Reply(200, b""), tls=certificate[0]) as server:
        with pytest.raises(CouldNotTell, match="SSLError"):
            post_once(server.url, None, env={}, seconds=5)
        post_once(server.url, None, env={"SSL_CERT_FILE": str(certificate[1])}, seconds=5)

    assert len(server.seen) == 1


def test_an_address_that_is_none_is_told_without_it():
    with pytest.raises(CouldNotTell, match="no http or https address") as caught:
        notices.ping(f"ftp://{PASSWORD}/", env={})
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["/nowhere/tell"], "No such file or directory"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with code 3"),
    ],
)
def test_a_command_that_fails_says_how(tmp_path, argv, words):
    with pytest.raises(CouldNotTell, match=words):
        by_command("subject", "text", argv=argv, env={}, cwd=tmp_path)
