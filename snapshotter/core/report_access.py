"""What the use cases around limits, trust and authorization gave back, in words for a terminal."""

from __future__ import annotations

from datetime import datetime

from snapshotter.core.escaping import escape
from snapshotter.core.report import notice
from snapshotter.results import Authorized, BudgetLeft, Fact, LaneLeft, LimitsLeft, Trusting

LONGEST = 400


def limits(result: LimitsLeft) -> str:
    """`limits`: a paragraph a lane."""
    lines = [notice(item) for item in result.notices]
    for lane in result.lanes:
        lines += _lane(lane)
    return "\n".join(lines or ["no sources yet; add one with `snap add`"])


def _lane(lane: LaneLeft) -> list[str]:
    pause = f"at most one request every {lane.min_interval:g} s"
    lines = [f"{_safe(lane.lane)} ({', '.join(lane.sources)}): {pause}"]
    lines += [f"  {_budget(left)}" for left in lane.budgets] or ["  no limits are declared, and none were told"]
    whole = set(lane.waits.values())
    if len(whole) == 1 and len(lane.waits) > 1:
        ((until, why),) = whole
        return [*lines, f"  goes on at {_at(until)}: {_safe(why)}"]
    return lines + [f"  {stream} goes on at {_at(until)}: {_safe(why)}" for stream, (until, why) in lane.waits.items()]


def _budget(left: BudgetLeft) -> str:
    of = f" of {left.limit:,}" if left.limit is not None else ""
    kept = f", {left.reserve:,} kept in reserve" if left.reserve else ""
    more = f", more at {_at(left.until)}" if left.until is not None and left.used != 0 else ""
    return f"{_safe(left.name)}: {left.remaining:,}{of} left{kept}{more}"


def trusting(result: Trusting) -> str:
    """`trust`: everything that the files would do; what is new is marked."""
    lines = [_whole(problem) for problem in result.problems]
    if result.made_here:
        lines += [f"{result.path} was made here and is trusted. What its files have snap do:"]
    elif result.known and result.is_trusted:
        lines += [f"{result.path} comes from elsewhere; you have agreed to all that its files have snap do:"]
    else:
        lines += [f"{result.path} comes from elsewhere. Its files would have snap do this, with your rights:"]
    for file in result.files:
        lines += ["", f"{_whole(file.key)} ({_whole(file.file)})" if file.key != file.file else _whole(file.key)]
        lines += [_fact(fact, is_new=result.known and fact in file.new) for fact in file.facts]
    if not result.files:
        lines += ["", "nothing: there is no source yet"]
    return "\n".join(lines)


def _fact(fact: Fact, *, is_new: bool) -> str:
    return f"  {'new: ' if is_new else ''}{fact.does} {_whole(fact.what)}"


def _whole(text: str) -> str:
    """Made harmless, but never cut: the end of a command must not hide."""
    return escape(text, 16 * len(text) + 16)


def authorized(result: Authorized) -> str:
    """`auth`: what was got, and what to do now."""
    ends = "does not end" if result.expires is None else f"ends at {_at(result.expires)}"
    renewed = "it is renewed by itself" if result.renewable else "it cannot be renewed: authorize again then"
    lines = [f"{result.source}: authorized; the token {ends}" + (f", {renewed}" if result.expires is not None else "")]
    if result.expires is not None and not result.renewable:
        lines += ["the service gave no refresh token; many give one for a parameter in auth.authorize_params"]
    if result.lacking:
        lines += [
            f"not granted: {', '.join(map(_safe, result.lacking))}; what needs it will be refused",
            f"(agree to it with `snap auth {result.source}`, or take it out of auth.scopes)",
        ]
    return "\n".join([*lines, "", f"Next: snap try {result.source}/{result.stream}"])


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _safe(text: str) -> str:
    return escape(text, LONGEST)
