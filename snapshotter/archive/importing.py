"""`snap import`: files that somebody has already become history, each dated by when it was seen.

All files are read and judged before anything is written. The runs then become commits on a line beside the branch, and
one merge brings them in: documents of which the archive knows later stay as they are. The same files change nothing a
second time, since the name of a run follows from their contents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from snapshotter.archive.changing import changed, keep_settings
from snapshotter.archive.opening import Opened, Tell, for_writing
from snapshotter.archive.sidelining import Import, Landing, View
from snapshotter.archive.trust import secrets_of, trust_of
from snapshotter.core import importing, ledger, runs
from snapshotter.core.changing import cut_otherwise
from snapshotter.core.days import day_bounds, whole_days
from snapshotter.core.escaping import escape
from snapshotter.core.importing import Form
from snapshotter.core.wording import counted
from snapshotter.edge import belongings
from snapshotter.edge.belongings import Belonging
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import PageRecords, Record, Window
from snapshotter.results import Progress
from snapshotter.results.importing import Imported
from snapshotter.spec import Kind, Source, Stream

_NOTHING = "nothing was imported"
_TOLD_EVERY = 50  # files


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How `import files` is meant."""

    into: str
    form: Form | None = None
    observed: datetime | None = None
    proves: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """How an import goes on."""

    dry_run: bool
    wait: float
    tell: Tell


@dataclass(frozen=True, slots=True)
class _Given:
    """One file of one run."""

    file: Belonging
    shown: str  # its name, without what tells of this machine
    form: Form
    observed: datetime
    day: date | None = None


def import_pdpl(
    path: Path, folder: Path, world: World, *, into: str | None = None, doing: Doing
) -> tuple[Imported, ...]:
    """Take over a folder of `<api>/<endpoint>/<day>--run-<UTC time>.json` files."""
    with for_writing(path, world, command="snap import pdpl", wait=doing.wait) as opened:
        found = list(belongings.below(folder))
        chosen = [file for file in found if importing.is_named(file.path.name)]
        if not chosen:
            raise UsageError(f"{folder}: no file here is called like 2024-05-01--run-20240502T031500Z.json; {_NOTHING}")
        by_stream: dict[str, list[_Given]] = {}
        known = [into] if into is not None else [stream.key for _, stream in opened.streams()]
        lost: dict[str, int] = {}
        for file in chosen:
            name, given = _named(file, opened)
            key = into if into is not None else importing.stream_for(name, known)
            if key is None:
                lost[f"{name.api}/{name.endpoint}"] = lost.get(f"{name.api}/{name.endpoint}", 0) + 1
            else:
                by_stream.setdefault(key, []).append(given)
        _check_found(lost, opened)
        _check_one_endpoint(into, by_stream)
        ready = [_judged(opened, key, given, "import pdpl", doing=doing) for key, given in sorted(by_stream.items())]
        left = sorted({file.path.name for file in found} - {file.path.name for file in chosen}, key=_looks_meant)
        like = left[0] if left else ""
        landed = [_land(opened, one, doing) for one in ready]
        return tuple(replace(one, ignored=len(found) - len(chosen), ignored_like=like) for one in landed)


def import_files(
    path: Path, files: Sequence[Path], world: World, options: FileOptions, *, doing: Doing
) -> tuple[Imported, ...]:
    """Take over files that a service exported, as one observation of a stream."""
    with for_writing(path, world, command="snap import files", wait=doing.wait) as opened:
        found = [belongings.one(file) for file in files]
        now = world.clock.now()
        seen = options.observed or min(now, max(file.changed for file in found).replace(microsecond=0))
        if seen > now:
            raise UsageError(f"--observed {seen.isoformat()} has not come yet; {_NOTHING}")
        given = [_Given(file, file.path.name, options.form or _form(file.path), seen) for file in found]
        _, stream = opened.stream(options.into)
        if stream.kind is Kind.SNAPSHOT and stream.day is None and len(given) > 1:
            raise UsageError(f"{stream.key} is one whole state, which one file holds; import the files one by one")
        proves = None if options.proves is None else _span(stream, options.proves, seen)
        one = _judged(opened, options.into, given, "import files", doing=doing, proves=proves)
        return (_land(opened, one, doing),)


def _looks_meant(name: str) -> tuple[bool, str]:
    """The files first that somebody may have meant to be taken."""
    return not name.endswith(".json"), name


# --- what is meant ---


def _named(file: Belonging, opened: Opened) -> tuple[importing.Named, _Given]:
    name = importing.named(file.parts)
    if name is None:
        raise UsageError(f"{file.path}: its name tells no day and time that there is; {_NOTHING}")
    if name.observed > opened.world.clock.now():
        raise UsageError(f"{file.path}: its run has not come yet; {_NOTHING}")
    return name, _Given(file, "/".join(file.parts[-3:]), "json", name.observed, name.day)


def _check_found(lost: dict[str, int], opened: Opened) -> None:
    broken = {problem.file: str(problem) for problem in opened.described.problems}
    if lost and broken:
        raise ConfigError(f"{next(iter(broken.values()))}; `snap check` lists all mistakes; {_NOTHING}")
    if lost:
        told = ", ".join(f"{escape(name)} ({counted(count, 'file')})" for name, count in sorted(lost.items())[:20])
        raise UsageError(
            f"no source file describes {told}; `snap add` or `snap new` makes one, or name a stream by --into;"
            f" {_NOTHING}"
        )


