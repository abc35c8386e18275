"""Where an answer says that its next page is: `Link` headers by RFC 8288, and which addresses may be followed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

from snapshotter.core.escaping import escape
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass
from snapshotter.spec import Client

_SPACE = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"[ \t,]*")
_TARGET = re.compile(r"<([^<>]*)>")
_PARAM = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*)))?", re.DOTALL
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)  # a name as it is sent, or an address of IPv6
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a header: where it leads, its relation types (lower case), and what it speaks of if not the page."""

    target: str
    relations: tuple[str, ...] = ()
    anchor: str | None = None


def parse_links(headers: Iterable[str]) -> tuple[Link, ...]:
    """Every link of the `Link` headers of an answer; `Unreadable` if one of them cannot be read to its end."""
    return tuple(link for header in headers for link in _links(header))


def linked(headers: Iterable[str], relation: str, *, page: str) -> str | None:
    """The absolute address of the first link with that relation that the page's own address speaks of, or None."""
    for link in parse_links(headers):
        speaks_of_page = link.anchor is None or resolved(link.anchor, page=page) == urldefrag(page)[0]
        if relation.lower() in link.relations and speaks_of_page:
            return resolved(link.target, page=page)
    return None


def resolved(target: str, *, page: str) -> str:
    """The absolute address that a page means, as it was given, without a fragment."""
    target = target.strip(" ").partition("#")[0]
    if _CONTROL.search(target):  # the standard library would silently drop some of them
        raise Unreadable("link", f"{_shown(target)} is no address")
    try:
        return target if _ABSOLUTE.match(target) else urldefrag(urljoin(page, target))[0]
    except ValueError as error:
        raise Unreadable("link", f"{_shown(target)} is no address") from error


def why_not_follow(url: str, client: Client) -> str | None:
    """Why a next address must not be asked, or None: it lies at the source's own origin or at an allowed host."""
    base = urlsplit(client.base_url)
    try:
        following = urlsplit(url)
        scheme, host, port = following.scheme, (following.hostname or "").lower(), _port(following)
    except ValueError:
        return f"the next address {_shown(url)} cannot be read"
    if scheme not in _PORTS or not _HOST.fullmatch(host) or "@" in following.netloc or _CONTROL.search(url):
        return f"the next address {_shown(url)} is not a plain http address"
    shown = f"{scheme}://{host}:{port}"
    if (scheme, host, port) == (base.scheme, (base.hostname or "").lower(), _port(base)):
        return None
    if base.scheme == "https" and scheme == "http":
        return f"the next address leaves https for {shown}"
    allowed = {name.lower() for name in client.allow_hosts}
    if f"{host}:{port}" in allowed or (host in allowed and port == _PORTS[scheme]):
        return None
    return f"the next address lies at {shown}; if that is right, add {host!r} to client.allow_hosts"


def _shown(address: str) -> str:
    return repr(escape(address.partition("?")[0], 200))  # the query may hold a token


def _port(address: SplitResult) -> int:
    return address.port or _PORTS.get(address.scheme, 0)


def _links(header: str) -> Iterable[Link]:
    at = _past(_BETWEEN, header, 0)
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            raise Unreadable("link", f"the Link header cannot be read from {escape(header[at:], 80)!r} on")
        at, params = _params(header, target.end())
        relations = next((value for name, value in params if name == "rel"), "")
        anchor = next((value for name, value in params if name == "anchor"), None)
        yield Link(target[1], tuple(relations.lower().split()), anchor)
        at = _past(_BETWEEN, header, at)


def _params(header: str, at: int) -> tuple[int, list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    at = _past(_SPACE, header, at)
    while at < len(header) and header[at] == ";":
        at = _past(_SPACE, header, at + 1)
        if (param := _PARAM.match(header, at)) is not None:
            name, quoted, bare = param[1].lower(), param[2], param[3]
            found.append((name, re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare or ""))
            at = _past(_SPACE, header, param.end())
    if at < len(header) and header[at] != ",":
        raise Unreadable("link", f"the Link header cannot be read from {escape(header[at:], 80)!r} on")
    return at, found


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
