"""`snap refresh`: which old days are asked again, why, and within which budget."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from itertools import count
from math import expm1
from pathlib import Path

from snapshotter.archive.fetching import prepare
from snapshotter.archive.looking import terms_of
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.purses import Account, Allowance, budget_of
from snapshotter.archive.running import Drawn, Errand, carry_out, hold_changed
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.work import Work
from snapshotter.core import planning
from snapshotter.core.days import day_at, in_order
from snapshotter.core.refreshing import honesty, policy, words
from snapshotter.core.refreshing.foresight import price_of
from snapshotter.core.refreshing.hazards import learned
from snapshotter.core.refreshing.requests import Asking, Known, due_days
from snapshotter.edge.auth import lane_of
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.world import World
from snapshotter.evidence import Checked
from snapshotter.frozen import dataclass
from snapshotter.model import HeldBack, Job, Reason
from snapshotter.results import Notice, Ran
from snapshotter.results.refreshing import Calibration, LaneBudget, RefreshOptions, RefreshPlan
from snapshotter.spec import Kind, Source, Stream

DAY = timedelta(days=1)


def refresh(path: Path, options: RefreshOptions, world: World, *, tell: Tell, stops: Stops | None = None) -> Ran:
    """Ask old days again, and commit what differs."""
    in_order(options.since, options.until)
    errand = Errand("refresh", lambda opened, _, now: draw(opened, options, now=now).drawn, options.targets)
    return carry_out(path, errand, options, world, tell=tell, stops=stops)


def plan(path: Path, options: RefreshOptions, world: World) -> RefreshPlan:
    """What a refresh would ask and why; nothing is asked and nothing written."""
    in_order(options.since, options.until)
    opened = open_archive(path, world)
    with opened.closing():
        now = world.clock.now()
        found = draw(opened, options, now=now)
        hold_changed(opened, found.drawn)
        checks = {stream.key: opened.cache.checks(stream.key) for _, stream in opened.streams(options.targets)}
    return RefreshPlan(
        tuple(item.job for item in found.drawn.work),
        tuple(found.drawn.held_back),
        tuple(found.drawn.notices),
        tuple(found.lanes),
        tuple(one for key, told in checks.items() if (one := honesty.staleness(key, told, now)) is not None),
        tuple(Calibration(key, *band) for key, told in checks.items() for band in honesty.bands(told)),
    )


# --- the plan ---


@dataclass(slots=True)
class Refreshing:
    """What is to be asked again, and what each lane may spend on that."""

    drawn: Drawn = field(default_factory=Drawn)
    lanes: list[LaneBudget] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A request that could be made."""

    source: Source
    stream: Stream
    asking: Asking
    checks: Sequence[Checked]


def draw(
    opened: Opened, options: RefreshOptions, *, now: datetime, given: Mapping[str, Gathered] | None = None
) -> Refreshing:
    """The work for the streams that are asked for, within the budget of each lane.

    `given`: the secrets of the sources that may be asked, where somebody else has looked into that.
    """
    found = Refreshing()
    lanes: dict[str, list[tuple[Source, Stream]]] = {}
    for source, stream in prepare(opened, options.targets, found.drawn, given=given):
        lane = lane_of(source, found.drawn.secrets[source.name].values)
        lanes.setdefault(lane, []).append((source, stream))
    for lane, streams in lanes.items():
        found.drawn.purses[lane] = _Lane(opened, options, now, found).draw(lane, streams)
    found.drawn.sorted()
    return found


def _is_named(options: RefreshOptions) -> bool:
    """Whether the user said which days, so that no policy chooses."""
    return options.since is not None or options.until is not None or options.older_than is not None


