"""The kinds of plain values: numbers, lengths of time, words, names, zones, addresses, expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from snapshotter.core.config.placeholders import fill
from snapshotter.core.config.problems import WRONG, nearest
from snapshotter.core.config.tables import At, Kind, Schema
from snapshotter.core.select import compile_expression, parse_path
from snapshotter.core.spans import FORM, parse_span
from snapshotter.errors import ConfigError
from snapshotter.spec import Where

NAME = r"[a-z][a-z0-9_-]{0,62}"
RESERVED = ("sources", "schema", "docs", "snapshot", "recordings")
PLACEHOLDER: Schema = {"type": "string", "pattern": r"\{(vars\.|account)"}
SPAN_PATTERN = r"^(([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|w))+|P[0-9YMWDTHS.]+)$"
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HOST = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_MACHINE_ZONES = ("localtime", "posixrules", "Factory")


def _kind(word: str, read: Callable[[Any, At], Any], schema: Schema, *, values: tuple[str, ...] = ()) -> Kind:
    """A kind whose value may also be given by `{vars.x}`."""

    def filled(raw: Any, at: At) -> Any:
        value = fill(raw, at)
        return WRONG if value is WRONG else read(value, at)

    return Kind(word, filled, lambda: {"anyOf": [schema, PLACEHOLDER]}, values=values)


def _text(word: str, check: Callable[[str, At], Any], schema: Schema | None = None, *, is_hidden: bool = False) -> Kind:
    """A kind that is a text of some form; what it looks like is checked by `check`."""

    def read(raw: Any, at: At) -> Any:
        if isinstance(raw, str):
            return check(raw, at)
        return at.wrong("must be a text, in quotes") if is_hidden else at.wrong("must be a text, in quotes", raw)

    return _kind(word, read, {"type": "string"} | (schema or {}))


def _raw_text(word: str, check: Callable[[str, At], Any], schema: Schema | None = None) -> Kind:
    """Like `_text`, but braces mean themselves."""

    def read(raw: Any, at: At) -> Any:
        return check(raw, at) if isinstance(raw, str) else at.wrong("must be a text, in quotes", raw)

    return Kind(word, read, lambda: {"type": "string"} | (schema or {}))


def text() -> Kind:
    """Any text on one line."""

    def check(raw: str, at: At) -> Any:
        if not raw:
            return at.wrong("must not be empty")
        return raw if raw.isprintable() else at.wrong("must not contain control characters or line breaks", raw)

    return _text("text", check, {"minLength": 1})


def any_text() -> Kind:
    """A text that may be empty and whose braces mean themselves."""
    return _raw_text("text", lambda raw, at: raw)


def name() -> Kind:
    """A name that becomes a folder of the archive."""
    return _raw_text("name", _name, {"pattern": f"^{NAME}$", "not": {"enum": list(RESERVED)}})


def _name(raw: str, at: At) -> Any:
    if raw in RESERVED:
        return at.wrong(f"{raw!r} is kept for the archive itself; choose another name")
    if not re.fullmatch(NAME, raw):
        return at.wrong("a name has small letters, digits, - and _, starts with a letter and has at most 63", raw)
    return raw


def flag() -> Kind:
    """True or false."""
    return _kind(
        "boolean",
        lambda raw, at: raw if isinstance(raw, bool) else at.wrong("must be true or false", raw),
        {"type": "boolean"},
    )


def whole(least: int, most: int = 2**53) -> Kind:
    """A whole number."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, int) or isinstance(raw, bool):
            return at.wrong("must be a whole number", raw)
        if not least <= raw <= most:
            return at.wrong(f"must be {f'{least} to {most}' if most < 2**53 else f'at least {least}'}", raw)
        return raw

    return _kind("whole number", read, {"type": "integer", "minimum": least, "maximum": most})


def positive() -> Kind:
    """A number above zero."""

    def read(raw: Any, at: At) -> Any:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            return at.wrong("must be a number", raw)
        return float(raw) if 0 < raw < 1e9 else at.wrong("must be above 0", raw)

    return _kind("number", read, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e9})