def _check_one_endpoint(into: str | None, by_stream: dict[str, list[_Given]]) -> None:
    if into is not None:
        ends = sorted({given.shown.rpartition("/")[0] for given in by_stream[into]})
        if len(ends) > 1:
            told = ", ".join(map(escape, ends[:10]))
            raise UsageError(f"--into {into} takes one endpoint, and the folder has {told}; {_NOTHING}")


def _form(path: Path) -> Form:
    found = importing.FORMS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: .json, .jsonl, .ndjson or .csv tells what a file is; say it by --format")
    return found


def _span(stream: Stream, proves: tuple[date, date], seen: datetime) -> Window:
    if stream.day is None:
        raise UsageError(f"{stream.key} is one whole state and has no days; leave --proves out")
    first, last = (day_bounds(day, stream.day.zone) for day in proves)
    if last.end > seen or first.start >= last.end:
        when = f"{seen:%Y-%m-%d %H:%M} UTC"
        raise UsageError(f"--proves: the days must be in order and over when the files were made ({when}; --observed)")
    return Window(first.start, last.end)


# --- judging all files ---


def _judged(
    opened: Opened, key: str, given: Iterable[_Given], command: str, *, doing: Doing, proves: Window | None = None
) -> tuple[Import, Imported]:
    """What is new of a stream, read once so that nothing unusable is found later on."""
    source, stream = opened.stream(key)
    _check_description(opened, source, stream)
    masker = _masker(opened, source)
    by_run: dict[datetime, list[_Given]] = {}
    for one in given:
        by_run.setdefault(one.observed, []).append(one)
    views: list[View] = []
    told = Imported(stream.key, sum(map(len, by_run.values())), 0, 0, 0, is_dry=doing.dry_run)
    place = 0
    for observed, files in sorted(by_run.items()):
        pages = []
        for one in files:
            place += 1
            if place % _TOLD_EVERY == 0:
                doing.tell(Progress(key, "reading", f"{key}: {place:,} files read", done=place))
            pages.append(_page(source, stream, one, masker))
        digests = [digest for digest, _ in pages]
        run = runs.run_id(observed, importing.chance_of(key, digests, proves))
        if opened.store.blob_id(runs.path_named(key, run, 1)) is not None:
            told = replace(told, known=told.known + 1)
            continue
        records = [record for _, page in pages for record in page.records]
        told = _counted(told, observed, records)
        again = _Again(source, stream, tuple(files), tuple(digests))
        views.append(View(observed, run, tuple(one.shown for one in files), again))
    if proves is not None and stream.day is not None:
        first, last = (day.isoformat() for day in _days(proves, stream.day.zone))
        told = replace(told, proves=f"{first} to {last}")
    return Import(source, stream, tuple(views), command, proves), told


def _days(window: Window, zone: str) -> tuple[date, date]:
    touched = list(whole_days(window, zone))
    return touched[0], touched[-1]


@dataclass(frozen=True, slots=True)
class _Again:
    """Reads the files of a run once more, when it is their turn; they may be more than fits into memory."""

    source: Source
    stream: Stream
    files: tuple[_Given, ...]
    digests: tuple[str, ...]

    def __call__(self) -> Iterator[tuple[str, int, PageRecords]]:
        for one, digest in zip(self.files, self.digests, strict=True):
            found, page = _page(self.source, self.stream, one, None)
            if found != digest:
                raise UsageError(f"{one.file.path}: it changed while it was read; {_NOTHING}")
            yield digest, one.file.size, page


def _page(source: Source, stream: Stream, one: _Given, masker: Masker | None) -> tuple[str, PageRecords]:
    body = belongings.content(one.file, most=source.client.max_body)
    held = None if masker is None else masker.found_in(body)
    if held is not None:
        raise UsageError(f"{one.file.path}: it holds the value of the secret {held!r}; {_NOTHING}")
    try:
        page = importing.read(stream, body, one.form, day=one.day)
    except Unreadable as error:
        raise UsageError(f"{one.file.path}: {error.message} ({error.reason}); {_NOTHING}") from error
    return hashlib.sha256(body).hexdigest(), page


def _counted(told: Imported, observed: datetime, records: list[Record]) -> Imported:
    days = [record.day for record in records if record.day is not None]
    return replace(
        told,
        runs=told.runs + 1,
        records=told.records + len(records),
        first_run=told.first_run or observed,
        last_run=observed,
        first=min([*days, *([told.first] if told.first else [])], default=None),
        last=max([*days, *([told.last] if told.last else [])], default=None),
    )


def _check_description(opened: Opened, source: Source, stream: Stream) -> None:
    found = changed(opened, source, stream)
    if found is not None and found.why_stopped is not None:
        raise ConfigError(found.why_stopped)
    why = cut_otherwise(stream, ledger.zones(opened.cache.ledger(stream.key, days=())))
    if why is not None:
        raise ConfigError(f"{stream.key}: {why}")


def _masker(opened: Opened, source: Source) -> Masker:
    """What is a secret here; a value that cannot be had on this machine cannot be looked for."""
    values = secrets_of(source, opened, trust_of(opened)).values
    return Masker(values, [name for name, ref in source.secrets.items() if ref.public])


def _land(opened: Opened, ready: tuple[Import, Imported], doing: Doing) -> Imported:
    given, told = ready
    if doing.dry_run or not given.views:
        return told
    keep_settings(opened)
    landed = Landing(opened, given, doing.tell).go()
    return replace(told, commit=landed.commit, taken=landed.taken, kept=landed.kept, notes=landed.notes)
