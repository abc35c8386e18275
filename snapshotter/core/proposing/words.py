"""What a proposal looks like on a terminal: the file itself, so that it can be sent to a file, with the next step."""

from __future__ import annotations

from snapshotter.core.proposing.propose import Proposal


def proposed(found: Proposal) -> str:
    """`try URL`: the file, and below it, as comments, what to do with it."""
    lines = [found.text, "# Nothing was written. Next, in an archive (`snap init DIR` makes one):"]
    lines.append(f"#   snap try URL --save {found.source}")
    lines += [f"# with the secret {name} in {_place(where)}" for name, where in found.secrets.items()]
    return "\n".join(lines)


def saved(found: Proposal, path: str, commit: str) -> str:
    """`try URL --save NAME`: how sure it is of what, what is open, and the next step."""
    lines = [f"Added {path} (commit {commit[:8]})", ""]
    width = max((len(one.key) for one in found.findings), default=0)
    lines += [f"  {one.sure:<6}  {one.key:<{width}}  {_short(one.value)}" for one in found.findings]
    if found.questions:
        lines += ["", f"Open questions stand at the top of the file: {len(found.questions)}"]
    lines += [f"The secret {name} is looked for in {_place(where)}" for name, where in found.secrets.items()]
    lines += ["", f"Next: read {path}, settle what is a guess, then:"]
    return "\n".join([*lines, f"  snap try {found.source}/{found.stream}", f"  snap fetch {found.source}"])


def _place(where: str) -> str:
    return f"the environment variable {where.removeprefix('env:')}" if where.startswith("env:") else where


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(map(str, value))
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
