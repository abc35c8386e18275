"""Bytes of JSON and values, in one form: lossless and unique.

`decode` keeps every number as it was written and refuses what it cannot keep, always as `Unreadable` with one of these
reasons: `empty` (nothing but white space) · `encoding` (not UTF-8) · `syntax` · `trailing` (something follows the
document) · `duplicate_key` · `surrogate` (half a character) · `nan` (NaN, Infinity) · `depth` (nested deeper than
`MAX_DEPTH`, 250). `encode` writes sorted keys, no white space, UTF-8, and escapes only what must be escaped. A float
is used only where writing it gives back the text that was read; every other number is a `Number`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass

Json = Any  # None, bool, int, float, Number, str, list or dict of these

MAX_DEPTH = 250  # of a body; an archived document puts its records into an array, and orjson writes 254 levels
_WRITABLE_DEPTH = 254
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\n\r"
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_SORTED = orjson.OPT_SORT_KEYS | _STRICT
_INDENTED = _SORTED | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_PLUS = re.compile(rb"(?:^|[:,\[])-?[0-9]+(?:\.[0-9]+)?e\+")  # how orjson writes large floats, and we do not
_DELICATE_ESCAPE = re.compile(rb"\\u00(?:[01]|22|5[cC])")  # of a control character, `"` or `\`
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BRACKETS = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)
_CONSTANTS = re.compile(rf"{_STRING}|NaN|-?Infinity", re.DOTALL)
_LONGEST_FLOAT = 24  # characters of the shortest text of any double
_LONGEST_INT = 400  # digits; from 4,300 on Python refuses, and the way there takes quadratic time
_FIRST_EXPONENT = 1e16  # from here on floats are written with an exponent
_LARGEST_FLOAT = 1.7976931348623157e308
_LONGEST_EXPONENT = 16  # digits that `Decimal` surely takes
_LONGEST_QUOTE = 40


@dataclass(frozen=True, slots=True)
class Number:
    """A number that neither `int` (64 bits) nor `float` writes back as it was read; `text` is its canonical spelling.

    Equal only to a `Number` of the same text. Ordered by value, then by text, also among `int` and `float`.
    """

    text: str

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.text):
            raise ValueError("not a JSON number")
        object.__setattr__(self, "text", _canonical_text(self.text))

    def plain(self) -> int | float:
        """The nearest `int` or `float`; for what lies beyond the largest float, the largest float."""
        if len(self.text) <= _LONGEST_INT and self.text.lstrip("-").isdecimal():
            return int(self.text)
        value = float(self.text)
        return value if math.isfinite(value) else math.copysign(_LARGEST_FLOAT, value)

    def __lt__(self, other: Number | float) -> bool:
        return _rank(self) < _rank(other)

    def __le__(self, other: Number | float) -> bool:
        return _rank(self) <= _rank(other)

    def __gt__(self, other: Number | float) -> bool:
        return _rank(self) > _rank(other)

    def __ge__(self, other: Number | float) -> bool:
        return _rank(self) >= _rank(other)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded body. `notes` are for the run record; `exact_is_plain` says that no `Number` is in the value.

    `is_regular` says that orjson alone writes each part of it in canonical form (`encode_regular`).
    """

    value: Json
    notes: tuple[str, ...] = ()
    exact_is_plain: bool = True
    is_regular: bool = field(default=False, compare=False)


# --- numbers ---


def _canonical_text(number: str) -> str:
    mantissa, mark, exponent = number.lower().partition("e")
    if not mark:
        return number
    sign = "-" if exponent.startswith("-") else ""
    return f"{mantissa}e{sign}{exponent.lstrip('+-0') or '0'}"


def _float_or_number(text: str) -> float | Number:
    if len(text) <= _LONGEST_FLOAT and repr(value := float(text)) == text and "e" not in text:
        return value
    number = Number(text)
    if len(number.text) <= _LONGEST_FLOAT and orjson.dumps(value := float(text)) == number.text.encode():
        return value
    return number


def _rank(number: Number | float) -> tuple[Decimal, str]:
    text = number.text if isinstance(number, Number) else str(number)
    mantissa, mark, exponent = text.partition("e")
    if len(exponent) > _LONGEST_EXPONENT:
        exponent = ("-" if exponent.startswith("-") else "") + "9" * _LONGEST_EXPONENT
    return Decimal(mantissa + mark + exponent), text


