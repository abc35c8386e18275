"""Values that must not be seen: every known secret, in every form we know, is replaced by its name.

Pure and importable by all. `hide` is what each sink does to its text; `found_in` looks through bodies and is fast.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from urllib.parse import quote, quote_plus

from snapshotter.frozen import dataclass

SHORTEST = 8  # shorter values stand in ordinary text by chance: they are masked only where we put them ourselves

_PLACEHOLDER = re.compile(r"\{secrets\.([^{}|]+)(?:\|([a-z0-9.]+))?\}")
_URL, _JSON, _HTML = "url", "json", "html"
_JAVASCRIPT_SAFE = "~!*'()"  # what encodeURIComponent leaves alone
_PATH_SAFE = "/:@!$&'()*+,;=~"  # what may stand in a path as it is


@dataclass(frozen=True, slots=True)
class _Secret:
    """One value with all that is needed to find it; never shown by `repr`."""

    name: str
    value: str = field(repr=False)
    pattern: re.Pattern[str] = field(repr=False)
    forms: Mapping[str, str] = field(repr=False)  # the word after `|` in a placeholder -> text
    needles: tuple[bytes, ...] = field(repr=False)

    def placeholder(self, found: str) -> str:
        """What stands in place of the text that was found."""
        if found == self.value:
            return f"{{secrets.{self.name}}}"
        form = next((word for word, text in self.forms.items() if text == found), None) or _guessed_form(found)
        return f"{{secrets.{self.name}|{form}}}"


class Masker:
    """Hides the values it was given. Safe to share between threads; values may be added at any time."""

    __slots__ = ("_lock", "_public", "_secrets")

    def __init__(self, values: Mapping[str, str] | None = None, public: Collection[str] = ()) -> None:
        self._lock = threading.Lock()
        self._public = frozenset(public)
        self._secrets: tuple[_Secret, ...] = ()
        for name in sorted(values or {}):
            self.add(name, (values or {})[name])

    def __repr__(self) -> str:
        return f"Masker({len(self._secrets)} secrets)"

    def add(self, name: str, value: str) -> None:
        """Hide this value from now on too; a name may have several (a rotated token stays secret)."""
        if len(value) < SHORTEST or name in self._public:
            return
        with self._lock:
            if not any(secret.value == value for secret in self._secrets):
                self._secrets = (*self._secrets, _secret(name, value))

    def hide(self, text: str) -> str:
        """The text with `{secrets.NAME}` for every secret; the same text again if it holds none.

        Other spellings than the plain one are named too (`{secrets.NAME|url}`), so that `restore` gives them back.
        """
        if not self._secrets:
            return text
        spans = sorted(self._spans(text), key=lambda span: (span[0], -span[1]))
        if not spans:
            return text
        pieces: list[str] = []
        done = 0
        for start, end, secret in spans:
            if end <= done:
                continue  # inside a longer one
            pieces += [text[done:start], secret.placeholder(text[start:end])]
            done = end
        return "".join((*pieces, text[done:]))

    def hide_bytes(self, data: bytes) -> bytes:
        """`hide` for bytes in UTF-8; anything else in them stays as it is."""
        text = data.decode("utf-8", "surrogateescape")
        hidden = self.hide(text)
        return data if hidden is text else hidden.encode("utf-8", "surrogateescape")

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to hide."""
        return not self._secrets

    def found_in(self, data: bytes) -> str | None:
        """The name of a secret whose value stands in the data, or None."""
        for secret in self._secrets:
            if any(needle in data for needle in secret.needles):
                return secret.name
        return None

    def restore(self, text: str) -> str:
        """The text with the values back in place of their names; unknown names stay.

        A text from outside may hold a placeholder of its own: what is restored may go to the secret's own origin only.
        """
        if "{secrets." not in text:
            return text
        known = {secret.name: secret for secret in reversed(self._secrets)}

        def value_of(found: re.Match[str]) -> str:
            secret = known.get(found[1])
            if secret is None:
                return found[0]
            return secret.value if found[2] is None else secret.forms.get(found[2], found[0])

        return _PLACEHOLDER.sub(value_of, text)

    def _spans(self, text: str) -> Iterator[tuple[int, int, _Secret]]:
        for secret in self._secrets:
            for found in secret.pattern.finditer(text):
                yield found.start(), found.end(), secret


