"""Past runs: the newest ones, one of them whole, and its log. Folders are walked backwards, as far as needed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby, islice
from pathlib import Path

from snapshotter.archive.opening import LOCAL, Opened, open_archive, waiting
from snapshotter.archive.telling import LOGS
from snapshotter.core import logs, runs
from snapshotter.edge.lines import logged_runs, read_run_log
from snapshotter.edge.store import Store
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.model import RunRecord
from snapshotter.results.past import RunLine, RunLog, RunStory


def run_lines(
    path: Path, world: World, *, limit: int | None = None, failed: bool = False, since: date | None = None
) -> tuple[RunLine, ...]:
    """Past runs, newest first."""
    opened = open_archive(path, world)
    lines = (_run_line(name, records) for name, records in _runs(opened, since=since))
    kept = (line for line in lines if line.problems or not failed)
    return tuple(islice(kept, limit))


def run_story(path: Path, name: str | None, world: World) -> RunStory:
    """Everything one run recorded, oldest first, with what its log adds; without a name, the newest run."""
    opened = open_archive(path, world)
    run, records = _run(opened, name)
    log = read_run_log(opened.local / LOGS, run)
    lines = logs.read(log or ())
    end = next((line for line in reversed(lines) if line.event == "end"), None)
    return RunStory(
        run,
        tuple(runs.in_order(records)),
        logged=log is not None,
        planned=logs.planned(lines),
        finished=end.at if end is not None else None,
        exit=int(end.facts.get("exit", 0)) if end is not None else None,
        told=logs.once(line for line in lines if line.event in logs.TOLD),
    )


def run_log(path: Path, name: str | None, world: World, *, level: str) -> RunLog:
    """The events of one run that are at least as coarse as this level; without a name, of the newest run."""
    store = Store.find(path, env=world.env, disk=world.disk)
    folder = store.root / LOCAL / LOGS
    there = logged_runs(folder)
    run = _meant(name, there) or (name or "")
    found = read_run_log(folder, run)
    if found is None:
        kept = f"the logs of the newest {len(there)} runs are kept here" if there else "no run has left a log here yet"
        raise UsageError(f"no log of the run {run!r}; {kept}" if name else kept)
    lines = logs.read(found)
    shown = logs.at_level(lines, level)
    return RunLog(run, shown, len(lines) - len(shown))


# --- finding them ---


def _meant(name: str | None, names: Sequence[str]) -> str | None:
    """The one run whose name begins so; without a name, the first one."""
    if name is None:
        return names[0] if names else None
    found = [run for run in names if run.startswith(name)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} runs begin with {name!r}: {', '.join(sorted(found)[:4])}; write more of it")
    return found[0] if found else None


def _run(opened: Opened, name: str | None) -> tuple[str, list[RunRecord]]:
    if name is None:
        for found in _runs(opened):
            return found
        raise UsageError("no runs yet; `snap fetch` makes one")
    began = runs.day_of(name)
    if began is not None:
        found_here = dict(_runs(opened, on=began))
        run = _meant(name, list(found_here))
        if run is not None:
            return run, found_here[run]
    raise UsageError(f"no run {name!r}; `snap runs` lists them")


def _runs(
    opened: Opened, *, since: date | None = None, on: date | None = None
) -> Iterator[tuple[str, list[RunRecord]]]:
    """Runs with their records, newest first; of those that started since a day, or on one day, only."""
    pending: dict[date, list[RunRecord]] = {}
    for record in waiting(opened):
        began = runs.day_of(record.run)
        if began is not None:
            pending.setdefault(began, []).append(record)
    head = opened.store.head()
    folders = (
        _folders(opened.store, head) if on is None else iter([(on, path) for path in _streams(opened.store, head)])
    )
    waits = [(day, "") for day in sorted(pending, reverse=True) if on in (None, day)]
    days = heapq.merge(folders, waits, key=lambda item: item[0], reverse=True)
    for day, found in groupby(days, key=lambda item: item[0]):
        if since is not None and day < since:
            return
        records = pending.get(day, []) + [
            record for _, path in found if path for record in _records_of(opened.store, head, f"{path}/{day:%Y/%m/%d}")
        ]
        by_run: dict[str, list[RunRecord]] = {}
        for record in records:
            by_run.setdefault(record.run, []).append(record)
        yield from sorted(by_run.items(), reverse=True)


def _streams(store: Store, head: str | None) -> Iterator[str]:
    """The folders of run records, whether or not a source file still describes their stream."""
    for source in store.names("", head):
        for stream in store.names(source, head):
            if runs.FOLDER in store.names(f"{source}/{stream}", head):
                yield f"{source}/{stream}/{runs.FOLDER}"


def _folders(store: Store, head: str | None) -> Iterator[tuple[date, str]]:
    """The days on which runs started, with the folder of each stream, newest first."""
    return heapq.merge(
        *(_days_below(store, head, path) for path in _streams(store, head)), key=lambda item: item[0], reverse=True
    )


def _days_below(store: Store, head: str | None, path: str) -> Iterator[tuple[date, str]]:
    """The days on which runs of one folder of run records started, newest first."""
    for year in reversed(store.names(path, head)):
        for month in reversed(store.names(f"{path}/{year}", head)):
            for day in reversed(store.names(f"{path}/{year}/{month}", head)):
                if (found := runs.day_named(year, month, day)) is not None:
                    yield found, path


def _records_of(store: Store, head: str | None, folder: str) -> Iterator[RunRecord]:
    for where, blob in store.paths(folder, head):
        yield runs.decode(store.blob(blob), where)


def _run_line(name: str, records: list[RunRecord]) -> RunLine:
    stories = [story for record in records for story in record.stories]
    facts = [
        fact for story in stories for fact in [*story.days.values(), *([story.dateless] if story.dateless else [])]
    ]
    return RunLine(
        run=name,
        started=min(record.started for record in records),
        at=max(record.at for record in records),
        command=records[0].command,
        streams=tuple(sorted({f"{record.source}/{record.stream}" for record in records})),
        requests=sum(story.requests for story in stories),
        days_new=sum(fact.change == "new" for fact in facts),
        days_changed=sum(fact.change in ("changed", "emptied") for fact in facts),
        problems=sum(story.miss is not None for story in stories),
    )
