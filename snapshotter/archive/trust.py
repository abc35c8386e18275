"""Whether an archive may use this machine's secrets, run commands, and talk to anybody.

An archive that was made here may. One from elsewhere may do what its user agreed to, source by source, fact by fact.
Both are remembered in the user's state folder under a random name, which lies beside the repository where no clone
and no commit can bring it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field
from pathlib import Path

from snapshotter.archive.opening import LOCAL, Described, Opened, open_archive
from snapshotter.core import paths
from snapshotter.core.trusting import facts_of, facts_of_settings, unknown
from snapshotter.edge.secrets import Gathered, gather
from snapshotter.edge.state import JsonFile, private_folder
from snapshotter.edge.world import World
from snapshotter.errors import Damaged
from snapshotter.frozen import dataclass
from snapshotter.results import Fact, Trusting, TrustingFile
from snapshotter.spec import Settings, Source

FOLDER = "trust"
NAME = "trust-name"
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Trust:
    """What the user's state folder says about one archive."""

    made_here: bool = False
    agreed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # source, or `snap.toml` -> facts
    brought: Mapping[str, frozenset[str]] = field(default_factory=dict)  # the same, of what a pull brought here

    def lacks(self, source: Source) -> tuple[Fact, ...]:
        """What the source would do that nobody has agreed to; nothing: it is trusted."""
        return self.not_agreed(source.name, facts_of(source))

    def lacks_settings(self, settings: Settings) -> tuple[Fact, ...]:
        """What the settings would do that nobody has agreed to."""
        return self.not_agreed(paths.SETTINGS, facts_of_settings(settings))

    def not_agreed(self, key: str, facts: Collection[Fact]) -> tuple[Fact, ...]:
        """Of the facts of one source or of the settings, those that nobody has agreed to."""
        if self.made_here:  # the edits made here are the user's own; what came from elsewhere is not
            foreign = self.brought.get(key, frozenset())
            return tuple(fact for fact in facts if str(fact) in foreign)
        return unknown(facts, self.agreed.get(key, frozenset()))


def trust_of(opened: Opened) -> Trust:
    """The trust that an archive has now."""
    name = _name(opened.root)
    if name is None:
        return Trust()
    try:
        known = _file(name, opened.world).read()
    except Damaged:  # whoever cannot be remembered is asked about again
        return Trust()
    return Trust(known.get("made_here") is True, _by_key(known.get("agreed")), _by_key(known.get("brought")))


def _by_key(facts: object) -> Mapping[str, frozenset[str]]:
    if not isinstance(facts, dict):
        return {}
    return {str(key): frozenset(map(str, listed)) for key, listed in facts.items() if isinstance(listed, list)}


def facts_in(described: Described) -> Mapping[str, tuple[Fact, ...]]:
    """Everything that the files of an archive would do, by source; the settings under their own name."""
    found = {source.name: tuple(facts_of(source)) for source in described.sources.values()}
    return {paths.SETTINGS: tuple(facts_of_settings(described.settings)), **found}


def remember_brought(opened: Opened, after: Described) -> Mapping[str, tuple[Fact, ...]]:
    """Before files from elsewhere arrive: what they would do and the present ones do not; it waits to be agreed to."""
    before = facts_in(opened.described)
    new = {key: unknown(facts, [str(fact) for fact in before.get(key, ())]) for key, facts in facts_in(after).items()}
    new = {key: facts for key, facts in new.items() if facts}
    trust = trust_of(opened)
    if new and trust.made_here:
        kept = {
            key: sorted({*trust.brought.get(key, ()), *map(str, new.get(key, ()))}) for key in {*trust.brought, *new}
        }
        told = {"format": 1, "made_here": True, "root": str(opened.root), "brought": kept}
        _file(_name(opened.root) or _new_name(opened.root, opened.world), opened.world).write(told)
    return new


def secrets_of(source: Source, opened: Opened, trust: Trust) -> Gathered:
    """The values of a source's secrets; commands are run for them only if it is trusted."""
    return gather(source.secrets, opened.world.env, trusted=not trust.lacks(source))


def why_not(source: Source, trust: Trust) -> str | None:
    """Why nothing may be asked of a source yet, or None."""
    lacking = trust.lacks(source)
    if not lacking:
        return None
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"this archive comes from elsewhere, and you have not agreed that it {lacking[0]}{more}; run `snap trust`"


def remember_made(root: Path, world: World, *, place: Path | None = None) -> None:
    """An archive was made here; `place`: where it will lie."""
    told = {"format": 1, "made_here": True, "root": str(place or root)}
    _file(_name(root) or _new_name(root, world), world).write(told)


def look(path: Path, world: World) -> Trusting:
    """What the files of an archive would do, and what of it is new."""
    return _looked(open_archive(path, world))


def agree(path: Path, world: World, shown: Trusting) -> None:
    """Remember that the user agreed to what was shown; what the files say by now is asked about again."""
    opened = open_archive(path, world)
    agreed = {file.key: [str(fact) for fact in file.facts] for file in shown.files}
    kept = {"format": 1, "made_here": shown.made_here, "root": str(opened.root), "agreed": agreed}
    _file(_name(opened.root) or _new_name(opened.root, world), world).write(kept)


def _looked(opened: Opened) -> Trusting:
    trust = trust_of(opened)
    found = [(paths.SETTINGS, paths.SETTINGS, facts_of_settings(opened.described.settings))]
    found += [(source.name, source.file, facts_of(source)) for source in opened.described.sources.values()]
    files = [TrustingFile(key, file, facts, trust.not_agreed(key, facts)) for key, file, facts in found if facts]
    problems = tuple(str(problem) for problem in opened.described.problems)
    return Trusting(str(opened.root), trust.made_here, tuple(files), problems, known=bool(trust.agreed))


def _name(root: Path) -> str | None:
    folder = root / LOCAL
    data = private_folder(folder).read(NAME) if folder.is_dir() else None
    name = "" if data is None else data.decode("ascii", "replace").strip()
    return name if _NAME.fullmatch(name) else None


def _new_name(root: Path, world: World) -> str:
    name = f"{world.chance.getrandbits(128):032x}"
    private_folder(root / LOCAL, disk=world.disk).write(NAME, f"{name}\n".encode())
    return name


def _file(name: str, world: World) -> JsonFile:
    return JsonFile(world.state / FOLDER / f"{name}.json", disk=world.disk)
