"""Where a URL points, and what may go there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, unquote_plus, urlsplit

from snapshotter.edge.exchange import Lost
from snapshotter.frozen import dataclass
from snapshotter.model import Miss

_PORTS = {"http": 80, "https": 443}
# Stricter than any parser, so that no two parsers see different hosts: no user, no backslash, no white space.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?=[/?#]|$)",
    re.IGNORECASE,
)
_READABLE = "".join(chr(code) for code in range(0x21, 0x7F))
_ALL_READABLE = re.compile(r"[!-~]*")
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    def is_named_by(self, hosts: Sequence[str]) -> bool:
        """Whether it is in a list of hosts; one without a port (`files.example.com`) means the usual port."""
        usual = self.port == _PORTS[self.scheme]
        named = {host.lower() for host in hosts}
        return f"{self.host}:{self.port}" in named or (usual and self.host in named)


def tidy(url: str) -> str:
    """The URL in ASCII and without a fragment, otherwise as given; `Lost` if it is none that we would ask."""
    whole = url.partition("#")[0]
    if not whole.isascii():
        head, mark, rest = whole.partition("://")
        host = re.split(r"[/?]", rest, maxsplit=1)[0]
        whole = head + mark + _ascii_host(host) + quote(rest[len(host) :], safe=_READABLE)
    whole = whole.replace(" ", "%20")
    if not _URL.match(whole) or not _ALL_READABLE.fullmatch(whole):
        raise Lost(Miss.ORIGIN, f"{_shown(url)} is not an http or https URL that can be asked")
    return whole


def origin_of(url: str) -> Origin:
    """The origin of a tidy URL."""
    found = _URL.match(url)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise Lost(Miss.ORIGIN, f"{_shown(url)} is not an http or https URL that can be asked")
    scheme = found["scheme"].lower()
    return Origin(scheme, found["host"].lower(), int(found["port"] or _PORTS[scheme]))


def target_of(url: str) -> str:
    """What a request line says of a tidy URL: its path, never empty and never read as a host, and its query."""
    found = _URL.match(url)
    rest = url[found.end() :] if found else url
    return f"/{rest.lstrip('/')}" if rest.startswith("//") or not rest.startswith("/") else rest


def with_params(url: str, params: Sequence[tuple[str, str]]) -> str:
    """The URL with these parameters behind the ones it has."""
    if not params:
        return url
    joiner = "&" if urlsplit(url).query else "" if url.endswith("?") else "?"
    return url + joiner + "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in params])


def with_param(url: str, name: str, value: str) -> str:
    """The URL with this parameter in place of any of that name."""
    return with_params(without_params(url, lambda other, _: other == name), ((name, value),))


def without_params(url: str, unwanted: Callable[[str, str], bool]) -> str:
    """The URL without the parameters for which `unwanted(name, value)` holds; the others stay as they are written."""
    head, mark, query = url.partition("?")
    if not mark:
        return url
    kept = [piece for piece in query.split("&") if not unwanted(*_pair(piece))]
    return f"{head}?{'&'.join(kept)}" if kept else head


def proxy_for(origin: Origin, env: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for this origin; this machine is never asked through one."""
    if origin.is_loopback or _is_exempt(origin, _setting(env, "no_proxy")):
        return None
    return _setting(env, f"{origin.scheme}_proxy") or _setting(env, "all_proxy")


# --- inside ---


def _quoted(text: str) -> str:
    """The text as it may stand in a query; most of it may as it is, and `quote` takes ten times as long to say so."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="")


def _shown(url: str) -> str:
    """A URL without what may be secret in it: its query, and a user's name."""
    head = re.sub(r"//[^/?#]*@", "//…@", url.partition("?")[0])
    return repr(head if len(head) <= 200 else head[:199] + "…")


def _ascii_host(host: str) -> str:
    name, colon, port = host.partition(":")
    try:
        return name.encode("idna").decode() + colon + port
    except UnicodeError:
        return host  # `tidy` refuses it by its form


def _pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return unquote_plus(name), unquote_plus(value)


def _setting(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name) or env.get(name.upper()) or None


def _is_exempt(origin: Origin, no_proxy: str | None) -> bool:
    return any(_exempts(entry.strip().lower(), origin) for entry in (no_proxy or "").split(",") if entry.strip())


def _exempts(entry: str, origin: Origin) -> bool:
    if entry == "*":
        return True
    host = origin.host.strip("[]")
    name, _, port = entry.rpartition(":") if re.fullmatch(r"[^:]+:\d+", entry) else (entry, "", "")
    if port and int(port) != origin.port:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        suffix = name.removeprefix("*").removeprefix(".")
        return host == suffix or host.endswith(f".{suffix}")
