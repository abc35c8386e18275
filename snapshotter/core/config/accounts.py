"""Accounts: one file, read once for each of them with vars and secrets of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from snapshotter.core.config.kinds import NAME
from snapshotter.core.config.problems import Origin, Path, Report, nearest, shown
from snapshotter.core.config.tables import At, Scope
from snapshotter.frozen import dataclass

_OWN = ("vars", "secrets")


@dataclass(frozen=True, slots=True)
class View:
    """A file as one account sees it: its raw tables, and where values of its own were written."""

    account: str | None
    raw: Mapping[str, Any]
    origins: Mapping[Path, Origin] = field(default_factory=dict)


def views(raw: Mapping[str, Any], report: Report) -> list[View]:
    """The file as each of its accounts sees it; without accounts, as it is."""
    accounts = raw.get("accounts", {})
    if not isinstance(accounts, dict):
        report.add(("accounts",), "must be tables with a name each, [accounts.NAME]", value=shown(accounts))
        accounts = {}
    if not accounts:
        return [View(None, raw)]
    return [_view(name, table, raw, report) for name, table in accounts.items()]


def subtable(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A table of a raw table; empty where it is absent or something else."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _view(name: str, table: Any, raw: Mapping[str, Any], report: Report) -> View:
    at = At(report, Scope(), ("accounts", name))
    source = raw.get("source")
    whole = f"{source}-{name}" if isinstance(source, str) else name
    if not re.fullmatch(NAME, name) or (re.fullmatch(NAME, str(source)) and not re.fullmatch(NAME, whole)):
        at.wrong(
            "a name has small letters, digits, - and _, starts with a letter and has, with the source's, at most 63"
        )
    if not isinstance(table, dict):
        at.wrong("must be a table of vars and secrets")
        return View(name, raw)
    own: dict[str, dict[str, Any]] = {kind: {} for kind in _OWN}
    origins: dict[Path, Origin] = {}
    for kind, key, value, path in _written(table, raw, at):
        own[kind][key] = value
        origins[kind, key] = Origin(report.file, path)
    laid = {kind: {**subtable(raw, kind), **own[kind]} for kind in _OWN if isinstance(raw.get(kind, {}), dict)}
    return View(name, {**raw, **laid}, origins)


def _written(table: Mapping[str, Any], raw: Mapping[str, Any], at: At) -> Iterator[tuple[str, str, Any, Path]]:
    """Everything an account says, with its kind (`vars` or `secrets`) and its place."""
    for key, value in table.items():
        kinds = [kind for kind in _OWN if key in subtable(raw, kind)]
        if key in _OWN and isinstance(value, dict):
            yield from ((key, inner, item, (*at.path, key, inner)) for inner, item in value.items())
        elif len(kinds) == 1:
            yield kinds[0], key, value, (*at.path, key)
        else:
            known = [*_OWN, *subtable(raw, "vars"), *subtable(raw, "secrets")]
            where = "both [vars] and [secrets] have" if kinds else "neither [vars] nor [secrets] has"
            (at / key).wrong(f"{where} this name; write vars.NAME or secrets.NAME", hint=nearest(key, known))
