"""The secrets of one source, put where a text names them; what cannot be sent is refused without being shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from snapshotter.edge.secrets import hint, unfit_for_header
from snapshotter.errors import Refused
from snapshotter.frozen import dataclass
from snapshotter.model import Secretive
from snapshotter.spec import SecretRef, Slot, Template


@dataclass(frozen=True, slots=True)
class Keys:
    """Values by name; `repr` shows none."""

    source: str
    values: Mapping[str, str] = field(repr=False)
    refs: Mapping[str, SecretRef] = field(default_factory=dict)

    def fill(self, text: str | Secretive | Template) -> str:
        """The text with the values in place; raises `Refused` if one has none."""
        if isinstance(text, str):
            return text
        return "".join(part if isinstance(part, str) else self._value(part) for part in text.parts)

    def fill_all(self, value: Any) -> Any:
        """The same for every text of a JSON value."""
        match value:
            case Secretive() | Template():
                return self.fill(value)
            case Mapping():
                return {name: self.fill_all(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self.fill_all(inner) for inner in value]
            case _:
                return value

    def for_header(self, text: str | Secretive | Template, header: str) -> str:
        """The text for a header; raises `Refused` if no header can carry it."""
        value = self.fill(text)
        if why := unfit_for_header(value):
            raise Refused(
                f"{self.source}: {_named(text)} cannot be sent in the header {header}: {why}; correct its value"
            )
        return value

    def has_all(self, text: str | Secretive | Template) -> bool:
        """Whether every secret that the text names has a value."""
        return all(slot.path in self.values for slot in _slots(text))

    def how_to_set(self, text: str | Secretive | Template) -> str:
        """What the user does to give the text's secrets their values."""
        hints = [hint(self.refs[slot.path]) for slot in _slots(text) if slot.path in self.refs]
        return " and ".join(hints) or "give it in the source file"

    def _value(self, slot: Slot) -> str:
        if slot.root == "secrets" and slot.path in self.values:
            return self.values[slot.path]
        if slot.root == "secrets" and slot.path in self.refs:
            raise Refused(f"{self.source}: the secret {slot.path!r} has no value; {hint(self.refs[slot.path])}")
        raise Refused(f"{self.source}: {{{slot.root}.{slot.path}}} is not known here; name a secret of [secrets]")


def holds_secrets(value: Any) -> bool:
    """Whether a text, or any text of a JSON value, names a secret."""
    match value:
        case Secretive() | Template():
            return bool(_slots(value))
        case Mapping():
            return any(holds_secrets(inner) for inner in value.values())
        case list() | tuple():
            return any(holds_secrets(inner) for inner in value)
        case _:
            return False


def _slots(text: str | Secretive | Template) -> tuple[Slot, ...]:
    return () if isinstance(text, str) else tuple(part for part in text.parts if isinstance(part, Slot))


def _named(text: str | Secretive | Template) -> str:
    names = [repr(slot.path) for slot in _slots(text)]
    return f"the secret {' and '.join(names)}" if names else "its value"
