"""Rate limits as values: what was sent, what the server said is left, and when the next request may leave.

Counting errs towards waiting: a request counts at the latest moment at which the server can have seen it.
`Limits` is what a source declares; `Budgets` is what is left of it, and travels as plain JSON between runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeGuard

from snapshotter.core import counting
from snapshotter.core.counting import Sent
from snapshotter.core.rate_headers import FARTHEST, UNTOLD, Headers, Sighting, sightings
from snapshotter.core.spans import longest, span_text
from snapshotter.frozen import dataclass
from snapshotter.model import Spent
from snapshotter.spec import RateHeaders, RateLimit, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 32  # limits of others, and limits known from headers alone, that are remembered
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server said: so many requests may leave before `until` (microseconds since 1970)."""

    remaining: int
    until: int


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit and what is used of it. `is_ours` is false for one that another archive declared for this lane."""

    rule: RateLimit
    is_ours: bool = True
    sent: Sent = ()
    limit: int | None = None  # the server's, where it is to be used
    seen: Seen | None = None
    adopts: bool = False  # the server's view replaces our count while it lasts

    @property
    def cap(self) -> int:
        """How many requests may leave in one interval."""
        return max(1, (self.limit or self.rule.limit) - self.rule.reserve)

    def counts(self, method: str, path: str) -> bool:
        """Whether such a request is counted."""
        rule = self.rule
        return (rule.method is None or rule.method.upper() == method.upper()) and (
            rule.path is None or bool(_glob(rule.path).fullmatch(path))
        )

    def earliest(self, now: int) -> int:
        """When the next request may leave."""
        seen = self.seen
        if seen is not None and seen.until > now:
            if seen.remaining <= self.rule.reserve:
                return seen.until
            if self.adopts and self.rule.kind == "sliding":
                return now
        return counting.earliest(self.rule, self.sent, cap=self.cap, now=now)

    def charged(self, now: int) -> Budget:
        """One more request left."""
        seen = self.seen and replace(self.seen, remaining=self.seen.remaining - 1)
        return replace(self, sent=counting.charge(self.rule, self.sent, cap=self.cap, now=now), seen=seen)

    def settled(self, now: int) -> Budget:
        """Without what is over: counts that no longer matter, a server's view whose reset has passed."""
        sent, seen = self.sent, self.seen
        if seen is not None and seen.until <= now:
            if self.adopts and self.rule.kind == "sliding":
                sent = tuple(entry for entry in sent if entry[0] >= seen.until)
            seen = None
        return replace(self, sent=counting.pruned(self.rule, sent, now), seen=seen)

    def corrected(self, told: Sighting, *, sent_at: int, now: int) -> Budget:
        """As the server sees it, where that is less than we thought or reaches to a named reset."""
        limit = self.limit
        if told.limit is not None and told.limit >= 1:
            limit = told.limit if told.adopt or told.limit < self.rule.limit else None
        used = told.used
        if used is None and told.remaining is not None:
            used = max(0, (limit or self.rule.limit) - told.remaining)
        seen = None
        if told.remaining is not None and told.until is not None and _micros(told.until) > now:
            seen = Seen(told.remaining, _micros(told.until))
        sent = self.sent
        if used is not None and not (seen and told.adopt and self.rule.kind == "sliding"):
            sent = counting.raised(self.rule, sent, used=used, sent_at=sent_at, now=now)
        return replace(self, limit=limit, seen=seen, sent=sent, adopts=told.adopt)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one limit, for people. `until` is when more becomes free."""

    name: str
    used: int | None
    limit: int | None
    reserve: int
    remaining: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Budgets:
    """All limits of one lane."""

    headers: tuple[RateHeaders, ...] = ()
    budgets: tuple[Budget, ...] = ()
    served: Mapping[str, Seen] = field(default_factory=dict)  # limits that only headers speak of
    held: tuple[int, str] | None = None  # nothing leaves before, and why
    as_of: int = 0

    def earliest(self, now: datetime, *, method: str, path: str) -> Spent | None:
        """Until when such a request may not leave, and why; None when it may leave now."""
        at = _micros(now)
        waits = [
            (budget.earliest(at), f"the limit {_words(budget.rule)} is spent") for budget in self._ours(method, path)
        ]
        waits += [
            (s.until, f"the limit in the header {label} is spent")
            for label, s in self.served.items()
            if s.remaining <= 0
        ]
        waits += [self.held] if self.held else []
        until, why = max(waits, default=(at, ""))
        return Spent(_moment(until), why) if until > at else None

    def charge(self, now: datetime, *, method: str, path: str) -> Budgets:
        """After such a request left; one that is refused counts as well."""
        at = _micros(now)
        budgets = tuple(b.settled(at).charged(at) if b.counts(method, path) else b.settled(at) for b in self.budgets)
        served = {label: replace(s, remaining=s.remaining - 1) for label, s in self.served.items() if s.until > at}
        return replace(self, budgets=budgets, served=served, as_of=at)

    def correct(
        self, now: datetime, *, sent: datetime, method: str, path: str, status: int, headers: Headers
    ) -> Budgets:
        """After the answer to a request that left at `sent`: its headers know better than our counts."""
        told = sightings(headers, self.headers, now)
        if not told and not self.budgets and not self.served and status != 429:
            return self  # there is nothing that it could correct
        at, sent_at = _micros(now), _micros(sent)
        budgets = tuple(
            replace(b, sent=counting.answered(b.rule, b.sent, sent_at=sent_at, now=at)) if b.counts(method, path) else b
            for b in self.budgets
        )
        by_name = {sighting.name: sighting for sighting in told if sighting.name is not None}
        budgets = tuple(
            b.corrected(by_name[b.rule.name], sent_at=sent_at, now=at) if b.is_ours and b.rule.name in by_name else b
            for b in budgets
        )
        corrected = replace(self, budgets=budgets, served=self._served(told, at), as_of=at)
        if status == 429 and not told and not any(name.lower() == "retry-after" for name, _ in headers):
            return corrected.refuse(now, method=method, path=path)
        return corrected

    def refuse(self, now: datetime, *, method: str, path: str) -> Budgets:
        """After a refusal: if nothing explains it, the shortest clock-aligned limit is taken as spent."""
        at = _micros(now)
        fixed = [budget for budget in self._ours(method, path) if budget.rule.kind == "fixed"]
        shortest = min(fixed, key=lambda budget: longest(budget.rule.interval), default=None)
        if shortest is None or self.earliest(now, method=method, path=path) is not None:
            return self
        spent = counting.raised(shortest.rule, shortest.sent, used=shortest.cap, sent_at=at, now=at)
        return replace(
            self, budgets=tuple(replace(b, sent=spent) if b is shortest else b for b in self.budgets), as_of=at
        )

    def hold(self, until: datetime, why: str, *, now: datetime) -> Budgets:
        """With nothing leaving before `until`: the server asked for a pause."""
        end = min(_micros(until), _micros(now + FARTHEST))
        return replace(self, held=max(self.held or (0, ""), (end, why)), as_of=_micros(now))

    def left(self, now: datetime) -> tuple[Left, ...]:
        """What is left of every limit."""
        at = _micros(now)
        ours = tuple(_left(budget.settled(at), at) for budget in self.budgets if budget.is_ours)
        served = tuple(
            Left(label, None, None, 0, max(0, seen.remaining), _moment(seen.until))
            for label, seen in self.served.items()
            if seen.until > at
        )
        return ours + served

    def plain(self) -> dict[str, Any]:
        """As JSON values, for `Limits.restore`."""
        return {
            "format": _FORMAT,
            "as_of": self.as_of,
            "budgets": [_plain(budget) for budget in self.budgets if budget.is_ours or budget.sent],
            "served": {label: [seen.remaining, seen.until] for label, seen in self.served.items()},
            "held": list(self.held) if self.held else None,
        }

    def _ours(self, method: str, path: str) -> Iterator[Budget]:
        return (budget for budget in self.budgets if budget.is_ours and budget.counts(method, path))

    def _served(self, told: Iterable[Sighting], now: int) -> Mapping[str, Seen]:
        fresh = {
            sighting.label: Seen(sighting.remaining, _micros(sighting.until) if sighting.until else now + _UNTOLD)
            for sighting in told
            if sighting.name is None and sighting.remaining is not None
        }
        known = {label: seen for label, seen in self.served.items() if seen.until > now and label not in fresh}
        return dict([*known.items(), *fresh.items()][-_MOST:])


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source declares about its rate limits."""

    limits: tuple[RateLimit, ...] = ()
    headers: tuple[RateHeaders, ...] = ()

    def restore(self, plain: Mapping[str, Any], now: datetime) -> Budgets:
        """The budgets as they were left; what cannot be read is taken as unused.

        When they come from the future, the clock went back by an unknown time: everything is moved back with it.
        """
        at = _micros(now)
        known = plain if plain.get("format") == _FORMAT else {}
        as_of = known.get("as_of")
        back = max(0, as_of - at) if _is_count(as_of) else 0
        stored = dict(_restored(known.get("budgets"), back=back))
        ours = [_key(rule) for rule in self.limits]
        budgets = [
            replace(stored.get(key, Budget(rule)), rule=rule, is_ours=True)
            for key, rule in zip(ours, self.limits, strict=True)
        ]
        others = [budget for key, budget in stored.items() if key not in ours][:_MOST]
        served = {label: seen for label, pair in _members(known.get("served")) if (seen := _seen(pair, back))}
        held = _held(known.get("held"), back)
        return Budgets(
            headers=self.headers,
            budgets=tuple(budget.settled(at) for budget in (*budgets, *others)),
            served={label: seen for label, seen in served.items() if seen.until > at},
            held=held if held and held[0] > at else None,
            as_of=as_of - back if _is_count(as_of) else at,
        )


