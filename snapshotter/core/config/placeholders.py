"""Placeholders in a file: which may stand where, and the ones that are replaced as soon as a source is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from snapshotter.core.config.problems import WRONG, nearest
from snapshotter.core.config.tables import At
from snapshotter.core.template import parse, slots_in, substitute, substitute_path
from snapshotter.errors import ConfigError
from snapshotter.spec import Slot, Template

EARLY = ("vars", "account")  # replaced when a source is loaded
ASKING = (*EARLY, "window", "page", "run")  # known when a request is made
CALLS = (*ASKING, "secrets")  # what parameters, headers and bodies may say
DETAIL_PATH = (*EARLY, "run", "record")
DETAIL_CALLS = (*DETAIL_PATH, "secrets")
DETAIL_NAMES = (*EARLY, "record", "detail")
CREDENTIALS = (*EARLY, "secrets")


def read_text(text: str, at: At, *, roots: tuple[str, ...], is_secret: bool = False, in_path: bool = False) -> Any:
    """A text as a text or a template, with `{vars.x}` and `{account}` replaced; WRONG after reporting why not.

    In a path, what replaces a placeholder is percent-encoded. A text that may be a secret is never shown.
    """
    try:
        template = parse(text)
    except ConfigError as error:
        return at.wrong("not readable as a text with placeholders" if is_secret else str(error))
    slots = template.slots() if isinstance(template, Template) else ()
    known = [_is_known(slot, at, roots) for slot in slots]  # all of them, so that all mistakes come out
    if not all(known):
        return WRONG
    scope = at.scope
    if scope.vars is None and any(slot.root in EARLY for slot in slots):
        return WRONG  # nothing can be said before a source gives the values
    if any(slot.root == "vars" and (scope.vars or {})[slot.path] is WRONG for slot in slots):
        return WRONG
    values = {"vars": scope.vars or {}, "account": {"": scope.account}}
    try:
        return substitute_path(template, values) if in_path else substitute(template, values)
    except ConfigError as error:
        return at.wrong(str(error))


def read_value(value: Any, at: At, *, roots: tuple[str, ...]) -> Any:
    """A JSON value whose texts may be templates."""
    match value:
        case str():
            return read_text(value, at, roots=roots)
        case list():
            items = [read_value(item, at / index, roots=roots) for index, item in enumerate(value)]
            return WRONG if WRONG in items else items
        case dict():
            members = {name: read_value(item, at / name, roots=roots) for name, item in value.items()}
            return WRONG if WRONG in members.values() else members
        case float() if not isfinite(value):
            return at.wrong("JSON has no such number", value)
        case bool() | int() | float():
            return value
        case _:
            return at.wrong("JSON has no dates; write it as a text, in quotes")


def fill(raw: Any, at: At) -> Any:
    """A value with `{vars.x}` and `{account}` replaced, for keys that know no other placeholders."""
    return read_text(raw, at, roots=EARLY) if isinstance(raw, str) and ("{" in raw or "}" in raw) else raw


def is_plain(value: Any) -> bool:
    """Whether a value may be a variable: text, number or boolean."""
    return isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))


def slots_of(*values: Any) -> tuple[Slot, ...]:
    """Every placeholder left in some values, however deep."""
    return tuple(slot for value in values for slot in slots_in(value))


def _is_known(slot: Slot, at: At, roots: tuple[str, ...]) -> bool:
    written = f"{{{slot.root}.{slot.path}}}" if slot.path else f"{{{slot.root}}}"
    if slot.root not in roots:
        allowed = ", ".join("{account}" if root == "account" else f"{{{root}.…}}" for root in roots)
        at.wrong(f"{written} may not stand here; what may is {allowed}")
        return False
    if slot.root == "account":
        if at.scope.account is None and at.scope.vars is not None:
            at.wrong("{account} needs [accounts.NAME] tables; this file has none")
            return False
        return True
    tables: dict[str, Mapping[str, Any] | frozenset[str] | None] = {"vars": at.scope.vars, "secrets": at.scope.secrets}
    declared = tables.get(slot.root)
    if declared is None:
        return True
    at.report.used.add((slot.root, slot.path))
    if slot.path not in declared:
        at.wrong(f"{written}: [{slot.root}] declares no {slot.path!r}", hint=nearest(slot.path, declared))
        return False
    return True
