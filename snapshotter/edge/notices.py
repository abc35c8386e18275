"""Messages on their way out: mail, a web address, Apprise, a command. Each either went, or says why not."""

from __future__ import annotations

import importlib
import logging
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
AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
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
    seconds: float = SECONDS  # that it may be silent

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port or PORTS[self.security]


def mail(sent: Letter, by: Server, *, at: float, env: Mapping[str, str]) -> str | None:
    """Send a mail, a password over a protected connection only; gives what the server did not take of it, or None."""
    where = f"mail server {by.host}:{by.address[1]}"
    if by.login is not None and by.security == "none" and by.host not in ("localhost", "127.0.0.1", "::1"):
        raise CouldNotTell(f"{where}: a password is not sent without protection; set security to starttls or tls")
    authorities = next((env[name] for name in AUTHORITIES if env.get(name)), None)
    try:
        with _connected(by, ssl.create_default_context(cafile=authorities)) as server:
            if by.login is not None:
                server.login(*by.login)
            refused = server.send_message(_letter(sent, at))
    except (smtplib.SMTPException, OSError) as error:
        raise CouldNotTell(f"{where}: {_words(error, by)}") from None
    return f"{where}: it refused {', '.join(sorted(refused))}; the others have it" if refused else None


def _words(error: Exception, by: Server) -> str:
    """Why a mail did not go; nothing of what a server says is repeated but its code."""
    silent = f"no answer within {by.seconds:g} s"
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"it refused the user name or password ({error.smtp_code}); check username and password"
        case smtplib.SMTPRecipientsRefused():
            told = ", ".join(f"{name} ({code})" for name, (code, _) in sorted(error.recipients.items()))
            return f"it refused {told}; check `to`"
        case smtplib.SMTPSenderRefused():
            return f"it refused the sender {error.sender} ({error.smtp_code}); check `from`"
        case smtplib.SMTPResponseException():
            return f"it answered {error.smtp_code}"
        case smtplib.SMTPNotSupportedError():
            return f"it does not offer what is asked ({error}); check security and username"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE may name authorities"
        case ssl.SSLError():
            return f"no protected connection ({error.reason}); check port, and whether security is tls or starttls"
        case TimeoutError():
            return silent
        case smtplib.SMTPServerDisconnected():
            return silent if isinstance(error.__context__, TimeoutError) else "it hung up"
        case _:
            return getattr(error, "strerror", None) or type(error).__name__


def _connected(by: Server, trust: ssl.SSLContext) -> smtplib.SMTP:
    if by.security == "tls":
        return smtplib.SMTP_SSL(*by.address, timeout=by.seconds, context=trust)
    server = smtplib.SMTP(*by.address, timeout=by.seconds)
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
    logger = logging.getLogger("apprise")
    logger.propagate, logger.disabled = False, True  # it would tell addresses, and what is secret in them
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
