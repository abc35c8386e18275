"""HTML as values: an element escapes whatever is put into it, so that text from outside is never anything but text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape as _html

from snapshotter.core.escaping import escape

LONGEST = 1_000  # characters of one text that may come from outside
_EMPTY = frozenset({"meta", "rect", "path", "use", "circle", "br"})


class Markup(str):
    """Text that is HTML already: made by `el` and `join` only."""

    __slots__ = ()


Child = Markup | str | None
Value = str | int | float | bool | None  # of an attribute


def el(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element. `None` and `False` leave a child or an attribute out; `class_` is `class`, `aria_x` is `aria-x`."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY and not children:
        return Markup(f"<{name}{written}>" if name in ("meta", "br") else f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Elements and texts one after the other."""
    return Markup("".join(_inside(child) for child in children if child is not None))


def _inside(child: str) -> str:
    return child if isinstance(child, Markup) else _text(child)


def _text(text: str) -> str:
    return _html(escape(text, LONGEST), quote=True)


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_text(str(value))}"'