# --- words ---


def _words(rule: RateLimit) -> str:
    return f"{rule.name} ({rule.limit} per {span_text(rule.interval)})"


def _left(budget: Budget, now: int) -> Left:
    used = counting.used(budget.rule, budget.sent, now)
    limit = budget.limit or budget.rule.limit
    remaining, until = max(0, limit - used), counting.frees_at(budget.rule, budget.sent, now)
    if budget.seen is not None:
        by_server = max(0, budget.seen.remaining)
        remaining = by_server if budget.adopts and budget.rule.kind == "sliding" else min(remaining, by_server)
        used, until = max(0, limit - remaining), budget.seen.until
    return Left(budget.rule.name, used, limit, budget.rule.reserve, remaining, _moment(until) if until else None)


@lru_cache(maxsize=256)
def _glob(text: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return re.compile("".join(parts), re.DOTALL)


# --- plain JSON ---


def _key(rule: RateLimit) -> tuple[object, ...]:
    """What two archives mean by the same limit, whatever they call it."""
    return (rule.kind, rule.interval, rule.zone if rule.kind == "fixed" else "", rule.method, rule.path)


def _plain(budget: Budget) -> dict[str, Any]:
    rule, seen = budget.rule, budget.seen
    return {
        "kind": rule.kind,
        "interval": [rule.interval.months, rule.interval.days, rule.interval.microseconds],
        "zone": rule.zone,
        "method": rule.method,
        "path": rule.path,
        "sent": [list(entry) for entry in budget.sent],
        "limit": budget.limit,
        "seen": [seen.remaining, seen.until] if seen else None,
        "adopts": budget.adopts,
    }


def _restored(plain: object, *, back: int) -> Iterator[tuple[tuple[object, ...], Budget]]:
    for item in plain if isinstance(plain, list) else ():
        rule = _rule(item) if isinstance(item, dict) else None
        if rule is not None:
            limit = item.get("limit")
            yield (
                _key(rule),
                Budget(
                    rule,
                    is_ours=False,
                    sent=counting.moved_back(rule, tuple(_pairs(item.get("sent"))), back),
                    limit=limit if _is_count(limit) and limit else None,
                    seen=_seen(item.get("seen"), back),
                    adopts=item.get("adopts") is True,
                ),
            )


def _rule(item: Mapping[str, Any]) -> RateLimit | None:
    kind, zone, method, path = (item.get(name) for name in ("kind", "zone", "method", "path"))
    interval = item.get("interval")
    if kind not in ("fixed", "sliding") or not isinstance(zone, str) or not isinstance(interval, list):
        return None
    if not all(text is None or isinstance(text, str) for text in (method, path)):
        return None
    if len(interval) != 3 or not all(_is_count(part) for part in interval) or not any(interval):
        return None
    if not counting.is_zone(zone):
        return None
    return RateLimit("", 1_000_000_000, Span(*interval), kind=kind, zone=zone, method=method, path=path)


def _pairs(plain: object) -> Iterator[tuple[int, int]]:
    for pair in plain if isinstance(plain, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(_is_count(part) for part in pair):
            yield pair[0], pair[1]


def _seen(plain: object, back: int) -> Seen | None:
    return next((Seen(remaining, until - back) for remaining, until in _signed_pair(plain)), None)


def _signed_pair(plain: object) -> Iterator[tuple[int, int]]:
    """What remains may be below zero: requests left after the last one that was allowed."""
    if isinstance(plain, list) and len(plain) == 2 and all(type(part) is int for part in plain) and _is_count(plain[1]):
        yield plain[0], plain[1]


def _held(plain: object, back: int) -> tuple[int, str] | None:
    if isinstance(plain, list) and len(plain) == 2 and _is_count(plain[0]) and isinstance(plain[1], str):
        return plain[0] - back, plain[1]
    return None


def _members(plain: object) -> Sequence[tuple[str, object]]:
    return list(plain.items())[:_MOST] if isinstance(plain, dict) else ()


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 1 << 62


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(micros, _LAST))


_LAST = _micros(datetime.max.replace(tzinfo=UTC))
_UNTOLD = UNTOLD // timedelta(microseconds=1)
