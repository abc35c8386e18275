"""Which rule finds most changes of old days with few requests: a made-up world, with its own code, and several rules.

    python benchmarks/refresh_policies.py [--full] [--write] [--seeds 1,2,3] [--only NAME,…]

A day of a stream changes at a rate that falls with its age; its provider may also recompute a month of days at once.
Nobody tells a rule the rates, except the one called "true rates". At the start nothing that is stored was ever asked
again, for every rule alike. Short: one seed, one year; `--full`: three seeds, two years; `--write` puts tables and plot
into docs/.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import math
import random
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from snapshotter.core.refreshing import foresight, hazards, observing, policy
from snapshotter.core.refreshing.hazards import Hazard, Seen, learned, packed

DOCS = Path(__file__).parent.parent / "docs"
MARKER = "<!-- made by benchmarks/refresh_policies.py"
BEFORE = 3 * 365  # days that are stored when the rules begin
YEAR, TWO_YEARS = 365, 730
WARM = 60  # days in which ours has learned: from then on it is compared with the true rates
SEEDS = (1, 2, 3)
BUDGETS = (6, 20)
HORIZONS = 900  # days back of today a recomputation may reach
OURS, ORACLE, ALL_KNOWN = "learned", "true rates", "true rates and recomputations"
DOUBLING = [2**power for power in range(11)]


@dataclass(frozen=True)
class Kind:
    """A kind of stream: changes per day at an age, how many days one request covers, recomputations a year."""

    name: str
    rate: Callable[[float], float]
    peak: tuple[float, ...] = ()  # ages at which the rate may be higher than before
    step: int = 1
    shocks: float = 0.0


KINDS = (
    Kind("settles in days", lambda age: 0.35 * math.exp(-age / 3.0)),
    Kind("revised for months", lambda age: 0.25 / (age + 4), step=7),
    Kind("edited by people", lambda age: 0.0004 * math.exp(-age / 250)),
    Kind("nearly never", lambda _: 0.00002, shocks=1.5),
    Kind("monthly windows", lambda age: 0.06 / (age + 2), step=30),
    Kind("revised at a quarter", lambda age: 0.05 if 80 <= age < 100 else 0.0002, peak=(80,), shocks=0.7),
)

Window = tuple[int, int]  # its stream and its place
Recomputed = tuple[int, int, int, int]  # stream, first and last day, when


@dataclass(frozen=True)
class Task:
    """One rule in one world."""

    rule: str
    budget: int
    shocks: bool
    seed: int
    days: int


# --- the world ---


@dataclass
class World:
    """When each day of each stream changes, in days since the beginning; sorted."""

    days: int
    changes: list[list[list[int]]]
    recomputed: list[Recomputed]


def a_world(seed: int, *, shocks: bool, run: int) -> World:
    """The same for every rule."""
    chance, last = random.Random(seed), BEFORE + run
    world = World(last, [], [])
    for stream, kind in enumerate(KINDS):
        days = [[day + age for age in ages_of_change(kind, chance, last - day)] for day in range(last)]
        for at in range(BEFORE, last) if shocks else ():
            if chance.random() < kind.shocks / 365:
                middle = chance.randrange(max(0, at - HORIZONS), at - 60)
                span = range(max(0, middle - 15), min(at, middle + 15))
                for day in span:
                    days[day].append(at)
                world.recomputed.append((stream, span[0], span[-1], at))
        world.changes.append([sorted(times) for times in days])
    return world


def ages_of_change(kind: Kind, chance: random.Random, until: int) -> list[int]:
    """Thinning, with the greatest rate of the ages ahead."""
    ages, age = [], 0.0
    while age < until:
        most = max([kind.rate(age), 1e-7, *(kind.rate(peak) for peak in kind.peak if age < peak)])
        age += chance.expovariate(most)
        if age < until and chance.random() < kind.rate(age) / most:
            ages.append(math.ceil(age))
    return ages


# --- what a rule knows ---


@dataclass
class Archive:
    """When each window was asked, and what that showed."""

    world: World
    asked: list[list[int]] = field(default_factory=list)  # by stream and window: the last time
    windows: list[list[list[int]]] = field(default_factory=list)  # by stream: the days of each window
    changed: dict[Window, tuple[int, bool]] = field(default_factory=dict)  # last answer: when, and whether it differed
    seen: dict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    found: int = 0
    late: list[int] = field(default_factory=list)
    lost: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            days = range(self.world.days)
            self.windows.append([list(days[at : at + kind.step]) for at in range(0, len(days), kind.step)])
            self.asked.append([window[-1] + 2 for window in self.windows[-1]])  # saved when it was two days old

    def ready(self, now: int) -> Iterator[tuple[int, int, int]]:
        """All windows that are stored: stream, place, when asked last."""
        for stream, asked in enumerate(self.asked):
            for window, at in enumerate(asked):
                if at > now:
                    break
                yield stream, window, at

    def ask(self, place: Window, now: int) -> bool:
        """Ask a window; gives whether one of its days differs."""
        stream, window = place
        last, hits = self.asked[stream][window], 0
        for day in self.windows[stream][window]:
            times = self.world.changes[stream][day]
            new = times[bisect_right(times, last) : bisect_right(times, now)]
            hits += bool(new)
            self.seen[KINDS[stream].name].append(Seen(last - day, now - day, 1, int(bool(new))))
            if new:
                self.late.append(now - new[0])
                self.lost += len(new) - 1
        self.asked[stream][window] = now
        self.changed[place] = (now, hits > 0)
        self.requests += 1
        self.found += hits
        return hits > 0

    def fresh(self, now: int) -> float:
        """The share of stored days that are as the source has them."""
        days = same = 0
        for stream, window, at in self.ready(now):
            for day in self.windows[stream][window]:
                times = self.world.changes[stream][day]
                days += 1
                same += bisect_right(times, at) == bisect_right(times, now)
        return same / days


# --- the rules ---


class Rule:
    """Chooses windows, never more than so many; this one chooses none."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        return []

    def told(self, place: Window, now: int, *, differs: bool) -> None:
        """What the answer to a window showed."""


