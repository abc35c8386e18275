"""The kinds of values that go into a request: paths, parameters, headers, bodies, credentials, secret references."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from snapshotter.core.config.kinds import header_name
from snapshotter.core.config.placeholders import CREDENTIALS, is_plain, read_text, read_value, slots_of
from snapshotter.core.config.problems import WRONG, nearest
from snapshotter.core.config.tables import At, Kind, Schema
from snapshotter.spec import SecretRef, Template

SCALAR: Schema = {"type": ["string", "integer", "number", "boolean"]}
_OURS = ("host", "content-length", "transfer-encoding", "connection", "cookie", "te", "upgrade")
_CREDENTIAL_HEADERS = ("authorization", "proxy-authorization")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_PATH_TEXT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", re.ASCII)
WORD_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]*$"
SECRET_KINDS = ("env", "file", "keyring", "command")


def path(roots: tuple[str, ...]) -> Kind:
    """The path of an endpoint, below the base URL."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, str):
            return at.wrong("must be a text, in quotes", raw)
        if not raw.startswith("/") or raw.startswith("//"):
            return at.wrong('a path starts with one "/" and goes on from base_url, like "/users"', raw)
        value = read_text(raw, at, roots=roots, in_path=True)
        return value if isinstance(value, Template) and _is_path(value, raw, at) else WRONG

    return Kind("path", read, lambda: {"type": "string", "pattern": "^/"})


def _is_path(template: Template, raw: str, at: At) -> bool:
    written = "".join(part if isinstance(part, str) else "x" for part in template.parts)
    if "?" in written or "#" in written:
        at.wrong("a path has no ? and no #; parameters go into params", raw)
    elif any(step in (".", "..") for step in unquote(written).replace("\\", "/").split("/")):
        at.wrong('a path must not have the steps "." or ".."', raw)
    elif not _PATH_TEXT.fullmatch(written):
        at.wrong("a path has letters, digits and the characters of URLs only; percent-encode the rest", raw)
    else:
        return True
    return False


def template(roots: tuple[str, ...]) -> Kind:
    """A text with placeholders; it reads as a `Template`."""

    def read(raw: Any, at: At) -> Any:
        return _as_template(raw, at, roots=roots)

    return Kind("text with placeholders", read, lambda: {"type": "string"})


def _as_template(raw: Any, at: At, *, roots: tuple[str, ...]) -> Any:
    if not isinstance(raw, str):
        return at.wrong("must be a text, in quotes")
    value = read_text(raw, at, roots=roots, is_secret=True)
    if value is WRONG:
        return WRONG
    return value if isinstance(value, Template) else Template((str(value),))


def credential(*, may_be_written: bool = False) -> Kind:
    """A value that comes from `[secrets]`. What is written here instead is never shown."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, str):
            return at.wrong('must be a text, in quotes, like "{secrets.token}"')
        value = _as_template(raw, at, roots=CREDENTIALS)
        if value is WRONG or may_be_written or holds_secret(value):
            return value
        return at.wrong('a secret must not stand in this file; name it in [secrets] and write "{secrets.NAME}" here')

    return Kind("credential", read, lambda: {"type": "string"})


def is_word(text: str) -> bool:
    """Whether a text may name a variable or a secret."""
    return _WORD.fullmatch(text) is not None


def holds_secret(value: Any) -> bool:
    """Whether a value names a secret."""
    return any(slot.root == "secrets" for slot in slots_of(value))


def parameters(roots: tuple[str, ...]) -> Kind:
    """Names with values: texts, numbers, booleans, or lists of them; a list repeats the name."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, dict):
            return at.wrong("must be a table of names and values", raw)
        values = {name: _parameter(value, at / name, roots=roots) for name, value in raw.items()}
        return WRONG if WRONG in values.values() else values

    def schema() -> Schema:
        many = {"type": "array", "items": SCALAR}
        return {"type": "object", "additionalProperties": {"anyOf": [SCALAR, many]}}

    return Kind("table of values", read, schema)


def _parameter(raw: Any, at: At, *, roots: tuple[str, ...]) -> Any:
    if isinstance(raw, dict) or (isinstance(raw, list) and any(isinstance(item, dict | list) for item in raw)):
        return at.wrong("must be a text, a number, a boolean or a list of these", raw)
    return read_value(raw, at, roots=roots)


