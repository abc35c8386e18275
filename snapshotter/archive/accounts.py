"""`snap add NAME --as ACCOUNT`: one more account in the file of an API, which is added if need be."""

from __future__ import annotations

from pathlib import Path

from snapshotter import __version__, catalogue
from snapshotter.archive.opening import Opened, describe, for_writing
from snapshotter.archive.setup import missing_secrets
from snapshotter.core import paths
from snapshotter.core.config import load_source, with_account
from snapshotter.core.listing import sign_in_of
from snapshotter.edge.files import Folder
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, UsageError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Added


def add_account(path: Path, name: str, account: str, world: World, *, wait: float = 0.0) -> Added:
    """Put the table of an account into a source file and commit it; nothing else in the file changes."""
    target = f"{paths.SOURCES}/{name}.toml"
    with for_writing(path, world, command="snap add", wait=wait) as opened:
        before = _text(opened, name, target)
        text = with_account(before, account, file=target)
        loaded = load_source(text, file=target, settings=opened.described.settings)
        if loaded.problems:
            raise ConfigError("\n".join(map(str, loaded.problems)))
        source = next(one for one in loaded.sources if one.account == account)
        if len(loaded.sources) == 1:
            _check_nothing_is_orphaned(opened, source.api)
        message = f"Add the account {account} to {name}\n\nBy snap {__version__}.\n\nSource: {source.name}\n"
        change = FileChange(target, text.encode())
        commit = opened.store.commit(Batch((change,), message, world.clock.now()), opened.store.head())
        opened.store.finish()
        opened.described = describe(opened.root, opened.store)
        lacking = missing_secrets(opened, [source.name])
        return Added(source.name, target, commit, lacking, (), tuple(source.streams), sign_in_of(source.auth))


def _text(opened: Opened, name: str, target: str) -> str:
    """The file as it lies there, if it is committed as it is; else that of the catalogue."""
    data = Folder(opened.root).read(target)
    if data is None:
        if name not in catalogue.names():
            raise UsageError(f"no source {name!r}, neither here nor in the catalogue; `snap add` lists the latter")
        return catalogue.text(name)
    if data != opened.store.read(target):
        raise UsageError(f"{target} has edits of yours that are not committed; commit them first")
    return data.decode("utf-8", "surrogateescape")


def _check_nothing_is_orphaned(opened: Opened, api: str) -> None:
    """With accounts the bare name is no source: what was archived under it would get no new days."""
    if next(iter(opened.store.paths(api)), None) is not None:
        raise UsageError(
            f"{api}/ holds days that were fetched without accounts, and would get no new ones. Leave it as it is, and "
            f"describe the other account in a file of its own: copy {paths.SOURCES}/{api}.toml, give the copy another "
            "name after `source =`, and its own [vars] and [secrets]"
        )
