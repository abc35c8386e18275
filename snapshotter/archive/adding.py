"""`snap add`: the ready source files, what one of them needs, and a copy of it in the archive, filled in."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from snapshotter import __version__, catalogue
from snapshotter.archive.opening import Opened, describe, for_writing, open_archive
from snapshotter.archive.setup import missing_secrets
from snapshotter.core import paths
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.filling import blanks, filled
from snapshotter.core.listing import sign_in_of
from snapshotter.edge.files import Folder
from snapshotter.edge.secrets import gather, keep
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, UsageError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Added, CatalogueEntry
from snapshotter.results.adding import Filling, Form, Reference
from snapshotter.spec import SecretRef, Source


def entries(path: Path, world: World, *, needs_archive: bool) -> tuple[CatalogueEntry, ...]:
    """The ready source files, and which of them the archive around a folder has already, if there is one."""
    have: set[str] = set()
    try:
        have = {Path(name).stem for name in open_archive(path, world).described.files}
    except UsageError:  # the catalogue can be read without an archive, unless one was named
        if needs_archive:
            raise
    return tuple(_entry(listed, added=listed.name in have) for listed in catalogue.listing())


def _entry(listed: catalogue.Listing, *, added: bool) -> CatalogueEntry:
    source = _source(catalogue.text(listed.name), listed.name)
    ways = tuple(dict.fromkeys(check.how for check in listed.checked))
    streams = tuple(source.streams)
    return CatalogueEntry(listed.name, listed.title, listed.needs, added, sign_in_of(source.auth), streams, ways)


def form(name: str, world: World) -> Form:
    """What a file of the catalogue lets one fill in."""
    text = _ready(name)
    source = _source(text, name)
    found = gather(source.secrets, world.env).values
    secrets = [Reference(ref.name, f"{ref.kind}:{ref.where}", ref.name in found) for ref in source.secrets.values()]
    title = catalogue.listed(name, text).title
    return Form(name, title, blanks(text), tuple(secrets))


def is_found(where: str, world: World) -> bool:
    """Whether a secret has a value at this place."""
    return "x" in gather({"x": _reference(where)}, world.env).values


def keep_secret(where: str, value: str, world: World) -> str:
    """Put a secret where its reference says, and say where that is; only into a new file or the keyring."""
    return keep(_reference(where), value, world.env)


def check_reference(where: str) -> None:
    """Whether this says where a secret is; `UsageError` with how one does."""
    _reference(where)


def _reference(where: str) -> SecretRef:
    kind, _, place = where.partition(":")
    if kind not in ("env", "file", "keyring", "command") or not place or (kind == "keyring" and "/" not in place):
        raise UsageError("say where the secret is: env:NAME, file:PATH, keyring:SERVICE/USER or command:…")
    return SecretRef("x", kind, place)  # type: ignore[arg-type]


def check_free(path: Path, name: str, world: World) -> None:
    """Whether the archive has no such source yet; raises before anybody answers questions in vain."""
    _ready(name)
    if (open_archive(path, world).root / _target(name)).exists():
        raise UsageError(f"{_target(name)} is there already; edit it, or move it away first")


def add(path: Path, name: str, world: World, *, filling: Filling | None = None, wait: float = 0.0) -> Added:
    """Copy a ready source file into the archive, filled in, and commit it."""
    given = filling or Filling()
    check_free(path, name, world)
    for where in given.references.values():
        check_reference(where)
    text = filled(_ready(name), given.values, given.references)
    with for_writing(path, world, command="snap add", wait=wait) as opened:
        source = _checked(text, name, opened)
        message = f"Add {name}\n\nCopied from the catalogue of snap {__version__}.\n\nSource: {name}\n"
        change = FileChange(_target(name), text.encode())
        commit = opened.store.commit(Batch((change,), message, world.clock.now()), opened.store.head())
        opened.store.finish()
        opened.described = describe(opened.root, opened.store)
        missing = missing_secrets(opened, [name])
    needed = tuple(blank.name for blank in blanks(text) if blank.needed and blank.name not in given.values)
    return Added(name, _target(name), commit, missing, needed, tuple(source.streams), sign_in_of(source.auth))


def _target(name: str) -> str:
    return f"{paths.SOURCES}/{name}.toml"


def _ready(name: str) -> str:
    if name not in catalogue.names():
        known = catalogue.names()
        near = [one for one in known if one.startswith(f"{name}-")] or get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"no source {name!r} in the catalogue; {hint}`snap add` lists them")
    return catalogue.text(name)


def _checked(text: str, name: str, opened: Opened) -> Source:
    """The source that a filled-in file gives; what was filled in may be wrong."""
    if Folder(opened.root).read(_target(name)) is not None:
        raise UsageError(f"{_target(name)} is there already; edit it, or move it away first")
    loaded = load_source(text, file=_target(name), settings=opened.described.settings)
    if loaded.problems:
        raise ConfigError("\n".join(map(str, loaded.problems)))
    return loaded.sources[0]


def _source(text: str, name: str) -> Source:
    settings, _ = load_settings(settings_template("UTC"))
    if settings is None:
        raise ConfigError("the settings of a new archive have mistakes")
    return load_source(text, file=_target(name), settings=settings).sources[0]
