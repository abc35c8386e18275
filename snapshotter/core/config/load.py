"""Text of a file -> values, or every mistake in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from snapshotter.core.config.accounts import View, subtable, views
from snapshotter.core.config.build_source import build_settings, build_source
from snapshotter.core.config.checks_source import check_source
from snapshotter.core.config.checks_stream import check_stream
from snapshotter.core.config.grammar_settings import SETTINGS
from snapshotter.core.config.grammar_source import SOURCE
from snapshotter.core.config.grammar_stream import STREAM
from snapshotter.core.config.lines import key_lines
from snapshotter.core.config.merge import Layer, merge
from snapshotter.core.config.placeholders import is_plain
from snapshotter.core.config.problems import WRONG, Origin, Problem, Report, nearest
from snapshotter.core.config.tables import At, Scope, Section, read_table
from snapshotter.core.escaping import escape
from snapshotter.frozen import dataclass
from snapshotter.spec import Settings, Source

SETTINGS_FILE = "snap.toml"
_BYTE_ORDER_MARK = "\ufeff"  # Windows editors put it there
SHARED = ("client", "pacing", "retry")  # tables of a source that snap.toml may have defaults for
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source file: one source, or one an account; what is wrong (then it gives no source); what is odd."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def load_source(text: str, *, file: str, settings: Settings | None) -> Loaded:
    """The sources that a file describes, or every mistake in it; a bad file is never an exception."""
    report = Report(file)
    raw = _parsed(text, report)
    if raw is None:
        return Loaded((), tuple(report.problems))
    found = [_source(view, report, settings) for view in views(raw, report)]
    if report.problems:
        return Loaded((), _sorted(report.problems))
    _warn_unused(raw, report)
    return Loaded(tuple(source for source in found if source is not None), (), _sorted(report.warnings))


def load_settings(text: str, *, file: str = SETTINGS_FILE) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings, or every mistake in them."""
    report = Report(file)
    raw = _parsed(text, report)
    if raw is None:
        return None, tuple(report.problems)
    section = read_table(SETTINGS, raw, At(report, Scope({}, frozenset(subtable(raw, "secrets")))))
    if report.problems:
        return None, _sorted(report.problems)
    return build_settings(section, defaults=subtable(raw, "defaults")), ()


def check_together(sources: Iterable[Source]) -> tuple[Problem, ...]:
    """Mistakes that show only when all files are read: two sources that would share a folder."""
    first: dict[str, Source] = {}
    problems: list[Problem] = []
    for source in sources:
        other = first.setdefault(source.name, source)
        if other is not source:
            message = f"{other.file} describes a source of this name already; choose another one"
            problems.append(Problem(source.file, None, "source", message, source.name))
    return tuple(problems)


def _parsed(text: str, report: Report) -> dict[str, Any] | None:
    """The TOML of a file with its lines noted, or None after reporting what is no TOML in it."""
    try:
        raw = tomllib.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        report.problems[Problem(report.file, line, "", f"no TOML: {escape(_AT.sub('', str(error)))}")] = None
        return None
    except (ValueError, RecursionError):
        report.add((), "cannot be read: a number has too many digits, or lists lie too deep in each other")
        return None
    report.lines = key_lines(text)
    return raw


def _source(view: View, report: Report, settings: Settings | None) -> Source | None:
    """What one account makes of the file, or None after reporting why not."""
    report.origins = dict(view.origins)
    variables = {name: value if is_plain(value) else WRONG for name, value in subtable(view.raw, "vars").items()}
    scope = Scope(variables, frozenset(subtable(view.raw, "secrets")), view.account)
    at = At(report, scope)
    raw = {**view.raw, **_shared(view.raw, report, settings)}
    source = read_table(SOURCE, raw, at)
    streams = _streams(raw, at, source=source, settings=settings)
    check_source(source, at, streams=streams.values())
    if report.problems:
        return None
    return build_source(source, streams, file=report.file, account=view.account, settings=settings)


def _shared(raw: Mapping[str, Any], report: Report, settings: Settings | None) -> dict[str, Any]:
    """The tables that `snap.toml` has defaults for, with these below."""
    below = settings.defaults if settings is not None else {}
    shared = {}
    for name in SHARED:
        if isinstance(below.get(name), dict) and isinstance(raw.get(name, {}), dict):
            layers = [Layer(below[name], Origin(SETTINGS_FILE, ("defaults", name)))]
            layers += [Layer(subtable(raw, name), Origin(report.file, (name,)))]
            shared[name], origins = merge(layers, at=(name,))
            report.origins |= origins
    return shared


def _streams(raw: Mapping[str, Any], at: At, *, source: Section, settings: Settings | None) -> dict[str, Section]:
    streams = {}
    for name, table in subtable(raw, "streams").items():
        if isinstance(table, dict):  # anything else is reported already
            here = at / "streams" / name
            merged, origins = merge(_layers(table, raw, here, settings), at=here.path)
            at.report.origins |= origins
            stream = read_table(STREAM, merged, here)
            check_stream(stream, here, source=source, settings=settings)
            streams[name] = stream
    return streams


def _layers(table: Mapping[str, Any], raw: Mapping[str, Any], at: At, settings: Settings | None) -> list[Layer]:
    file, used = at.report.file, table.get("use")
    templates = subtable(raw, "templates")
    below = settings.defaults if settings is not None else {}
    layers = [
        Layer({key: value for key, value in below.items() if key not in SHARED}, Origin(SETTINGS_FILE, ("defaults",))),
        Layer(subtable(raw, "defaults"), Origin(file, ("defaults",))),
    ]
    if isinstance(used, str) and used in templates:
        at.report.used.add(("templates", used))
        layers.append(Layer(subtable(templates, used), Origin(file, ("templates", used))))
    elif isinstance(used, str):
        (at / "use").wrong("no template has this name", used, hint=nearest(used, templates))
    return [*layers, Layer(table, Origin(file, at.path))]


def _warn_unused(raw: Mapping[str, Any], report: Report) -> None:
    report.origins = {}
    for table in ("vars", "secrets", "templates"):
        for name in subtable(raw, table):
            if (table, name) not in report.used:
                report.warn((table, name), "nothing in this file uses it")


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """In the order of the file, so that the user walks through it once."""
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line or 0)))
