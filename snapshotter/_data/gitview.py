"""What plain git shows of a document in a diff: a member a line, under the name of its record.

git runs this file by its path as the `textconv` of the driver `snap`; it needs nothing but Python. What is no document
is shown as it is. The view is for people: from it no document can be made again.
"""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False  # `typing` would take as long to load as everything else here, for every file of a diff
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LARGEST = 32_000_000  # bytes; beyond that the document is shown as it is
LINE = 100  # a list of plain values as short as this stands on one line
NAMES = ("id", "_id", "uuid", "guid", "key", "sha", "node_id", "slug", "time", "timestamp", "date", "at", "name")


class Raw(str):
    """A number, in the text that it has."""

    __slots__ = ()


class Pairs(list):  # type: ignore[type-arg]
    """The members of an object, equal names too."""

    __slots__ = ()


def view(data: bytes) -> bytes:
    """The document as it is shown, or the same bytes."""
    if len(data) > LARGEST:
        return data
    try:
        value = json.loads(data, parse_int=Raw, parse_float=Raw, parse_constant=Raw, object_pairs_hook=Pairs)
        text = "".join(f"{line}\n" for line in _lines(value))
    except (ValueError, RecursionError):
        return data
    return text.encode()


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Pairs):
        yield from _leaves(value, "")
        return
    if not isinstance(value, list):
        yield _plain(value)
        return
    for record in value:
        yield f"record {_name(record)}".rstrip()
        for line in _leaves(record, ""):
            yield f"    {line}"


def _name(record: Any) -> str:
    if not isinstance(record, Pairs):
        return ""
    members = dict(record)
    for name in NAMES:
        value = members.get(name)
        if isinstance(value, str):
            return value if isinstance(value, Raw) or value.isprintable() else _plain(value)
    return ""


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Pairs) and value:
        for name, member in value:
            own = name if name.isprintable() and name and not set(name) & set('." []:') else _plain(name)
            yield from _leaves(member, f"{path}.{own}" if path else own)
    elif isinstance(value, list) and value and not isinstance(value, Pairs):
        if not any(isinstance(item, list) for item in value):
            text = "[" + ", ".join(map(_plain, value)) + "]"
            if len(text) <= LINE:
                yield f"{path}: {text}" if path else text
                return
        for item in value:
            yield from _leaves(item, f"{path}[]")
    else:
        text = _plain(value)
        yield f"{path}: {text}" if path else text


def _plain(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, list):
        return "{}" if isinstance(value, Pairs) else "[]"
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1] if ord(char) != 0x7F else "\\u007f"


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:  # noqa: PTH123 - as above
        shown = view(file.read())
    sys.stdout.buffer.write(shown)  # all at once: half a view would be a lie
