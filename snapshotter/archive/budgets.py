"""`snap limits`: what is left of the rate limits of every lane, as the user's state folder knows it. Sends nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from snapshotter.archive.hindering import QUIET
from snapshotter.archive.lane import gate_of
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.trust import Trust, secrets_of, trust_of
from snapshotter.core.limits import Budgets, Limits
from snapshotter.edge.auth import lane_of
from snapshotter.edge.world import World
from snapshotter.errors import Refused
from snapshotter.results import BudgetLeft, LaneLeft, LimitsLeft, Notice
from snapshotter.spec import Source, Stream

Secrets = Mapping[str, str]


def limits(path: Path, targets: Collection[str], world: World) -> LimitsLeft:
    """What is left in the lanes of these sources, or of all."""
    return limits_of(open_archive(path, world), targets)


def limits_of(opened: Opened, targets: Collection[str] = (), *, asks: bool = True) -> LimitsLeft:
    """The same of an archive that is open; unless it `asks`, no keyring and no command is asked for a secret."""
    world = opened.world
    named = {source.name for source, _ in opened.streams(targets)}
    trust = trust_of(opened)
    lanes: dict[str, list[tuple[Source, Secrets]]] = {}
    notices = [Notice("error", problem.file, str(problem)) for problem in opened.described.problems]
    for source in opened.described.sources.values():
        found = _lane(source, opened, trust) if asks or _is_quiet(source) else _unsought(source)
        if isinstance(found, Notice):
            notices += [found] if source.name in named else []
        else:
            lane, secrets = found
            lanes.setdefault(lane, []).append((source, secrets))
    now = world.clock.now()
    told = [_left(members, world, now=now) for members in lanes.values() if _has_one_of(members, named)]
    return LimitsLeft(tuple(told), tuple(notices))


def _has_one_of(members: Sequence[tuple[Source, Secrets]], names: Collection[str]) -> bool:
    return any(source.name in names for source, _ in members)


def _is_quiet(source: Source) -> bool:
    return all(secret.kind in QUIET for secret in source.secrets.values())


def _unsought(source: Source) -> Notice:
    words = "its secret is in a keyring or comes from a command, and is not asked for here; see `snap limits`"
    return Notice("info", source.name, words)


def _lane(source: Source, opened: Opened, trust: Trust) -> tuple[str, Secrets] | Notice:
    """The lane of a source, which its credential decides."""
    gathered = secrets_of(source, opened, trust)
    try:
        return lane_of(source, gathered.values), gathered.values
    except Refused as error:  # it names the secret that is missing
        return Notice("warning", source.name, f"{error}; which limits it shares is not known without it")


def _left(members: Sequence[tuple[Source, Secrets]], world: World, *, now: datetime) -> LaneLeft:
    sources = [source for source, _ in members]
    with closing(gate_of(sources, members[0][1], world, stopped=lambda: False)) as gate:
        budgets = _budgets(sources, gate.stored(), now)
    return LaneLeft(
        lane=sources[0].pacing.lane or urlsplit(sources[0].client.base_url).netloc,
        sources=tuple(source.name for source in sources),
        budgets=tuple(
            BudgetLeft(left.name, left.used, left.limit, left.reserve, left.remaining, left.until)
            for left in budgets.left(now)
        ),
        min_interval=gate.min_interval.total_seconds(),
        waits=dict(_waits(sources, budgets, now)),
    )


def _budgets(sources: Sequence[Source], stored: Mapping[str, object], now: datetime) -> Budgets:
    rules = tuple(dict.fromkeys(rule for source in sources for rule in source.rate_limits))
    headers = tuple(dict.fromkeys(rule for source in sources for rule in source.rate_headers))
    return Limits(rules, headers).restore(stored, now)


def _waits(sources: Sequence[Source], budgets: Budgets, now: datetime) -> Iterator[tuple[str, tuple[datetime, str]]]:
    for source in sources:
        for stream in source.streams.values():
            spent = budgets.earliest(now, method=stream.method, path=_path(source, stream))
            if spent is not None:
                yield stream.key, (spent.until, spent.why)


def _path(source: Source, stream: Stream) -> str:
    """The path of its requests as limits see it; a placeholder stands for itself."""
    text = "".join(part if isinstance(part, str) else f"{{{part.root}.{part.path}}}" for part in stream.path.parts)
    return f"{urlsplit(source.client.base_url).path.rstrip('/')}/{text.lstrip('/')}"
