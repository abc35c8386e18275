"""Why a request was chosen, for people."""

from __future__ import annotations

from snapshotter.core.refreshing.policy import Choice, Rule
from snapshotter.core.refreshing.requests import Asking
from snapshotter.core.wording import counted


def chosen(choice: Choice, asking: Asking) -> str:
    """Why the policy took it."""
    ago = f"last asked {asking.last_asked} days ago"
    likely = f"{choice.expected:.2f} of {_days(asking)} likely to have changed"
    match choice.rule:
        case Rule.CEILING:
            why = "longer than its ceiling allows"
        case Rule.SURPRISE:
            why = f"near {asking.surprise}, which changed unexpectedly (provider recomputed {asking.surprise:%B %Y}?)"
        case Rule.AUDIT:
            why = "drawn by chance, to know how much differs"
        case Rule.VALUE:
            why = f"among the most valuable requests ({choice.value:.3f} changes that last, a request)"
    return f"{span(asking)}: {why}; {likely}, {ago}"


def ladder(asking: Asking) -> str:
    """Why a day of a ladder is due."""
    ages = sorted({age for _, age in asking.ages})
    old = f"{ages[0]} days old" if len(ages) == 1 else f"{ages[0]} to {ages[-1]} days old"
    return f"{span(asking)}: {old}, has passed an age of `recheck`; last asked {asking.last_asked} days ago"


def named(asking: Asking) -> str:
    """That the user wants it."""
    return f"{span(asking)}: asked again by name; last asked {asking.last_asked} days ago"


def span(asking: Asking) -> str:
    """Its days."""
    first, last = asking.days[0], asking.days[-1]
    return f"{first}" if first == last else f"{first} to {last}"


def _days(asking: Asking) -> str:
    return counted(len(asking.days), "day")
