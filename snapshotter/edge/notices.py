"""Messages on their way out: mail, a web address, Apprise, a command. Each either went, or says why not."""

from __future__ import annotations

import importlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from subprocess import DEVNULL, PIPE, SubprocessError, run

from snapshotter.errors import CouldNotTell
from snapshotter.frozen import dataclass

SECONDS = 30.0
PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    to: tuple[str, ...]
    sender: str


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server; `security`: starttls, tls, none."""

    host: str
    port: int | None
    security: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port or PORTS[self.security]


def mail(sent: Letter, by: Server, *, at: float, env: Mapping[str, str]) -> None:
    """Send a mail; a password goes over a protected connection only."""
    where = f"mail server {by.host}:{by.address[1]}"
    if by.login is not None and by.security == "none" and by.host not in ("localhost", "127.0.0.1", "::1"):
        raise CouldNotTell(f"{where}: a password is not sent without protection; set security to starttls or tls")
    try:
        with _connected(by, ssl.create_default_context(cafile=env.get("SSL_CERT_FILE"))) as server:
            if by.login is not None:
                server.login(*by.login)
            refused = server.send_message(_letter(sent, at))
    except smtplib.SMTPAuthenticationError as error:
        raise CouldNotTell(f"{where}: it refused the user name or password ({error.smtp_code})") from None
    except smtplib.SMTPResponseException as error:
        raise CouldNotTell(f"{where}: it answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise CouldNotTell(f"{where}: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    if refused:
        raise CouldNotTell(f"{where}: it refused {len(refused)} of the addresses")


def _connected(by: Server, trust: ssl.SSLContext) -> smtplib.SMTP:
    if by.security == "tls":
        return smtplib.SMTP_SSL(*by.address, timeout=SECONDS, context=trust)
    server = smtplib.SMTP(*by.address, timeout=SECONDS)
    if by.security == "starttls":
        try:
            server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
    return server


def _letter(sent: Letter, at: float) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = sent.subject, sent.sender, ", ".join(sent.to)
    letter["Date"], letter["Message-ID"] = formatdate(at), make_msgid(domain="snap.localhost")
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(sent.text)
    return letter


def by_apprise(subject: str, text: str, *, url: str) -> None:
    """Hand a message to Apprise, which knows some hundred services."""
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        raise CouldNotTell("Apprise is missing; run `pip install 'snapshotter[apprise]'`") from None
    app = apprise.Apprise()
    if not app.add(url):
        raise CouldNotTell("Apprise does not understand the address")
    if not app.notify(title=subject, body=text):
        raise CouldNotTell("Apprise could not deliver the message")


def by_command(subject: str, text: str, *, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
    """Give a message to a command on its standard input, the subject in SNAP_SUBJECT."""
    try:
        done = run(
            list(argv), input=f"{subject}\n\n{text}".encode(), env={**env, "SNAP_SUBJECT": subject}, cwd=cwd,
            stdout=DEVNULL, stderr=PIPE, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, SubprocessError, ValueError) as error:
        raise CouldNotTell(
            f"the command {argv[0]!r}: {getattr(error, 'strerror', None) or type(error).__name__}"
        ) from None
    if done.returncode:
        raise CouldNotTell(f"the command {argv[0]!r} ended with code {done.returncode}")


def by_webhook(subject: str, text: str, *, url: str, env: Mapping[str, str]) -> None:
    """Post a message as JSON to an address."""
    from snapshotter.edge.http.plain import post_once  # noqa: PLC0415 - only where something is sent

    post_once(url, {"subject": subject, "text": text}, env=env, seconds=SECONDS)


def ping(url: str, *, env: Mapping[str, str]) -> None:
    """Call an address that waits to be called."""
    from snapshotter.edge.http.plain import post_once  # noqa: PLC0415 - only where something is sent

    post_once(url, None, env=env, seconds=10.0)