def _secret(name: str, value: str) -> _Secret:
    encoded = dict(_base64_forms(value))
    forms = {_URL: quote(_raw(value), safe=""), _JSON: json.dumps(value)[1:-1], _HTML: html.escape(value), **encoded}
    in_base64 = (re.escape(text) for text in sorted(encoded.values(), key=len, reverse=True))
    pattern = "|".join(("".join(_spellings(char) for char in value), *in_base64))
    return _Secret(name, value, re.compile(pattern), forms, _needles(value, forms))


def _needles(value: str, forms: Mapping[str, str]) -> tuple[bytes, ...]:
    """The spellings that programs really write, as bytes; `found_in` takes no others, for speed."""
    whole = _raw(value)
    quoted = {quote(whole, safe=safe) for safe in ("", "/", _JAVASCRIPT_SAFE, _PATH_SAFE)} | {quote_plus(whole)}
    quoted |= {quote(_raw(forms[name]), safe="") for name in (_JSON, _HTML)}  # JSON or HTML that stands in a URL
    lower = {re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in quoted}
    raw = json.dumps(value, ensure_ascii=False)[1:-1]
    spelt = {value, raw, raw.replace("/", "\\/"), forms[_JSON].replace("/", "\\/"), *forms.values(), *quoted, *lower}
    return tuple(sorted((_raw(text) for text in spelt), key=len))


def _raw(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that no byte stands behind
        return text.encode("utf-8", "surrogatepass")


_BACKSLASHES = (
    r"(?:\\|%(?:25){0,4}5c){1,16}"  # also where JSON stands in a URL; bounded, or a run of them takes for ever
)


def _spellings(char: str) -> str:
    """A pattern for one character in any spelling: plain, percent-encoded (also twice), in JSON, HTML or `repr`."""
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in _raw(char))
    units = char.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"{_BACKSLASHES}u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
    spelt = [re.escape(char), f"(?i:{percent})", f"(?i:{escaped})"]
    if char in _OTHER_SPELLINGS:
        others = [form for other in _OTHER_SPELLINGS[char] for form in (other, quote(other, safe=""))]
        spelt += [f"(?i:{re.escape(other)})" for other in others]
    if char in "\\\"'/":
        spelt.insert(0, f"(?i:{_BACKSLASHES})(?:{re.escape(char)}|(?i:{percent}))")
    return f"(?:{'|'.join(spelt)})"


_OTHER_SPELLINGS = {
    " ": ("+",),
    "&": ("&amp;", "&#38;"),
    "<": ("&lt;", "&#60;"),
    ">": ("&gt;", "&#62;"),
    '"': ("&quot;", "&#34;", "&#x22;"),
    "'": ("&#x27;", "&#39;", "&apos;"),
    "\n": ("\\n",),
    "\r": ("\\r",),
    "\t": ("\\t",),
}


def _base64_forms(value: str) -> Iterator[tuple[str, str]]:
    """The value in base64 behind 0, 1 or 2 other bytes: the characters that depend on the value alone."""
    raw = _raw(value)
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw).decode()
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        whole = coded[first:last]
        yield f"base64.{before}", whole
        if "+" in whole or "/" in whole:
            yield f"base64url.{before}", whole.replace("+", "-").replace("/", "_")


def _guessed_form(found: str) -> str:
    """The form of an unusual spelling: restoring it gives the usual spelling of the same value."""
    if "%" in found or "+" in found:
        return _URL
    return _HTML if "&" in found else _JSON
