"""Making an archive, checking what its files say."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from snapshotter import __version__
from snapshotter.archive.changing import all_changed
from snapshotter.archive.conforming import unusable
from snapshotter.archive.opening import LOCAL, Opened, check_refused, open_archive
from snapshotter.archive.trust import remember_made, secrets_of, trust_of
from snapshotter.canonical import encode_indented
from snapshotter.core import paths, schema
from snapshotter.core.config import settings_template
from snapshotter.edge.files import Folder
from snapshotter.edge.store import DOCUMENTS_SHOWN, Store
from snapshotter.edge.world import World
from snapshotter.edge.zone import machine_zone
from snapshotter.errors import UsageError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Checked, Created, Missing, Notice
from snapshotter.results.changing import ChangedStream

README = "README.md"
ATTRIBUTES = f"# Files are kept byte for byte; git changes no line ends.\n* -text\n{DOCUMENTS_SHOWN}"


def init(path: Path, world: World, *, zone: str | None = None) -> Created:
    """Make an archive in a new or empty folder."""
    chosen, notes = _zone(zone, world)
    made = _first_files(chosen)
    store = Store.create(path, env=world.env, disk=world.disk)
    message = (
        f"Begin the archive\n\nDays are cut in {chosen} where a source says nothing else.\n\nSnap: {__version__}\n"
    )
    remember_made(store.root, world)
    commit = _taken_up(store, world) or store.commit(Batch(made, message, world.clock.now()), None)
    notes += [Notice("warning", "hooks", note) for note in store.install_hooks()]
    store.show_documents()
    store.finish()
    check_refused(store)
    return Created(str(store.root), commit, tuple(change.path for change in made), tuple(notes))


def _taken_up(store: Store, world: World) -> str | None:
    """The commit of an `init` that was killed, whose files are brought to their places now, if there is one."""
    store.heal(world.clock.now())
    Folder(store.root / LOCAL, disk=world.disk).sweep()
    return store.head()


def _zone(zone: str | None, world: World) -> tuple[str, list[Notice]]:
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UsageError(f"--zone {zone!r}: no such time zone; write it like Europe/Berlin or UTC") from None
        return zone, []
    found = machine_zone(world.env)
    if found is None:
        words = (
            "this machine names no time zone, so days are cut in UTC; change `zone` before the first fetch if wanted"
        )
        return "UTC", [Notice("warning", paths.SETTINGS, words)]
    return found, []


def _first_files(zone: str) -> tuple[FileChange, ...]:
    readme = (files("snapshotter._data") / "archive-readme.md").read_bytes()
    return (
        FileChange(README, readme),
        FileChange(".gitattributes", ATTRIBUTES.encode()),
        FileChange(paths.SETTINGS, settings_template(zone).encode()),
        FileChange(f"{paths.SOURCES}/.gitkeep", b""),
        *(FileChange(f"{paths.SCHEMA}/{name}", data) for name, data in schema_files().items()),
    )


def schema_files() -> dict[str, bytes]:
    """The JSON Schemas that editors use, by file name."""
    return {
        "source.v1.json": encode_indented(schema.source_schema()),
        "settings.v1.json": encode_indented(schema.settings_schema()),
    }


def show_documents(path: Path, world: World, *, readably: bool) -> bool:
    """Let plain git show documents readably or as they are; False where the user has a driver of their own."""
    store = open_archive(path, world).store
    if readably:
        return store.show_documents(anew=True)
    store.show_bytes()
    return True


def check(path: Path, names: Collection[str], world: World) -> Checked:
    """What the files of an archive say: every mistake at once, and which secrets are missing. Asks no API."""
    opened = open_archive(path, world)
    described = opened.described
    wanted = _files_of(opened, names)
    sources = {source.name: tuple(source.streams) for source in described.sources.values() if source.file in wanted}
    return Checked(
        files=tuple(sorted(wanted)),
        sources=sources,
        problems=tuple(str(problem) for problem in described.problems if problem.file in wanted),
        missing=missing_secrets(opened, sources),
        notes=tuple(_notes(opened, wanted)),
        changed=_changed(opened, sources),
    )


def _changed(opened: Opened, names: Collection[str]) -> tuple[ChangedStream, ...]:
    """The streams of these sources that are described otherwise than in their last run."""
    chosen = [(source, stream) for source, stream in opened.streams() if source.name in names]
    with opened.closing():
        return tuple(found.told() for found in all_changed(opened, chosen))


def _notes(opened: Opened, wanted: Collection[str]) -> Iterator[Notice]:
    """What is odd, and what cannot be used."""
    described = opened.described
    for warning in described.warnings:
        if warning.file in wanted:
            yield Notice("warning", warning.file, str(warning))
    for source in described.sources.values():
        if source.file in wanted:
            yield from (Notice("error", key, why) for key, why in unusable(opened, source.streams.values()).items())


def _files_of(opened: Opened, names: Collection[str]) -> set[str]:
    """The files that are meant: all, or those of sources named by source or by file."""
    everything = set(opened.described.files)
    if not names:
        return everything
    wanted: set[str] = set()
    for name in names:
        source = opened.described.sources.get(name.split("/", 1)[0])
        file = source.file if source is not None else f"{paths.SOURCES}/{Path(name).stem}.toml"
        if file not in everything:
            known = sorted(Path(known).stem for known in everything if known.startswith(paths.SOURCES))
            raise UsageError(f"no source {name!r}; known are {', '.join(known) or 'none yet'}")
        wanted.add(file)
    return wanted


def missing_secrets(opened: Opened, names: Collection[str]) -> tuple[Missing, ...]:
    """The secrets of these sources that are not found now."""
    found: list[Missing] = []
    trust = trust_of(opened)
    for name in names:
        source = opened.described.sources.get(name)
        if source is not None:
            gathered = secrets_of(source, opened, trust)
            found += [Missing(name, secret, hint) for secret, hint in gathered.missing]
    return tuple(found)
