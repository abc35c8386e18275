"""Texts with placeholders: read from a source file once, filled in for every request.

A value that is exactly one placeholder keeps the placeholder's type; secrets stay names inside `Secretive`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from snapshotter.errors import ConfigError, Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import Secretive, Text
from snapshotter.spec import Slot, Span, Template, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."\[\]*|{}\s]+)')
_PATH = re.compile(rf"(?:{_MEMBER.pattern})(?:\.(?:{_MEMBER.pattern}))*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)

# What may follow each root. None: a name of the user's; "": nothing; a path: members of a record.
_MEMBERS: Mapping[str, tuple[str, ...] | None] = {
    "vars": None,
    "secrets": None,
    "window": ("start", "end"),
    "run": ("now",),
    "page": ("number", "offset", "size", "cursor"),
}
_RECORDS = ("record", "detail")
_ROOTS = (*_MEMBERS, *_RECORDS, "account")
_WITH_MOMENTS = ("window", "run", "vars", *_RECORDS)

_DAY, _SECOND, _MILLISECOND = Span(days=1), Span(microseconds=1_000_000), Span(microseconds=1_000)
_RESOLUTION = {
    "date": _DAY, "year": _DAY, "month": _DAY, "day": _DAY,
    "iso": _SECOND, "iso_offset": _SECOND, "epoch": _SECOND, "iso_ms": _MILLISECOND, "epoch_ms": _MILLISECOND,
}  # fmt: skip
_TEXT_FILTERS = ("lower", "url")
_FORMAT = "fmt:"
_DIRECTIVES = "YmdHMSfjyzaAbBGVu%"
_FORMAT_RESOLUTION = (("f", Span(microseconds=1)), ("S", _SECOND), ("M", Span(microseconds=60_000_000)),
                      ("H", Span(microseconds=3_600_000_000)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """What placeholders stand for in one request."""

    run_now: datetime
    zone: str = "UTC"
    window: tuple[datetime, datetime] | None = None  # as it is asked: after overlap, bounds and granularity
    page: Mapping[str, Any] | None = None  # number, offset, size, cursor
    record: Any = None
    detail: Any = None


def parse(text: str) -> Template | str:
    """The text as a template, or as plain text if it holds no placeholder."""
    parts: list[str | Slot] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        at = token.end()
        match token[0]:
            case "{{" | "}}":
                parts.append(token[0][0])
            case "{" | "}":
                raise ConfigError(f"a {token[0]!r} without its other half in {text!r}; a literal one is written twice")
            case _:
                parts.append(_slot(token[1]))
    parts.append(text[at:])
    return _plain_if_can(_merged(parts))


def slots_in(value: Value) -> Iterable[Slot]:
    """Every placeholder in a value, however deep."""
    match value:
        case Template():
            yield from value.slots()
        case Mapping():
            for item in value.values():
                yield from slots_in(item)
        case list():
            for item in value:
                yield from slots_in(item)
        case _:
            return


def resolution(slot: Slot) -> Span:
    """The finest step that a placeholder of a moment can tell: a granularity below it would be lost in the text."""
    if not slot.filters or slot.filters[0] in _TEXT_FILTERS:
        return _SECOND
    first = slot.filters[0]
    if not first.startswith(_FORMAT):
        return _RESOLUTION[first]
    used = set(_DIRECTIVE.findall(first))
    return next((span for directive, span in _FORMAT_RESOLUTION if directive in used), _DAY)


def substitute(value: Value, known: Mapping[str, Mapping[str, Any]]) -> Value:
    """The value with the placeholders of the known roots replaced: `{"vars": {…}, "account": {"": "anna"}}`."""
    match value:
        case Template(parts=(Slot() as slot,)) if slot.root in known:
            found: Value = _known(slot, known)
            return found
        case Template(parts):
            return _plain_if_can(_merged(_replaced(part, known) for part in parts))
        case Mapping():
            return {name: substitute(item, known) for name, item in value.items()}
        case list():
            return [substitute(item, known) for item in value]
        case _:
            return value


def substitute_path(template: Template | str, known: Mapping[str, Mapping[str, Any]]) -> Template:
    """A `path` with the placeholders of the known roots replaced and percent-encoded."""
    parts = template.parts if isinstance(template, Template) else (template,)
    for part in parts:
        if isinstance(part, Slot) and part.root == "secrets":
            raise ConfigError(f"{{secrets.{part.path}}} may not stand in a path, which appears in logs; use a header")
    done = [_replaced(part, known, in_path=True) for part in parts]
    path = "".join(part if isinstance(part, str) else "x" for part in done)
    if _climbs(path):
        raise ConfigError(f"the path {path!r} climbs out of its place")
    return Template(tuple(_merged(done)))


def render(value: Value, context: Context) -> Any:
    """The value with every placeholder filled in; texts with secrets become `Secretive`."""
    match value:
        case Template(parts=(Slot() as slot,)) if slot.root != "secrets":
            return _filled(slot, context)
        case Template(parts):
            return _text(parts, context)
        case Mapping():
            return {name: render(item, context) for name, item in value.items()}
        case list():
            return [render(item, context) for item in value]
        case _:
            return value


def render_path(template: Template, context: Context) -> str:
    """The path with its placeholders filled in, each percent-encoded as part of one segment."""
    done = "".join(part if isinstance(part, str) else _encoded(part, _filled(part, context)) for part in template.parts)
    if _climbs(done):
        raise Unreadable("placeholder", f"the path {done!r} climbs out of its place")
    return done


def render_header(value: Value, context: Context) -> Text | None:
    """A header's value, or None where there is none; what could break out of its line is refused."""
    done = render(value, context)
    if done is None:
        return None
    text = done if isinstance(done, Secretive) else text_of(done)
    for part in (text,) if isinstance(text, str) else text.parts:
        if isinstance(part, str) and not _is_header_text(part):
            raise Unreadable("placeholder", f"{part!r} cannot be the value of a header")
    return text


