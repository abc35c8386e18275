"""Whether records meet the JSON Schema that their stream expects; the only door to `jsonschema`, an optional extra."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from snapshotter.canonical import decode, decode_document, encode, plain, split_document
from snapshotter.core.escaping import dotted, escape
from snapshotter.errors import ConfigError, Unreadable

LACKING = "expect.schema needs the package jsonschema: pip install 'snapshotter[schema]'"
_WHY = 160


class RecordSchema:
    """A JSON Schema, read once. Nothing is fetched for it: it may refer to itself and to the drafts of JSON Schema."""

    def __init__(self, text: bytes, *, file: str) -> None:
        if find_spec("jsonschema") is None:
            raise ConfigError(f"{file}: {LACKING}")
        from jsonschema import SchemaError  # noqa: PLC0415 - an extra, and slow to load
        from jsonschema.validators import validator_for  # noqa: PLC0415
        from jsonschema_specifications import REGISTRY as SPECIFICATIONS  # noqa: PLC0415

        self.file = file
        try:
            schema = plain(decode(text).value)
        except Unreadable as error:
            raise ConfigError(f"{file}: not JSON: {error.message}") from error
        if not isinstance(schema, dict | bool):
            raise ConfigError(f"{file}: a JSON Schema is an object, and this is something else")
        try:
            kind: Any = validator_for(schema)
            kind.check_schema(schema)
        except SchemaError as error:
            place = dotted(error.absolute_path) or "its top"
            raise ConfigError(f"{file}: no JSON Schema: {place}: {escape(error.message, _WHY)}") from error
        self._validator: Any = kind(schema, registry=SPECIFICATIONS)

    def broken(self, old: bytes | None, new: bytes, *, is_single: bool = False) -> str | None:
        """Why a new version of a document does not meet the schema, or None; what stood there before is not judged."""
        before = set(_records(old, is_single=is_single)) if old is not None else set()
        fresh = [text for text in _records(new, is_single=is_single) if text not in before]
        wrong = [(text, why) for text in fresh if (why := self._why(text)) is not None]
        if not wrong:
            return None
        text, why = wrong[0]
        more = f"{len(wrong)} of {len(fresh)} new or changed records do" if len(fresh) > 1 else "its record does"
        return f"{more} not meet {self.file}: {why} in {escape(text.decode(), 60)}"

    def _why(self, text: bytes) -> str | None:
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above

        try:
            error = next(self._validator.iter_errors(plain(decode_document(text).value)), None)
        except (Unresolvable, RecursionError) as failed:
            raise ConfigError(f"{self.file}: a $ref of it leads nowhere: {escape(str(failed), _WHY)}") from failed
        if error is None:
            return None
        place = dotted(error.absolute_path)
        return f"{place + ': ' if place else ''}{escape(error.message, _WHY)}"


def _records(data: bytes, *, is_single: bool) -> list[bytes]:
    if is_single:
        value = decode_document(data).value
        return [encode(item) for item in (value if isinstance(value, list) else [value])]
    return split_document(data)
