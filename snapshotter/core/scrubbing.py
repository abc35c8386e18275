"""What a recording must not tell: secrets stand by name, personal values by stand-ins that keep their type.

The same value has the same stand-in everywhere, so that what belongs together still does. Stand-ins are counted, never
computed from the value, so that nobody can guess their way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from snapshotter.canonical import Json, Number, decode, encode
from snapshotter.core.recordings import Answered, Asked, Pairs, Taken
from snapshotter.core.select import change, parse_path
from snapshotter.errors import Unreadable, UsageError
from snapshotter.masking import Masker

KEPT_HEADERS = ("accept", "content-type", "if-none-match", "if-modified-since")  # of a request; no other tells a reader
HIDDEN_HEADERS = (
    "set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization", "authentication-info",
    "www-authenticate", "content-length", "content-encoding", "transfer-encoding", "connection",
)  # fmt: skip
_LONG_TEXT, _LONG_NUMBER = 4, 1000  # shorter values stand in other places by chance


class Secrets:
    """Puts names in place of secrets: long ones wherever they stand, short ones where they are a whole value."""

    def __init__(self, values: Mapping[str, str], masker: Masker) -> None:
        self._names = {value: name for name, value in values.items() if value}
        self._masker = masker

    def value(self, text: str) -> str:
        """A whole value: of a parameter, a header, a segment of a path."""
        name = self._names.get(text)
        return self._masker.hide(text) if name is None else f"{{secrets.{name}}}"

    def pairs(self, pairs: Pairs) -> Pairs:
        """Values by name."""
        return tuple((name, self.value(text)) for name, text in pairs)

    def url(self, url: str) -> str:
        """An address."""
        parts = urlsplit(url)
        path = "/".join(self._in_url(segment) for segment in parts.path.split("/"))
        query = "&".join(self._pair(piece) for piece in parts.query.split("&")) if parts.query else ""
        return self._masker.hide(urlunsplit((parts.scheme, parts.netloc, path, query, "")))

    def texts(self, value: Json) -> Json:
        """All texts of a JSON value."""
        match value:
            case str():
                return self.value(value)
            case dict():
                return {self._masker.hide(name): self.texts(inner) for name, inner in value.items()}
            case list():
                return [self.texts(inner) for inner in value]
            case _:
                return value

    def _pair(self, piece: str) -> str:
        name, mark, text = piece.partition("=")
        return f"{name}{mark}{self._in_url(text)}"

    def _in_url(self, text: str) -> str:
        plain = unquote(text.replace("+", " "))
        named = self.value(plain)
        return text if named == plain else named


def without_secrets(taken: Taken, secrets: Secrets, masker: Masker) -> Taken:
    """An exchange with every secret by its name, in what was sent and in what came."""
    asked, answered = taken.asked, taken.answered
    body = secrets.pairs(asked.body) if isinstance(asked.body, tuple) else secrets.texts(asked.body)
    sent = tuple(pair for pair in asked.headers if pair[0].lower() in KEPT_HEADERS)
    came = tuple((name, masker.hide(text)) for name, text in answered.headers if name not in HIDDEN_HEADERS)
    return Taken(
        Asked(asked.method, secrets.url(asked.url), body, secrets.pairs(sent)),
        Answered(answered.status, came, masker.hide_bytes(answered.body)),
    )


# --- personal values ---


class StandIns:
    """Stand-ins for the values at some paths of the answers."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [parse_path(path) for path in paths]
        self._seen = dict.fromkeys(paths, 0)
        self._known: dict[tuple[type, Any], Json] = {}
        self._in_texts = re.compile(r"(?!)")

    def replaced(self, exchanges: Sequence[Taken]) -> tuple[Taken, ...]:
        """The exchanges with stand-ins; `UsageError` for a path at which nothing stands."""
        if not self._paths:
            return tuple(exchanges)
        bodies = [self._at_paths(taken.answered.body) for taken in exchanges]
        for path, count in self._seen.items():
            if not count:
                raise UsageError(
                    f"--scrub {path}: no answer has such a member; write it from the top, like data[*].name"
                )
        self._in_texts = self._pattern()
        pairs = zip(exchanges, bodies, strict=True)
        return tuple(self._everywhere(taken, body) for taken, body in pairs)

    def _at_paths(self, body: bytes) -> Json:
        try:
            value = decode(body).value
        except Unreadable:
            return None
        for path in self._paths:
            value, count = change(path, value, self._leaves)
            self._seen[path.text] += count
        return value

    def _leaves(self, value: Json) -> Json:
        match value:
            case dict():
                return {name: self._leaves(inner) for name, inner in value.items()}
            case list():
                return [self._leaves(inner) for inner in value]
            case None | bool():
                return value
            case _:
                return self._stand_in(value)

    def _stand_in(self, value: Any) -> Json:
        key = (type(value), value)
        if key not in self._known and value not in self._known.values():
            self._known[key] = _made(value, len(self._known) + 1)
        return self._known.get(key, value)

    def _pattern(self) -> re.Pattern[str]:
        texts = [str(value) for _, value in self._known if _is_telling(value)]
        spelt = {form for text in texts for form in (text, quote(text, safe=""))}
        longest_first = "|".join(re.escape(text) for text in sorted(spelt, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)") if spelt else re.compile(r"(?!)")

    def _everywhere(self, taken: Taken, body: Json) -> Taken:
        asked, answered = taken.asked, taken.answered
        came = answered.body if body is None else encode(self._json(body))
        sent = tuple((name, self._text(text)) for name, text in asked.body) if isinstance(asked.body, tuple) else None
        return Taken(
            Asked(asked.method, self._text(asked.url), sent or self._json(asked.body), asked.headers),
            Answered(answered.status, tuple((name, self._text(text)) for name, text in answered.headers), came),
        )

    def _json(self, value: Any) -> Json:
        match value:
            case str():
                return self._text(value)
            case dict():
                return {name: self._json(inner) for name, inner in value.items()}
            case list():
                return [self._json(inner) for inner in value]
            case None | bool():
                return value
            case _:
                return self._known.get((type(value), value), value) if _is_telling(value) else value

    def _text(self, text: str) -> str:
        return self._in_texts.sub(lambda found: str(self._of_text(found[0])), text)

    def _of_text(self, text: str) -> Json:
        spelt = (text, unquote(text))
        return next((made for (_, old), made in self._known.items() if str(old) in spelt), text)


def _is_telling(value: object) -> bool:
    match value:
        case str():
            return len(value) >= _LONG_TEXT
        case int():
            return abs(value) >= _LONG_NUMBER
        case _:
            return True


def _made(value: Any, number: int) -> Json:
    match value:
        case str() if value.isdecimal():
            return _digits(len(value), number)
        case str() if "@" in value:
            return f"person-{number}@example.org"
        case str():
            return f"stand-in-{number}"
        case int():
            return int(_digits(len(str(abs(value))), number))
        case Number() | float():
            return number + 0.5
        case _:
            return None


def _digits(length: int, number: int) -> str:
    """As many digits, and never a leading zero."""
    return str(10 ** (length - 1) + number) if length > len(str(number)) else str(number)