def duration(*, may_be_zero: bool = False) -> Kind:
    """A length of time, with its unit."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, str):
            return at.wrong(f"a length of time is a text with its unit, like {FORM}", raw)
        try:
            span = parse_span(raw)
        except ConfigError as error:
            return at.wrong(str(error), raw)
        return at.wrong("must be longer than nothing", raw) if span.is_zero and not may_be_zero else span

    return _kind("length of time", read, {"type": "string", "pattern": SPAN_PATTERN})


def size() -> Kind:
    """A number of bytes, with its unit; it reads as an int."""
    form = re.compile(rf"([0-9]{{1,9}}) ?({'|'.join(_SIZES)})", re.ASCII)

    def read(raw: Any, at: At) -> Any:
        found = form.fullmatch(raw) if isinstance(raw, str) else None
        if found is None or not int(found[1]):
            return at.wrong('a size is a text with its unit, like "64MiB"', raw)
        return int(found[1]) * _SIZES[found[2]]

    return _kind("size", read, {"type": "string", "pattern": f"^0*[1-9][0-9]{{0,8}} ?({'|'.join(_SIZES)})$"})


def percent() -> Kind:
    """A share of the whole, as `20%`; it reads as a float."""
    form = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", re.ASCII)

    def read(raw: Any, at: At) -> Any:
        found = form.fullmatch(raw) if isinstance(raw, str) else None
        if found is None or float(found[1]) > 100:
            return at.wrong('a share is a text from "0%" to "100%"', raw)
        return float(found[1]) / 100

    return _kind("percentage", read, {"type": "string", "pattern": r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,6})?) ?%$"})


def one_of(*words: str, refused: Mapping[str, str] | None = None) -> Kind:
    """One of a few words; `refused` says of others why they are none."""

    def read(raw: Any, at: At) -> Any:
        if isinstance(raw, str) and raw in words:
            return raw
        if isinstance(raw, str) and refused and raw in refused:
            return at.wrong(refused[raw], raw)
        hint = nearest(raw, words) if isinstance(raw, str) else None
        return at.wrong(f"must be one of {', '.join(words)}", raw, hint=hint)

    return _kind("one of", read, {"enum": list(words)}, values=words)


def list_of(kind: Kind, *, least: int = 0) -> Kind:
    """A list of values of one kind; it reads as a tuple."""

    def read(raw: Any, at: At) -> Any:
        if not isinstance(raw, list):
            return at.wrong(f"must be a list of {kind.word}s", raw)
        if len(raw) < least:
            return at.wrong("must not be an empty list")
        items = [kind.read(item, at / index) for index, item in enumerate(raw)]
        return WRONG if WRONG in items else tuple(items)

    def schema() -> Schema:
        return {"type": "array", "items": kind.schema(), "minItems": least}

    return Kind(f"list of {kind.word}s", read, schema, values=kind.values)


def one_or_many(kind: Kind) -> Kind:
    """One value or a list of them; both read as a tuple."""
    many = list_of(kind, least=1)

    def read(raw: Any, at: At) -> Any:
        if isinstance(raw, list):
            return many.read(raw, at)
        value = kind.read(raw, at)
        return WRONG if value is WRONG else (value,)

    return Kind(f"{kind.word} or list", read, lambda: {"anyOf": [kind.schema(), many.schema()]}, values=kind.values)


def word_or_list(*words: str) -> Kind:
    """One of a few words, or a list of texts."""
    many = list_of(text())
    single = one_of(*words)

    def read(raw: Any, at: At) -> Any:
        return many.read(raw, at) if isinstance(raw, list) else single.read(raw, at)

    return Kind("word or list", read, lambda: {"anyOf": [single.schema(), many.schema()]}, values=words)


def zone() -> Kind:
    """The name of a time zone."""

    def check(raw: str, at: At) -> Any:
        try:
            if raw in _MACHINE_ZONES:
                raise ZoneInfoNotFoundError
            ZoneInfo(raw)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            hint = nearest(raw, available_timezones())
            return at.wrong('no known time zone; write it like "Europe/Berlin" or "UTC"', raw, hint=hint)
        return raw

    return _text("time zone", check, {"minLength": 1})


def moment(*, may_be_now: bool = False) -> Kind:
    """A date or an instant, as a text; with `may_be_now`, `now` too."""

    def check(raw: str, at: At) -> Any:
        if may_be_now and raw == "now":
            return raw
        now = ', or "now"' if may_be_now else ""
        if is_date(raw) or _is_instant(raw):
            return raw
        return at.wrong(f'must be a date like "2018-01-31", an instant like "2018-01-31T08:00:00Z"{now}', raw)

    pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$"
    return _text("date or instant", check, {"pattern": f"^now$|{pattern}" if may_be_now else pattern})


def is_date(raw: str) -> bool:
    """Whether a text is a date, written 2018-01-31."""
    try:
        return 1000 <= date.fromisoformat(raw).year < 9000 and len(raw) == len("2018-01-31") and raw[4] == "-"
    except ValueError:
        return False


def _is_instant(raw: str) -> bool:
    try:
        datetime.fromisoformat(raw)
    except ValueError:
        return False
    return is_date(raw[:10]) and raw[10:11] in ("T", " ") and raw[13:14] == ":"


def url(*, may_have_query: bool = False) -> Kind:
    """An address, http or https. It is never shown, because a careless one has a password in it."""

    def check(raw: str, at: At) -> Any:
        parts = split_url(raw)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            return at.wrong('must be an address like "https://api.example.org/v1"')
        if "@" in parts.netloc:
            return at.wrong("an address must not hold a user or a password; use [auth] and [secrets]")
        if parts.fragment or "#" in raw:
            return at.wrong("an address must not have a #fragment")
        if "?" in raw and not may_have_query:
            return at.wrong("an address must not have a ?query here; use params")
        return raw

    return _text("URL", check, {"pattern": r"^(https?://[^\s@#]+$|.*\{(vars\.|account))"}, is_hidden=True)


def split_url(raw: str) -> SplitResult | None:
    """The parts of an address, or None where it cannot be one."""
    if not raw.isprintable() or any(char in raw for char in ' \\<>"'):
        return None
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host() -> Kind:
    """A host name, with a port if it is not the usual one."""

    def check(raw: str, at: At) -> Any:
        found = _HOST.fullmatch(raw.lower())
        return raw.lower() if found else at.wrong('must be a host like "api.example.org" or "localhost:8080"')

    return _text("host", check, {"minLength": 1}, is_hidden=True)


def header_name() -> Kind:
    """The name of a header; it reads in small letters."""

    def check(raw: str, at: At) -> Any:
        return raw.lower() if _TOKEN.fullmatch(raw) else at.wrong("no name of a header", raw)

    return _text("header name", check, {"minLength": 1})


def regex() -> Kind:
    """A regular expression."""

    def check(raw: str, at: At) -> Any:
        try:
            re.compile(raw)
        except (re.error, OverflowError, RecursionError) as error:
            return at.wrong(f"no regular expression: {error}", raw)
        return raw

    return _raw_text("regular expression", check)


def expression() -> Kind:
    """A JMESPath expression."""

    def check(raw: str, at: At) -> Any:
        try:
            compile_expression(raw)
        except ConfigError as error:
            return at.wrong(str(error))
        return raw

    return _raw_text("JMESPath", check, {"minLength": 1})


def member_path() -> Kind:
    """A path of member names, like `a.b`, `a[*].b` or `*`."""

    def check(raw: str, at: At) -> Any:
        try:
            parse_path(raw)
        except ConfigError as error:
            return at.wrong(str(error))
        return raw

    return _raw_text("path", check, {"minLength": 1})


def place_of_value() -> Kind:
    """Where a value of a page stands: a JMESPath into the body, or `{ header = "NAME" }`."""
    body, header = expression(), header_name()

    def read(raw: Any, at: At) -> Any:
        if isinstance(raw, str):
            value = body.read(raw, at)
            return WRONG if value is WRONG else Where(body=value)
        if isinstance(raw, dict) and raw.keys() == {"header"}:
            value = header.read(raw["header"], at / "header")
            return WRONG if value is WRONG else Where(header=value)
        return at.wrong('must be a JMESPath, in quotes, or { header = "NAME" }', raw)

    def schema() -> Schema:
        in_header = {"properties": {"header": header.schema()}, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [body.schema(), {"type": "object"} | in_header]}

    return Kind("JMESPath or header", read, schema)


def day_format() -> Kind:
    """How the day of a record is written."""
    words = ("date", "prefix", "instant", "http_date", "epoch", "epoch_ms", "epoch_us", "epoch_ns")

    def check(raw: str, at: At) -> Any:
        if raw in words:
            return raw
        if not raw.startswith("fmt:"):
            return at.wrong(f"must be one of {', '.join(words)}, or fmt:…", raw, hint=nearest(raw, words))
        return raw if _reads_a_year(raw[4:]) else at.wrong('must name a day, like "fmt:%d.%m.%Y"', raw)

    schema: Schema = {"anyOf": [{"enum": list(words)}, {"pattern": "^fmt:.*%"}]}
    kind = _raw_text("one of", check, schema)
    return Kind(kind.word, kind.read, kind.schema, values=(*words, "fmt:…"))


def _reads_a_year(form: str) -> bool:
    if not any(f"%{letter}" in form.replace("%%", "") for letter in "YyGcxDF"):  # strptime warns of those without
        return False
    day = datetime(2017, 11, 30, 13, 14, 15, tzinfo=UTC)
    try:
        return datetime.strptime(day.strftime(form), form).year == day.year  # noqa: DTZ007 - only its year is looked at
    except (ValueError, re.error, UnicodeError):
        return False


def inner_file() -> Kind:
    """The path of a file inside the archive."""

    def check(raw: str, at: At) -> Any:
        steps = raw.split("/")
        if (
            raw.startswith("/")
            or "\\" in raw
            or not raw.isprintable()
            or any(step in ("", ".", "..") for step in steps)
        ):
            return at.wrong('must be a file of the archive, like "schema/activity.json"', raw)
        return raw

    return _text("file", check, {"minLength": 1})
