"""The look at what a push would carry away, for the pre-push hook. Runs no command of a source file and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from snapshotter.archive.opening import open_archive
from snapshotter.core.guarding import Found, Touched, damage_in, refusal, shapes_in
from snapshotter.edge.secrets import gather
from snapshotter.edge.store import Store
from snapshotter.edge.store.command import Git
from snapshotter.edge.store.outgoing import Outgoing
from snapshotter.edge.tokens import kept_values
from snapshotter.edge.world import World
from snapshotter.errors import SnapError
from snapshotter.masking import Masker

ALLOWED = "snap.allow"  # a setting of this repository, one mark a line
_NOTHING = "0"
ENOUGH = 20


def guard(path: Path, remote: str, updates: Sequence[str], world: World) -> str | None:
    """Why a push must not go out, or None; `updates` are the lines that git gives to its hook."""
    store = Store.find(path, env=world.env)
    git = Git(store.root / ".git", world.env)
    rows = [row for line in updates if len(row := line.split()) == 4 and row[1].strip(_NOTHING)]
    tips = [row[1] for row in rows]
    known = [row[3] for row in rows if row[3].strip(_NOTHING)]
    if not tips:
        return None
    there = git.told("for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}/")[1]
    outgoing = Outgoing(store.root / ".git", world.env, tips=tips, known=[*known, *there])
    allowed = set(git.told("config", "--get-all", ALLOWED)[1])
    found = [item for item, _ in zip(_found(outgoing, _own_secrets(path, world), allowed), range(ENOUGH), strict=False)]
    return refusal(remote, found) if found else None


def _own_secrets(path: Path, world: World) -> Masker:
    """The user's own values: from environment, file and keyring, and the tokens in the state folder."""
    masker = Masker()
    try:
        described = open_archive(path, world).described
        listed = [described.settings.secrets, *(source.secrets for source in described.sources.values())]
    except SnapError:  # files with mistakes name no secrets; known shapes and tokens are looked for all the same
        listed = []
    for refs in listed:
        for name, value in gather(refs, world.env).values.items():
            if not refs[name].public:
                masker.add(name, value)
    for value in kept_values(world.state):
        masker.add("a token of snap", value)
    return masker


def _found(outgoing: Outgoing, own: Masker, allowed: set[str]) -> Iterator[Found]:
    contents: dict[str, bytes] = {}
    for oid, kind, path, data in outgoing.objects():
        where = path or f"{kind} {oid[:12]}"
        name = own.found_in(data)
        if name is not None:
            yield Found(where, f"holds the value of your secret {name!r}: take it out of the unpushed commits")
        for shape, mark in shapes_in(data, allowed):
            allow = f"if it is none: `git config --add {ALLOWED} {mark}`"
            yield Found(where, f"holds what looks like {shape}; {allow}")
        if kind == "blob":
            contents[oid] = data
    for _, files in outgoing.touched():
        touched = [Touched(path, mode, blob, is_new) for path, mode, blob, is_new in files]
        for file in touched:
            if file.blob is not None and file.blob not in contents:
                contents[file.blob] = outgoing.blob(file.blob)
        yield from damage_in(touched, contents)
