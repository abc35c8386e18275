"""What `verify`, `held` and `quarantine retry` gave back, in words."""

from __future__ import annotations

from collections.abc import Sequence

from snapshotter.core.escaping import escape
from snapshotter.core.wording import counted
from snapshotter.results import Damage, HeldSettled, HeldVersion, Reread, Verified

LONGEST = 600  # characters of one line
MOST = 50  # of one kind of damage

_OUTCOMES = {
    "stored": "read, and stored",
    "known": "read; the archive has all of it already",
    "in part": "read, and stored where no later answer was; kept for the rest, which differs from later answers",
    "overtaken": "read, and kept: the archive has later answers for all of it",
    "unreadable": "still cannot be used",
}


def verified(result: Verified) -> str:
    """`verify`: each damage with its hint, then what was looked at."""
    lines: list[str] = []
    kinds: dict[str, list[Damage]] = {}
    for item in result.damage:
        kinds.setdefault(item.kind, []).append(item)
    for kind, items in kinds.items():
        for item in items[:MOST]:
            lines += [f"{kind}: {_safe(item.where)}: {_safe(item.what)}", f"  {_safe(item.hint)}"]
        if len(items) > MOST:
            lines += [f"{kind}: and {len(items) - MOST} more"]
    looked = ", ".join(
        f"{count:,} {what.removesuffix('s') if count == 1 else what}" for what, count in result.counts.items() if count
    )
    for path, how in result.uncommitted[:MOST]:
        lines += [f"not committed: {_safe(path)} is {how}; `git checkout -- PATH` brings back what is archived"]
    told = f"{len(result.damage):,} damaged" if result.damage else "no damage"
    return "\n".join([*lines, f"{result.scope}: {told}; looked at {looked or 'nothing'}"])


def held(versions: Sequence[HeldVersion]) -> str:
    """`held`: what waits, why, and how it is settled."""
    if not versions:
        return "no version waits for you"
    lines: list[str] = []
    for version in versions:
        name = f"{version.stream} {version.day}".strip()
        offered = counted(version.records, "record")
        stands = "none" if version.archived is None else f"{version.archived:,}"
        lines += [f"{name}: offered {version.since:%Y-%m-%d %H:%M}, {offered} (archived: {stands})"]
        lines += [f"  {_safe(version.why)}"] if version.why else []
        lines += [f"  {version.path}"]
    lines += ["", "`snap held accept SOURCE/STREAM DAY` takes one, `snap held reject SOURCE/STREAM DAY` drops it,"]
    lines += ["`snap diff SOURCE/STREAM DAY --held` shows how it differs"]
    return "\n".join(lines)


def settled(result: HeldSettled) -> str:
    """After `held accept` and `held reject`."""
    name = f"{result.version.stream} {result.version.day}".strip()
    if result.accepted:
        return f"{name}: accepted (commit {result.commit[:8]}); the version before stands in its history"
    after = "the version that stood stays, and the same one is not offered again"
    return f"{name}: rejected (commit {result.commit[:8]}); {after}"


def reread(items: Sequence[Reread]) -> str:
    """`quarantine retry`."""
    lines: list[str] = []
    for item in items:
        count = f" ({item.records:,} records, commit {item.commit[:8]})" if item.commit else ""
        lines += [f"{item.name}: {_OUTCOMES[item.outcome]}{count}", f"  {_safe(item.job)}"]
        lines += [f"  {_safe(item.why)}"] if item.why else []
    return "\n".join(lines or ["the quarantine is empty"])


def _safe(text: str) -> str:
    return escape(text, LONGEST)