def text_of(value: Any) -> str:
    """A single value as it is sent in a text: booleans as `true` and `false`, numbers as written."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None | Mapping() | list() | tuple():
            raise Unreadable("placeholder", f"{type(value).__name__} where a single value is needed")
        case _:
            return str(value)


def member(path: str, value: Any) -> Any:
    """The member of a record that a placeholder's path names (`a.b`, `"a b".c`, `@`), or None."""
    if path in ("", "@"):
        return value
    for quoted, bare in _MEMBER.findall(path):
        name = bare or re.sub(r"\\(.)", r"\1", quoted)
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


# --- reading ---


def _slot(inner: str) -> Slot:
    head, *filters = inner.split("|")
    root, _, path = head.partition(".")
    if root not in _ROOTS:
        raise ConfigError(f"{{{inner}}}: there is no {root!r} here{_nearest(root, _ROOTS)}; literal braces are doubled")
    _check_path(inner, root, path)
    _check_filters(inner, root, filters)
    return Slot(root, path, tuple(filters))


def _check_path(inner: str, root: str, path: str) -> None:
    if root == "account":
        if path:
            raise ConfigError(f"{{{inner}}}: write {{account}}")
    elif root in _RECORDS:
        if path not in ("", "@") and not _PATH.fullmatch(path):
            raise ConfigError(f"{{{inner}}}: {path!r} is not a path; write it like 'id' or 'meta.id'")
    elif (names := _MEMBERS[root]) is None:
        if not _NAME.fullmatch(path):
            raise ConfigError(f"{{{inner}}}: write {{{root}.NAME}}")
    elif path not in names:
        raise ConfigError(f"{{{inner}}}: {root} has no {path!r}{_nearest(path, names)}")


def _check_filters(inner: str, root: str, filters: list[str]) -> None:
    for place, name in enumerate(filters):
        if name in _TEXT_FILTERS and root != "secrets":
            continue
        if name.startswith(_FORMAT):
            _check_format(inner, name.removeprefix(_FORMAT))
        elif name not in _RESOLUTION and name not in _TEXT_FILTERS:
            known = (*_RESOLUTION, *_TEXT_FILTERS, _FORMAT)
            raise ConfigError(f"{{{inner}}}: there is no filter {name!r}{_nearest(name, known)}")
        if root not in _WITH_MOMENTS:
            raise ConfigError(f"{{{inner}}}: {root} takes no filter {name!r}")
        if place:
            raise ConfigError(f"{{{inner}}}: {name!r} must be the first filter")


