"""Text from outside, made safe to stand in one line of a message: nothing in it moves a cursor or turns text around."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def escape(text: str, limit: int = 80) -> str:
    """The text on one line, control and invisible characters escaped, cut with `…` at `limit` characters."""
    shown = text if text.isprintable() else "".join(_escaped(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def escape_value(value: object, limit: int = 80) -> str:
    """A JSON value as it may stand in a message."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f'"{escape(value, limit)}"'
        case int():  # an int of very many digits cannot be turned into text
            return str(value) if abs(value) < 10**limit else "a very long number"
        case list() | dict():
            return "a list" if isinstance(value, list) else "an object"
        case _:
            return escape(str(value), limit)


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def dotted(place: Iterable[str | int]) -> str:
    """Where something stands, as a member path: `properties.mag`, `items[3]."odd name"`; `[*]` is any element."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step == "[*]":
            text += step
        else:
            name = step if _BARE.fullmatch(step) else escape_value(step)
            text += f".{name}" if text else name
    return text