def replace_numbers(value: Json, spell: Callable[[Number], object]) -> Json:
    """The value with `spell(number)` for every `Number`; parts without one are the very same objects."""
    kind = type(value)
    if kind is Number:
        return spell(value)
    changed: Json = None
    if kind is dict or kind is list:
        for place, part in value.items() if kind is dict else enumerate(value):
            if type(part) in _MAY_HOLD_NUMBERS and (other := replace_numbers(part, spell)) is not part:
                if changed is None:
                    changed = value.copy()
                changed[place] = other
    return value if changed is None else changed


_MAY_HOLD_NUMBERS = frozenset({dict, list, Number})


def plain(value: Json) -> Json:
    """The value with `int` and `float` only, for expressions; the very same object if it holds no `Number`."""
    return replace_numbers(value, Number.plain)


# --- bytes to values ---


def decode(body: bytes) -> Decoded:
    """The value of one JSON document, nothing lost; it may be nested `MAX_DEPTH` deep."""
    return _decode(body, depth=MAX_DEPTH, line=1)


def decode_document(data: bytes) -> Decoded:
    """The value of an archived document, which may be one level deeper than the body that its records came in."""
    return _decode(data, depth=MAX_DEPTH + 1, line=1)


def decode_ndjson(body: bytes) -> Decoded:
    """The list of a body's lines, each a JSON document; a body of blank lines is an empty list, with a note."""
    notes: tuple[str, ...] = ("bom",) if body.startswith(_BOM) else ()
    lines = enumerate(body.removeprefix(_BOM).split(b"\n"), start=1)
    documents = [_decode(text, depth=MAX_DEPTH - 1, line=line) for line, text in lines if text.strip(_SPACE)]
    if not documents:
        notes += ("no lines",)
    return Decoded(
        [each.value for each in documents],
        notes,
        all(each.exact_is_plain for each in documents),
        all(each.is_regular for each in documents),
    )


def _decode(body: bytes, *, depth: int, line: int) -> Decoded:
    if body.startswith(_BOM):
        rest = _decode_text(body.removeprefix(_BOM), depth=depth, line=line)
        return replace(rest, notes=("bom",))
    return _decode_text(body, depth=depth, line=line)


def _decode_text(body: bytes, *, depth: int, line: int) -> Decoded:
    spare = _WRITABLE_DEPTH - depth
    try:
        value = orjson.loads(body)
        written = orjson.dumps(_wrapped(value, spare))[spare:-spare]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _Exact(line).decode(body, depth)  # which keeps it, or says what is wrong
    return Decoded(value, is_regular=True) if _is_faithful(written, body) else _Exact(line).decode(body, depth)


def _wrapped(value: Json, levels: int) -> Json:
    """The value inside arrays that use up the spare levels, so that orjson finds out whether it is too deep."""
    for _ in range(levels):
        value = [value]
    return value


def _is_faithful(written: bytes, body: bytes) -> bool:
    """Whether orjson lost nothing of a body, of which `written` is what it wrote after reading.

    Both are brought to one spelling of strings, and stripped of all white space. If they are equal then, they are
    the same tokens but for spaces inside strings: every number was kept, and no member fell away. Strings orjson
    reads as they are.
    """
    if written != body and written.translate(None, b" ") != _respelled(body):
        return False
    return not (_may_have_plus(written) and _PLUS.search(written))


def _may_have_plus(written: bytes) -> bool:
    return b"+" in written and b"e+" in written  # looking for one byte is thirty times faster than for two


def _respelled(body: bytes) -> bytes:
    """Valid JSON with no white space and no needless escape; unchanged where an escape is hard to judge."""
    if b"\\" in body:  # looking for one byte takes no time, for two it takes as long as reading a quarter of it
        if b"\\u" in body:
            if _DELICATE_ESCAPE.search(body):
                return body
            text = body.decode().encode("raw_unicode_escape").decode("raw_unicode_escape")
            body = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()  # joins surrogate pairs
        if b"\\/" in body:
            body = body.replace(b"\\\\", b"\0\0").replace(b"\\/", b"/").replace(b"\0\0", b"\\\\")
    return body.translate(None, _SPACE)


class _Doubled(Exception):
    """An object has a key twice."""


class _Constant(Exception):
    """NaN, Infinity or -Infinity was met."""