def _check_format(inner: str, form: str) -> None:
    for directive in _DIRECTIVE.findall(form):
        if directive == "" or directive not in _DIRECTIVES:
            raise ConfigError(
                f"{{{inner}}}: %{directive} is not known; known are {' '.join('%' + d for d in _DIRECTIVES)}"
            )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, tuple(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _merged(parts: Iterable[str | Slot]) -> list[str | Slot]:
    merged: list[str | Slot] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    return merged


def _plain_if_can(parts: list[str | Slot]) -> Template | str:
    match parts:
        case []:
            return ""
        case [str() as text]:
            return text
        case _:
            return Template(tuple(parts))


# --- replacing what is known when a source is made ---


def _known(slot: Slot, known: Mapping[str, Mapping[str, Any]]) -> Any:
    names = known[slot.root]
    if slot.path not in names:
        if slot.root == "account":
            raise ConfigError("{account} stands in a file without [accounts.…]")
        near = _nearest(slot.path, names)
        raise ConfigError(f"{{{slot.root}.{slot.path}}}: [{slot.root}] has no {slot.path!r}{near}")
    try:
        return _filtered(names[slot.path], slot.filters, ZoneInfo("UTC"))
    except Unreadable as error:
        raise ConfigError(f"{{{slot.root}.{slot.path}}}: {error.message}") from error


def _replaced(part: str | Slot, known: Mapping[str, Mapping[str, Any]], *, in_path: bool = False) -> str | Slot:
    if isinstance(part, str) or part.root not in known:
        return part
    found = _known(part, known)
    try:
        return _encoded(part, found) if in_path else text_of(found)
    except Unreadable as error:
        raise ConfigError(f"{{{part.root}.{part.path}}}: {error.message}") from error


# --- filling in what a request needs ---


def _filled(slot: Slot, context: Context) -> Any:
    return _filtered(_looked_up(slot, context), slot.filters, ZoneInfo(context.zone))


def _looked_up(slot: Slot, context: Context) -> Any:
    match slot.root:
        case "run":
            return context.run_now
        case "window" if context.window is not None:
            return context.window[0 if slot.path == "start" else 1]
        case "page" if context.page is not None:
            return context.page.get(slot.path)
        case "record" | "detail":
            found = member(slot.path, context.record if slot.root == "record" else context.detail)
            if found is None:
                raise Unreadable("placeholder", f"the {slot.root} has no {slot.path!r}")
            return found
        case _:
            raise ConfigError(f"{{{slot.root}.{slot.path}}} means nothing here")


def _text(parts: tuple[str | Slot, ...], context: Context) -> Text:
    done: list[str | Slot] = []
    for part in parts:
        if isinstance(part, str) or part.root == "secrets":
            done.append(part)
        else:
            found = _filled(part, context)
            done.append("" if found is None else text_of(found))  # the first page has no cursor
    whole = _plain_if_can(_merged(done))
    return Secretive(whole.parts) if isinstance(whole, Template) else whole


def _filtered(value: Any, filters: tuple[str, ...], zone: ZoneInfo) -> Any:
    if isinstance(value, datetime) and (not filters or filters[0] in _TEXT_FILTERS):
        filters = ("iso", *filters)
    for name in filters:
        if name == "lower":
            value = text_of(value).lower()
        elif name == "url":
            value = quote(text_of(value), safe="")
        else:
            value = _moment_as(name, value if isinstance(value, datetime) else _moment(text_of(value)), zone)
    return value


def _moment(text: str) -> datetime:
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable("placeholder", f"{text!r} is neither a date nor an instant") from error
    if found.tzinfo is None:
        raise Unreadable("placeholder", f"{text!r} has no zone; write it like 2018-02-01T00:00:00Z")
    return found.astimezone(UTC)


def _moment_as(name: str, moment: datetime, zone: ZoneInfo) -> str | int:
    local = moment.astimezone(zone)
    match name:
        case "iso":
            return _iso(moment, "seconds")
        case "iso_ms":
            return _iso(moment, "milliseconds")
        case "iso_offset":
            return local.isoformat(timespec="seconds")
        case "epoch":
            return (moment - _EPOCH) // timedelta(seconds=1)
        case "epoch_ms":
            return (moment - _EPOCH) // timedelta(milliseconds=1)
        case "year" | "month" | "day":
            number: int = getattr(local, name)
            return number
        case "date":
            return local.date().isoformat()
        case _:
            form = name.removeprefix(_FORMAT)
            # The C library writes the year 987 as it likes; four digits are meant.
            return local.strftime(_DIRECTIVE.sub(lambda d: f"{local.year:04d}" if d[1] == "Y" else d[0], form))


def _iso(moment: datetime, timespec: str) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


# --- keeping a value in its place ---


def _encoded(slot: Slot, value: Any) -> str:
    text = "" if value is None else text_of(value)
    if not text:
        raise Unreadable("placeholder", f"{{{slot.root}.{slot.path}}} is empty and would leave a hole in the path")
    return text if "url" in slot.filters else quote(text, safe="")


def _climbs(path: str) -> bool:
    return any(segment in (".", "..") for segment in path.partition("?")[0].split("/"))


def _is_header_text(text: str) -> bool:
    return all(char == "\t" or (" " <= char <= "ÿ" and not "\x7f" <= char <= "\x9f") for char in text)