def body(roots: tuple[str, ...]) -> Kind:
    """A JSON value whose texts may have placeholders."""
    return Kind("JSON value", lambda raw, at: read_value(raw, at, roots=roots), dict)


def headers(roots: tuple[str, ...]) -> Kind:
    """Headers by name."""
    name_kind = header_name()

    def one(name: str, raw: Any, at: At) -> Any:
        if name_kind.read(name, at) is WRONG:
            return WRONG
        if name.lower() in _OURS:
            return at.wrong(f"the header {name} is not yours to set")
        if not is_plain(raw):
            return at.wrong("must be a text, a number or a boolean")
        value = read_value(raw, at, roots=roots)
        if name.lower() in _CREDENTIAL_HEADERS and value is not WRONG and not holds_secret(value):
            return at.wrong("a secret must not stand in this file; use [auth], or {secrets.NAME} here")
        return at.wrong("must be on one line") if isinstance(raw, str) and not raw.isprintable() else value

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, dict):
            return at.wrong("must be a table of names and values", raw)
        values = {name: one(name, value, at / name) for name, value in raw.items()}
        return WRONG if WRONG in values.values() else values

    return Kind("table of headers", read, lambda: {"type": "object", "additionalProperties": SCALAR})


def variables() -> Kind:
    """Plain values by name."""

    def one(name: str, raw: Any, at: At) -> Any:
        if not is_word(name):
            return at.wrong("a name has letters, digits, - and _ and starts with a letter or _")
        return raw if is_plain(raw) else at.wrong("must be a text, a number or a boolean (a date: in quotes)", raw)

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, dict):
            return at.wrong("must be a table of names and values", raw)
        return {name: one(name, value, at / name) for name, value in raw.items()}

    def schema() -> Schema:
        return {"type": "object", "propertyNames": {"pattern": WORD_PATTERN}, "additionalProperties": SCALAR}

    return Kind("table of values", read, schema)


def secret_references() -> Kind:
    """Where each secret is found. Nothing of a value is ever shown: it may be the secret itself, pasted by mistake."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, dict):
            return at.wrong("must be a table of names and places")
        return {name: _secret(name, value, at / name) for name, value in raw.items()}

    def schema() -> Schema:
        place: Schema = {"type": "string", "pattern": f"^({'|'.join(SECRET_KINDS)}):."}
        table: Schema = {
            "type": "object",
            "properties": {"from": place, "public": {"type": "boolean"}},
            "required": ["from"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "propertyNames": {"pattern": WORD_PATTERN},
            "additionalProperties": {"anyOf": [place, table]},
        }

    return Kind("table of secret references", read, schema)


def _secret(name: str, raw: Any, at: At) -> Any:
    if not is_word(name):
        return at.wrong("a name has letters, digits, - and _ and starts with a letter or _")
    place, public = raw, False
    if isinstance(raw, dict):
        place, public = raw.get("from"), raw.get("public", False)
        for key in raw.keys() - {"from", "public"}:
            (at / key).wrong("unknown key; a secret has from and public", hint=nearest(key, ("from", "public")))
        if not isinstance(public, bool):
            return (at / "public").wrong("must be true or false")
    kind, colon, where = place.partition(":") if isinstance(place, str) else ("", "", "")
    if not colon or kind not in SECRET_KINDS or not where.strip():
        return at.wrong(
            'says where the secret is, not the secret: "env:NAME", "file:PATH", "keyring:SERVICE/USER" or "command:…"'
        )
    if kind == "env" and not _ENV.fullmatch(where):
        return at.wrong('after "env:" stands the name of a variable: letters, digits and _')
    if kind == "keyring" and not all(where.partition("/")):
        return at.wrong('after "keyring:" stand service and user, like "keyring:oura/token"')
    return SecretRef(name, kind, where, public) if where.isprintable() else at.wrong("must be on one line")  # type: ignore[arg-type]


def address_of_notice() -> Kind:
    """An address that may hold secrets, for messages and pings; written-out passwords are refused."""

    def read(raw: Any, at: At) -> Any:
        value = _as_template(raw, at, roots=CREDENTIALS)
        if value is WRONG:
            return WRONG
        if any("@" in part.partition("://")[2].partition("/")[0] for part in value.parts if isinstance(part, str)):
            return at.wrong("an address must not hold a user or a password; put all of it into [secrets]")
        return value

    return Kind("URL", read, lambda: {"type": "string"})