class _Exact:
    """The certain way: the standard library's scanner, with a say in every number and every object."""

    def __init__(self, line: int) -> None:
        self.line = line  # the number of the first line, for messages
        self.floats: dict[str, float | Number] = {}
        self.ints: list[Number] = []

    def decode(self, body: bytes, depth: int) -> Decoded:
        text = _text_of(body)
        value = self.scan(text)
        if r"\u" in text and (lone := _lone_surrogate(text)) is not None:
            raise Unreadable("surrogate", f"half a surrogate pair at {self.place(text, lone)}")
        try:
            orjson.dumps(_wrapped(value, _WRITABLE_DEPTH - depth), default=_fragment, option=_STRICT)
        except orjson.JSONEncodeError:
            raise _too_deep() from None
        is_plain = not self.ints and all(type(each) is float for each in self.floats.values())
        return Decoded(value, (), is_plain)

    def scan(self, text: str) -> Json:
        decoder = json.JSONDecoder(
            parse_int=self.integer, parse_float=self.float, parse_constant=_refuse_constant, object_pairs_hook=_members
        )
        try:
            return decoder.decode(text)
        except json.JSONDecodeError as error:
            raise self.refusal(text, error) from None
        except RecursionError:
            raise _too_deep() from None
        except _Doubled:
            position, key = _doubled_key(text)
            raise Unreadable("duplicate_key", f"{key} for the second time at {self.place(text, position)}") from None
        except _Constant as error:
            places = (match.start() for match in _CONSTANTS.finditer(text) if match[0][0] != '"')
            message = f"{error} is not a JSON number, at {self.place(text, next(places))}"
            raise Unreadable("nan", message) from None

    def integer(self, text: str) -> int | Number:
        if len(text) <= 20 and text != "-0" and -(2**63) <= (value := int(text)) < 2**64:
            return value
        self.ints.append(Number(text))
        return self.ints[-1]

    def float(self, text: str) -> float | Number:
        if text not in self.floats:
            self.floats[text] = _float_or_number(text)
        return self.floats[text]

    def refusal(self, text: str, error: json.JSONDecodeError) -> Unreadable:
        place = self.place(text, error.pos)
        if error.msg == "Extra data":
            return Unreadable("trailing", f"something follows the JSON document at {place}")
        if text.lstrip().startswith("<"):
            return Unreadable("syntax", "this is HTML or XML, not JSON")
        if error.msg.startswith("Unterminated string") or not text[error.pos :].strip():
            return Unreadable("syntax", f"the JSON document is cut off at {place}")
        return Unreadable("syntax", f"not JSON: {error.msg} at {place}")

    def place(self, text: str, position: int) -> str:
        line = self.line + text.count("\n", 0, position)
        return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def _refuse_constant(name: str) -> NoReturn:
    raise _Constant(name)


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Doubled
    return members


def _text_of(body: bytes) -> str:
    if not body.strip(_SPACE):
        raise Unreadable("empty", "the body is empty")
    guess = json.detect_encoding(body)
    if not guess.startswith("utf-8"):
        raise Unreadable("encoding", f"this is {guess.upper()}; JSON must be UTF-8")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", f"not UTF-8: byte 0x{body[error.start]:02x} at offset {error.start}") from None


def _too_deep() -> Unreadable:
    return Unreadable("depth", f"nested deeper than {MAX_DEPTH} levels")


def _lone_surrogate(text: str) -> int | None:
    """Where valid JSON has an escaped half of a surrogate pair without the other half."""
    high = None  # the place of a high half whose low half must come now
    for escape in _ESCAPE.finditer(text):
        unit = int(escape[1] or "0", 16)
        is_low = 0xDC00 <= unit <= 0xDFFF
        follows = high is not None and high + 6 == escape.start()
        if is_low != follows:
            return high if high is not None else escape.start()
        high = escape.start() if 0xD800 <= unit <= 0xDBFF else None
    return high


def _doubled_key(text: str) -> tuple[int, str]:
    """Where valid JSON has a key that its object had before, and the key for a message."""
    open_objects: list[set[str] | None] = []  # None stands for an array
    for match in _BRACKETS.finditer(text):
        mark = match[0]
        if mark in "{[":
            open_objects.append(set() if mark == "{" else None)
        elif mark in "}]":
            open_objects.pop()
        elif open_objects and (keys := open_objects[-1]) is not None and _is_key(text, match.end()):
            key = json.loads(mark)
            if key in keys:
                shown = ascii(key)
                return match.start(), shown if len(shown) <= _LONGEST_QUOTE else f"a key of {len(key)} characters"
            keys.add(key)
    raise AssertionError("no key is doubled")


