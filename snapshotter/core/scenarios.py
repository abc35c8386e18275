"""The ways in which a recording is played: what goes wrong, at which page, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from snapshotter.frozen import dataclass
from snapshotter.results.bench import Played

PAUSE = 37  # seconds that a refusal asks to wait


class At(Enum):
    """Which request is answered otherwise."""

    FIRST = "first"
    LAST = "last page"
    SECOND = "second page"  # of the first walk that has one


class Fault(Enum):
    """How it is answered."""

    NONE = "none"
    REFUSED = "429"
    ERROR = "503"
    ERRORS = "500 for ever"
    CUT = "cut"
    BROKEN = "broken"
    REPEATED = "repeated"
    EXPIRED = "401"
    TIMEOUT = "timeout"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way, in words."""

    name: str
    fault: Fault
    at: At
    expected: str


SAME_RUN = "same archive, same run"
NEXT_RUN = "unproved; same after the next run"

SCENARIOS = (
    Scenario("429 with Retry-After", Fault.REFUSED, At.FIRST, SAME_RUN),
    Scenario("503, then good", Fault.ERROR, At.FIRST, SAME_RUN),
    Scenario("500 on the last page", Fault.ERRORS, At.LAST, NEXT_RUN),
    Scenario("page cut in the middle", Fault.CUT, At.LAST, SAME_RUN),
    Scenario("broken JSON", Fault.BROKEN, At.LAST, NEXT_RUN),
    Scenario("repeated cursor", Fault.REPEATED, At.SECOND, NEXT_RUN),
    Scenario("token expired (401)", Fault.EXPIRED, At.LAST, SAME_RUN),
    Scenario("timeout, then good", Fault.TIMEOUT, At.FIRST, SAME_RUN),
    Scenario("slow answer", Fault.SLOW, At.LAST, SAME_RUN),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a play left behind."""

    documents: Mapping[str, str]  # path -> blob id
    complete: frozenset[str]  # paths whose document, or lack of one, is called complete
    states: Mapping[str, int]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario, carried out."""

    fired: bool
    faulted: Outcome
    healed: Outcome
    early: float | None = None  # seconds by which a request came before Retry-After was over


def judged(scenario: Scenario, trial: Trial, clean: Outcome) -> Played:
    """What came of a scenario beside a clean play."""
    if not trial.fired:
        return Played(scenario.name, scenario.expected, "there is no such page here", passed=None)
    wrong = _wrong(trial, clean)
    if wrong is not None:
        return Played(scenario.name, scenario.expected, f"WRONG: {wrong}", passed=False)
    got = NEXT_RUN if _differs(trial.faulted, clean) else SAME_RUN
    return Played(scenario.name, scenario.expected, got, passed=True)


def _wrong(trial: Trial, clean: Outcome) -> str | None:
    false = wrongly_complete(trial.faulted, clean)
    if false:
        return f"{false[0]} is called complete and is not"
    if trial.early is not None:
        return f"asked {trial.early:.0f} s before Retry-After was over"
    if _differs(trial.healed, clean):
        why = f" ({trial.healed.why})" if trial.healed.why else ""
        return f"a clean run afterwards does not make it the same{why}"
    return None


def wrongly_complete(found: Outcome, clean: Outcome) -> list[str]:
    """The documents that are called complete, there or not, and differ from those of a clean play."""
    both = found.documents.keys() | clean.documents.keys()
    return sorted(path for path in both & found.complete if found.documents.get(path) != clean.documents.get(path))


def _differs(found: Outcome, clean: Outcome) -> bool:
    return found.documents != clean.documents or found.states != clean.states
