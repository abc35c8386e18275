"""Why a request was chosen, for people."""

from __future__ import annotations

from datetime import date

from snapshotter.core.refreshing.policy import Choice, Rule
from snapshotter.core.refreshing.requests import Asking, Known
from snapshotter.core.wording import counted
from snapshotter.spec import Kind, Stream


def chosen(choice: Choice, asking: Asking) -> str:
    """Why the policy took it."""
    known = f"{span(asking)}: {_likely(choice, asking)}, last asked {_ago(asking)}"
    match choice.rule:
        case Rule.CEILING:
            return f"{known}; that is longer than its ceiling allows"
        case Rule.SURPRISE:
            near = f"near {asking.surprise}, which changed unexpectedly"
            return f"{known}; {near} (provider recomputed {asking.surprise:%B %Y}?)"
        case Rule.AUDIT:
            return f"{known}; drawn by chance, to know how much differs"
        case Rule.VALUE:
            return f"{known}; better asked now than later"


def ladder(asking: Asking) -> str:
    """Why a day of a ladder is due."""
    ages = sorted({age for _, age in asking.ages})
    old = f"{ages[0]} days old" if len(ages) == 1 else f"{ages[0]} to {ages[-1]} days old"
    return f"{span(asking)}: {old}, has passed an age of `recheck`; last asked {_ago(asking)}"


def named(asking: Asking, *, by_age: bool) -> str:
    """That the user wants it."""
    if by_age:
        return f"{span(asking)}: last asked {_ago(asking)}"
    return f"{span(asking)}: you named it; last asked {_ago(asking)}"


def none_of(stream: Stream, since: date | None, until: date | None, *, known: Known | None) -> str:
    """Why nothing of a stream can be asked again; nothing where it only is not due."""
    if stream.window is None and stream.kind is Kind.SNAPSHOT:
        return "it is one whole state and has no days; leave --since and --until out" if since or until else ""
    if stream.window is None:
        return "it is a feed, which shows its newest records only: old days cannot be asked again"
    if known is None or not known.ages():
        return "no day of it is complete yet; `snap fetch` comes first"
    if since is None and until is None:
        return ""
    return f"none of its complete days lies {f'from {since} ' if since else ''}{f'up to {until}' if until else 'on'}"


def span(asking: Asking) -> str:
    """Its days."""
    first, last = asking.days[0], asking.days[-1]
    return f"{first}" if first == last else f"{first} to {last}"


def _ago(asking: Asking) -> str:
    return "today" if not asking.last_asked else f"{counted(asking.last_asked, 'day')} ago"


def _likely(choice: Choice, asking: Asking) -> str:
    if len(asking.days) == 1:
        return f"{choice.expected:.0%} likely to have changed"
    return f"{choice.expected:.1f} of {_days(asking)} likely to have changed"


def _days(asking: Asking) -> str:
    return counted(len(asking.days), "day")