class _Lane:
    """The plan for the streams of one lane."""

    def __init__(self, opened: Opened, options: RefreshOptions, now: datetime, found: Refreshing) -> None:
        self.opened = opened
        self.options = options
        self.now = now
        self.drawn = found.drawn
        self.lanes = found.lanes
        self.checks: dict[str, tuple[Checked, ...]] = {}
        self.limits: dict[str, int] = {}  # what each stream with a budget of its own may still spend

    def draw(self, lane: str, streams: Sequence[tuple[Source, Stream]]) -> Allowance:
        """Add the work of this lane; gives what it may spend."""
        for _, stream in streams:
            self.checks[stream.key] = self.opened.cache.checks(stream.key)
        if _is_named(self.options):
            self._named(streams)
            return Allowance(requests=self.options.budget)
        offers = [offer for source, stream in streams for offer in self._offers(source, stream)]
        known, of_each = self._spent(lane)
        spent = max(known, sum(of_each.values()))
        own = {one.key: one.refresh.budget for _, one in streams if one.refresh.budget is not None}
        self.limits = {key: max(0, limit - of_each[key]) for key, limit in own.items()}
        budget = usual = budget_of(stream for _, stream in streams)
        allowance = Allowance(max(0, budget - spent), budget, dict(self.limits))
        if self.options.budget is not None:
            budget = self.options.budget + spent
            allowance = Allowance(self.options.budget, streams=dict(self.limits))
        left = max(0, budget - spent)
        due = [offer for offer in offers if offer.stream.refresh.policy == "ladder"]
        rest = self.options.budget
        for source, stream in streams:
            rest = self._whole(source, stream, rest)
        self._say_what_has_none(streams, offers)
        cost = self._within(due, left)
        cost += self._by_value([o for o in offers if o.stream.refresh.policy == "learned"], left - cost, lane)
        needed = policy.budget_for_ceiling([o.asking.candidate(o.stream) for o in offers if o not in due])
        self.lanes.append(LaneBudget(lane, usual, spent, cost, round(needed, 1), self.options.budget))
        return allowance

    def _spent(self, lane: str) -> tuple[int, Mapping[str, int]]:
        """The requests of today: of the lane, as this machine knows them, and of each stream, as its records do too."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        known = Account(self.opened.world, lane).spent()
        told = {key: honesty.spent_on(checks, midnight) for key, checks in self.checks.items()}
        return known["lane"], {key: max(number, known["streams"].get(key, 0)) for key, number in told.items()}

    def _pays(self, offer: _Offer) -> bool:
        """Take what a request costs from what its stream may spend by itself, if that is enough."""
        key, price = offer.stream.key, offer.asking.cost
        if self.limits.get(key, price) < price:
            return False
        if key in self.limits:
            self.limits[key] -= price
        return True

    def _known(self, stream: Stream) -> Known | None:
        if stream.window is None:
            return None
        terms = terms_of(stream, self.opened.described.settings.zone, now=self.now)
        return Known(stream, stream.window, self.opened.cache.ledger(stream.key), terms)

    def _offers(self, source: Source, stream: Stream) -> Iterator[_Offer]:
        """The requests among which the stream's own policy may choose."""
        known = self._known(stream)
        if known is None or stream.refresh.policy == "never":
            return
        checks, ages = self.checks[stream.key], known.ages()
        if stream.refresh.policy == "ladder":
            ages, suspects = due_days(stream, ages), {}
        else:
            suspects = known.suspects(checks)
        for asking in known.requests(ages, suspects):
            yield _Offer(source, stream, asking, checks)

    # --- choosing ---

    def _within(self, due: Sequence[_Offer], left: int) -> int:
        """The days of a ladder that the budget holds, those that wait longest first."""
        cost = 0
        for offer in sorted(due, key=lambda offer: -offer.asking.last_asked):
            if cost + offer.asking.cost > left or not self._pays(offer):
                why = "the budget of today is spent; refresh.budget or --budget gives more"
                self.drawn.held_back.append(HeldBack(self._job(offer, words.ladder(offer.asking), "ladder"), why))
                continue
            cost += offer.asking.cost
            self._add(offer, words.ladder(offer.asking), "ladder")
        return cost

    def _by_value(self, offers: Sequence[_Offer], left: int, lane: str) -> int:
        """What the policy takes of the rest of the budget."""
        judges = self._judges()
        candidates = [offer.asking.candidate(offer.stream) for offer in offers]
        cost = 0
        today, dice = day_at(self.now, self.opened.described.settings.zone).toordinal(), _dice(lane, self.now)
        for choice in policy.choose(candidates, judges, today=today, budget=left, dice=dice):
            offer = offers[choice.place]
            if not self._pays(offer):
                continue
            cost += offer.asking.cost
            self._add(offer, words.chosen(choice, offer.asking), choice.rule.value, expected=choice.chance)
        return cost

    def _judges(self) -> dict[str, policy.Judge]:
        """What is learned of the streams of this lane; all streams of the archive tell of each other."""
        everything = {
            stream.key: self.checks.get(stream.key) or self.opened.cache.checks(stream.key)
            for _, stream in self.opened.streams()
        }
        seen = {key: honesty.seen(told) for key, told in everything.items()}
        return {key: policy.Judge(hazard, price_of(seen[key])) for key, hazard in learned(seen).items()}

    def _chances(self) -> Callable[[_Offer], float | None]:
        """How likely a request finds a change, where a surprise would be followed up."""
        judges = self._judges()
        today = day_at(self.now, self.opened.described.settings.zone).toordinal()

        def chance(offer: _Offer) -> float | None:
            if offer.stream.refresh.policy != "learned":
                return None
            total = judges[offer.stream.key].judge(offer.asking.candidate(offer.stream), today)[2]
            return -expm1(-total) if total > 0.0 else None  # of what was asked today, nothing is expected

        return chance

    # --- days that the user names ---

    def _named(self, streams: Sequence[tuple[Source, Stream]]) -> None:
        offers = [offer for source, stream in streams for offer in self._asked_for(source, stream)]
        if self.options.older_than is not None:  # what was not asked for longest comes first
            offers.sort(key=lambda offer: -offer.asking.last_asked)
        left, chances = self.options.budget, self._chances()
        for source, stream in streams:
            left = self._whole(source, stream, left)
        for offer in offers:
            why = words.named(offer.asking, by_age=self.options.older_than is not None)
            if left is not None and offer.asking.cost > left:
                self.drawn.held_back.append(HeldBack(self._job(offer, why, "asked"), self._no_more()))
                continue
            left = None if left is None else left - offer.asking.cost
            self._add(offer, why, "asked", expected=chances(offer))
        self._say_what_has_none(streams, offers)

    def _no_more(self) -> str:
        return f"--budget {self.options.budget} holds no more"

    def _asked_for(self, source: Source, stream: Stream) -> Iterator[_Offer]:
        known = self._known(stream)
        if known is None:
            return
        ages = known.ages(self.options.since, self.options.until)
        if self.options.older_than is not None:
            most = self.options.older_than / DAY.total_seconds()
            ages = {day: (since, age) for day, (since, age) in ages.items() if age - since >= most}
        for asking in known.requests(ages, {}):
            yield _Offer(source, stream, asking, self.checks[stream.key])

    def _whole(self, source: Source, stream: Stream, left: int | None) -> int | None:
        """A whole state is one thing: it is asked again where it is named, or its last view is that old.

        Gives what is left of the budget.
        """
        options = self.options
        if stream.window is not None or stream.kind is not Kind.SNAPSHOT or options.since or options.until:
            return left
        whole = self.opened.cache.ledger(stream.key, days=()).whole
        oldest = options.older_than if options.older_than is not None else 0 if stream.key in options.targets else None
        if whole is None or oldest is None or (self.now - whole.at).total_seconds() < oldest:
            return left
        why = f"the whole state, last asked on {whole.at:%Y-%m-%d}"
        job = Job(source.name, stream.name, None, Reason.REFRESH, why, picked="asked")
        if left == 0:
            self.drawn.held_back.append(HeldBack(job, self._no_more()))
            return left
        self.drawn.work.append(Work(source, stream, job))
        return None if left is None else left - 1

    # --- what cannot be asked ---

    def _say_what_has_none(self, streams: Sequence[tuple[Source, Stream]], offers: Sequence[_Offer]) -> None:
        """Tell of each stream that is named, or whose days are, why nothing of it is asked."""
        there = {offer.stream.key for offer in offers} | {item.stream.key for item in self.drawn.work}
        for _, stream in streams:
            if stream.key not in there and (stream.key in self.options.targets or _is_named(self.options)):
                why = words.none_of(stream, self.options.since, self.options.until, known=self._known(stream))
                self.drawn.notices += [Notice("info", stream.key, why)] if why else []

    # --- jobs ---

    def _job(self, offer: _Offer, why: str, picked: str, *, expected: float | None = None) -> Job:
        ppm = None if expected is None else round(expected * honesty.PPM)
        stream = offer.stream
        return Job(
            stream.source, stream.name, offer.asking.window, Reason.REFRESH, why, picked=picked, expected_ppm=ppm
        )

    def _add(self, offer: _Offer, why: str, picked: str, *, expected: float | None = None) -> None:
        job = self._job(offer, why, picked, expected=expected)
        known = planning.state_of(self.opened.cache.ledger(offer.stream.key, days=()))
        due = planning.held_until_due([job], known, now=self.now, named=_is_named(self.options))
        self.drawn.work += [Work(offer.source, offer.stream, one) for one in due.jobs]
        self.drawn.held_back += due.held_back


def _dice(lane: str, now: datetime) -> Callable[[], float]:
    """Chance that is the same all day, so that what was shown before is what is done."""
    numbers = count()

    def throw() -> float:
        text = f"{lane} {day_at(now, 'UTC')} {next(numbers)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / (1 << 56)

    return throw