def _is_key(text: str, end: int) -> bool:
    while text[end] in " \t\n\r":
        end += 1
    return text[end] == ":"


# --- values to bytes ---


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def encode(value: Json) -> bytes:
    """The canonical bytes of a value on one line. NaN and Infinity are a `ValueError`, foreign types a `TypeError`."""
    # Copied, because orjson may leave its working buffer of 4 kB behind every short text, and records are kept by the
    # hundred thousand.
    return bytes(memoryview(_written(value, _SORTED)))


def encode_ascii(value: Json, *, default: Callable[[Any], Any] | None = None) -> bytes:
    """A value of our own on one line, sorted and in ASCII alone, for files that are written all the time.

    The standard library says what orjson cannot: `default`, and half a character in a word from outside.
    """
    try:
        written = encode(value)
    except (TypeError, ValueError):
        written = b"\xff"
    if written.isascii():
        return written
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=default).encode("ascii")


def encode_regular(value: Json) -> bytes:
    """The canonical bytes of a part of a regular body (see `Decoded`), on one line."""
    return bytes(memoryview(orjson.dumps(value, option=_SORTED)))


def encode_each_regular(values: Iterable[Json]) -> list[bytes]:
    """`encode_regular` of each, for those who have many."""
    dumps, option = orjson.dumps, _SORTED
    return [bytes(memoryview(dumps(value, option=option))) for value in values]


def encode_indented(value: Json) -> bytes:
    """The canonical bytes of a value over many lines, for a document that is one object."""
    return _written(value, _INDENTED)


def _written(value: Json, option: int) -> bytes:
    try:
        written = orjson.dumps(value, default=_fragment, option=option)
    except orjson.JSONEncodeError:
        return orjson.dumps(_writable(value), default=_fragment, option=option)
    if (b"null" in written or _may_have_plus(written)) and _has_odd_float(
        value
    ):  # NaN is written as null, without a word
        return orjson.dumps(_writable(value), default=_fragment, option=option)
    return written


def _has_odd_float(value: Json) -> bool:
    """Whether a float in it is not finite, or so large that orjson may write it with a `+`."""
    todo: list[Json] = [[value]]
    for part in todo:  # grows on the way
        for each in part.values() if type(part) is dict else part:
            kind = type(each)
            if kind is dict or kind is list:
                todo.append(each)
            elif kind is float and not -_FIRST_EXPONENT < each < _FIRST_EXPONENT:
                return True
    return False


def _writable(value: Json) -> Json:
    """The value with a `Number` for each `int` and `float` that orjson does not write in canonical form."""
    match value:
        case dict():
            return {key: _writable(part) for key, part in value.items()}
        case list():
            return [_writable(part) for part in value]
        case float():
            return _writable_float(value)
        case int() if not -(2**63) <= value < 2**64:
            return Number(str(value))
        case _:
            return value


def _writable_float(value: float) -> float | Number:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    return Number(repr(value)) if abs(value) >= _FIRST_EXPONENT else value


# --- documents ---


def document(records: Iterable[bytes]) -> bytes:
    """The document of records in canonical form: an array with one record a line."""
    lines = b",\n".join(records)
    return b"[\n" + lines + b"\n]\n" if lines else b"[]\n"


def split_document(data: bytes) -> list[bytes]:
    """The records of a document, each in canonical form, also where somebody edited the document by hand."""
    if data == b"[]\n":
        return []
    if data.startswith(b"[\n") and data.endswith(b"\n]\n"):
        lines = data[2:-3].split(b",\n")
        if all(map(_is_one_line, lines)):
            return lines
    value = decode_document(data).value
    if type(value) is not list:
        raise Unreadable("syntax", "the document is not an array of records")
    return [encode(record) for record in value]


def _is_one_line(text: bytes) -> bool:
    try:
        return encode(decode(text).value) == text
    except Unreadable:
        return False


def is_canonical(data: bytes) -> bool:
    """Whether a document, an array of records or one indented value, is written as this module writes it."""
    try:
        value = decode_document(data).value
    except Unreadable:
        return False
    return encode_indented(value) == data or (type(value) is list and document(map(encode, value)) == data)
