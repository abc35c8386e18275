"""JSON Schemas of the files of an archive, for editors: draft 2020-12, from the same tables that the checks use."""

from __future__ import annotations

from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.tables import Schema, Table, table_schema

SOURCE_FILE = "source.v1.json"
SETTINGS_FILE = "settings.v1.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def source_schema() -> Schema:
    """The schema of `sources/NAME.toml`."""
    return _document(SOURCE, "A source of snapshotter")


def settings_schema() -> Schema:
    """The schema of `snap.toml`."""
    return _document(SETTINGS, "Settings of a snapshotter archive")


def _document(table: Table, title: str) -> Schema:
    return {"$schema": _DRAFT, "title": title, **table_schema(table)}