class Ages(Rule):
    """Asks at fixed ages, the longest due first."""

    def __init__(self, seed: int, ages: Sequence[int]) -> None:
        super().__init__(seed)
        self.ages = ages

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        due = []
        for stream, window, at in archive.ready(now):
            born = archive.windows[stream][window][-1]
            place = bisect_right(self.ages, now - born)
            if place and self.ages[place - 1] > at - born:
                due.append((now - born - self.ages[place - 1], stream, window))
        return [(stream, window) for _, stream, window in sorted(due, reverse=True)[:budget]]


class Uniform(Rule):
    """Asks anything, each window as likely as every other."""

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        everything = [(stream, window) for stream, window, at in archive.ready(now) if at < now]
        return self.chance.sample(everything, min(budget, len(everything)))


class LastDays(Rule):
    """Half for the last week, half in turn."""

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        ready = [(s, w, at, now - archive.windows[s][w][-1]) for s, w, at in archive.ready(now) if at < now]
        new = sorted((age, s, w) for s, w, _, age in ready if age <= 7)[: (budget + 1) // 2]
        chosen = [(s, w) for _, s, w in new]
        rest = sorted((at, s, w) for s, w, at, _ in ready if (s, w) not in set(chosen))
        return chosen + [(s, w) for _, s, w in rest[: budget - len(chosen)]]


class Learned(Rule):
    """Ours, as it is shipped."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.judges: Mapping[str, policy.Judge] = {}
        self.chosen: dict[Window, policy.Choice] = {}
        self.surprises: list[tuple[Window, int]] = []
        self.known: dict[Window, tuple[int, policy.Candidate]] = {}
        self.judged: list[tuple[float, bool]] = []

    def rates(self, archive: Archive, now: int) -> Mapping[str, policy.Judge]:
        """What is believed of the streams; thought over once a week."""
        if now % 7 == 0 or not self.judges:
            archive.seen |= {kind.name: packed(archive.seen[kind.name]) for kind in KINDS}
            found = learned({kind.name: archive.seen[kind.name] for kind in KINDS})
            self.judges = {
                name: policy.Judge(hazard, foresight.price_of(archive.seen[name])) for name, hazard in found.items()
            }
        return self.judges

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        suspects, candidates, places = self.suspects(archive, now), [], []
        for stream, window, at in archive.ready(now):
            place = stream, window
            known = self.known.get(place)
            if known is None or known[0] != at:
                known = at, self.candidate(archive, place, at)
                self.known[place] = known
            places.append(place)
            candidates.append(replace(known[1], suspected=True) if place in suspects else known[1])
        choices = self.choose(candidates, self.rates(archive, now), now, budget)
        self.chosen = {places[choice.place]: choice for choice in choices}
        return list(self.chosen)

    def candidate(self, archive: Archive, place: Window, at: int) -> policy.Candidate:
        days = archive.windows[place[0]][place[1]]
        return policy.Candidate(KINDS[place[0]].name, [(at - day, day) for day in days])

    def choose(
        self, candidates: Sequence[policy.Candidate], judges: Mapping[str, policy.Judge], now: int, budget: int
    ) -> list[policy.Choice]:
        return policy.choose(candidates, judges, today=now, budget=budget, dice=self.chance.random)

    def told(self, place: Window, now: int, *, differs: bool) -> None:
        chance = self.chosen[place].chance
        self.judged.append((chance, differs))
        if differs and chance * observing.PPM < observing.SURPRISE_PPM:
            self.surprises.append((place, now))

    def suspects(self, archive: Archive, now: int) -> set[Window]:
        """The neighbours of what changed against expectation."""
        self.surprises = [(place, at) for place, at in self.surprises if now - at <= observing.SUSPECT_FOR]
        found = set()
        for (stream, window), since in self.surprises:
            for side in (1, -1):

                def answer(
                    step: int, *, since: int = since, line: Window = (stream, window), side: int = side
                ) -> bool | None:
                    at, changed = archive.changed.get((line[0], line[1] + side * step), (-1, False))
                    return changed if at >= since else None

                near = observing.NEAR // KINDS[stream].step
                found |= {(stream, window + side * step) for step in observing.unsure(answer, near=near)}
        return found


class TrueRates(Learned):
    """Our value of a request, given the rates of the world (not its recomputations)."""

    def rates(self, archive: Archive, now: int) -> Mapping[str, policy.Judge]:
        if not self.judges:
            exact = {kind.name: Exact([kind.rate(age + 0.5) for age in range(4000)]) for kind in KINDS}
            self.judges = {name: policy.Judge(hazard) for name, hazard in exact.items()}
        return self.judges

    def choose(
        self, candidates: Sequence[policy.Candidate], judges: Mapping[str, policy.Judge], now: int, budget: int
    ) -> list[policy.Choice]:
        values = [(judges[one.stream].judge(one, now)[0], place) for place, one in enumerate(candidates)]
        best = heapq.nlargest(budget, (one for one in values if one[0] > 0.0))
        return [policy.Choice(place, policy.Rule.VALUE, 0.0, 1.0, value, 1.0) for value, place in best]

    def suspects(self, archive: Archive, now: int) -> set[Window]:
        return set()


class AllKnown(TrueRates):
    """The same, and it is told at once which days were recomputed: what nobody can do better than."""

    def pick(self, archive: Archive, now: int, budget: int) -> list[Window]:
        self.recomputed: dict[str, list[list[int]]] = defaultdict(list)
        for stream, *shock in archive.world.recomputed:
            if shock[2] <= now:
                self.recomputed[KINDS[stream].name].append(shock)
        return super().pick(archive, now, budget)

    def choose(
        self, candidates: Sequence[policy.Candidate], judges: Mapping[str, policy.Judge], now: int, budget: int
    ) -> list[policy.Choice]:
        sure = [place for place, one in enumerate(candidates) if self.differs(one)][:budget]
        rest = [one for one in super().choose(candidates, judges, now, budget) if one.place not in set(sure)]
        return [*(policy.Choice(p, policy.Rule.VALUE, 1.0, 1.0, 1.0, 1.0) for p in sure), *rest[: budget - len(sure)]]

    def differs(self, one: policy.Candidate) -> bool:
        return any(
            first <= day <= last and since + day < at
            for first, last, at in self.recomputed.get(one.stream, ()) for since, day in one.days
        )  # fmt: skip


class Exact(Hazard):
    """Rates by the day instead of by bucket."""

    def __init__(self, rates: Sequence[float]) -> None:
        sums = [0.0]
        for rate in rates:
            sums.append(sums[-1] + rate)
        object.__setattr__(self, "rates", tuple(rates))
        object.__setattr__(self, "sums", tuple(sums))

    def upto(self, age: float) -> float:
        return self.sums[max(0, min(int(age), len(self.sums) - 1))]


RULES: dict[str, Callable[[int], Rule]] = {
    "never": Rule,
    "once at 90 days": lambda seed: Ages(seed, [90]),
    "3, 6, 12 months": lambda seed: Ages(seed, [91, 182, 365]),
    "uniform": Uniform,
    "last 7 days + round robin": LastDays,
    "ages 1, 2, 4, 8, …": lambda seed: Ages(seed, DOUBLING),
    OURS: Learned,
    ORACLE: TrueRates,
    ALL_KNOWN: AllKnown,
}
FIXED = [name for name in RULES if name not in (OURS, ORACLE, ALL_KNOWN, "never")]


# --- the run ---


@dataclass(frozen=True)
class Result:
    """What a rule did within its budget."""

    task: Task
    found: int
    requests: int
    late_found: int  # from day WARM on
    late_requests: int
    late_fresh: float
    most: int  # requests in a day
    fresh: float
    least_fresh: float
    delays: tuple[int, int]  # the median, and 95 %
    lost: int
    shock_days: float  # until 90 % of a recomputation is found; on average
    judged: tuple[tuple[float, bool], ...] = ()

    @property
    def per_request(self) -> float:
        return self.found / self.requests if self.requests else 0.0

    @property
    def late_per_request(self) -> float:
        return self.late_found / self.late_requests if self.late_requests else 0.0


def simulate(task: Task) -> Result:
    """One rule in one world."""
    world, rule = a_world(task.seed, shocks=task.shocks, run=task.days), RULES[task.rule](task.seed)
    archive, fresh, most, early = Archive(world), [], 0, (0, 0)
    waits: dict[Recomputed, set[int]] = {shock: set(range(shock[1], shock[2] + 1)) for shock in world.recomputed}
    done: dict[Recomputed, int] = {}
    for now in range(BEFORE, world.days):
        chosen = rule.pick(archive, now, task.budget)
        most = max(most, len(chosen))
        for place in chosen:
            rule.told(place, now, differs=archive.ask(place, now))
        _follow(waits, done, archive, chosen, now)
        if now == BEFORE + WARM - 1:
            early = archive.found, archive.requests
            if isinstance(rule, Learned):
                rule.judged.clear()
        if (now - BEFORE) % 30 == 29:
            fresh.append(archive.fresh(now))
    late = sorted(archive.late) or [0]
    waited = [done.get(shock, world.days) - shock[3] for shock in waits if shock[3] < world.days - 90]
    return Result(
        task=task,
        found=archive.found,
        requests=archive.requests,
        late_found=archive.found - early[0],
        late_requests=archive.requests - early[1],
        late_fresh=mean(fresh[WARM // 30 :]),
        most=most,
        fresh=mean(fresh),
        least_fresh=min(fresh[WARM // 30 :]),
        delays=(late[len(late) // 2], late[int(0.95 * (len(late) - 1))]),
        lost=archive.lost,
        shock_days=mean(waited) if waited else 0.0,
        judged=tuple(rule.judged) if isinstance(rule, Learned) and task.rule == OURS else (),
    )


def _follow(
    waits: dict[Recomputed, set[int]], done: dict[Recomputed, int], archive: Archive, chosen: list[Window], now: int
) -> None:
    """Which days of a recomputation are found by now."""
    for shock, days in waits.items():
        if shock[3] <= now and shock not in done:
            for stream, window in chosen:
                if stream == shock[0]:
                    days.difference_update(archive.windows[stream][window])
            if len(days) <= 0.1 * (shock[2] - shock[1] + 1):
                done[shock] = now


# --- telling ---


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(frozen=True)
class Case:
    """All rules and seeds with one budget, with or without recomputations."""

    budget: int
    shocks: bool
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        return f"{self.budget} requests a day, {'with' if self.shocks else 'without'} recomputations by the provider"

    def of(self, rule: str) -> list[Result]:
        return [one for one in self.results if one.task.rule == rule]

    def per_request(self, rule: str) -> float:
        return mean([one.per_request for one in self.of(rule)])

    def best_fixed(self) -> str:
        return max((name for name in FIXED if self.of(name)), key=self.per_request)


def table(case: Case) -> Iterator[str]:
    """The means of all seeds, as Markdown."""
    head = "rule | found / request | found | fresh | worst | delay | 95 % | unseen | 90 % of a shock | requests a day"
    yield f"| {head} |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name in RULES:
        rows = case.of(name)
        if not rows:
            continue
        shock = f"{mean([one.shock_days for one in rows]):.0f} d" if case.shocks else "–"
        days = rows[0].task.days
        yield (
            f"| {f'**{name}**' if name == OURS else name} | {case.per_request(name):.3f} |"
            f" {mean([one.found for one in rows]):.0f} | {mean([one.fresh for one in rows]):.3f} |"
            f" {mean([one.least_fresh for one in rows]):.3f} | {mean([one.delays[0] for one in rows]):.0f} d |"
            f" {mean([one.delays[1] for one in rows]):.0f} d | {mean([one.lost for one in rows]):.0f} | {shock} |"
            f" {mean([one.requests for one in rows]) / days:.1f} |"
        )


def verdict(case: Case) -> str:
    """How ours stands to the bar."""
    best, ours = case.best_fixed(), case.per_request(OURS)
    most = max(FIXED, key=lambda name: mean([one.found for one in case.of(name)]))
    within = all(one.most <= case.budget for one in case.of(OURS))
    judged = [pair for one in case.of(OURS) for pair in one.judged]
    late = {name: mean([one.late_per_request for one in case.of(name)]) for name in (OURS, ORACLE)}
    fresh = {name: mean([one.late_fresh for one in case.of(name)]) for name in (OURS, ORACLE)}
    bounds = f"{case.per_request(ORACLE) / case.per_request(best):.2f} × with the true rates"
    if case.of(ALL_KNOWN):
        bounds += (
            f", {case.per_request(ALL_KNOWN) / case.per_request(best):.2f} × with the recomputations known as well"
        )
    return (
        f"Learned: {ours / case.per_request(best):.2f} × the best fixed rule ({best}; {bounds}) and"
        f" {ours / case.per_request('uniform'):.1f} × uniform in changes found per request; in all it found"
        f" {mean([one.found for one in case.of(OURS)]):.0f}, the fixed rule that found most ({most})"
        f" {mean([one.found for one in case.of(most)]):.0f}. From day {WARM} on, it found"
        f" {late[OURS] / late[ORACLE]:.0%} of what the true rates find per request, and its copies were"
        f" {fresh[OURS] / fresh[ORACLE]:.0%} as fresh. Budget"
        f" {'never exceeded' if within else 'EXCEEDED'}. Requests from then on that were expected to find a change:"
        f" {sum(chance for chance, _ in judged):.0f}; that did: {sum(hit for _, hit in judged)} of {len(judged)}."
    )


def plot(cases: Sequence[Case]) -> str:
    """Bars of changes found per request, as SVG."""
    names = [name for name in RULES if name != "never"]
    most, lines, high = (
        max(case.per_request(name) for case in cases for name in names if case.of(name)),
        [],
        18 * len(names) + 34,
    )
    for row, case in enumerate(cases):
        top = 20 + row * high
        lines.append(f'<text x="8" y="{top + 4}" font-weight="bold">{case.title}</text>')
        for place, name in enumerate(name for name in names if case.of(name)):
            y, value = top + 12 + 18 * place, case.per_request(name)
            colour = {OURS: "#2a7f62", ORACLE: "#bbbbbb", ALL_KNOWN: "#bbbbbb"}.get(name, "#7a8aa0")
            lines.append(f'<text x="200" y="{y + 11}" text-anchor="end">{name}</text>')
            lines.append(f'<rect x="208" y="{y}" width="{380 * value / most:.1f}" height="14" fill="{colour}"/>')
            lines.append(f'<text x="{212 + 380 * value / most:.1f}" y="{y + 11}">{value:.2f}</text>')
    size = f'viewBox="0 0 640 {20 + len(cases) * high}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    name = "<title>Changes found per request</title>"
    return "\n".join(
        [head, name, f'<rect width="640" height="{20 + len(cases) * high}" fill="white"/>', *lines, "</svg>", ""]
    )


def page(cases: Sequence[Case]) -> str:
    """Tables and verdicts, as Markdown."""
    return "\n".join(line for case in cases for line in (f"**{case.title}**", "", *table(case), "", verdict(case), ""))


def digest() -> str:
    """What the figures depend on: this script, the policy, and how surprises are followed."""
    files = [Path(__file__), *(Path(room.__file__ or "") for room in (foresight, hazards, policy))]
    followed = f"{observing.SURPRISE_PPM} {observing.NEAR} {observing.CALM} {observing.SUSPECT_FOR}"
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + followed.encode()).hexdigest()[:16]


def write(cases: Sequence[Case], docs: Path = DOCS) -> None:
    """Put tables and plot where people read them."""
    file = docs / "refresh.md"
    head = file.read_text(encoding="utf-8").split(MARKER)[0]
    file.write_text(f"{head}{MARKER}, {digest()} -->\n\n{page(cases).rstrip()}\n", encoding="utf-8")
    (docs / "refresh.svg").write_text(plot(cases), encoding="utf-8")


def run(seeds: Sequence[int], *, days: int, rules: Sequence[str] = tuple(RULES)) -> list[Case]:
    """Every rule in every world, the slow ones first."""
    cases = [(budget, shocks) for shocks in (False, True) for budget in BUDGETS]
    tasks = [
        Task(rule, budget, shocks, seed, days)
        for rule in sorted(rules, key=lambda name: name not in (OURS, ORACLE, ALL_KNOWN))
        for budget, shocks in cases for seed in seeds if shocks or rule != ALL_KNOWN
    ]  # fmt: skip
    with ProcessPoolExecutor(6) as pool:
        results = list(pool.map(simulate, tasks))
    return [
        Case(budget, shocks, tuple(one for one in results if (one.task.budget, one.task.shocks) == (budget, shocks)))
        for budget, shocks in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="three seeds, two years; otherwise one seed, one year")
    parser.add_argument("--write", action="store_true", help="write tables and plot into docs/")
    parser.add_argument("--seeds", help="other seeds, like 11,12")
    parser.add_argument("--only", help="only these rules, like 'learned,true rates'")
    given, started = parser.parse_args(), time.monotonic()
    seeds = [int(seed) for seed in given.seeds.split(",")] if given.seeds else SEEDS if given.full else SEEDS[:1]
    rules = given.only.split(",") if given.only else tuple(RULES)
    cases = run(seeds, days=TWO_YEARS if given.full else YEAR, rules=rules)
    if given.only:
        print("\n".join(line for case in cases for line in (case.title, *table(case))))
    else:
        print(page(cases))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    if given.write:
        write(cases)


if __name__ == "__main__":
    main()
