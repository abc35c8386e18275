"""What an address says by itself: where the API is, which endpoint, which parameters, and which of them are secrets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import Pairs, Secretive
from snapshotter.spec import Slot

_CREDENTIAL = re.compile(
    r"(.*_)?(api_?key|access_?key|auth_?key|subscription_?key|consumer_?key|app_?id|client_?secret|secret(_key)?|"
    r"password|passwd|pwd|pass|token|auth|authorization|signature|sig|session(_?id)?|sid|key|bearer|jwt|credentials?)"
)
_NO_CREDENTIAL = re.compile(r".*(page|next|continuation|sync|cursor|scroll)_?token|.*sort_?key|.*group_?key")
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.~]{20,}")
_PATH_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_\-:]{28,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VERSION = re.compile(r"v?\d+(\.\d+)*")
_COMMON = ("api", "www", "rest", "data", "archive-api", "archive", "v1", "v2", "query", "search", "list", "json")
_LONGEST_NAME = 63
RESERVED = ("sources", "schema", "docs", "snapshot", "recordings")


@dataclass(frozen=True, slots=True)
class Credential:
    """A value of the address that must never be seen again."""

    name: str  # in [secrets]
    param: str  # in the query; "" for the password before the host
    value: str = field(repr=False)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart."""

    base_url: str
    path: str
    pairs: tuple[tuple[str, str], ...]  # the query without secrets
    credentials: tuple[Credential, ...] = ()
    path_holds_token: bool = False

    @property
    def values(self) -> Mapping[str, str]:
        """The secret values by name."""
        return {item.name: item.value for item in self.credentials}

    def public_params(self) -> Pairs:
        """The parameters to ask with; secrets by name."""
        hidden = [(item.param, Secretive((Slot("secrets", item.name),))) for item in self.credentials if item.param]
        return (*self.pairs, *hidden)

    @property
    def shown(self) -> str:
        """The address without its secrets."""
        query = "&".join(f"{name}={value}" for name, value in self.pairs)
        hidden = "&".join(f"{item.param}={{secrets.{item.name}}}" for item in self.credentials if item.param)
        both = "&".join(part for part in (query, hidden) if part)
        return f"{self.base_url}{self.path}{'?' if both else ''}{both}"


def read_address(url: str) -> Address:
    """An address taken apart; `UsageError` where it is none that can be asked. No message shows its query."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("this address cannot be read; write it like https://api.example.org/v1/items") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("an address begins with http:// or https:// and names a host")
    shown_host = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{shown_host}{f':{port}' if port else ''}"
    path = "/" + quote(_LONE_PERCENT.sub("%25", parts.path.lstrip("/")), safe="/%:@!$&'()*+,;=~-._")
    if any(step in (".", "..") for step in unquote(path).replace("\\", "/").split("/")):
        raise UsageError('the path of this address has steps like ".."; write it without them')
    public, in_query = _parted(parse_qsl(parts.query, keep_blank_values=True))
    holds_token = any(
        _PATH_TOKEN.fullmatch(part) and not _UUID.fullmatch(part) and not _VERSION.fullmatch(part)
        for part in path.split("/")
    )
    credentials = (*_userinfo(parts), *in_query)
    if credentials and parts.scheme == "http" and not (host == "localhost" or host.startswith("127.") or host == "::1"):
        raise UsageError("this address holds a secret, which would travel in the open; write it with https://")
    return Address(base, path, public, credentials, holds_token)


def _userinfo(parts: SplitResult) -> Iterable[Credential]:
    if parts.username:
        yield Credential("username", "", unquote(parts.username), "it stands before the host")
        yield Credential("password", "", unquote(parts.password or ""), "it stands before the host")


def _parted(pairs: list[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], tuple[Credential, ...]]:
    public: list[tuple[str, str]] = []
    found: dict[str, Credential] = {}
    for name, value in pairs:
        why = why_credential(name, value)
        if why is None:
            if name:
                public.append((name, value))
            continue
        secret = as_name(name, "key").replace("-", "_")
        while secret in found or secret in ("username", "password"):
            secret += "_2"
        found[secret] = Credential(secret, name, value, why)
    return tuple(public), tuple(found.values())


def why_credential(name: str, value: str) -> str | None:
    """Why a parameter is taken for a secret, or None."""
    plain = snake(name)
    if not value or _NO_CREDENTIAL.fullmatch(plain):
        return None
    if _CREDENTIAL.fullmatch(plain):
        return "its name is one of a credential"
    mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    if mixed and _TOKEN.fullmatch(value) and not re.match(r"\d{4}-\d\d-\d\d", value) and _bits(value) > 3.5:
        return "its value looks random"
    return None


def _bits(text: str) -> float:
    """How many bits a character of it tells."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def snake(name: str) -> str:
    """A name of any habit in lower case with `_` between its words."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def as_name(text: str, otherwise: str) -> str:
    """A text as the name of a source or stream."""
    found = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:_LONGEST_NAME]
    return found if found and found[0].isalpha() and found.isascii() and found not in RESERVED else otherwise


def source_name(address: Address) -> str:
    """What the source may be called: the telling part of its host."""
    host = urlsplit(address.base_url).hostname or ""
    if re.fullmatch(r"[0-9.]+|.*:.*|localhost", host):
        return "local"
    parts = [part for part in host.split(".")[:-1] if part not in _COMMON] or [host.split(".")[0]]
    return as_name(parts[-1], "source")


def stream_name(address: Address) -> str:
    """What the stream may be called: the last telling part of its path."""
    parts = [unquote(part).rsplit(".", 1)[0] for part in address.path.split("/") if part]
    told = [part for part in parts if part.lower() not in _COMMON and re.fullmatch(r"[A-Za-z][A-Za-z_-]{2,30}", part)]
    return as_name(snake(told[-1]) if told else "", "records")


def doubled(text: str) -> str:
    """A text whose braces stand for themselves."""
    return text.replace("{", "{{").replace("}", "}}")
